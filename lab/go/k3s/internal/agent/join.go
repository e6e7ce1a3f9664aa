// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/pause"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/supervisor"
	"baremesh.edge/lab/k3s/internal/token"
)

const (
	validatePause = 2 * time.Second
	configPause   = 5 * time.Second
)

// Join learns the cluster's settings and gets this node's certificates. What can heal
// on the server's side is retried for ever, as K3s's agent does.
func (n *Node) Join(ctx context.Context, server, secret string) error {
	port := n.Values.String("lb-server-port", "6444")
	var err error
	if n.balancer, err = newBalancer(n.path("etc/"+balancerName+".json"), server); err != nil {
		return err
	}
	if err := n.balancer.serve(ctx, port); err != nil {
		return err
	}
	n.API = "https://127.0.0.1:" + port
	cluster, err := n.connect(ctx, server, secret)
	if err != nil {
		return err
	}
	password, err := EnsurePassword(PasswordFile)
	if err != nil {
		return err
	}
	for {
		err := n.fetch(ctx, cluster, password)
		if err == nil {
			return nil
		}
		logline.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		if err := pause.For(ctx, configPause+rand.N(configPause)); err != nil {
			return err
		}
	}
}

func (n *Node) connect(ctx context.Context, server, secret string) (*token.Cluster, error) {
	if secret == "" {
		ca, err := os.ReadFile(n.path("server-ca.crt"))
		if err != nil {
			return nil, err
		}
		pair, err := n.kubeletPair()
		return token.NewClusterByCert(n.API, ca, pair), err
	}
	for {
		cluster, err := n.validate(ctx, server, secret)
		if err == nil {
			return cluster, nil
		}
		logline.Errorf("Failed to validate connection to cluster at %s: %v", server, err)
		if err := pause.For(ctx, validatePause); err != nil {
			return nil, err
		}
	}
}

// validate goes through the balancer, as the server that is configured may be gone while others serve.
func (n *Node) validate(ctx context.Context, server, secret string) (*token.Cluster, error) {
	if !strings.HasPrefix(server, "https://") {
		return nil, fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", server)
	}
	return token.Validate(ctx, n.API, secret, "node")
}

func (n *Node) kubeletPair() (tls.Certificate, error) {
	return tls.LoadX509KeyPair(n.path("client-kubelet.crt"), n.path("client-kubelet.key"))
}

// Joined returns whether this host holds a certificate of an earlier join, so that no token is needed.
func (n *Node) Joined() bool {
	_, err := n.kubeletPair()
	return err == nil
}

func (n *Node) fetch(ctx context.Context, cluster *token.Cluster, password string) error {
	settings, err := cluster.Call(ctx, "/v1-k3s/config", nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(settings, &n.Cluster); err != nil {
		return fmt.Errorf("%s/v1-k3s/config: %w", cluster.BaseURL, err)
	}
	var servers []string
	if answer, err := cluster.Call(ctx, "/v1-k3s/apiservers", nil, nil); err != nil {
		return err
	} else if err := json.Unmarshal(answer, &servers); err != nil {
		return fmt.Errorf("%s/v1-k3s/apiservers: %w", cluster.BaseURL, err)
	}
	n.balancer.update(servers)
	header := http.Header{
		supervisor.HeaderNode:     {n.Name},
		supervisor.HeaderPassword: {password},
		supervisor.HeaderIP:       {network.Join(n.IPs)},
	}
	for _, base := range []string{"serving-kubelet", "client-kubelet", "client-kube-proxy", "client-k3s-controller"} {
		if err := n.fetchCert(ctx, cluster, base, header); err != nil {
			return err
		}
	}
	for _, name := range []string{"client-ca.crt", "server-ca.crt"} {
		text, err := cluster.Call(ctx, "/v1-k3s/"+name, nil, nil)
		if err != nil {
			return err
		}
		if err := pki.WriteFile(n.path(name), text, 0o600); err != nil {
			return err
		}
	}
	return n.WriteKubeconfigs()
}

func (n *Node) fetchCert(ctx context.Context, cluster *token.Cluster, base string, header http.Header) error {
	key, err := pki.EnsureKey(n.path(base + ".key"))
	if err != nil {
		return err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return err
	}
	signed, err := cluster.Call(ctx, "/v1-k3s/"+base+".crt", header, request)
	var refused token.HTTPError
	if errors.As(err, &refused) && refused.Code == http.StatusForbidden {
		return fmt.Errorf("Node password rejected, duplicate hostname or contents of '%s' may not match server "+
			"node-passwd entry, try enabling a unique node name with the --with-node-id flag", PasswordFile)
	}
	if err != nil {
		return err
	}
	return pki.WriteFile(n.path(base+".crt"), signed, 0o600)
}
