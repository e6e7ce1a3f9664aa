// SPDX-License-Identifier: GPL-3.0-or-later

//go:build etcd

package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/proc"
)

// buildEtcd makes upstream's programs with the flags of the lab's bundle, whose compiled packages Go still has.
func buildEtcd(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for name, module := range map[string]string{"etcd": "go.etcd.io/etcd/server/v3", "etcdutl": "go.etcd.io/etcd/etcdutl/v3"} {
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(bin, name), module)
		build.Dir = "../../../etcd"
		build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	return bin
}

// realEtcd is one server's folder, and what starts on it.
type realEtcd struct {
	t   *testing.T
	dir string
	bin string
}

func (r *realEtcd) server(text string) *Server {
	s := serverWith(r.t, r.dir, text)
	s.bin, s.group = r.bin, proc.NewGroup()
	r.t.Cleanup(func() { s.group.Stop(time.Second, "etcd") })
	return s
}

// start runs etcd as the server does, and stops it again after the work.
func (r *realEtcd) start(text string, work func(s *Server)) {
	r.t.Helper()
	s := r.server(text)
	if err := s.chooseDatastore(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := s.prepare(); err != nil {
		r.t.Fatal(err)
	}
	var err error
	if s.etcd, err = etcd.NewClient(s.member.TLSDir, etcd.Local); err != nil {
		r.t.Fatal(err)
	}
	if err := s.startEtcd(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	work(s)
	s.group.Stop(3*time.Second, "etcd")
}

func (r *realEtcd) announce(s *Server, key string) {
	r.t.Helper()
	if err := s.etcd.Announce(r.t.Context(), key, time.Hour); err != nil {
		r.t.Fatal(err)
	}
}

// reset runs a reset to its end; the member must then be alone and hold these keys only.
func (r *realEtcd) reset(text string, keys ...string) {
	r.t.Helper()
	s := r.server("cluster-reset: true\n" + text)
	if err := s.reset(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	members, err := s.etcd.Members(r.t.Context())
	if err != nil || len(members) != 1 || members[0].Name != s.member.Name {
		r.t.Errorf("members after the reset: %v, %v", members, err)
	}
	if got, err := s.etcd.Announced(r.t.Context(), "/key/"); err != nil || !slices.Equal(got, keys) {
		r.t.Errorf("keys after the reset: %v, %v", got, err)
	}
	s.group.Stop(3*time.Second, "etcd")
}

func TestASnapshotOfRealEtcdIsRestored(t *testing.T) {
	r := &realEtcd{t: t, dir: t.TempDir(), bin: buildEtcd(t)}
	var snapshot, name string
	r.start("cluster-init: true", func(s *Server) {
		name = s.member.Name
		r.announce(s, "/key/before")
		dir := s.path("db/snapshots")
		saved, err := s.etcd.Save(t.Context(), dir, "on-demand", "edge1")
		if err != nil {
			t.Fatal(err)
		}
		snapshot = filepath.Join(dir, saved)
		r.announce(s, "/key/after")
	})
	r.reset("cluster-reset-restore-path: "+snapshot, "/key/before")
	if err := r.server("cluster-reset: true").checkReset(); err == nil || !strings.Contains(err.Error(), "manually delete the file") {
		t.Errorf("a second reset was not refused: %v", err)
	}
	r.start("", func(s *Server) {
		if s.member.Name == name || exists(s.path(resetFlag)) {
			t.Errorf("after the restore: name %s, flag %v", s.member.Name, exists(s.path(resetFlag)))
		}
		// One that never starts: the reset must do without it.
		if err := s.etcd.AddLearner(t.Context(), "https://127.0.0.1:2390"); err != nil {
			t.Fatal(err)
		}
	})
	r.reset("", "/key/before")
}

func TestRealEtcdThatIsKilledIsNotTakenForRemoved(t *testing.T) {
	r := &realEtcd{t: t, dir: t.TempDir(), bin: buildEtcd(t)}
	r.start("cluster-init: true", func(s *Server) {
		out, err := exec.Command("pgrep", "--parent", strconv.Itoa(os.Getpid()), "--exact", "etcd").Output()
		if err != nil {
			t.Fatal(err)
		}
		id, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(id, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		reason := <-s.group.Failed
		if !strings.HasPrefix(reason.Error(), "etcd exited: signal: terminated") || exists(s.path(memberDir, "tombstone")) {
			t.Errorf("%v", reason)
		}
	})
}
