// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/agent"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/supervisor"
	"baremesh.edge/lab/k3s/internal/token"
)

type authorities struct {
	server, client, requestHeader *pki.CA
}

// prepare makes folders, token, certificates and kubeconfigs, or keeps those of the last start.
func (s *Server) prepare() error {
	if err := s.makeDirs(); err != nil {
		return err
	}
	if err := s.loadPasswords(); err != nil {
		return err
	}
	if err := s.makeAuthorities(); err != nil {
		return err
	}
	if err := s.makeCertificates(); err != nil {
		return err
	}
	if s.member != nil {
		if err := s.makeMemberCertificates(); err != nil {
			return err
		}
	}
	return s.writeTokens()
}

func (s *Server) makeDirs() error {
	for _, name := range []string{"", "tls", "tls/temporary-certs", "tls/etcd", "cred", "db", "manifests", "static"} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// loadPasswords takes the token from the configuration, from the last start, or makes one.
func (s *Server) loadPasswords() error {
	given, err := readSecret(s.values.String("token", ""), s.values.String("token-file", ""))
	if err != nil {
		return err
	}
	kept, err := readSecret("", s.path("token"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case given == "" && kept == "":
		given = token.NewPassword()
	case given == "":
		given = kept
	}
	password, err := passwordOf(given)
	if err != nil {
		return err
	}
	if kept != "" {
		old, err := passwordOf(kept)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path("token"), err)
		}
		if old != password {
			return errors.New("bootstrap data already found and encrypted with different token")
		}
	}
	s.secrets = supervisor.Passwords{Server: password, Agent: password}
	// K3s takes the whole text for the password, also where it has the full form of a token.
	agentSecret, err := readSecret(s.values.String("agent-token", ""), s.values.String("agent-token-file", ""))
	if err == nil && agentSecret != "" {
		s.secrets.Agent = agentSecret
	}
	return err
}

func readSecret(text, file string) (string, error) {
	if text != "" || file == "" {
		return strings.TrimSpace(text), nil
	}
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

func passwordOf(text string) (string, error) {
	parsed, err := token.Parse(text)
	return parsed.Password, err
}

func (s *Server) writeTokens() error {
	full, err := token.Format(s.pki.server.PEM, "server", s.secrets.Server)
	if err != nil {
		return err
	}
	if err := pki.WriteFile(s.path("token"), []byte(full+"\n"), 0o600); err != nil {
		return err
	}
	if err := link(s.path("token"), s.path("node-token")); err != nil {
		return err
	}
	if s.secrets.Agent == s.secrets.Server {
		return link(s.path("token"), s.path("agent-token"))
	}
	full, err = token.Format(s.pki.server.PEM, "node", s.secrets.Agent)
	if err != nil {
		return err
	}
	return pki.WriteFile(s.path("agent-token"), []byte(full+"\n"), 0o600)
}

func link(target, path string) error {
	if current, err := os.Readlink(path); err == nil && current == target {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, path)
}

func (s *Server) makeAuthorities() error {
	s.pki = &authorities{}
	for _, item := range []struct {
		ca   **pki.CA
		name string
	}{{&s.pki.server, "server"}, {&s.pki.client, "client"}, {&s.pki.requestHeader, "request-header"}} {
		ca, err := pki.EnsureCA(s.path("tls", item.name+"-ca"), "k3s-"+item.name+"-ca")
		if err != nil {
			return err
		}
		*item.ca = ca
	}
	_, err := pki.EnsureKey(s.path("tls/service.key"))
	return err
}

func (s *Server) makeCertificates() error {
	masters := []string{"system:masters"}
	for _, item := range []struct {
		name string
		ca   *pki.CA
		leaf pki.Leaf
	}{
		{"serving-kube-apiserver", s.pki.server, s.servingLeaf()},
		{"client-admin", s.pki.client, pki.Leaf{CN: "system:admin", Orgs: masters}},
		{"client-supervisor", s.pki.client, pki.Leaf{CN: "system:k3s-supervisor", Orgs: masters}},
		{"client-kube-apiserver", s.pki.client, pki.Leaf{CN: "system:apiserver", Orgs: masters}},
		{"client-controller", s.pki.client, pki.Leaf{CN: "system:kube-controller-manager"}},
		{"client-scheduler", s.pki.client, pki.Leaf{CN: "system:kube-scheduler"}},
		{"client-kube-proxy", s.pki.client, pki.Leaf{CN: "system:kube-proxy"}},
		{"client-k3s-controller", s.pki.client, pki.Leaf{CN: "system:k3s-controller"}},
		{"client-auth-proxy", s.pki.requestHeader, pki.Leaf{CN: "system:auth-proxy"}},
	} {
		if err := item.ca.EnsureLeaf(s.path("tls", item.name), item.leaf); err != nil {
			return err
		}
	}
	for name, base := range map[string]string{
		"admin": "client-admin", "controller": "client-controller", "scheduler": "client-scheduler",
		"supervisor": "client-supervisor",
	} {
		err := pki.WriteComponentKubeconfig(s.path("cred", name+".kubeconfig"), apiURL,
			s.path("tls/server-ca.crt"), s.path("tls", base))
		if err != nil {
			return err
		}
	}
	return nil
}

// servingLeaf names every way by which the API is reached.
func (s *Server) servingLeaf() pki.Leaf {
	leaf := pki.Leaf{
		CN: "k3s", Orgs: []string{"k3s"}, Server: true,
		DNS: []string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc." + s.net.domain, "localhost", s.name,
		},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	extra := append(s.values.Split("tls-san"), s.values.Split("node-external-ip")...)
	for _, address := range append(append([]netip.Addr{}, s.ips...), s.net.api...) {
		extra = append(extra, address.String())
	}
	for _, name := range append(extra, s.values.String("advertise-address", "")) {
		if address := net.ParseIP(name); address != nil {
			leaf.IPs = append(leaf.IPs, address)
		} else if name != "" {
			leaf.DNS = append(leaf.DNS, name)
		}
	}
	return leaf
}

// writeNodeFiles gives the server's own node what agents fetch over the network.
func (s *Server) writeNodeFiles(node *agent.Node) error {
	var ips []net.IP
	for _, address := range s.ips {
		ips = append(ips, address.AsSlice())
	}
	for _, item := range []struct {
		name string
		ca   *pki.CA
		leaf pki.Leaf
	}{
		{"serving-kubelet", s.pki.server, supervisor.ServingKubelet(s.name, ips)},
		{"client-kubelet", s.pki.client, supervisor.ClientKubelet(s.name)},
		{"client-kube-proxy", s.pki.client, pki.Leaf{CN: "system:kube-proxy"}},
		{"client-k3s-controller", s.pki.client, pki.Leaf{CN: "system:k3s-controller"}},
	} {
		base := filepath.Join(node.Dir(), item.name)
		if err := item.ca.EnsureLeaf(base, item.leaf); err != nil {
			return err
		}
		if err := os.Chmod(base+".crt", 0o600); err != nil {
			return err
		}
	}
	for name, ca := range map[string]*pki.CA{"server-ca.crt": s.pki.server, "client-ca.crt": s.pki.client} {
		if err := pki.WriteFile(filepath.Join(node.Dir(), name), ca.PEM, 0o600); err != nil {
			return err
		}
	}
	return node.WriteKubeconfigs()
}
