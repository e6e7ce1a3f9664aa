// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"strings"
	"testing"
)

func TestAResetIsRefused(t *testing.T) {
	const run, keys, token = "db/etcd/member/wal/0", "tls/server-ca.key", "token"
	for _, test := range []struct {
		text  string
		files []string
		want  string
	}{
		{"server: https://192.0.2.1:6443", []string{run}, "cannot perform cluster-reset while server URL is set - remove server from configuration before resetting"},
		{"", []string{run, resetFlag}, "you must first manually delete the file at "},
		{"", nil, "etcd datastore disabled"},
		{"cluster-reset-restore-path: /absent", []string{run}, "etcd: snapshot path does not exist: /absent"},
		{"cluster-reset-restore-path: /tmp", []string{run}, "etcd: snapshot path must be a file, not a directory: /tmp"},
		{"cluster-reset-restore-path: /proc/version", nil, "/token does not exist, please pass --token to complete the restoration"},
		{"cluster-reset-restore-path: /proc/version\ntoken: secret", nil, "restores only where the keys of the cluster are"},
		{"", []string{run}, ""},
		{"cluster-reset-restore-path: /proc/version", []string{token, keys}, ""},
	} {
		s := serverWith(t, t.TempDir(), "cluster-reset: true\n"+test.text)
		for _, name := range test.files {
			place(t, s.dir, name)
		}
		err := s.checkReset()
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q with %v: %v", test.text, test.files, err)
		}
	}
}

func TestARestoreNeedsAReset(t *testing.T) {
	_, err := newServer(t, t.TempDir(), "cluster-reset-restore-path: /absent\n")
	if err == nil || err.Error() != "invalid flag use; --cluster-reset required with --cluster-reset-restore-path" {
		t.Errorf("got %v", err)
	}
}
