// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/supervisor"
	"baremesh.edge/lab/k3s/internal/token"
)

// critical is what K3s wants to be equal on all servers. agent-token is not among it: agents may read this.
func critical(values *config.Values, plan *addresses) map[string]string {
	settings := map[string]string{
		"cluster-cidr":         network.Join(plan.cluster),
		"service-cidr":         network.Join(plan.service),
		"cluster-dns":          network.Join(plan.dns),
		"cluster-domain":       plan.domain,
		"disable=servicelb":    strconv.FormatBool(slices.Contains(values.Split("disable"), "servicelb")),
		"egress-selector-mode": values.String("egress-selector-mode", "agent"),
		"flannel-backend":      values.String("flannel-backend", "vxlan"),
	}
	for _, name := range []string{
		"disable-cloud-controller", "disable-helm-controller", "disable-kube-proxy", "disable-network-policy",
		"embedded-registry", "flannel-external-ip", "flannel-ipv6-masq", "secrets-encryption",
	} {
		settings[name] = strconv.FormatBool(values.Bool(name))
	}
	return settings
}

// compareCritical ends the join of a server whose settings would make two clusters of one.
func (s *Server) compareCritical(ctx context.Context, cluster *token.Cluster) error {
	answer, err := cluster.Call(ctx, "/v1-k3s/config", nil, nil)
	if err != nil {
		return err
	}
	var theirs supervisor.ClusterConfig
	if err := json.Unmarshal(answer, &theirs); err != nil {
		return fmt.Errorf("%s/v1-k3s/config: %w", cluster.BaseURL, err)
	}
	ours := critical(s.values, s.net)
	var different []string
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if theirs.Critical[name] != ours[name] {
			different = append(different, name)
		}
	}
	if len(different) > 0 {
		return fmt.Errorf("critical configuration value mismatch between servers: %s", strings.Join(different, ", "))
	}
	return nil
}
