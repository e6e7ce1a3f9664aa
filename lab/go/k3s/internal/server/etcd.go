// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/token"
)

// memberFile makes a server a member of an etcd cluster: once it is there, K3s asks neither cluster-init
// nor server. In the stand-in SQLite holds the state all the same.
const memberFile = "db/etcd/name"

func (s *Server) isMember() bool {
	_, err := os.Stat(s.path(memberFile))
	return err == nil
}

// joinEtcd acts on cluster-init and server as K3s does, up to the point at which a second member would be needed.
func (s *Server) joinEtcd(ctx context.Context) error {
	url := s.values.String("server", "")
	switch {
	case s.isMember():
		if url != "" {
			logline.Infof("This server is a member of an etcd cluster: server %s is ignored", url)
		}
		return nil
	case url != "":
		return s.knock(ctx, url)
	case s.values.Bool("cluster-init"):
		return s.makeMember()
	}
	return nil
}

func (s *Server) makeMember() error {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw)
	path := s.path(memberFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	logline.Infof("Starting etcd for new cluster, cluster-reset=false (the lab's stand-in: SQLite under etcd's name)")
	return pki.WriteFile(path, []byte(s.name+"-"+hex.EncodeToString(raw)), 0o600)
}

// knock asks the first server for what a second one needs, and ends where K3s would end without it.
func (s *Server) knock(ctx context.Context, url string) error {
	secret, err := readSecret(s.values.String("token", ""), s.values.String("token-file", ""))
	if err != nil {
		return err
	}
	if secret == "" {
		return errors.New("K3S_TOKEN is required to join a cluster")
	}
	cluster, err := token.Validate(ctx, strings.TrimSuffix(url, "/"), secret, "server")
	if err != nil {
		return fmt.Errorf("failed to validate token: %w", err)
	}
	_, err = cluster.Call(ctx, "/v1-k3s/server-bootstrap", nil, nil)
	var answer token.HTTPError
	if err == nil || (errors.As(err, &answer) && answer.Code == http.StatusNotFound) {
		err = errors.New("a second server is not in the lab's stand-in, which knows one server with SQLite")
	}
	return fmt.Errorf("failed to get bootstrap data from %s: %w", url, err)
}

// voter gives the Node what K3s gives each member of an etcd cluster.
type voter struct {
	client *kube.Client
	node   string
	marked bool
}

// NodesChanged sets the condition once, as soon as the Node is there.
func (v *voter) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	if _, ok := nodes[v.node]; v.marked || !ok {
		return
	}
	patch := map[string]any{"status": map[string]any{"conditions": []map[string]string{{
		"type": "EtcdIsVoter", "status": "True", "reason": "MemberNotLearner",
		"message": "Node is a voting member of the etcd cluster",
	}}}}
	err := v.client.Do(ctx, http.MethodPatch, "/api/v1/nodes/"+v.node+"/status", kube.StrategicPatch, patch, nil)
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
