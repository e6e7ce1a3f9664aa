// SPDX-License-Identifier: GPL-3.0-or-later

// Package agent runs what a node needs: containerd, kubelet, kube-proxy and the pod network.
package agent

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"

	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/runtime"
	"baremesh.edge/lab/k3s/internal/supervisor"
	"baremesh.edge/lab/k3s/internal/watch"
)

// Node is this host as a member of the cluster.
type Node struct {
	Values  *config.Values
	Name    string
	IPs     []netip.Addr
	Bin     string
	Group   *proc.Group
	API     string
	Cluster supervisor.ClusterConfig
	// RoleLabels are those that K3s's servers bear.
	RoleLabels map[string]string
	// Annotations are those of K3s's servers; they are known once the datastore runs.
	Annotations func() map[string]string
	// PatchWith is the client that may change the Node; nil means the node's own controller certificate.
	PatchWith *kube.Client
	// Handlers see the same watch of Nodes.
	Handlers []kube.NodeHandler
	// balancer is of agents only: a server asks itself.
	balancer *balancer
}

// Dir is the agent's folder below the data folder.
func (n *Node) Dir() string { return filepath.Join(n.Values.DataDir(), "agent") }

func (n *Node) path(name string) string { return filepath.Join(n.Dir(), name) }

// StartRuntime brings up containerd and the images in agent/images; it needs no API.
func (n *Node) StartRuntime(ctx context.Context) error {
	network.PrepareHost(ctx)
	settings := &runtime.Settings{
		AgentDir:    n.Dir(),
		Bin:         n.Bin,
		PauseImage:  n.Values.String("pause-image", "rancher/mirrored-pause:3.6"),
		Snapshotter: n.Values.String("snapshotter", ""),
		Registries:  n.Values.String("private-registry", "/etc/rancher/k3s/registries.yaml"),
		OnlyMirrors: n.Values.Bool("disable-default-registry-endpoint"),
	}
	if err := runtime.WriteConfig(settings); err != nil {
		return err
	}
	if err := runtime.Start(ctx, n.Group, settings); err != nil {
		return err
	}
	images := n.path("images")
	importer := runtime.NewImporter(images, n.Bin)
	importer.ImportAll(ctx)
	go func() {
		if err := watch.Dir(ctx, images, func() { importer.ImportAll(ctx) }); err != nil {
			logline.Debugf("Images are not watched: %v", err)
		}
	}()
	return nil
}

// StartKubernetes starts kubelet and kube-proxy. It returns when the Node exists, is annotated
// and has its pod network: the moment at which K3s's agent calls itself running.
func (n *Node) StartKubernetes(ctx context.Context) error {
	client, err := kube.New(n.API, n.path("server-ca.crt"), n.path("client-k3s-controller"))
	if err != nil {
		return err
	}
	if err := client.WaitReady(ctx); err != nil {
		return err
	}
	if err := n.startKubelet(); err != nil {
		return err
	}
	if !n.Cluster.DisableKubeProxy {
		if err := n.startKubeProxy(); err != nil {
			return err
		}
	}
	if n.balancer != nil {
		go client.WatchServers(ctx, n.balancer.update)
	}
	return n.follow(ctx, client)
}

func (n *Node) follow(ctx context.Context, client *kube.Client) error {
	clusterCIDRs, err := ParsePrefixes(n.Cluster.ClusterCIDRs)
	if err != nil {
		return err
	}
	patcher := n.PatchWith
	if patcher == nil {
		patcher = client
	}
	self := &self{node: n, client: patcher, registered: make(chan struct{}), networked: make(chan struct{})}
	handlers := append([]kube.NodeHandler{self}, n.Handlers...)
	if n.ownNetwork() {
		if err := network.EnsureRules(ctx, clusterCIDRs); err != nil {
			return err
		}
		handlers = append(handlers, network.NewRoutes(n.Name))
	} else {
		close(self.networked)
		self.networkOnce.Do(func() {})
	}
	go client.WatchNodes(ctx, handlers...)
	for _, moment := range []chan struct{}{self.registered, self.networked} {
		select {
		case <-moment:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ownNetwork is false where the user brings a CNI plugin of their own.
func (n *Node) ownNetwork() bool { return n.Cluster.FlannelBackend != "none" }

// self reacts to what the API says of this Node.
type self struct {
	node         *Node
	client       *kube.Client
	registered   chan struct{}
	networked    chan struct{}
	registerOnce sync.Once
	networkOnce  sync.Once
}

// NodesChanged writes the pod network once the controller manager has given it, and marks the Node.
func (s *self) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	node, ok := nodes[s.node.Name]
	if !ok {
		return
	}
	s.registerOnce.Do(func() { go s.mark(ctx) })
	if cidrs := network.PodCIDRs(node); len(cidrs) > 0 {
		s.networkOnce.Do(func() {
			if err := network.WriteCNI(s.node.path("etc/cni/net.d"), cidrs); err != nil {
				logline.Errorf("Failed to write the CNI configuration: %v", err)
				return
			}
			logline.Infof("The node's pod network is %s", network.Join(cidrs))
			close(s.networked)
		})
	}
}

// NodeDeleted does not stop a running kubelet, in K3s neither.
func (s *self) NodeDeleted(context.Context, string) {}

// ParsePrefixes reads networks in CIDR form.
func ParsePrefixes(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}
