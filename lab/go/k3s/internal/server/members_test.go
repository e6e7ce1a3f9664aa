// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/kube"
)

// cluster stands for etcd and for the API, and notes what changes.
type cluster struct {
	mu      sync.Mutex
	changes []string
	names   []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/v3/cluster/member/list":
		var all []map[string]any
		for id, name := range c.names {
			all = append(all, map[string]any{"ID": string(rune('1' + id)), "name": name, "peerURLs": []string{"https://192.0.2.1:2380"}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"members": all})
		return
	case "/v3/lease/grant":
		_, _ = w.Write([]byte(`{"ID":"5"}`))
		return
	case "/v3/kv/put":
	case "/v3/kv/range":
		_, _ = w.Write([]byte(`{"kvs":[{"key":"L2szcy1sYWIvYXBpc2VydmVycy8xMjcuMC4wLjE="},{"key":"L2szcy1sYWIvYXBpc2VydmVycy8xOTIuMC4yLjk="}]}`))
		return
	default:
		c.changes = append(c.changes, r.URL.Path+" "+string(body))
	}
	_, _ = w.Write([]byte("{}"))
}

func (c *cluster) changed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.changes)
}

// clients speak to the cluster as a server does.
func (c *cluster) clients(t *testing.T) (*Server, *etcd.Client, *kube.Client) {
	t.Helper()
	_, s := firstServer(t, "cluster-init: true")
	serve := func(base string) string {
		pair, err := tls.LoadX509KeyPair(s.path(base+".crt"), s.path(base+".key"))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(c)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.URL
	}
	members, err := etcd.NewClient(s.member.TLSDir, serve("tls/etcd/server-client"))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := kube.New(serve("tls/serving-kube-apiserver"), s.path("tls/server-ca.crt"), s.path("tls/client-admin"))
	if err != nil {
		t.Fatal(err)
	}
	return s, members, admin
}

func nodeOf(role bool, annotations map[string]string) kube.Node {
	node := kube.Node{Metadata: kube.Metadata{Annotations: annotations, Labels: map[string]string{}}}
	if role {
		node.Metadata.Labels[etcdRole] = "true"
	}
	return node
}

func (c *cluster) wait(t *testing.T, parts ...string) {
	t.Helper()
	for range 200 {
		if got := strings.Join(c.changed(), "\n"); !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(got, part) }) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("got %v, not %v", c.changed(), parts)
}

func TestADeletedNodeTakesItsMemberWithIt(t *testing.T) {
	c := &cluster{names: []string{"edge1-a", "edge2-b"}}
	_, client, admin := c.clients(t)
	m := newMembers(client, admin, "edge1")
	m.NodesChanged(t.Context(), map[string]kube.Node{
		"edge1":  nodeOf(true, map[string]string{nodeNameKey: "edge1-a", nodeAddressKey: "192.0.2.1"}),
		"edge2":  nodeOf(true, map[string]string{nodeNameKey: "edge2-b", nodeAddressKey: "192.0.2.1"}),
		"agent1": nodeOf(false, nil),
	})
	for _, name := range []string{"agent1", "edge1", "unknown", "edge2"} {
		m.NodeDeleted(t.Context(), name)
	}
	c.wait(t, `/v3/cluster/member/remove {"ID":"2"}`)
	if got := c.changed(); len(got) != 1 {
		t.Errorf("more than the one member of another server was removed: %v", got)
	}
}

func TestAMemberOfAnotherAddressStays(t *testing.T) {
	c := &cluster{names: []string{"edge1-a", "edge2-b"}}
	_, client, _ := c.clients(t)
	m := newMembers(client, nil, "edge1")
	if err := m.removeOnce(t.Context(), memberOf{"edge2-b", "192.0.2.7"}); err != nil || len(c.changed()) > 0 {
		t.Errorf("%v %v", c.changed(), err)
	}
}

func TestTheAnnotationRemovesAMemberOnce(t *testing.T) {
	c := &cluster{names: []string{"edge1-a", "edge2-b"}}
	_, client, admin := c.clients(t)
	m := newMembers(client, admin, "edge1")
	notes := map[string]string{nodeNameKey: "edge2-b", nodeAddressKey: "192.0.2.1", removeKey: "True"}
	m.NodesChanged(t.Context(), map[string]kube.Node{"edge2": nodeOf(true, notes)})
	c.wait(t, `/v3/cluster/member/remove {"ID":"2"}`, `"etcd.k3s.cattle.io/removed-node-name":"edge2-b"`, `"NotAMember"`)
	before := len(c.changed())
	m.NodesChanged(t.Context(), map[string]kube.Node{"edge2": nodeOf(true, map[string]string{removeKey: "true", removedNameKey: "edge2-b"})})
	if got := c.changed(); len(got) != before {
		t.Errorf("removed again: %v", got)
	}
	// A server that has joined again is no longer on its way out.
	notes = map[string]string{nodeNameKey: "edge2-c", nodeAddressKey: "192.0.2.1", removeKey: "true", removedNameKey: "edge2-b"}
	m.NodesChanged(t.Context(), map[string]kube.Node{"edge2": nodeOf(true, notes)})
	c.wait(t, `"etcd.k3s.cattle.io/remove":"false"`)
}

func TestTheAPIServersThatLiveArePublished(t *testing.T) {
	c := &cluster{}
	s, client, admin := c.clients(t)
	live, err := s.newLiveServers(admin)
	if err != nil {
		t.Fatal(err)
	}
	live.etcd = client
	if err := live.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := live.addresses(); !slices.Equal(got, []string{"127.0.0.1:6443", "192.0.2.9:6443"}) {
		t.Errorf("got %v", got)
	}
	c.wait(t, `"addresses":[{"ip":"127.0.0.1"},{"ip":"192.0.2.9"}]`, `{"addresses":["192.0.2.9"],"conditions":{"ready":true}}`)
}
