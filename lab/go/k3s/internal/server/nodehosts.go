// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
)

// nodeHosts lets cluster DNS answer for node names, by the NodeHosts key of CoreDNS's ConfigMap.
type nodeHosts struct {
	client *kube.Client
	last   string
}

// NodesChanged writes the list anew if it differs.
func (h *nodeHosts) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	text := hostsText(nodes)
	if text == h.last {
		return
	}
	patch := map[string]any{"data": map[string]string{"NodeHosts": text}}
	err := h.client.Do(ctx, http.MethodPatch, "/api/v1/namespaces/kube-system/configmaps/coredns", kube.MergePatch, patch, nil)
	if err != nil {
		logline.Debugf("NodeHosts of CoreDNS not updated: %v", err)
		return
	}
	h.last = text
	logline.Infof("Updated coredns node hosts entry [%s]", strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

// NodeDeleted needs no more than the change of the set.
func (h *nodeHosts) NodeDeleted(context.Context, string) {}

func hostsText(nodes map[string]kube.Node) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		for _, address := range nodes[name].InternalIPs() {
			fmt.Fprintf(&text, "%s %s\n", address, name)
		}
	}
	return text.String()
}
