// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/network"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/runtime"
)

// datastoreURL is relative: kine and the API server run in the server's folder, as in K3s.
const datastoreURL = "unix://kine.sock"

func (s *Server) startDatastore(ctx context.Context) error {
	if s.member != nil {
		return s.startEtcd(ctx)
	}
	child := proc.Child{
		Name: "kine", Path: filepath.Join(s.bin, "kine"), Dir: s.dir, Env: proc.Environment(s.bin),
		Args: []string{"--listen-address", datastoreURL, "--metrics-bind-address", "0"},
	}
	if err := s.group.Start(child); err != nil {
		return err
	}
	return runtime.WaitSocket(ctx, s.path("kine.sock"))
}

func (s *Server) startAPIServer() error {
	issuer := "https://kubernetes.default.svc." + s.net.domain
	args := map[string]string{
		"advertise-address":                  s.values.String("advertise-address", s.ips[0].String()),
		"allow-privileged":                   "true",
		"anonymous-auth":                     "false",
		"api-audiences":                      issuer + ",k3s",
		"authorization-mode":                 "Node,RBAC",
		"bind-address":                       "127.0.0.1",
		"cert-dir":                           s.path("tls/temporary-certs"),
		"client-ca-file":                     s.path("tls/client-ca.crt"),
		"enable-admission-plugins":           "NodeRestriction",
		"enable-aggregator-routing":          "true",
		"enable-bootstrap-token-auth":        "true",
		"endpoint-reconciler-type":           "none",
		"etcd-servers":                       datastoreURL,
		"kubelet-certificate-authority":      s.path("tls/server-ca.crt"),
		"kubelet-client-certificate":         s.path("tls/client-kube-apiserver.crt"),
		"kubelet-client-key":                 s.path("tls/client-kube-apiserver.key"),
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"profiling":                          "false",
		"proxy-client-cert-file":             s.path("tls/client-auth-proxy.crt"),
		"proxy-client-key-file":              s.path("tls/client-auth-proxy.key"),
		"requestheader-allowed-names":        "system:auth-proxy",
		"requestheader-client-ca-file":       s.path("tls/request-header-ca.crt"),
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"secure-port":                        "6444",
		"service-account-issuer":             issuer,
		"service-account-key-file":           s.path("tls/service.key"),
		"service-account-signing-key-file":   s.path("tls/service.key"),
		"service-cluster-ip-range":           network.Join(s.net.service),
		"service-node-port-range":            s.values.String("service-node-port-range", "30000-32767"),
		"storage-backend":                    "etcd3",
		"tls-cert-file":                      s.path("tls/serving-kube-apiserver.crt"),
		"tls-private-key-file":               s.path("tls/serving-kube-apiserver.key"),
	}
	if s.member != nil {
		args["etcd-servers"] = etcd.Local
		args["etcd-cafile"] = s.path("tls/etcd/server-ca.crt")
		args["etcd-certfile"] = s.path("tls/etcd/client.crt")
		args["etcd-keyfile"] = s.path("tls/etcd/client.key")
	}
	return s.start("kube-apiserver", args)
}

// elect is for clusters of several servers: alone, waiting for the lease of the last start costs 15 s.
func (s *Server) elect() string { return strconv.FormatBool(s.member != nil) }

func (s *Server) startControllers() error {
	if !s.values.Bool("disable-controller-manager") {
		if err := s.startControllerManager(); err != nil {
			return err
		}
	}
	if s.values.Bool("disable-scheduler") {
		return nil
	}
	kubeconfig := s.path("cred/scheduler.kubeconfig")
	return s.start("kube-scheduler", map[string]string{
		"authentication-kubeconfig": kubeconfig,
		"authorization-kubeconfig":  kubeconfig,
		"bind-address":              "127.0.0.1",
		"kubeconfig":                kubeconfig,
		"leader-elect":              s.elect(),
		"profiling":                 "false",
		"secure-port":               "10259",
	})
}

func (s *Server) startControllerManager() error {
	kubeconfig := s.path("cred/controller.kubeconfig")
	clientCA, serverCA := s.path("tls/client-ca"), s.path("tls/server-ca")
	args := map[string]string{
		"allocate-node-cidrs":       "true",
		"authentication-kubeconfig": kubeconfig,
		"authorization-kubeconfig":  kubeconfig,
		"bind-address":              "127.0.0.1",
		"cluster-cidr":              network.Join(s.net.cluster),
		"cluster-signing-kube-apiserver-client-cert-file": clientCA + ".crt",
		"cluster-signing-kube-apiserver-client-key-file":  clientCA + ".key",
		"cluster-signing-kubelet-client-cert-file":        clientCA + ".crt",
		"cluster-signing-kubelet-client-key-file":         clientCA + ".key",
		"cluster-signing-kubelet-serving-cert-file":       serverCA + ".crt",
		"cluster-signing-kubelet-serving-key-file":        serverCA + ".key",
		"cluster-signing-legacy-unknown-cert-file":        serverCA + ".crt",
		"cluster-signing-legacy-unknown-key-file":         serverCA + ".key",
		"configure-cloud-routes":                          "false",
		"controllers":                                     "*,tokencleaner",
		// At the usual 20 requests a second the controllers alone need 4 s to start.
		"kube-api-burst":                   "300",
		"kube-api-qps":                     "200",
		"kubeconfig":                       kubeconfig,
		"leader-elect":                     s.elect(),
		"profiling":                        "false",
		"root-ca-file":                     serverCA + ".crt",
		"secure-port":                      "10257",
		"service-account-private-key-file": s.path("tls/service.key"),
		"service-cluster-ip-range":         network.Join(s.net.service),
		"use-service-account-credentials":  "true",
	}
	return s.start("kube-controller-manager", args)
}

func (s *Server) start(name string, args map[string]string) error {
	line := proc.MergeArgs(args, s.values.List(name+"-arg"))
	logline.Infof("Running %s %s", name, strings.Join(line, " "))
	return s.group.Start(proc.Child{
		Name: name, Path: filepath.Join(s.bin, name), Args: line, Dir: s.dir, Env: proc.Environment(s.bin),
	})
}
