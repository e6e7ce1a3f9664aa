// SPDX-License-Identifier: GPL-3.0-or-later

package network

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"baremesh.edge/lab/k3s/internal/kube"
)

func node(t *testing.T, name string, podCIDRs, addresses []string) kube.Node {
	t.Helper()
	var status []map[string]string
	for _, address := range addresses {
		status = append(status, map[string]string{"type": "InternalIP", "address": address})
	}
	text, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"name": name},
		"spec":     map[string]any{"podCIDRs": podCIDRs},
		"status":   map[string]any{"addresses": append(status, map[string]string{"type": "Hostname", "address": name})},
	})
	if err != nil {
		t.Fatal(err)
	}
	var parsed kube.Node
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestWantedRoutes(t *testing.T) {
	nodes := map[string]kube.Node{
		"self":  node(t, "self", []string{"10.42.0.0/24"}, []string{"192.0.2.1"}),
		"dual":  node(t, "dual", []string{"10.42.1.0/24", "fd42:1::/64"}, []string{"192.0.2.2", "2001:db8::2"}),
		"four":  node(t, "four", []string{"10.42.2.0/24", "fd42:2::/64"}, []string{"192.0.2.3"}),
		"fresh": node(t, "fresh", nil, []string{"192.0.2.4"}),
	}
	want := map[netip.Prefix]netip.Addr{
		netip.MustParsePrefix("10.42.1.0/24"): netip.MustParseAddr("192.0.2.2"),
		netip.MustParsePrefix("fd42:1::/64"):  netip.MustParseAddr("2001:db8::2"),
		netip.MustParsePrefix("10.42.2.0/24"): netip.MustParseAddr("192.0.2.3"),
	}
	if got := routesTo(nodes, "self"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestCNIHasARangeForEachFamily(t *testing.T) {
	dir := t.TempDir()
	cidrs := []netip.Prefix{netip.MustParsePrefix("10.42.0.0/24"), netip.MustParsePrefix("fd42::/64")}
	if err := WriteCNI(dir, cidrs); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "10-flannel.conflist"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Plugins []struct {
			Type   string
			Bridge string
			IPAM   struct {
				Ranges [][]struct{ Subnet string }
				Routes []struct{ Dst string }
			}
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	bridge := config.Plugins[0]
	if bridge.Bridge != "cni0" || bridge.IPAM.Ranges[0][0].Subnet != "10.42.0.0/24" ||
		bridge.IPAM.Ranges[1][0].Subnet != "fd42::/64" || bridge.IPAM.Routes[1].Dst != "::/0" {
		t.Errorf("got %s", text)
	}
	if config.Plugins[1].Type != "portmap" {
		t.Errorf("no host ports: %s", text)
	}
}

func TestDefaultInterface(t *testing.T) {
	path := filepath.Join(t.TempDir(), "route")
	table := "Iface\tDestination\tGateway\neth1\t0000FEA9\t00000000\neth0\t00000000\t0100000A\n"
	for text, want := range map[string]string{table: "eth0", strings.ReplaceAll(table, "eth0", "lo"): "", "": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := defaultInterface(path, 0, 1, "00000000"); err != nil || got != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if got, err := defaultInterface(path+".gone", 0, 1, ""); err != nil || got != "" {
		t.Errorf("a missing table: %q, %v", got, err)
	}
}

func TestFamilies(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	net4, net6 := netip.MustParsePrefix("10.42.0.0/16"), netip.MustParsePrefix("fd42::/56")
	for _, test := range []struct {
		ips  []netip.Addr
		nets []netip.Prefix
		want bool
	}{
		{[]netip.Addr{four}, []netip.Prefix{net4}, true},
		{[]netip.Addr{six, four}, []netip.Prefix{net4, net6}, true},
		{[]netip.Addr{four}, []netip.Prefix{net4, net6}, false},
		{[]netip.Addr{six}, []netip.Prefix{net4}, false},
		{[]netip.Addr{four, six}, []netip.Prefix{net4}, true},
	} {
		if got := Covers(test.ips, test.nets); got != test.want {
			t.Errorf("%v and %v: %v", test.ips, test.nets, got)
		}
	}
	if !SameFamilies([]netip.Prefix{net4, net6}, []netip.Prefix{net6, net4}) || SameFamilies([]netip.Prefix{net4}, []netip.Prefix{net4, net6}) {
		t.Error("networks are compared by IP version in both directions")
	}
}

func TestNodeIPsRefusesNonsense(t *testing.T) {
	if _, err := NodeIPs([]string{"192.0.2.300"}, ""); err == nil {
		t.Error("accepted")
	}
	if _, err := NodeIPs(nil, "no-such-interface"); err == nil {
		t.Error("accepted an interface that is not there")
	}
	got, err := NodeIPs([]string{"192.0.2.1", "2001:db8::1"}, "no-such-interface")
	if err != nil || Join(got) != "192.0.2.1,2001:db8::1" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAnInterfaceGivesOneAddressOfEachFamily(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1/24":                              "192.0.2.1",
		"192.0.2.1/24 fe80::1/64 2001:db8::1/64":    "192.0.2.1,2001:db8::1",
		"2001:db8::1/64 2001:db8::2/64 127.0.0.1/8": "2001:db8::1",
		"192.0.2.1/24 192.0.2.2/24":                 "",
		"fe80::1/64 169.254.1.1/16":                 "",
	} {
		var entries []net.Addr
		for field := range strings.FieldsSeq(text) {
			ip, network, err := net.ParseCIDR(field)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		got, err := chooseAddresses(entries)
		if Join(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}
