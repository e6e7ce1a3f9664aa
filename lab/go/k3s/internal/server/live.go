// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
)

const (
	livePrefix = "/k3s-lab/apiservers/"
	// A server that says nothing for this long, as many seconds as with upstream's reconciler, no longer counts.
	liveTTL   = 15 * time.Second
	livePause = 5 * time.Second
)

// liveServers publishes which servers serve the API, with the supervisor's port: upstream's reconciler
// knows only the loopback port on which the API server listens. In etcd each server keeps a key that expires.
type liveServers struct {
	admin   *kube.Client
	etcd    *etcd.Client
	address string
	port    int
	current atomic.Pointer[[]string]
}

func (s *Server) newLiveServers(admin *kube.Client) (*liveServers, error) {
	port, err := s.advertisedPort()
	if err != nil {
		return nil, err
	}
	live := &liveServers{admin: admin, address: s.values.String("advertise-address", s.ips[0].String()), port: port}
	live.current.Store(&[]string{live.address})
	return live, nil
}

// addresses are those that agents connect to.
func (l *liveServers) addresses() []string {
	var all []string
	for _, address := range *l.current.Load() {
		all = append(all, net.JoinHostPort(address, strconv.Itoa(l.port)))
	}
	return all
}

// keep repeats the announcement until the context ends.
func (l *liveServers) keep(ctx context.Context) {
	if l.etcd == nil {
		return
	}
	ticks := time.NewTicker(livePause)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		before := *l.current.Load()
		if err := l.find(ctx); err != nil {
			logline.Debugf("Unable to renew the announcement of this server: %v", err)
			continue
		}
		if slices.Equal(before, *l.current.Load()) {
			continue
		}
		if err := l.write(ctx); err != nil {
			l.current.Store(&before)
			logline.Debugf("Unable to publish the servers: %v", err)
		}
	}
}

// publish announces this server and writes which there are.
func (l *liveServers) publish(ctx context.Context) error {
	if l.etcd != nil {
		if err := l.find(ctx); err != nil {
			return err
		}
	}
	return l.write(ctx)
}

func (l *liveServers) find(ctx context.Context) error {
	if err := l.etcd.Announce(ctx, livePrefix+l.address, liveTTL); err != nil {
		return err
	}
	keys, err := l.etcd.Announced(ctx, livePrefix)
	if err != nil {
		return err
	}
	var found []string
	for _, key := range keys {
		found = append(found, strings.TrimPrefix(key, livePrefix))
	}
	l.current.Store(&found)
	return nil
}

func (l *liveServers) write(ctx context.Context) error {
	const namespace, name = "default", "kubernetes"
	family := "IPv4"
	if strings.Contains(l.address, ":") {
		family = "IPv6"
	}
	addresses := *l.current.Load()
	ports := []map[string]any{{"name": "https", "port": l.port, "protocol": "TCP"}}
	var subset []map[string]string
	for _, address := range addresses {
		subset = append(subset, map[string]string{"ip": address})
	}
	err := l.admin.Apply(ctx, "/api/v1/namespaces/"+namespace+"/endpoints/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Endpoints",
		"metadata": map[string]any{
			"name": name, "namespace": namespace,
			"labels": map[string]string{"endpointslice.kubernetes.io/skip-mirror": "true"},
		},
		"subsets": []map[string]any{{"addresses": subset, "ports": ports}},
	})
	if err != nil {
		return err
	}
	var endpoints []map[string]any
	for _, address := range addresses {
		endpoints = append(endpoints, map[string]any{"addresses": []string{address}, "conditions": map[string]bool{"ready": true}})
	}
	return l.admin.Apply(ctx, "/apis/discovery.k8s.io/v1/namespaces/"+namespace+"/endpointslices/"+name, map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
		"metadata": map[string]any{
			"name": name, "namespace": namespace,
			"labels": map[string]string{"kubernetes.io/service-name": name},
		},
		"endpoints": endpoints,
		"ports":     ports,
	})
}
