// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func snapshotClient(t *testing.T, body string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(server.Close)
	return &Client{http: server.Client(), endpoints: []string{server.URL}}
}

func TestASnapshotIsTheWholeOfItsParts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snapshots")
	name, err := snapshotClient(t, `{"result":{"blob":"YWI="}}{"result":{"blob":"Yw=="}}`).Save(t.Context(), dir, "on-demand", "edge1")
	if err != nil || !strings.HasPrefix(name, "on-demand-edge1-") {
		t.Fatalf("%q, %v", name, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestABrokenSnapshotLeavesNoFile(t *testing.T) {
	for _, body := range []string{"", `{"result":{"blob":"YWI="}}{"error":{"message":"gone"}}`, `{"result":{"blob":"YWI="`} {
		dir := t.TempDir()
		if _, err := snapshotClient(t, body).Save(t.Context(), dir, "on-demand", "edge1"); err == nil {
			t.Errorf("%q was taken for a snapshot", body)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%q left %v, %v", body, left, err)
		}
	}
}

func TestSnapshotsArePrunedByNameAndAge(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for age, name := range []string{"on-demand-edge1-3", "on-demand-edge1-2", "on-demand-edge1-1", "other-edge1-1", "on-demand-edge2-1"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-time.Duration(age)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := Prune(dir, "on-demand", "edge1", 2)
	if err != nil || !slices.Equal(gone, []string{"on-demand-edge1-1"}) {
		t.Errorf("%v, %v", gone, err)
	}
	if err := Delete(dir, "../passwd"); err == nil {
		t.Error("a name that is no snapshot was deleted")
	}
	if err := Delete(dir, "other-edge1-1"); err != nil {
		t.Error(err)
	}
	left, err := Snapshots(dir)
	if err != nil || len(left) != 3 || left[0].Name != "on-demand-edge2-1" {
		t.Errorf("%v, %v", left, err)
	}
}
