// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// gateway answers as etcd's own JSON gateway does.
type gateway struct {
	members []map[string]any
	status  map[string]any
	// refuse is what a path says instead of an answer, once for each entry.
	refuse map[string][]string
	asked  []string
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	asked := strings.TrimPrefix(r.URL.Path, "/v3/")
	if id, ok := body["ID"]; ok {
		asked += " " + fmt.Sprint(id)
	}
	g.asked = append(g.asked, asked)
	if left := g.refuse[r.URL.Path]; len(left) > 0 {
		g.refuse[r.URL.Path] = left[1:]
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 9, "message": left[0]})
		return
	}
	switch r.URL.Path {
	case "/v3/cluster/member/list":
		_ = json.NewEncoder(w).Encode(map[string]any{"members": g.members})
	case "/v3/maintenance/status":
		_ = json.NewEncoder(w).Encode(g.status)
	default:
		_, _ = w.Write([]byte("{}"))
	}
}

func (g *gateway) client(t *testing.T) *Client {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return &Client{http: server.Client(), endpoints: []string{"http://127.0.0.1:1", server.URL}}
}

func member(id, name, address string, learner bool) map[string]any {
	return map[string]any{
		"ID": id, "name": name, "peerURLs": []string{"https://" + address + ":2380"}, "isLearner": learner,
	}
}

func status(self, leader string, learner bool) map[string]any {
	return map[string]any{
		"header": map[string]any{"member_id": self}, "leader": leader, "raftAppliedIndex": "7", "isLearner": learner,
	}
}

func local(t *testing.T, node, address string) *Member {
	t.Helper()
	m := &Member{Dir: filepath.Join(t.TempDir(), "etcd"), Node: node, Address: address}
	if err := m.EnsureName(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheNameIsKept(t *testing.T) {
	m := local(t, "edge-2", "192.0.2.2")
	again := &Member{Dir: m.Dir, Node: "edge-2"}
	if err := again.EnsureName(); err != nil || again.Name != m.Name || !strings.HasPrefix(m.Name, "edge-2-") || len(m.Name) != len("edge-2-")+8 {
		t.Errorf("%q, then %q: %v", m.Name, again.Name, err)
	}
}

func TestAJoinerIsAddedAsALearner(t *testing.T) {
	g := &gateway{members: []map[string]any{member("1", "edge-1-aaaaaaaa", "192.0.2.1", false)}}
	m := local(t, "edge-2", "192.0.2.2")
	cluster, err := m.announce(t.Context(), g.client(t))
	want := []string{"edge-1-aaaaaaaa=https://192.0.2.1:2380", m.Name + "=https://192.0.2.2:2380"}
	if err != nil || !slices.Equal(cluster, want) || !slices.Equal(g.asked, []string{"cluster/member/list", "cluster/member/add"}) {
		t.Errorf("%v %v %v", cluster, g.asked, err)
	}
}

func TestAJoinerThatEndedBeforeItsFirstStartGoesOn(t *testing.T) {
	g := &gateway{members: []map[string]any{member("1", "edge-1-aaaaaaaa", "192.0.2.1", false), member("2", "", "192.0.2.2", true)}}
	m := local(t, "edge-2", "192.0.2.2")
	cluster, err := m.announce(t.Context(), g.client(t))
	if err != nil || len(cluster) != 2 || cluster[1] != m.Name+"=https://192.0.2.2:2380" || len(g.asked) != 1 {
		t.Errorf("%v %v %v", cluster, g.asked, err)
	}
}

func TestADuplicateNameIsRefused(t *testing.T) {
	g := &gateway{members: []map[string]any{member("1", "edge-2-aaaaaaaa", "192.0.2.1", false)}}
	m := local(t, "edge-2", "192.0.2.2")
	_, err := m.announce(t.Context(), g.client(t))
	if err == nil || err.Error() != "duplicate node name found, please use a unique name for this node" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "name")); !os.IsNotExist(err) {
		t.Errorf("the name was kept: %v", err)
	}
	// The name of another node may begin with this one's.
	g.members = []map[string]any{member("1", "edge-2-b-aaaaaaaa", "192.0.2.1", false)}
	if _, err := m.announce(t.Context(), g.client(t)); err != nil {
		t.Error(err)
	}
}

