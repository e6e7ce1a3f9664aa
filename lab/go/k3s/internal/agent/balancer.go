// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
)

const balancerName = "k3s-agent-load-balancer"

// startBalancer forwards the local port to the server, so that kubeconfigs never change.
func (n *Node) startBalancer(ctx context.Context, server, port string) error {
	target, err := url.Parse(server)
	if err != nil {
		return err
	}
	address := target.Host
	if target.Port() == "" {
		address = net.JoinHostPort(target.Hostname(), "443")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	state, err := json.MarshalIndent(map[string]any{"ServerURL": server, "ServerAddresses": []string{address}}, "", "  ")
	if err != nil {
		return err
	}
	if err := pki.WriteFile(n.path("etc/"+balancerName+".json"), state, 0o600); err != nil {
		return err
	}
	logline.Infof("Running load balancer %s %s -> [%s]", balancerName, listener.Addr(), address)
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	go accept(listener, address)
	return nil
}

func accept(listener net.Listener, address string) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			logline.Errorf("load balancer: %v", err)
			continue
		}
		go forward(client, address)
	}
}

func forward(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		logline.Debugf("Dial error from load balancer %s: %v", balancerName, err)
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client) })
	both.Go(func() { pipe(client, server) })
	both.Wait()
}

// pipe passes the end of one direction on and leaves the other open.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}
