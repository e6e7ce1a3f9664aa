// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/network"
)

func load(t *testing.T, text string, args ...string) *config.Values {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("K3S_CONFIG_FILE", path)
	values, err := config.Load(config.Server, args)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestPlanAddresses(t *testing.T) {
	for text, want := range map[string][]string{
		"": {"10.42.0.0/16", "10.43.0.0/16", "10.43.0.10", "10.43.0.1"},
		"cluster-cidr: 10.0.0.0/16,fd42::/56\nservice-cidr: [10.1.0.0/16, 'fd43::/112']": {
			"10.0.0.0/16,fd42::/56", "10.1.0.0/16,fd43::/112", "10.1.0.10,fd43::a", "10.1.0.1,fd43::1",
		},
		"service-cidr: 10.1.0.0/16\ncluster-dns: 10.1.0.99": {"10.42.0.0/16", "10.1.0.0/16", "10.1.0.99", "10.1.0.1"},
	} {
		plan, err := planAddresses(load(t, text))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{network.Join(plan.cluster), network.Join(plan.service), network.Join(plan.dns), network.Join(plan.api)}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestPlanAddressesRefuses(t *testing.T) {
	for _, text := range []string{
		"cluster-cidr: 10.42.0.0", "service-cidr: [10.1.0.0/16, 10.2.0.0/16]", "cluster-dns: nonsense",
	} {
		if _, err := planAddresses(load(t, text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func TestKubeconfigMode(t *testing.T) {
	for text, want := range map[string]os.FileMode{"644": 0o644, "0600": 0o600, "420": 0o420} {
		if got, err := kubeconfigMode(text); err != nil || got != want {
			t.Errorf("%s: %o, %v", text, got, err)
		}
	}
	for _, text := range []string{"rw", "9", "7777", ""} {
		if _, err := kubeconfigMode(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestUnsupportedIsSaid(t *testing.T) {
	for _, text := range []string{"disable-etcd: true", "datastore-endpoint: postgres://", "supervisor-port: 9345"} {
		name, _, _ := strings.Cut(text, ":")
		if err := refuseUnsupported(load(t, text)); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := refuseUnsupported(load(t, "flannel-backend: wireguard-native\ncluster-init: true")); err != nil {
		t.Error(err)
	}
}

func newServer(t *testing.T, dataDir, text string) (*Server, error) {
	t.Helper()
	values := load(t, "node-ip: 192.0.2.1\nnode-name: n1\ndata-dir: "+dataDir+"\n"+text)
	server, err := New(values, "", nil)
	if err != nil {
		return nil, err
	}
	return server, server.prepare()
}

func TestTokenIsMadeKeptAndGuarded(t *testing.T) {
	dir := t.TempDir()
	first, err := newServer(t, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "server/token")
	text, err := os.ReadFile(path)
	info, errStat := os.Stat(path)
	if err != nil || errStat != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(string(text), "::server:"+first.secrets.Server+"\n") {
		t.Fatalf("%s %v %v", text, err, errStat)
	}
	for _, name := range []string{"node-token", "agent-token"} {
		if target, err := os.Readlink(filepath.Join(dir, "server", name)); err != nil || target != path {
			t.Errorf("%s -> %s, %v", name, target, err)
		}
	}
	if second, err := newServer(t, dir, ""); err != nil || second.secrets != first.secrets {
		t.Errorf("the token changed: %v", err)
	}
	if _, err := newServer(t, dir, "token: "+strings.TrimSpace(string(text))); err != nil {
		t.Errorf("the full form of the same token: %v", err)
	}
	_, err = newServer(t, dir, "token: another")
	if err == nil || err.Error() != "bootstrap data already found and encrypted with different token" {
		t.Errorf("another token: %v", err)
	}
}

func TestAgentTokenIsASecretOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	server, err := newServer(t, dir, "token: one\nagent-token: two\n")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server/agent-token"))
	if err != nil || !strings.HasSuffix(string(text), "::node:two\n") || server.secrets.Agent != "two" || server.secrets.Server != "one" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAgentTokenComesLaterFromAFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := newServer(t, dir, ""); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "server/token"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "given")
	if err := os.WriteFile(file, []byte("K10x::node:two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := newServer(t, dir, "agent-token-file: "+file+"\n")
	if err != nil || server.secrets.Agent != "K10x::node:two" {
		t.Errorf("%s, %v", server.secrets.Agent, err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "server/token"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the token of servers changed: %v", err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "server/agent-token")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("agent-token is no file of its own: %v", err)
	}
}

func TestFamiliesMustAgree(t *testing.T) {
	_, err := newServer(t, t.TempDir(), "cluster-cidr: 10.42.0.0/16,fd42::/56\n")
	if err == nil || !strings.Contains(err.Error(), "must share the same IP version") {
		t.Errorf("got %v", err)
	}
}

func TestPackagedManifestsFollowTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	server, err := newServer(t, dir, "cluster-domain: example.org\ndisable: [rolebindings]\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := newDeployer(server).writePackaged(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server/manifests/coredns.yaml"))
	if err != nil || !strings.Contains(string(text), "kubernetes example.org in-addr.arpa") || !strings.Contains(string(text), `clusterIP: "10.43.0.10"`) {
		t.Errorf("%s %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "server/manifests/rolebindings.yaml")); !os.IsNotExist(err) {
		t.Errorf("a disabled manifest was written: %v", err)
	}
}

func TestManifestName(t *testing.T) {
	for file, want := range map[string]string{"a.yaml": "a", "a.YML": "a", "b.json": "b", "a.yaml.skip": "", "notes.txt": ""} {
		if got, ok := manifestName(file); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", file, got, ok)
		}
	}
}
