// SPDX-License-Identifier: GPL-3.0-or-later

package network

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"strings"

	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
)

// routeProtocol marks our routes, so that those of a former run are found again.
const routeProtocol = "98"

// Routes keeps a route to every other node's pods by that node's address (host-gw).
type Routes struct {
	self    string
	current map[netip.Prefix]netip.Addr
}

// NewRoutes takes over what a former run has left.
func NewRoutes(self string) *Routes {
	return &Routes{self: self, current: leftRoutes()}
}

func leftRoutes() map[netip.Prefix]netip.Addr {
	left := map[netip.Prefix]netip.Addr{}
	for _, family := range []string{"-4", "-6"} {
		output, err := exec.Command("ip", family, "route", "show", "proto", routeProtocol).Output()
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(output)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || fields[1] != "via" {
				continue
			}
			prefix, errPrefix := netip.ParsePrefix(fields[0])
			gateway, errGateway := netip.ParseAddr(fields[2])
			if errPrefix == nil && errGateway == nil {
				left[prefix] = gateway
			}
		}
	}
	return left
}

// NodesChanged adds, changes and removes routes.
func (r *Routes) NodesChanged(ctx context.Context, nodes map[string]kube.Node) {
	needed := routesTo(nodes, r.self)
	if maps.Equal(needed, r.current) {
		return
	}
	for prefix, gateway := range needed {
		if r.current[prefix] == gateway {
			continue
		}
		if err := ip(ctx, prefix, "route", "replace", prefix.String(), "via", gateway.String(), "proto", routeProtocol); err != nil {
			logline.Errorf("Failed to add route to %s via %s: %v", prefix, gateway, err)
			continue
		}
		r.current[prefix] = gateway
		logline.Infof("Adding route to %s via %s", prefix, gateway)
	}
	for prefix := range maps.Clone(r.current) {
		if _, ok := needed[prefix]; ok {
			continue
		}
		if err := ip(ctx, prefix, "route", "del", prefix.String(), "proto", routeProtocol); err != nil {
			logline.Errorf("Failed to remove route to %s: %v", prefix, err)
		}
		delete(r.current, prefix)
	}
}

// NodeDeleted needs no more than the change of the set.
func (r *Routes) NodeDeleted(context.Context, string) {}

func routesTo(nodes map[string]kube.Node, self string) map[netip.Prefix]netip.Addr {
	needed := map[netip.Prefix]netip.Addr{}
	for name, node := range nodes {
		if name == self {
			continue
		}
		for _, prefix := range PodCIDRs(node) {
			for _, text := range node.InternalIPs() {
				address, err := netip.ParseAddr(text)
				if err == nil && address.Is4() == prefix.Addr().Is4() {
					needed[prefix] = address
				}
			}
		}
	}
	return needed
}

// PodCIDRs are the node's pod networks.
func PodCIDRs(node kube.Node) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range node.Spec.PodCIDRs {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

func ip(ctx context.Context, prefix netip.Prefix, args ...string) error {
	family := "-4"
	if prefix.Addr().Is6() {
		family = "-6"
	}
	return run(ctx, "ip", append([]string{family}, args...)...)
}

func run(ctx context.Context, name string, args ...string) error {
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}
