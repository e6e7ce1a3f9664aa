// SPDX-License-Identifier: GPL-3.0-or-later

// Package network finds the node's addresses and makes pods reachable: CNI, routes, packet rules.
package network

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"

	"baremesh.edge/lab/k3s/internal/logline"
)

const (
	routes4 = "/proc/net/route"
	routes6 = "/proc/net/ipv6_route"
)

// NodeIPs checks the configured addresses, or takes those of flannel's interface if it is given,
// else that of the interface with the default route.
func NodeIPs(configured []string, flannelInterface string) ([]netip.Addr, error) {
	if len(configured) > 0 {
		return parseAddresses(configured)
	}
	if flannelInterface != "" {
		return interfaceAddresses(flannelInterface)
	}
	if name, err := defaultInterface(routes4, 0, 1, "00000000"); err != nil {
		return nil, err
	} else if name != "" {
		return firstAddress(name, netip.Addr.Is4)
	}
	name, err := defaultInterface(routes6, 9, 0, strings.Repeat("0", 32))
	if err != nil {
		return nil, err
	}
	if name == "" || name == "lo" {
		return nil, fmt.Errorf("no default routes found in %q or %q", routes4, routes6)
	}
	return firstAddress(name, netip.Addr.Is6)
}

// interfaceAddresses are the addresses that K3s takes from an interface: its one global IPv4
// address, and its first global IPv6 address.
func interfaceAddresses(name string) ([]netip.Addr, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s does not have a correct global unicast ip: %w", name, err)
	}
	entries, err := device.Addrs()
	if err != nil {
		return nil, err
	}
	addresses, err := chooseAddresses(entries)
	if err != nil {
		return nil, fmt.Errorf("interface %s does not have a correct global unicast ip: %w", name, err)
	}
	logline.Infof("Found ip %s from iface %s", Join(addresses), name)
	return addresses, nil
}

func chooseAddresses(entries []net.Addr) ([]netip.Addr, error) {
	var four, six []netip.Addr
	for _, entry := range entries {
		prefix, err := netip.ParsePrefix(entry.String())
		switch address := prefix.Addr(); {
		case err != nil || !address.IsGlobalUnicast():
		case address.Is4():
			four = append(four, address)
		default:
			six = append(six, address)
		}
	}
	if len(four) > 1 {
		return nil, fmt.Errorf("multiple global unicast addresses defined, please set ip from one of [%s]", Join(four))
	}
	chosen := append(four, six[:min(len(six), 1)]...)
	if len(chosen) == 0 {
		return nil, errors.New("can't find ip")
	}
	return chosen, nil
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("invalid node-ip: %w", err)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func defaultInterface(path string, nameField, destinationField int, zero string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > max(nameField, destinationField) && fields[destinationField] == zero && fields[nameField] != "lo" {
			return fields[nameField], nil
		}
	}
	return "", nil
}

func firstAddress(name string, family func(netip.Addr) bool) ([]netip.Addr, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	addresses, err := device.Addrs()
	if err != nil {
		return nil, err
	}
	for _, entry := range addresses {
		prefix, err := netip.ParsePrefix(entry.String())
		if err == nil && family(prefix.Addr()) && prefix.Addr().IsGlobalUnicast() {
			return []netip.Addr{prefix.Addr()}, nil
		}
	}
	return nil, fmt.Errorf("the interface %s with the default route has no global address", name)
}

// Join writes addresses or prefixes with commas, as the Kubernetes flags take them.
func Join[T fmt.Stringer](items []T) string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, item.String())
	}
	return strings.Join(texts, ",")
}

// Covers returns whether the addresses hold every IP version that the prefixes have; more is no harm.
func Covers(addresses []netip.Addr, prefixes []netip.Prefix) bool {
	have := families(addresses)
	for _, prefix := range prefixes {
		if !have[family(prefix.Addr())] {
			return false
		}
	}
	return true
}

// SameFamilies returns whether two sets of networks hold the same IP versions.
func SameFamilies(first, second []netip.Prefix) bool {
	var have, others []netip.Addr
	for _, prefix := range first {
		have = append(have, prefix.Addr())
	}
	for _, prefix := range second {
		others = append(others, prefix.Addr())
	}
	return families(have) == families(others)
}

func families(addresses []netip.Addr) [2]bool {
	var have [2]bool
	for _, address := range addresses {
		have[family(address)] = true
	}
	return have
}

func family(address netip.Addr) int {
	if address.Is4() {
		return 0
	}
	return 1
}
