// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
)

const removePause = 5 * time.Second

// members removes a server's member from etcd when its Node is deleted, or is annotated to that end.
// Every other server does it: the second one finds it done.
type members struct {
	etcd   *etcd.Client
	client *kube.Client
	self   string
	mu     sync.Mutex
	// seen is which member each Node's server runs; busy are Nodes whose member is on its way out.
	seen map[string]memberOf
	busy map[string]bool
}

type memberOf struct{ name, address string }

func newMembers(client *etcd.Client, admin *kube.Client, self string) *members {
	return &members{etcd: client, client: admin, self: self, seen: map[string]memberOf{}, busy: map[string]bool{}}
}

// NodesChanged notes the members and acts on the annotation that asks for a removal.
func (m *members) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	for name, node := range nodes {
		notes := node.Metadata.Annotations
		if _, ok := node.Metadata.Labels[etcdRole]; !ok {
			continue
		}
		member := memberOf{notes[nodeNameKey], notes[nodeAddressKey]}
		m.mu.Lock()
		m.seen[name] = member
		m.mu.Unlock()
		removed, done := notes[removedNameKey]
		switch {
		case done && member.name != "" && member.name != removed:
			// The server has joined again under a new name since.
			m.note(ctx, name, map[string]any{removedNameKey: nil, removeKey: "false"})
		case !done && strings.EqualFold(notes[removeKey], "true") && member.name != "":
			m.remove(ctx, name, member, func() {
				m.note(ctx, name, map[string]any{removedNameKey: member.name, nodeNameKey: nil, nodeAddressKey: nil})
				if err := setVoter(ctx, m.client, name, "False", "NotAMember", "Node is not a member of the etcd cluster"); err != nil {
					logline.Debugf("Unable to set the etcd status condition of %s: %v", name, err)
				}
			})
		}
	}
}

// NodeDeleted removes the member of that Node's server.
func (m *members) NodeDeleted(ctx context.Context, name string) {
	m.mu.Lock()
	member := m.seen[name]
	delete(m.seen, name)
	m.mu.Unlock()
	if member.name != "" {
		logline.Infof("Removing etcd member %s from cluster", name)
		m.remove(ctx, name, member, func() {})
	}
}

// remove tries until it is done: etcd refuses while that would cost the others their majority.
func (m *members) remove(ctx context.Context, node string, member memberOf, done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if node == m.self || m.busy[node] {
		return
	}
	m.busy[node] = true
	go func() {
		for {
			err := m.removeOnce(ctx, member)
			if err == nil {
				done()
				break
			}
			logline.Errorf("Failed to remove etcd member %s: %v", member.name, err)
			if pause.For(ctx, removePause) != nil {
				return
			}
		}
		m.mu.Lock()
		delete(m.busy, node)
		m.mu.Unlock()
	}()
}

func (m *members) removeOnce(ctx context.Context, gone memberOf) error {
	all, err := m.etcd.Members(ctx)
	if err != nil {
		return err
	}
	for _, member := range all {
		if member.Name != gone.name || len(member.PeerURLs) == 0 {
			continue
		}
		peer, err := url.Parse(member.PeerURLs[0])
		if err != nil || peer.Hostname() != gone.address {
			return err
		}
		logline.Infof("Removing name=%s id=%d address=%s from etcd", member.Name, member.ID, gone.address)
		if err := m.etcd.Remove(ctx, member.ID); !errors.Is(err, etcd.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (m *members) note(ctx context.Context, node string, annotations map[string]any) {
	patch := map[string]any{"metadata": map[string]any{"annotations": annotations}}
	if err := m.client.Do(ctx, "PATCH", "/api/v1/nodes/"+node, kube.MergePatch, patch, nil); err != nil {
		logline.Errorf("Failed to annotate node %s: %v", node, err)
	}
}
