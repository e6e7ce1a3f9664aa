// SPDX-License-Identifier: GPL-3.0-or-later

package network

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/logline"
)

var modules = []string{
	"overlay", "nf_conntrack", "br_netfilter", "iptable_nat", "iptable_filter",
	"nft-expr-counter", "nfnetlink-subsys-11", "nft-chain-2-nat",
}

var sysctls = []struct{ name, value string }{
	{"net/ipv4/conf/all/forwarding", "1"},
	{"net/ipv4/conf/default/forwarding", "1"},
	{"net/bridge/bridge-nf-call-iptables", "1"},
	{"net/ipv6/conf/all/forwarding", "1"},
	{"net/ipv6/conf/default/forwarding", "1"},
	{"net/bridge/bridge-nf-call-ip6tables", "1"},
}

// PrepareHost loads modules and sets sysctls; as in K3s, what fails is only said.
func PrepareHost(ctx context.Context) {
	for _, module := range modules {
		loadModule(ctx, module)
	}
	for _, setting := range sysctls {
		path := filepath.Join("/proc/sys", setting.name)
		if current, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(current)) == setting.value {
			continue
		}
		if err := os.WriteFile(path, []byte(setting.value), 0o640); err != nil {
			logline.Errorf("Failed to set sysctl: %v", err)
			continue
		}
		logline.Infof("Set sysctl '%s' to %s", setting.name, setting.value)
	}
}

func loadModule(ctx context.Context, module string) {
	if _, err := os.Stat(filepath.Join("/sys/module", module)); err == nil {
		logline.Infof("Module %s was already loaded", module)
		return
	}
	if err := exec.CommandContext(ctx, "modprobe", "--", module).Run(); err != nil {
		logline.Warnf("Failed to load kernel module %s with modprobe", module)
	}
}
