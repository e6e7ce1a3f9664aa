// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"baremesh.edge/lab/k3s/internal/agent"
	"baremesh.edge/lab/k3s/internal/bundle"
	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/server"
)

const stopGrace = 3 * time.Second

// session is what server and agent have in common from start to end.
type session struct {
	values *config.Values
	bin    string
	group  *proc.Group
	ready  func()
}

func begin(role config.Role, args []string) *session {
	// Hidden from children, or one of them would report to systemd that the whole unit is ready.
	socket := os.Getenv("NOTIFY_SOCKET")
	_ = os.Unsetenv("NOTIFY_SOCKET")
	values, err := config.Load(role, args)
	if err != nil {
		fatal(err)
	}
	logline.SetDebug(values.Bool("debug"))
	if os.Geteuid() != 0 {
		logline.Fatalf("%s must run as root", role)
	}
	ready := func() { notify(socket) }
	forkForLog(values, append([]string{"k3s", string(role)}, args...), ready)
	return &session{values: values, group: proc.NewGroup(), ready: ready}
}

func (s *session) unpack() {
	bin, err := bundle.Extract(s.values.DataDir())
	if err != nil {
		fatal(err)
	}
	s.bin = bin
	if err := os.Setenv("PATH", proc.SearchPath(bin)); err != nil {
		fatal(err)
	}
	logline.Infof("Starting k3s %s (%s), the lab's stand-in", version, bundle.Commit())
}

// run ends with status 0 when asked to stop, and with 1 and the reason when anything ends by itself.
func (s *session) run(work func(ctx context.Context) error) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	status := 0
	fail := func(reason error) {
		status = 1
		logline.FatalLine("%v", reason)
	}
	select {
	case reason := <-s.group.Failed:
		fail(reason)
	case reason := <-done:
		// Only a reset of the cluster ends by itself with nothing to complain of.
		if ctx.Err() == nil && reason != nil {
			fail(reason)
		}
	case <-ctx.Done():
		logline.Infof("Received signal, shutting down")
	}
	cancel()
	// Those who write stop before those who keep; container shims are not our children and go on.
	s.group.Stop(stopGrace, "kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager")
	s.group.Stop(stopGrace, "kube-apiserver")
	s.group.Stop(stopGrace, "kine", "etcd", "containerd")
	os.Exit(status)
}

func runServer(args []string) {
	s := begin(config.Server, args)
	s.unpack()
	control, err := server.New(s.values, s.bin, s.group)
	if err != nil {
		fatal(err)
	}
	s.run(func(ctx context.Context) error { return control.Run(ctx, s.ready) })
}

func runAgent(args []string) {
	s := begin(config.Agent, args)
	url := strings.TrimSuffix(s.values.String("server", ""), "/")
	if url == "" {
		logline.Fatalf("--server is required")
	}
	secret, err := agentToken(s.values)
	if err != nil {
		fatal(err)
	}
	name, err := s.values.NodeName()
	if err != nil {
		fatal(err)
	}
	ips, err := network.NodeIPs(s.values.Split("node-ip"), s.values.String("flannel-iface", ""))
	if err != nil {
		fatal(err)
	}
	node := &agent.Node{Values: s.values, Name: name, IPs: ips, Group: s.group}
	if secret == "" && !node.Joined() {
		logline.Fatalf("--token is required")
	}
	s.unpack()
	node.Bin = s.bin
	if err := node.MakeDirs(); err != nil {
		fatal(err)
	}
	s.run(func(ctx context.Context) error {
		if err := node.Join(ctx, url, secret); err != nil {
			return err
		}
		if err := node.StartRuntime(ctx); err != nil {
			return err
		}
		if err := node.StartKubernetes(ctx); err != nil {
			return err
		}
		logline.Infof("k3s agent is up and running")
		s.ready()
		<-ctx.Done()
		return nil
	})
}

func agentToken(values *config.Values) (string, error) {
	if text := values.String("token", ""); text != "" {
		return text, nil
	}
	path := values.String("token-file", "")
	if path == "" {
		return "", nil
	}
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}

func notify(socket string) {
	if socket == "" {
		return
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		logline.Errorf("sd_notify: %v", err)
		return
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write([]byte("READY=1\n")); err != nil {
		logline.Errorf("sd_notify: %v", err)
	}
}