func TestOneLearnerAtATime(t *testing.T) {
	g := &gateway{
		members: []map[string]any{member("1", "edge-1-aaaaaaaa", "192.0.2.1", false)},
		refuse:  map[string][]string{"/v3/cluster/member/add": {ErrLearners.Error(), ErrUnhealthy.Error(), "etcdserver: no leader"}},
	}
	client, m := g.client(t), local(t, "edge-2", "192.0.2.2")
	for _, want := range []error{ErrLearners, ErrUnhealthy} {
		if _, err := m.announce(t.Context(), client); !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := m.announce(t.Context(), client); err == nil || err.Error() != "etcdserver: no leader" {
		t.Errorf("got %v", err)
	}
}

func TestAServerIsReadyWhenItsMemberVotes(t *testing.T) {
	m := local(t, "edge-2", "192.0.2.2")
	g := &gateway{status: status("2", "1", true), members: []map[string]any{member("2", m.Name, "192.0.2.2", false)}}
	client := g.client(t)
	if err := m.check(t.Context(), client); err == nil || !strings.Contains(err.Error(), "has not yet been promoted from learner to voting member") {
		t.Errorf("got %v", err)
	}
	g.status = status("2", "1", false)
	if err := m.check(t.Context(), client); err != nil {
		t.Error(err)
	}
	g.members = nil
	if err := m.check(t.Context(), client); err == nil || !strings.Contains(err.Error(), "not a member of the etcd cluster") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyTheLeaderPromotes(t *testing.T) {
	g := &gateway{status: status("1", "2", false), members: []map[string]any{member("1", "a", "192.0.2.1", false), member("2", "b", "192.0.2.2", true)}}
	l := &learners{client: g.client(t), limit: time.Minute}
	if err := l.tick(t.Context(), time.Now()); err != nil || !slices.Equal(g.asked, []string{"maintenance/status"}) {
		t.Errorf("%v %v", g.asked, err)
	}
	g.status, g.asked = status("1", "1", false), nil
	err := l.tick(t.Context(), time.Now())
	if err != nil || !slices.Equal(g.asked, []string{"maintenance/status", "cluster/member/list", "cluster/member/promote 2"}) {
		t.Errorf("%v %v", g.asked, err)
	}
}

func TestALearnerThatStallsIsEvicted(t *testing.T) {
	late := "etcdserver: can only promote a learner member which is in sync with leader"
	g := &gateway{
		status: status("1", "1", false), members: []map[string]any{member("2", "b", "192.0.2.2", true)},
		refuse: map[string][]string{"/v3/cluster/member/promote": {late, late, late}},
	}
	l := &learners{client: g.client(t), limit: time.Minute}
	begun := time.Now()
	for _, after := range []time.Duration{0, 59 * time.Second} {
		if err := l.tick(t.Context(), begun.Add(after)); err == nil || err.Error() != late {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if err := l.tick(t.Context(), begun.Add(61*time.Second)); err != nil || g.asked[len(g.asked)-1] != "cluster/member/remove 2" {
		t.Errorf("%v %v", g.asked, err)
	}
}

func TestARemovedMemberBeginsAnew(t *testing.T) {
	m := local(t, "edge-2", "192.0.2.2")
	if err := errors.Join(Bury(m.Dir), Tombstone(m.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := Bury(m.Dir); err != nil {
		t.Fatal(err)
	}
	old, _ := filepath.Glob(m.Dir + "-old-*")
	if _, err := os.Stat(m.Dir); !os.IsNotExist(err) || len(old) != 1 {
		t.Errorf("%v, %v", old, err)
	}
}
