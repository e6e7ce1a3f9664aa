// SPDX-License-Identifier: GPL-3.0-or-later

package multicall

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	known := func(name string) bool { return name == "kubectl" || name == "kubelet" }
	for _, c := range []struct {
		argv []string
		name string
		args []string
	}{
		{[]string{"/data/bin/kubelet", "--v=2"}, "kubelet", []string{"/data/bin/kubelet", "--v=2"}},
		{[]string{"/data/bin/kubernetes", "kubectl", "get", "kubelet"}, "kubectl", []string{"kubectl", "get", "kubelet"}},
		// The name of the file counts first: an argument may be a program's name, too.
		{[]string{"kubectl", "kubelet"}, "kubectl", []string{"kubectl", "kubelet"}},
		{[]string{"kubernetes"}, "", nil},
		{[]string{"kubernetes", "etcd"}, "", nil},
		{nil, "", nil},
	} {
		name, args, ok := Choose(c.argv, known)
		if name != c.name || !slices.Equal(args, c.args) || ok != (c.name != "") {
			t.Errorf("%q: got %q %q %v", c.argv, name, args, ok)
		}
	}
}
