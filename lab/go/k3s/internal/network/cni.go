// SPDX-License-Identifier: GPL-3.0-or-later

package network

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"

	"baremesh.edge/lab/k3s/internal/pki"
)

// Bridge is the name K3s's kill script knows.
const Bridge = "cni0"

// WriteCNI writes the pod network of this node; the file has the name that K3s uses.
func WriteCNI(dir string, podCIDRs []netip.Prefix) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(cniConfig(podCIDRs), "", "  ")
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(dir, "10-flannel.conflist"), append(text, '\n'), 0o600)
}

func cniConfig(podCIDRs []netip.Prefix) map[string]any {
	var ranges [][]map[string]string
	var routes []map[string]string
	for _, prefix := range podCIDRs {
		ranges = append(ranges, []map[string]string{{"subnet": prefix.String()}})
		everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if prefix.Addr().Is6() {
			everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		routes = append(routes, map[string]string{"dst": everywhere.String()})
	}
	return map[string]any{
		"name":       "cbr0",
		"cniVersion": "1.0.0",
		"plugins": []map[string]any{
			{
				"type": "bridge", "bridge": Bridge, "isGateway": true, "hairpinMode": true,
				"forceAddress": true, "ipMasq": false,
				"ipam": map[string]any{"type": "host-local", "ranges": ranges, "routes": routes},
			},
			{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}
}
