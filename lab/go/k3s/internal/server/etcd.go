// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/token"
)

const (
	memberDir = "db/etcd"
	etcdRole  = "node-role.kubernetes.io/etcd"
	// The names under which a Node says which member its server runs, and under which a member is asked to go.
	nodeNameKey    = "etcd.k3s.cattle.io/node-name"
	nodeAddressKey = "etcd.k3s.cattle.io/node-address"
	removeKey      = "etcd.k3s.cattle.io/remove"
	removedNameKey = "etcd.k3s.cattle.io/removed-node-name"
)

// chooseDatastore decides as K3s does: etcd that has run here goes on, whatever the configuration says; then server
// makes this one join, cluster-init makes it the first member, and without both SQLite holds the state.
func (s *Server) chooseDatastore(ctx context.Context) error {
	dir := s.path(memberDir)
	if err := etcd.Bury(dir); err != nil {
		return err
	}
	url := strings.TrimSuffix(s.values.String("server", ""), "/")
	known := etcd.Initialized(dir)
	switch {
	case known:
		logline.Infof("Managed etcd cluster bootstrap already complete and initialized")
	case url == "" && !s.values.Bool("cluster-init"):
		return nil
	case exists(s.path("db/state.db")):
		return errors.New("this server's state is in SQLite: the lab's stand-in does not convert it to etcd, as K3s does")
	}
	s.member = s.newMember()
	if known || url == "" {
		return nil
	}
	return s.bootstrap(ctx, url)
}

