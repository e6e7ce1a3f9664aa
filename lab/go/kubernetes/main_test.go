// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		argv []string
		name string
		args []string
	}{
		{[]string{"/data/bin/kubelet", "--v=2"}, "kubelet", []string{"/data/bin/kubelet", "--v=2"}},
		{[]string{"/data/bin/kubernetes", "kubectl", "get", "kubelet"}, "kubectl", []string{"kubectl", "get", "kubelet"}},
		// The name of the file counts first: kubectl has arguments that are names of programs.
		{[]string{"kubectl", "kube-proxy"}, "kubectl", []string{"kubectl", "kube-proxy"}},
		{[]string{"kubernetes"}, "", nil},
		{[]string{"kubernetes", "etcd"}, "", nil},
		{nil, "", nil},
	} {
		name, args, ok := choose(c.argv)
		if name != c.name || !slices.Equal(args, c.args) || ok != (c.name != "") {
			t.Errorf("%q: got %q %q %v", c.argv, name, args, ok)
		}
	}
}

func TestNames(t *testing.T) {
	want := []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
