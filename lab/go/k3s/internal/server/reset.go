// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/proc"
)

// resetFlag keeps a unit that restarts from resetting again and again.
const resetFlag = "db/reset-flag"

// checkReset refuses a reset that K3s would refuse, or that the stand-in cannot do.
func (s *Server) checkReset() error {
	if s.values.String("server", "") != "" {
		return errors.New("cannot perform cluster-reset while server URL is set - remove server from configuration before resetting")
	}
	if exists(s.path(resetFlag)) {
		return fmt.Errorf("Managed etcd cluster membership was reset, please remove the cluster-reset flag and start k3s normally. "+
			"If you need to perform another cluster reset, you must first manually delete the file at %s", s.path(resetFlag))
	}
	path := s.values.String("cluster-reset-restore-path", "")
	if path == "" {
		if !etcd.Initialized(s.path(memberDir)) {
			return errors.New("etcd datastore disabled: this server does not keep its state in etcd")
		}
		return nil
	}
	if info, err := os.Stat(path); err != nil {
		return fmt.Errorf("etcd: snapshot path does not exist: %s", path)
	} else if info.IsDir() {
		return fmt.Errorf("etcd: snapshot path must be a file, not a directory: %s", path)
	}
	if !exists(s.path("token")) && s.values.String("token", "") == "" && s.values.String("token-file", "") == "" {
		return fmt.Errorf("%s does not exist, please pass --token to complete the restoration", s.path("token"))
	}
	if !exists(s.path("tls/server-ca.key")) {
		return fmt.Errorf("the lab's stand-in restores only where the keys of the cluster are: %s has none", s.path("tls"))
	}
	return nil
}

// reset makes this member the only one, with the data that is here or that of a snapshot, and ends.
func (s *Server) reset(ctx context.Context) error {
	if err := s.checkReset(); err != nil {
		return err
	}
	s.member = s.newMember()
	if err := s.prepare(); err != nil {
		return err
	}
	if path := s.values.String("cluster-reset-restore-path", ""); path != "" {
		if err := s.restore(ctx, path); err != nil {
			return err
		}
	} else if err := s.member.Rename(); err != nil {
		return err
	}
	var err error
	if s.etcd, err = etcd.NewClient(s.member.TLSDir, etcd.Local); err != nil {
		return err
	}
	if err := s.runEtcd(s.member.Alone(), "new", "force-new-cluster=true"); err != nil {
		return err
	}
	if err := s.member.WaitVoter(ctx, s.etcd); err != nil {
		return err
	}
	if err := os.WriteFile(s.path(resetFlag), nil, 0o600); err != nil {
		return err
	}
	logline.Infof("Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. " +
		"Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes")
	return nil
}

// restore puts the snapshot where the data was, which stays beside it.
func (s *Server) restore(ctx context.Context, path string) error {
	if exists(s.member.Dir) {
		if err := etcd.SetAside(s.member.Dir); err != nil {
			return err
		}
	}
	if err := s.member.EnsureName(); err != nil {
		return err
	}
	// etcdutl wants to make the folder itself.
	draft := filepath.Join(s.path("db"), "restored")
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "etcdutl"), "snapshot", "restore", path, "--data-dir", draft,
		"--name", s.member.Name, "--initial-cluster", s.member.Alone()[0], "--initial-advertise-peer-urls", s.member.PeerURL())
	cmd.Env = proc.Environment(s.bin)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("failed to restore %s: %w: %s", path, err, strings.TrimSpace(string(output)))
	}
	if err := os.Rename(filepath.Join(draft, "member"), filepath.Join(s.member.Dir, "member")); err != nil {
		return err
	}
	return os.RemoveAll(draft)
}
