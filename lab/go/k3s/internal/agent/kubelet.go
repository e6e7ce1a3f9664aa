// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/runtime"
)

func (n *Node) startKubelet() error {
	resolvConf, err := n.resolvConf()
	if err != nil {
		return err
	}
	dropIns := n.path("etc/kubelet.conf.d")
	for _, dir := range []string{dropIns, n.path("pod-manifests")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(n.kubeletConfig(resolvConf), "", "  ")
	if err != nil {
		return err
	}
	if err := pki.WriteFile(filepath.Join(dropIns, "00-k3s-defaults.conf"), text, 0o600); err != nil {
		return err
	}
	args := map[string]string{
		"config-dir":        dropIns,
		"hostname-override": n.Name,
		"kubeconfig":        n.path("kubelet.kubeconfig"),
		"node-ip":           network.Join(n.IPs),
	}
	if labels := n.Values.List("node-label"); len(labels) > 0 {
		args["node-labels"] = strings.Join(labels, ",")
	}
	if taints := n.Values.List("node-taint"); len(taints) > 0 {
		args["register-with-taints"] = strings.Join(taints, ",")
	}
	return n.startProgram("kubelet", args, n.Values.List("kubelet-arg"))
}

// kubeletConfig is JSON, which the kubelet reads as the YAML it expects.
func (n *Node) kubeletConfig(resolvConf string) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true, "cacheTTL": "2m0s"},
			"x509":      map[string]any{"clientCAFile": n.path("client-ca.crt")},
		},
		"authorization":            map[string]any{"mode": "Webhook"},
		"cgroupDriver":             "cgroupfs",
		"clusterDNS":               n.Cluster.ClusterDNS,
		"clusterDomain":            n.Cluster.ClusterDomain,
		"containerRuntimeEndpoint": "unix://" + runtime.Socket,
		"evictionHard":             map[string]string{"imagefs.available": "5%", "nodefs.available": "5%"},
		"evictionMinimumReclaim":   map[string]string{"imagefs.available": "10%", "nodefs.available": "10%"},
		"failSwapOn":               false,
		"healthzBindAddress":       "127.0.0.1",
		"protectKernelDefaults":    n.Values.Bool("protect-kernel-defaults"),
		"resolvConf":               resolvConf,
		"serializeImagePulls":      false,
		"staticPodPath":            n.path("pod-manifests"),
		"tlsCertFile":              n.path("serving-kubelet.crt"),
		"tlsPrivateKeyFile":        n.path("serving-kubelet.key"),
	}
}

func (n *Node) startKubeProxy() error {
	args := map[string]string{
		"cluster-cidr":                      strings.Join(n.Cluster.ClusterCIDRs, ","),
		"conntrack-max-per-core":            "0",
		"conntrack-tcp-timeout-established": "0s",
		"conntrack-tcp-timeout-close-wait":  "0s",
		"healthz-bind-address":              "127.0.0.1",
		"hostname-override":                 n.Name,
		"kubeconfig":                        n.path("kubeproxy.kubeconfig"),
		"proxy-mode":                        "iptables",
	}
	return n.startProgram("kube-proxy", args, n.Values.List("kube-proxy-arg"))
}

func (n *Node) startProgram(name string, args map[string]string, extra []string) error {
	line := proc.MergeArgs(args, extra)
	logline.Infof("Running %s %s", name, strings.Join(line, " "))
	return n.Group.Start(proc.Child{
		Name: name, Path: filepath.Join(n.Bin, name), Args: line, Env: proc.Environment(n.Bin),
	})
}
