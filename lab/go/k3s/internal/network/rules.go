// SPDX-License-Identifier: GPL-3.0-or-later

package network

import (
	"context"
	"fmt"
	"net/netip"
)

// The chains have flannel's names: K3s's kill and install scripts clear rules by that word.
const (
	masqueradeChain = "FLANNEL-POSTRTG"
	forwardChain    = "FLANNEL-FWD"
)

// EnsureRules lets pod traffic pass and hides pods behind the node's address towards the outside.
func EnsureRules(ctx context.Context, clusterCIDRs []netip.Prefix) error {
	for _, prefix := range clusterCIDRs {
		tool, multicast := "iptables", "224.0.0.0/4"
		if prefix.Addr().Is6() {
			tool, multicast = "ip6tables", "ff00::/8"
		}
		cidr := prefix.String()
		chains := []struct {
			table, chain, hook string
			rules              [][]string
		}{
			{"nat", masqueradeChain, "POSTROUTING", [][]string{
				{"-s", cidr, "-d", cidr, "-m", "comment", "--comment", "flanneld masq", "-j", "RETURN"},
				{"-s", cidr, "!", "-d", multicast, "-m", "comment", "--comment", "flanneld masq", "-j", "MASQUERADE", "--random-fully"},
			}},
			{"filter", forwardChain, "FORWARD", [][]string{
				{"-s", cidr, "-m", "comment", "--comment", "flanneld forward", "-j", "ACCEPT"},
				{"-d", cidr, "-m", "comment", "--comment", "flanneld forward", "-j", "ACCEPT"},
			}},
		}
		for _, c := range chains {
			if err := ensureChain(ctx, tool, c.table, c.chain, c.hook, c.rules); err != nil {
				return err
			}
		}
	}
	return nil
}

func ensureChain(ctx context.Context, tool, table, chain, hook string, rules [][]string) error {
	base := []string{"-w", "-t", table}
	// A chain that is there already is no error, and -N has no way to say so.
	_ = run(ctx, tool, append(base, "-N", chain)...)
	jump := []string{"-m", "comment", "--comment", fmt.Sprintf("flanneld %s", hook), "-j", chain}
	if err := ensureRule(ctx, tool, base, hook, jump); err != nil {
		return err
	}
	for _, rule := range rules {
		if err := ensureRule(ctx, tool, base, chain, rule); err != nil {
			return err
		}
	}
	return nil
}

func ensureRule(ctx context.Context, tool string, base []string, chain string, rule []string) error {
	with := func(action string) []string {
		args := append([]string{}, base...)
		return append(append(args, action, chain), rule...)
	}
	if run(ctx, tool, with("-C")...) == nil {
		return nil
	}
	return run(ctx, tool, with("-A")...)
}
