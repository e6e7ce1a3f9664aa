// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
	"baremesh.edge/lab/k3s/internal/pki"
)

// Local is where the member of this host answers its own programs.
const Local = "https://127.0.0.1:2379"

const (
	clientPort = "2379"
	peerPort   = "2380"
	joinPause  = time.Second
	checkPause = 200 * time.Millisecond
	sayAgain   = 5 * time.Second
)

// Member is this host's part of the cluster.
type Member struct {
	// Dir is K3s's folder db/etcd, TLSDir its tls/etcd.
	Dir    string
	TLSDir string
	// Node is the Node's name, Name the member's: the Node's and eight hex digits.
	Node    string
	Name    string
	Address string
	// Metrics says whether others may read the metrics, too.
	Metrics bool
}

// Initialized returns whether etcd has run in this folder: from then on nothing else decides about the datastore.
func Initialized(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "member", "wal"))
	return err == nil && info.IsDir()
}

// Tombstone marks the data of a member that the cluster has removed.
func Tombstone(dir string) error {
	return os.WriteFile(filepath.Join(dir, "tombstone"), nil, 0o600)
}

// Bury moves the data of a removed member aside, so that the server can join anew.
func Bury(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "tombstone")); err != nil {
		return nil
	}
	logline.Infof("tombstone file has been detected, removing data dir to rejoin the cluster")
	return SetAside(dir)
}

// SetAside renames the folder of the data as K3s does.
func SetAside(dir string) error {
	return os.Rename(dir, fmt.Sprintf("%s-old-%d", dir, time.Now().Unix()))
}

// EnsureName reads the member's name or makes it.
func (m *Member) EnsureName() error {
	path := filepath.Join(m.Dir, "name")
	data, err := os.ReadFile(path)
	if err == nil {
		m.Name = strings.TrimSpace(string(data))
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	raw := make([]byte, 4)
	_, _ = rand.Read(raw)
	m.Name = m.Node + "-" + hex.EncodeToString(raw)
	return pki.WriteFile(path, []byte(m.Name), 0o600)
}

// Rename gives a member that begins a cluster of its own a new name, as K3s does.
func (m *Member) Rename() error {
	if err := os.Remove(filepath.Join(m.Dir, "name")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.EnsureName()
}

func (m *Member) url(port string) string { return "https://" + net.JoinHostPort(m.Address, port) }

// PeerURL is where other members reach this one.
func (m *Member) PeerURL() string { return m.url(peerPort) }

// Args are the flags of the etcd program. The cluster lists `name=peer URL` of all members; it matters at the first start only.
func (m *Member) Args(cluster []string, state string) map[string]string {
	metrics := "http://127.0.0.1:2381"
	if m.Metrics {
		metrics += ",http://" + net.JoinHostPort(m.Address, "2381")
	}
	file := func(name string) string { return filepath.Join(m.TLSDir, name) }
	return map[string]string{
		"advertise-client-urls":       m.url(clientPort),
		"cert-file":                   file("server-client.crt"),
		"client-cert-auth":            "true",
		"data-dir":                    m.Dir,
		"election-timeout":            "5000",
		"heartbeat-interval":          "500",
		"initial-advertise-peer-urls": m.PeerURL(),
		"initial-cluster":             strings.Join(cluster, ","),
		"initial-cluster-state":       state,
		"key-file":                    file("server-client.key"),
		"listen-client-urls":          Local + "," + m.url(clientPort),
		"listen-metrics-urls":         metrics,
		"listen-peer-urls":            "https://127.0.0.1:" + peerPort + "," + m.PeerURL(),
		"log-level":                   "warn",
		"log-outputs":                 "stderr",
		"logger":                      "zap",
		"name":                        m.Name,
		"peer-cert-file":              file("peer-server-client.crt"),
		"peer-client-cert-auth":       "true",
		"peer-key-file":               file("peer-server-client.key"),
		"peer-trusted-ca-file":        file("peer-ca.crt"),
		"trusted-ca-file":             file("server-ca.crt"),
	}
}

// Alone is the cluster of a first member.
func (m *Member) Alone() []string { return []string{m.Name + "=" + m.PeerURL()} }

// Join announces this member to the cluster as a learner and returns the cluster it then belongs to.
// While another server joins it waits. The known members are those that the first server named.
func (m *Member) Join(ctx context.Context, known []Info) ([]string, error) {
	var endpoints []string
	for _, member := range known {
		if !member.IsLearner {
			endpoints = append(endpoints, member.ClientURLs...)
		}
	}
	client, err := NewClient(m.TLSDir, endpoints...)
	if err != nil {
		return nil, err
	}
	for {
		cluster, err := m.announce(ctx, client)
		if !errors.Is(err, ErrLearners) && !errors.Is(err, ErrUnhealthy) {
			return cluster, err
		}
		logline.Infof("Waiting for other members to finish joining etcd cluster: %v", err)
		if err := pause.For(ctx, joinPause); err != nil {
			return nil, err
		}
	}
}

func (m *Member) announce(ctx context.Context, client *Client) ([]string, error) {
	members, err := client.Members(ctx)
	if err != nil {
		return nil, err
	}
	cluster, isMember, err := m.place(members)
	if err != nil || isMember {
		return cluster, err
	}
	logline.Infof("Adding member %s=%s to etcd cluster %v", m.Name, m.PeerURL(), cluster)
	return append(cluster, m.Alone()...), client.AddLearner(ctx, m.PeerURL())
}

// place finds this member among the others: one that was announced, and ended before its first start, has no name yet.
func (m *Member) place(members []Info) (cluster []string, isMember bool, err error) {
	for _, member := range members {
		for _, peer := range member.PeerURLs {
			if peer == m.PeerURL() && (member.Name == "" || member.Name == m.Name) {
				member.Name, isMember = m.Name, true
			}
		}
		node := member.Name
		if cut := strings.LastIndex(node, "-"); cut > 0 {
			node = node[:cut]
		}
		if node == m.Node && member.Name != m.Name {
			// The next start shall not hold on to a name that was never taken.
			_ = os.Remove(filepath.Join(m.Dir, "name"))
			return nil, false, errors.New("duplicate node name found, please use a unique name for this node")
		}
		if len(member.PeerURLs) > 0 {
			cluster = append(cluster, member.Name+"="+member.PeerURLs[0])
		}
	}
	return cluster, isMember, nil
}

// WaitVoter returns once this member votes: K3s calls a server running only then.
func (m *Member) WaitVoter(ctx context.Context, client *Client) error {
	var said time.Time
	for {
		err := m.check(ctx, client)
		if err == nil {
			return nil
		}
		if time.Since(said) > sayAgain {
			logline.Infof("Failed to test etcd connection: %v", err)
			said = time.Now()
		}
		if err := pause.For(ctx, checkPause); err != nil {
			return err
		}
	}
}

func (m *Member) check(ctx context.Context, client *Client) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if status.IsLearner {
		return errors.New("this server has not yet been promoted from learner to voting member")
	}
	members, err := client.Members(ctx)
	if err != nil {
		return err
	}
	for _, member := range members {
		if member.ID == status.Header.MemberID && member.Name == m.Name {
			return nil
		}
	}
	return fmt.Errorf("this server is not a member of the etcd cluster. Found %d members, expect: %s", len(members), m.Alone()[0])
}
