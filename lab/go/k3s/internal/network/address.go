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
)

const (
	routes4 = "/proc/net/route"
	routes6 = "/proc/net/ipv6_route"
)

// NodeIPs checks the configured addresses, or takes that of the interface with the default route.
func NodeIPs(configured []string) ([]netip.Addr, error) {
	if len(configured) > 0 {
		return parseAddresses(configured)
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

// SameFamilies returns whether two sets hold the same IP versions.
func SameFamilies(addresses []netip.Addr, prefixes []netip.Prefix) bool {
	var have, want [2]bool
	for _, address := range addresses {
		have[family(address)] = true
	}
	for _, prefix := range prefixes {
		want[family(prefix.Addr())] = true
	}
	return have == want
}

func family(address netip.Addr) int {
	if address.Is4() {
		return 0
	}
	return 1
}
