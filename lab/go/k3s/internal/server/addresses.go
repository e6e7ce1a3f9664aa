// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"baremesh.edge/lab/k3s/internal/agent"
	"baremesh.edge/lab/k3s/internal/config"
)

const (
	firstHost = 1
	dnsHost   = 10
)

// addresses is the cluster's plan of networks; with two families each list has two entries.
type addresses struct {
	cluster []netip.Prefix
	service []netip.Prefix
	dns     []netip.Addr
	api     []netip.Addr
	domain  string
}

func planAddresses(values *config.Values) (*addresses, error) {
	cluster, err := prefixes(values, "cluster-cidr", "10.42.0.0/16")
	if err != nil {
		return nil, err
	}
	service, err := prefixes(values, "service-cidr", "10.43.0.0/16")
	if err != nil {
		return nil, err
	}
	plan := &addresses{cluster: cluster, service: service, domain: values.String("cluster-domain", "cluster.local")}
	for _, prefix := range service {
		plan.api = append(plan.api, nth(prefix, firstHost))
	}
	for _, text := range values.Split("cluster-dns") {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("invalid cluster-dns address: %w", err)
		}
		plan.dns = append(plan.dns, address)
	}
	if len(plan.dns) == 0 {
		for _, prefix := range service {
			plan.dns = append(plan.dns, nth(prefix, dnsHost))
		}
	}
	return plan, nil
}

func prefixes(values *config.Values, flag, fallback string) ([]netip.Prefix, error) {
	texts := values.Split(flag)
	if len(texts) == 0 {
		texts = []string{fallback}
	}
	parsed, err := agent.ParsePrefixes(texts)
	if err != nil {
		return nil, fmt.Errorf("invalid %s: %w", flag, err)
	}
	if len(parsed) > 2 || (len(parsed) == 2 && parsed[0].Addr().Is4() == parsed[1].Addr().Is4()) {
		return nil, fmt.Errorf("invalid %s %v: at most one network of each IP version is allowed", flag, texts)
	}
	return parsed, nil
}

func nth(prefix netip.Prefix, n int) netip.Addr {
	address := prefix.Masked().Addr()
	for range n {
		address = address.Next()
	}
	return address
}

// kubeconfigMode reads an octal mode; what cannot be one is the user's mistake.
func kubeconfigMode(text string) (os.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("failed to parse write-kubeconfig-mode %q: an octal file mode is expected", text)
	}
	return os.FileMode(mode), nil
}

func (s *Server) advertisedPort() (int, error) {
	text := s.values.String("advertise-port", s.port)
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("invalid port %q for advertise-port or https-listen-port", text)
	}
	return port, nil
}
