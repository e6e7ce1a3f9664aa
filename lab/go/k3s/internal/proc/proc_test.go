// SPDX-License-Identifier: GPL-3.0-or-later

package proc

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMergeArgs(t *testing.T) {
	got := MergeArgs(map[string]string{"a": "1", "b": "2"}, []string{"b=3", "b=4", "--c=5=6", "d"})
	want := []string{"--a=1", "--b=3", "--b=4", "--c=5=6", "--d=true"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestEnvironmentHidesWhatIsNotForChildren(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "K3S_TOKEN", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "hidden-value")
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example")
	env := strings.Join(Environment("/bundle/bin"), "\n")
	if strings.Contains(env, "hidden-value") || !strings.Contains(env, "HTTPS_PROXY=") || !strings.HasPrefix(env, "PATH=/bundle/bin:") {
		t.Error(env)
	}
	if host, own := strings.Index(env, ":/usr/sbin:"), strings.Index(env, ":/bundle/bin/aux\n"); host < 0 || own < host {
		t.Errorf("K3s's own copies come after the host's: %s", env)
	}
}

func start(t *testing.T, group *Group, script string) {
	t.Helper()
	if err := group.Start(Child{Name: "child", Path: "/bin/sh", Args: []string{"-c", script}, Env: Environment("/bin")}); err != nil {
		t.Fatal(err)
	}
}

func TestAnEndIsReportedWithItsReason(t *testing.T) {
	for script, want := range map[string]string{
		"echo 'E0101 00:00:00 broken' >&2; echo bye; exit 3": "child exited: exit status 3: E0101 00:00:00 broken",
		"echo fine": "child exited: exit status 0: fine",
		"echo 'E0101 00:00:00 long ago'; kill -KILL $$": "child exited: signal: killed",
	} {
		group := NewGroup()
		start(t, group, script)
		select {
		case err := <-group.Failed:
			if err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing reported", script)
		}
	}
}

func TestStopIsNoFailureAndKillsTheDeaf(t *testing.T) {
	group := NewGroup()
	start(t, group, "trap '' TERM; while :; do read -r line </dev/zero; done")
	begin := time.Now()
	group.Stop(200*time.Millisecond, "child")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	select {
	case err := <-group.Failed:
		t.Errorf("reported %v", err)
	default:
	}
}
