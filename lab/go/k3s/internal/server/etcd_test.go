// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/supervisor"
)

func serverWith(t *testing.T, dir, text string) *Server {
	t.Helper()
	values := load(t, text)
	plan, err := planAddresses(values)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{values: values, name: "edge1", dir: dir, net: plan, ips: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, port: "6443"}
}

func place(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheDatastoreFollowsTheConfigurationUntilEtcdHasRun(t *testing.T) {
	for _, test := range []struct {
		text   string
		files  []string
		member bool
		want   string
	}{
		{text: ""},
		{text: "cluster-init: true", member: true},
		{text: "", files: []string{"db/etcd/member/wal/0"}, member: true},
		{text: "server: https://192.0.2.9:6443", files: []string{"db/etcd/member/wal/0"}, member: true},
		{text: "", files: []string{"db/state.db"}},
		{text: "cluster-init: true", files: []string{"db/state.db"}, want: "does not convert it to etcd"},
		// A removed member begins anew; its data stays beside.
		{text: "", files: []string{"db/etcd/member/wal/0", "db/etcd/tombstone"}},
	} {
		dir := t.TempDir()
		for _, name := range test.files {
			place(t, dir, name)
		}
		s := serverWith(t, dir, test.text)
		err := s.chooseDatastore(t.Context())
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v", test.text, err)
			}
			continue
		}
		if err != nil || (s.member != nil) != test.member {
			t.Errorf("%q with %v: a member: %v, %v", test.text, test.files, s.member != nil, err)
		}
		role := s.node(nil, &supervisor.Server{}).RoleLabels[etcdRole]
		if (role == "true") != test.member {
			t.Errorf("%q: label %q", test.text, role)
		}
	}
}

func TestAServerThatCannotJoinSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"server: https://127.0.0.1:9":                "K3S_TOKEN is required to join a cluster",
		"server: http://127.0.0.1:9\ntoken: secret":  "only https:// URLs are supported, invalid scheme: http://127.0.0.1:9",
		"server: https://127.0.0.1:9\ntoken: secret": "failed to get CA certs: ",
	} {
		err := serverWith(t, t.TempDir(), text).chooseDatastore(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// firstServer answers as the first server of a cluster with these settings, and returns its URL.
func firstServer(t *testing.T, text string) (string, *Server) {
	t.Helper()
	s := serverWith(t, t.TempDir(), text)
	if err := s.chooseDatastore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.live, err = s.newLiveServers(nil); err != nil {
		t.Fatal(err)
	}
	front, err := s.supervisor(nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { _ = front.Serve(ctx, listener, s.path("tls/serving-kube-apiserver")) }()
	return "https://" + listener.Addr().String(), s
}

func TestAJoiningServerGetsTheAuthoritiesOfTheCluster(t *testing.T) {
	url, first := firstServer(t, "cluster-init: true\ntoken: secret\nagent-token: other")
	second := serverWith(t, t.TempDir(), "server: "+url+"\ntoken: secret\nagent-token: other")
	if err := second.chooseDatastore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, name := range bootstrapFiles {
		ours, errOurs := os.ReadFile(second.path("tls", name))
		theirs, errTheirs := os.ReadFile(first.path("tls", name))
		if errOurs != nil || errTheirs != nil || string(ours) != string(theirs) {
			t.Errorf("%s differs: %v %v", name, errOurs, errTheirs)
		}
		info, err := os.Stat(second.path("tls", name))
		if err != nil || (strings.HasSuffix(name, ".key") && info.Mode().Perm() != 0o600) {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if !reflect.DeepEqual(first.secrets, second.secrets) {
		t.Error("the servers do not have the same passwords")
	}
	peer, err := os.ReadFile(second.path("tls/etcd/peer-server-client.crt"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.ParseCert(peer)
	if err != nil || len(cert.ExtKeyUsage) != 2 {
		t.Errorf("the certificate of peers is for %v: %v", cert.ExtKeyUsage, err)
	}
}

func TestAJoinIsRefused(t *testing.T) {
	url, _ := firstServer(t, "cluster-init: true\ntoken: secret\nagent-token: other")
	for text, want := range map[string]string{
		"token: wrong": "failed to get bootstrap data from " + url + ": ",
		// What agents join with does not open the keys of the cluster.
		"token: other": "failed to get bootstrap data from " + url + ": ",
		"token: secret\ncluster-cidr: 10.99.0.0/16":                             "critical configuration value mismatch between servers: cluster-cidr",
		"token: secret\nflannel-backend: host-gw":                               "critical configuration value mismatch between servers: flannel-backend",
		"token: secret\ndisable: [servicelb, traefik]":                          "critical configuration value mismatch between servers: disable=servicelb",
		"token: secret\ndisable-kube-proxy: true\ndisable-network-policy: true": "between servers: disable-kube-proxy, disable-network-policy",
	} {
		s := serverWith(t, t.TempDir(), "server: "+url+"\n"+text)
		err := s.chooseDatastore(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if exists(s.path("tls")) {
			t.Errorf("%q: keys of the cluster were written", text)
		}
	}
}

func TestAServerWithSQLiteHasNothingToJoin(t *testing.T) {
	url, _ := firstServer(t, "token: secret")
	s := serverWith(t, t.TempDir(), "server: "+url+"\ntoken: secret")
	if err := s.chooseDatastore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.joinCluster(t.Context()); err == nil || !strings.Contains(err.Error(), "/db/info") || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
}

func TestCriticalSettingsHoldNoSecret(t *testing.T) {
	s := serverWith(t, t.TempDir(), "token: secret\nagent-token: other")
	text, err := json.Marshal(critical(s.values, s.net))
	if err != nil || strings.Contains(string(text), "secret\"") || strings.Contains(string(text), "other") {
		t.Errorf("%s %v", text, err)
	}
}
