// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"baremesh.edge/lab/k3s/internal/agent"
	"baremesh.edge/lab/k3s/internal/supervisor"
)

func serverWith(t *testing.T, dir, text string) *Server {
	t.Helper()
	return &Server{values: load(t, text), name: "edge1", dir: dir, net: &addresses{}}
}

func labelled(node *agent.Node) bool {
	return node.RoleLabels["node-role.kubernetes.io/etcd"] == "true"
}

func TestClusterInitMakesAMemberThatStaysOne(t *testing.T) {
	dir := t.TempDir()
	for _, start := range []struct {
		text   string
		member bool
	}{{"", false}, {"cluster-init: true", true}, {"", true}, {"server: https://192.0.2.9:6443", true}} {
		s := serverWith(t, dir, start.text)
		if err := s.joinEtcd(t.Context()); err != nil {
			t.Fatalf("%q: %v", start.text, err)
		}
		if got := labelled(s.node(nil, &supervisor.Server{})); got != start.member {
			t.Errorf("%q: an etcd member: %v", start.text, got)
		}
	}
	name, err := os.ReadFile(filepath.Join(dir, memberFile))
	if err != nil || !regexp.MustCompile(`^edge1-[0-9a-f]{8}$`).Match(name) {
		t.Errorf("%q, %v", name, err)
	}
}

func TestAServerThatCannotJoinSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"server: https://127.0.0.1:9":                "K3S_TOKEN is required to join a cluster",
		"server: http://127.0.0.1:9\ntoken: secret":  "only https:// URLs are supported, invalid scheme: http://127.0.0.1:9",
		"server: https://127.0.0.1:9\ntoken: secret": "failed to get CA certs: ",
	} {
		s := serverWith(t, t.TempDir(), text)
		err := s.joinEtcd(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || s.isMember() {
			t.Errorf("%q: %v", text, err)
		}
	}
}
