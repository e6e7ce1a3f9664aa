// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"baremesh.edge/lab/k3s/internal/bundle"
	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/runtime"
)

const adminKubeconfig = "/etc/rancher/k3s/k3s.yaml"

// runTool becomes the tool of that name, with K3s's kubeconfig and socket as defaults.
func runTool(name string, args []string) {
	if name == "crictl" {
		logline.Fatalf("crictl is not in the lab's stand-in; use `k3s ctr --namespace k8s.io`")
	}
	dataDir := os.Getenv("K3S_DATA_DIR")
	if dataDir == "" {
		dataDir = config.DefaultDataDir
	}
	bin, err := bundle.Extract(dataDir)
	if err != nil {
		fatal(err)
	}
	env := os.Environ()
	switch name {
	case "kubectl":
		if os.Getenv("KUBECONFIG") == "" && !hasFlag(args, "--kubeconfig") && readable(adminKubeconfig) {
			env = append(env, "KUBECONFIG="+adminKubeconfig)
		}
	case "ctr":
		if os.Getenv("CONTAINERD_ADDRESS") == "" {
			env = append(env, "CONTAINERD_ADDRESS="+runtime.Socket)
		}
		if os.Getenv("CONTAINERD_NAMESPACE") == "" {
			env = append(env, "CONTAINERD_NAMESPACE=k8s.io")
		}
	}
	path := filepath.Join(bin, name)
	logline.Fatalf("%s: %v", path, syscall.Exec(path, append([]string{name}, args...), env))
}

func hasFlag(args []string, flag string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return arg == flag || strings.HasPrefix(arg, flag+"=")
	})
}

func readable(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	return file.Close() == nil
}