func (s *Server) newMember() *etcd.Member {
	return &etcd.Member{
		Dir: s.path(memberDir), TLSDir: s.path("tls/etcd"), Node: s.name, Address: s.ips[0].String(),
		Metrics: s.values.Bool("etcd-expose-metrics"),
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// bootstrap gets the authorities and keys of the cluster from the server that this one joins.
func (s *Server) bootstrap(ctx context.Context, url string) error {
	secret, err := readSecret(s.values.String("token", ""), s.values.String("token-file", ""))
	if err != nil {
		return err
	}
	if secret == "" {
		return errors.New("K3S_TOKEN is required to join a cluster")
	}
	cluster, err := token.Validate(ctx, url, secret, "server")
	if err != nil {
		return fmt.Errorf("failed to validate token: %w", err)
	}
	logline.Infof("Managed etcd cluster not yet initialized")
	answer, err := cluster.Call(ctx, "/v1-k3s/server-bootstrap", nil, nil)
	if err != nil {
		return fmt.Errorf("failed to get bootstrap data from %s: %w", url, err)
	}
	if err := s.compareCritical(ctx, cluster); err != nil {
		return fmt.Errorf("failed to validate server configuration: %w", err)
	}
	s.joins = cluster
	return s.writeBootstrap(answer)
}

// bootstrapFiles is what servers of a cluster have in common, below tls.
var bootstrapFiles = []string{
	"server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key", "request-header-ca.crt", "request-header-ca.key",
	"service.key", "etcd/server-ca.crt", "etcd/server-ca.key", "etcd/peer-ca.crt", "etcd/peer-ca.key",
}

// readBootstrap answers a server that joins.
func (s *Server) readBootstrap() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range bootstrapFiles {
		data, err := os.ReadFile(s.path("tls", name))
		if err != nil && s.member != nil {
			return nil, err
		}
		files[name] = data
	}
	return files, nil
}

func (s *Server) writeBootstrap(answer []byte) error {
	var files map[string][]byte
	if err := json.Unmarshal(answer, &files); err != nil {
		return fmt.Errorf("failed to decode bootstrap data: %w", err)
	}
	if err := s.makeDirs(); err != nil {
		return err
	}
	for _, name := range bootstrapFiles {
		if len(files[name]) == 0 {
			continue
		}
		mode := os.FileMode(0o644)
		if filepath.Ext(name) == ".key" {
			mode = 0o600
		}
		if err := pki.WriteFile(s.path("tls", name), files[name], mode); err != nil {
			return err
		}
	}
	return nil
}

// makeMemberCertificates makes the authorities and certificates of etcd under K3s's names.
func (s *Server) makeMemberCertificates() error {
	serverCA, err := pki.EnsureCA(s.path("tls/etcd/server-ca"), "etcd-server-ca")
	if err != nil {
		return err
	}
	peerCA, err := pki.EnsureCA(s.path("tls/etcd/peer-ca"), "etcd-peer-ca")
	if err != nil {
		return err
	}
	peer := pki.Leaf{CN: "etcd-peer", Peer: true, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	for _, address := range s.ips {
		peer.IPs = append(peer.IPs, address.AsSlice())
	}
	server := peer
	server.CN = "etcd-server"
	server.DNS = []string{"localhost", "kine.sock", s.name}
	for _, item := range []struct {
		name string
		ca   *pki.CA
		leaf pki.Leaf
	}{
		{"client", serverCA, pki.Leaf{CN: "etcd-client"}},
		{"server-client", serverCA, server},
		{"peer-server-client", peerCA, peer},
	} {
		if err := item.ca.EnsureLeaf(s.path("tls/etcd", item.name), item.leaf); err != nil {
			return err
		}
	}
	return nil
}

// startEtcd starts this server's member and returns when it votes.
func (s *Server) startEtcd(ctx context.Context) error {
	if err := s.member.EnsureName(); err != nil {
		return err
	}
	cluster, state := s.member.Alone(), "new"
	if s.joins != nil {
		var err error
		if cluster, err = s.joinCluster(ctx); err != nil {
			return fmt.Errorf("etcd cluster join failed: %w", err)
		}
		state = "existing"
	}
	if !etcd.Initialized(s.member.Dir) {
		logline.Infof("Starting etcd for cluster %v", cluster)
	}
	if err := s.runEtcd(cluster, state); err != nil {
		return err
	}
	if err := s.member.WaitVoter(ctx, s.etcd); err != nil {
		return err
	}
	if err := os.Remove(s.path(resetFlag)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Server) runEtcd(cluster []string, state string, extra ...string) error {
	return s.group.Start(proc.Child{
		Name: "etcd", Path: filepath.Join(s.bin, "etcd"), Dir: s.dir, Env: proc.Environment(s.bin),
		Args: proc.MergeArgs(s.member.Args(cluster, state), append(s.values.List("etcd-arg"), extra...)),
		Explain: func(status int) error {
			// etcd ends in this way by itself when the cluster has removed it, and in no other case.
			if status != 0 {
				return nil
			}
			return errors.Join(etcd.Tombstone(s.member.Dir),
				errors.New("this node has been removed from the cluster please restart k3s to rejoin the cluster"))
		},
	})
}

func (s *Server) joinCluster(ctx context.Context) ([]string, error) {
	answer, err := s.joins.Call(ctx, "/db/info", nil, nil)
	if err != nil {
		return nil, err
	}
	var known struct{ Members []etcd.Info }
	if err := json.Unmarshal(answer, &known); err != nil {
		return nil, fmt.Errorf("%s/db/info: %w", s.joins.BaseURL, err)
	}
	return s.member.Join(ctx, known.Members)
}

// databaseInfo names the members to a server that joins.
func (s *Server) databaseInfo(ctx context.Context) (any, error) {
	members, err := s.etcd.Members(ctx)
	return map[string]any{"members": members}, err
}

// voter gives the Node what K3s gives each member of an etcd cluster.
type voter struct {
	client *kube.Client
	node   string
	marked bool
}

// NodesChanged sets the condition once, as soon as the Node is there: the API of a server starts when its member votes.
func (v *voter) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	if _, ok := nodes[v.node]; v.marked || !ok {
		return
	}
	err := setVoter(ctx, v.client, v.node, "True", "MemberNotLearner", "Node is a voting member of the etcd cluster")
	if err != nil {
		logline.Debugf("Unable to set the etcd status condition of %s: %v", v.node, err)
		return
	}
	v.marked = true
}

// NodeDeleted lets a Node that registers again be marked again.
func (v *voter) NodeDeleted(_ context.Context, name string) {
	if name == v.node {
		v.marked = false
	}
}

func setVoter(ctx context.Context, client *kube.Client, node, status, reason, message string) error {
	now := time.Now().UTC().Format(time.RFC3339)
	patch := map[string]any{"status": map[string]any{"conditions": []map[string]string{{
		"type": "EtcdIsVoter", "status": status, "reason": reason, "message": message,
		"lastHeartbeatTime": now, "lastTransitionTime": now,
	}}}}
	return client.Do(ctx, http.MethodPatch, "/api/v1/nodes/"+node+"/status", kube.StrategicPatch, patch, nil)
}
