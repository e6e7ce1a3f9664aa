// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
	"baremesh.edge/lab/k3s/internal/pki"
)

const (
	balancerName = "k3s-agent-load-balancer"
	dialTimeout  = 2 * time.Second
	// A server that cannot be reached twice in a row loses its connections: those who hold them would wait for minutes.
	checkPause = 2 * time.Second
	checkLimit = 2
)

// balancer forwards the local port to one of the servers, so that kubeconfigs never change.
type balancer struct {
	path     string
	url      string
	fallback string
	mu       sync.Mutex
	// servers begin with the one that answered last.
	servers []string
	open    map[string]map[net.Conn]bool
}

type balancerState struct {
	ServerURL       string
	ServerAddresses []string
}

// newBalancer knows the servers of the last start, if the agent still joins the same cluster.
func newBalancer(path, server string) (*balancer, error) {
	target, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	b := &balancer{path: path, url: server, fallback: target.Host, open: map[string]map[net.Conn]bool{}}
	if target.Port() == "" {
		b.fallback = net.JoinHostPort(target.Hostname(), "443")
	}
	var state balancerState
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &state) == nil && state.ServerURL == server {
		b.servers = state.ServerAddresses
	}
	if len(b.servers) == 0 {
		b.servers = []string{b.fallback}
	}
	return b, b.save()
}

func (b *balancer) save() error {
	data, err := json.MarshalIndent(balancerState{b.url, slices.Sorted(slices.Values(b.servers))}, "", "  ")
	if err != nil {
		return err
	}
	return pki.WriteFile(b.path, data, 0o600)
}

// serve accepts connections on the local port until the context ends.
func (b *balancer) serve(ctx context.Context, port string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	logline.Infof("Running load balancer %s %s -> %v", balancerName, listener.Addr(), b.candidates())
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	go b.accept(listener)
	go b.watch(ctx)
	return nil
}

// update takes the servers that serve the API now.
func (b *balancer) update(servers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(servers) == 0 || slices.Equal(slices.Sorted(slices.Values(servers)), slices.Sorted(slices.Values(b.servers))) {
		return
	}
	logline.Infof("Updated load balancer %s server addresses -> %v", balancerName, servers)
	b.servers = slices.Clone(servers)
	if err := b.save(); err != nil {
		logline.Errorf("load balancer: %v", err)
	}
}

// candidates are the servers in the order in which to try them; the configured address is the last resort.
func (b *balancer) candidates() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.servers)
	if !slices.Contains(all, b.fallback) {
		all = append(all, b.fallback)
	}
	return all
}

func (b *balancer) prefer(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.servers, address); at > 0 {
		b.servers = append([]string{address}, slices.Delete(b.servers, at, at+1)...)
	}
}

func (b *balancer) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			logline.Errorf("load balancer: %v", err)
			continue
		}
		go b.forward(client)
	}
}

func (b *balancer) dial() (net.Conn, string) {
	for _, address := range b.candidates() {
		server, err := net.DialTimeout("tcp", address, dialTimeout)
		if err == nil {
			b.prefer(address)
			return server, address
		}
		logline.Debugf("Dial error from load balancer %s: %v", balancerName, err)
	}
	return nil, ""
}

func (b *balancer) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, address := b.dial()
	if server == nil {
		return
	}
	defer func() { _ = server.Close() }()
	b.note(address, client, true)
	defer b.note(address, client, false)
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client) })
	both.Go(func() { pipe(client, server) })
	both.Wait()
}

func (b *balancer) note(address string, client net.Conn, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !open {
		delete(b.open[address], client)
		return
	}
	if b.open[address] == nil {
		b.open[address] = map[net.Conn]bool{}
	}
	b.open[address][client] = true
}

// watch cuts the connections to a server that can no longer be reached.
func (b *balancer) watch(ctx context.Context) {
	failures := map[string]int{}
	for pause.For(ctx, checkPause) == nil {
		for _, address := range b.connected() {
			server, err := net.DialTimeout("tcp", address, dialTimeout)
			if err == nil {
				failures[address] = 0
				_ = server.Close()
				continue
			}
			failures[address]++
			if failures[address] == checkLimit {
				logline.Infof("Server %s@UNCHECKED->FAILED from failed health check: %v", address, err)
				b.cut(address)
				failures[address] = 0
			}
		}
	}
}

func (b *balancer) connected() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var addresses []string
	for address, clients := range b.open {
		if len(clients) > 0 {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

func (b *balancer) cut(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for client := range b.open[address] {
		_ = client.Close()
	}
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
