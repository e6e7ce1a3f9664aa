// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"context"
	"maps"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/pause"
)

// mark puts labels and annotations on the Node, again and again until the API takes them.
// Labels of the configuration are renewed at each start and never removed.
func (s *self) mark(ctx context.Context) {
	const markPause = time.Second
	labels := map[string]string{}
	for _, label := range s.node.Values.List("node-label") {
		name, value, _ := strings.Cut(label, "=")
		labels[name] = value
	}
	maps.Copy(labels, s.node.RoleLabels)
	annotations, err := s.node.Values.Annotations()
	if err != nil {
		logline.Errorf("Failed to annotate the node: %v", err)
		return
	}
	if s.node.Annotations != nil {
		maps.Copy(annotations, s.node.Annotations())
	}
	annotations["k3s.io/hostname"] = s.node.Name
	annotations["k3s.io/internal-ip"] = network.Join(s.node.IPs)
	for {
		err := s.client.PatchNode(ctx, s.node.Name, labels, annotations)
		if err == nil {
			logline.Infof("Annotations and labels have been set successfully on node: %s", s.node.Name)
			close(s.registered)
			return
		}
		logline.Infof("Failed to set annotations and labels on node %s: %v", s.node.Name, err)
		if pause.For(ctx, markPause) != nil {
			return
		}
	}
}
