// SPDX-License-Identifier: GPL-3.0-or-later

// Package server runs the control plane of the stand-in, and the node part beside it.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/agent"
	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/pause"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/supervisor"
	"baremesh.edge/lab/k3s/internal/token"
)

const apiURL = "https://127.0.0.1:6444"

// Server is one server of a cluster.
type Server struct {
	values   *config.Values
	bin      string
	group    *proc.Group
	name     string
	ips      []netip.Addr
	port     string
	net      *addresses
	pki      *authorities
	secrets  supervisor.Passwords
	dir      string
	disabled map[string]bool
	live     *liveServers
	// member is this server's part of etcd; without one SQLite holds the state.
	member *etcd.Member
	etcd   *etcd.Client
	// joins is the cluster that this server is about to become a member of.
	joins *token.Cluster
}

// New checks the configuration; nothing is written yet.
func New(values *config.Values, bin string, group *proc.Group) (*Server, error) {
	if err := refuseUnsupported(values); err != nil {
		return nil, err
	}
	name, err := values.NodeName()
	if err != nil {
		return nil, err
	}
	ips, err := network.NodeIPs(values.Split("node-ip"), values.String("flannel-iface", ""))
	if err != nil {
		return nil, err
	}
	plan, err := planAddresses(values)
	if err != nil {
		return nil, err
	}
	if !network.SameFamilies(plan.cluster, plan.service) {
		return nil, fmt.Errorf("cluster-cidr: %s and service-cidr: %s, must share the same IP version (IPv4, IPv6 or dual-stack)",
			network.Join(plan.cluster), network.Join(plan.service))
	}
	if !network.Covers(ips, plan.cluster) {
		return nil, fmt.Errorf("cluster-cidr: %s and node-ip: %s, must share the same IP version (IPv4, IPv6 or dual-stack)",
			network.Join(plan.cluster), network.Join(ips))
	}
	disabled := map[string]bool{}
	for _, item := range values.Split("disable") {
		disabled[item] = true
	}
	return &Server{
		values: values, bin: bin, group: group, name: name, ips: ips, net: plan, disabled: disabled,
		port: values.String("https-listen-port", "6443"), dir: filepath.Join(values.DataDir(), "server"),
	}, nil
}

// refuseUnsupported says plainly what the stand-in cannot do, instead of doing something else.
func refuseUnsupported(values *config.Values) error {
	for _, name := range []string{"disable-apiserver", "disable-etcd", "rootless", "docker"} {
		if values.Bool(name) {
			return fmt.Errorf("%s is not in the lab's stand-in", name)
		}
	}
	for _, name := range []string{"datastore-endpoint", "container-runtime-endpoint"} {
		if values.String(name, "") != "" {
			return fmt.Errorf("%s is not in the lab's stand-in", name)
		}
	}
	if values.String("cluster-reset-restore-path", "") != "" && !values.Bool("cluster-reset") {
		return errors.New("invalid flag use; --cluster-reset required with --cluster-reset-restore-path")
	}
	for _, name := range []string{"supervisor-port", "apiserver-port", "apiserver-bind-address"} {
		if values.String(name, "") != "" {
			return fmt.Errorf("%s is not in the lab's stand-in, which serves all on https-listen-port", name)
		}
	}
	if backend := values.String("flannel-backend", "vxlan"); backend != "host-gw" && backend != "none" {
		logline.Warnf("flannel-backend %s: the lab's stand-in routes pods by host-gw instead", backend)
	}
	return nil
}

