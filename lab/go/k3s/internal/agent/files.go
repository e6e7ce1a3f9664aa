// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"baremesh.edge/lab/k3s/internal/pki"
)

// PasswordFile survives an uninstall: it is how a host proves to be the one that had its name.
const PasswordFile = "/etc/rancher/node/password"

// EnsurePassword reads the node's password or makes it.
func EnsurePassword(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	password := hex.EncodeToString(raw)
	return password, pki.WriteFile(path, []byte(password+"\n"), 0o600)
}

// MakeDirs makes the agent's folder and those below it that others write to.
func (n *Node) MakeDirs() error {
	if err := os.MkdirAll(n.Dir(), 0o700); err != nil {
		return err
	}
	for _, name := range []string{"images", "etc"} {
		if err := os.MkdirAll(n.path(name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// WriteKubeconfigs points the node's programs at the API, with certificates that lie beside.
func (n *Node) WriteKubeconfigs() error {
	for file, base := range map[string]string{
		"kubelet.kubeconfig":       "client-kubelet",
		"kubeproxy.kubeconfig":     "client-kube-proxy",
		"k3scontroller.kubeconfig": "client-k3s-controller",
	} {
		err := pki.WriteComponentKubeconfig(n.path(file), n.API, n.path("server-ca.crt"), n.path(base))
		if err != nil {
			return err
		}
	}
	return nil
}
