// SPDX-License-Identifier: GPL-3.0-or-later

package kube

import (
	"context"
	"net/http"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
)

// Metadata is the part of an object's metadata in use.
type Metadata struct {
	Name            string            `json:"name"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

// Node is the part of a Node in use.
type Node struct {
	Metadata Metadata `json:"metadata"`
	Spec     struct {
		PodCIDR  string   `json:"podCIDR"`
		PodCIDRs []string `json:"podCIDRs"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// InternalIPs are the addresses at which other nodes reach this one.
func (n Node) InternalIPs() []string {
	var ips []string
	for _, address := range n.Status.Addresses {
		if address.Type == "InternalIP" {
			ips = append(ips, address.Address)
		}
	}
	return ips
}

// NodeHandler gets the whole set after each change, and which Node went.
type NodeHandler interface {
	NodesChanged(ctx context.Context, nodes map[string]Node)
	NodeDeleted(ctx context.Context, name string)
}

const nodesPath = "/api/v1/nodes"

// WatchNodes keeps the handlers informed until the context ends; lost connections are taken up again.
func (c *Client) WatchNodes(ctx context.Context, handlers ...NodeHandler) {
	known := map[string]Node{}
	for ctx.Err() == nil {
		if err := c.watchNodesOnce(ctx, known, handlers); err != nil && ctx.Err() == nil {
			logline.Debugf("Watch of nodes ended: %v", err)
		}
		_ = pause.For(ctx, time.Second)
	}
}

func (c *Client) watchNodesOnce(ctx context.Context, known map[string]Node, handlers []NodeHandler) error {
	var list struct {
		Metadata Metadata `json:"metadata"`
		Items    []Node   `json:"items"`
	}
	if err := c.Get(ctx, nodesPath, &list); err != nil {
		return err
	}
	listed := map[string]Node{}
	for _, node := range list.Items {
		listed[node.Metadata.Name] = node
	}
	for name := range known {
		if _, ok := listed[name]; !ok {
			remove(ctx, known, name, handlers)
		}
	}
	for name, node := range listed {
		known[name] = node
	}
	notify(ctx, known, handlers)
	path := nodesPath + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" + list.Metadata.ResourceVersion
	return events(ctx, c, path, func(kind string, node Node) bool {
		switch kind {
		case "ADDED", "MODIFIED":
			known[node.Metadata.Name] = node
			notify(ctx, known, handlers)
		case "DELETED":
			remove(ctx, known, node.Metadata.Name, handlers)
			notify(ctx, known, handlers)
		case "ERROR":
			return false
		}
		return true
	})
}

func remove(ctx context.Context, known map[string]Node, name string, handlers []NodeHandler) {
	delete(known, name)
	for _, handler := range handlers {
		handler.NodeDeleted(ctx, name)
	}
}

func notify(ctx context.Context, known map[string]Node, handlers []NodeHandler) {
	for _, handler := range handlers {
		handler.NodesChanged(ctx, known)
	}
}

// PatchNode merges labels and annotations into a Node.
func (c *Client) PatchNode(ctx context.Context, name string, labels, annotations map[string]string) error {
	patch := map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}}
	return c.Do(ctx, http.MethodPatch, nodesPath+"/"+name, MergePatch, patch, nil)
}