func (s *Server) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// Run starts everything and calls ready at the moment at which K3s reports it to systemd.
func (s *Server) Run(ctx context.Context, ready func()) error {
	if s.values.Bool("cluster-reset") {
		return s.reset(ctx)
	}
	if err := s.chooseDatastore(ctx); err != nil {
		return fmt.Errorf("starting kubernetes: preparing server: %w", err)
	}
	if err := s.prepare(); err != nil {
		return fmt.Errorf("starting kubernetes: preparing server: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.values.String("bind-address", ""), s.port))
	if err != nil {
		return err
	}
	admin, err := kube.New(apiURL, s.path("tls/server-ca.crt"), s.path("tls/client-supervisor"))
	if err != nil {
		return err
	}
	if s.live, err = s.newLiveServers(admin); err != nil {
		return err
	}
	if s.member != nil {
		if s.etcd, err = etcd.NewClient(s.member.TLSDir, etcd.Local); err != nil {
			return err
		}
		s.live.etcd = s.etcd
	}
	front, err := s.supervisor(admin)
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	report := func(err error) {
		if err != nil && ctx.Err() == nil {
			failed <- err
		}
	}
	go func() { report(front.Serve(ctx, listener, s.path("tls/serving-kube-apiserver"))) }()
	node := s.node(admin, front)
	if err := node.MakeDirs(); err != nil {
		return err
	}
	runtimeUp := make(chan error, 1)
	if !s.values.Bool("disable-agent") {
		go func() { runtimeUp <- node.StartRuntime(ctx) }()
	}
	go func() { report(s.control(ctx, admin, front, ready)) }()
	if !s.values.Bool("disable-agent") {
		go func() {
			err := <-runtimeUp
			if err == nil {
				err = s.startNode(ctx, node, front)
			}
			report(err)
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// control brings up the control plane.
func (s *Server) control(ctx context.Context, admin *kube.Client, front *supervisor.Server, ready func()) error {
	if err := s.startDatastore(ctx); err != nil {
		return err
	}
	logline.Infof("ETCD server is now running")
	if s.member != nil {
		go etcd.ManageLearners(ctx, s.etcd)
	}
	if err := s.startAPIServer(); err != nil {
		return err
	}
	if err := admin.WaitReady(ctx); err != nil {
		return err
	}
	logline.Infof("Kube API server is now running")
	if err := s.startControllers(); err != nil {
		return err
	}
	if err := s.live.publish(ctx); err != nil {
		return err
	}
	go s.live.keep(ctx)
	if err := s.writeAdminKubeconfig(); err != nil {
		return err
	}
	front.SetReady()
	logline.Infof("k3s is up and running")
	ready()
	return newDeployer(s).run(ctx)
}

func (s *Server) supervisor(admin *kube.Client) (*supervisor.Server, error) {
	pair, err := tls.LoadX509KeyPair(s.path("tls/client-auth-proxy.crt"), s.path("tls/client-auth-proxy.key"))
	if err != nil {
		return nil, err
	}
	proxy, err := supervisor.NewProxy(apiURL, s.pki.server, s.pki.client, pair)
	if err != nil {
		return nil, err
	}
	front := &supervisor.Server{
		TLSDir: s.path("tls"), ServerCA: s.pki.server, ClientCA: s.pki.client, Passwords: s.secrets,
		Cluster: supervisor.ClusterConfig{
			ClusterCIDRs:     texts(s.net.cluster),
			ServiceCIDRs:     texts(s.net.service),
			ClusterDNS:       texts(s.net.dns),
			ClusterDomain:    s.net.domain,
			FlannelBackend:   s.values.String("flannel-backend", "vxlan"),
			DisableKubeProxy: s.values.Bool("disable-kube-proxy"),
			Critical:         critical(s.values, s.net),
		},
		Nodes:     &supervisor.NodePasswords{Client: admin},
		Proxy:     proxy,
		Servers:   s.live.addresses,
		Bootstrap: s.readBootstrap,
	}
	if s.member != nil {
		front.Database = s.databaseInfo
	}
	return front, nil
}

func (s *Server) node(admin *kube.Client, front *supervisor.Server) *agent.Node {
	node := &agent.Node{
		Values: s.values, Name: s.name, IPs: s.ips, Bin: s.bin, Group: s.group,
		API: "https://127.0.0.1:" + s.port, Cluster: front.Cluster, PatchWith: admin,
		RoleLabels: map[string]string{
			"node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/master": "true",
		},
		Handlers: []kube.NodeHandler{front.Nodes, &nodeHosts{client: admin}},
	}
	if s.member != nil {
		node.RoleLabels[etcdRole] = "true"
		node.Annotations = func() map[string]string {
			return map[string]string{nodeNameKey: s.member.Name, nodeAddressKey: s.member.Address}
		}
		node.Handlers = append(node.Handlers, &voter{client: admin, node: s.name}, newMembers(s.etcd, admin, s.name))
	}
	return node
}

// startNode waits until the node's name is its own, then joins it to the API.
func (s *Server) startNode(ctx context.Context, node *agent.Node, front *supervisor.Server) error {
	if err := s.writeNodeFiles(node); err != nil {
		return err
	}
	if err := front.Nodes.Client.WaitReady(ctx); err != nil {
		return err
	}
	password, err := agent.EnsurePassword(agent.PasswordFile)
	if err != nil {
		return err
	}
	for {
		err := front.Nodes.Ensure(ctx, s.name, password)
		if err == nil {
			break
		}
		wait := 200 * time.Millisecond
		if errors.Is(err, supervisor.ErrPassword) {
			logline.Errorf("unable to verify password for node %s: %v: the contents of '%s' do not match the node's password secret",
				s.name, err, agent.PasswordFile)
			wait = 5 * time.Second
		}
		if pause.For(ctx, wait) != nil {
			return nil
		}
	}
	if err := node.StartKubernetes(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// writeAdminKubeconfig writes k3s.yaml anew; where the user wants it elsewhere, the usual path becomes a link.
func (s *Server) writeAdminKubeconfig() error {
	const usual = "/etc/rancher/k3s/k3s.yaml"
	mode, err := kubeconfigMode(s.values.String("write-kubeconfig-mode", "0600"))
	if err != nil {
		return err
	}
	path := s.values.String("write-kubeconfig", usual)
	err = pki.WriteAdminKubeconfig(path, "https://127.0.0.1:"+s.port, s.path("tls/server-ca.crt"), s.path("tls/client-admin"), mode)
	if err != nil || path == usual {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(usual), 0o755); err != nil {
		return err
	}
	if err := os.Remove(usual); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(path, usual)
}

func texts[T fmt.Stringer](items []T) []string { return strings.Split(network.Join(items), ",") }
