// SPDX-License-Identifier: GPL-3.0-or-later

package pki

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

const kubeconfigText = `apiVersion: v1
clusters:
- cluster:
    %s
    server: %s
  name: %s
contexts:
- context:
    cluster: %s
    user: %s
  name: %s
current-context: %s
kind: Config
preferences: {}
users:
- name: %s
  user:
    %s
    %s
`

// WriteComponentKubeconfig writes a kubeconfig that points at certificate files.
func WriteComponentKubeconfig(path, server, caFile, base string) error {
	text := fmt.Sprintf(kubeconfigText, "certificate-authority: "+caFile, server, "local", "local", "user",
		"Default", "Default", "user", "client-certificate: "+base+".crt", "client-key: "+base+".key")
	return WriteFile(path, []byte(text), 0o600)
}

// WriteAdminKubeconfig writes a kubeconfig that holds its certificates.
func WriteAdminKubeconfig(path, server, caFile, base string, mode os.FileMode) error {
	var fields []string
	for _, field := range []struct{ name, path string }{
		{"certificate-authority-data", caFile},
		{"client-certificate-data", base + ".crt"},
		{"client-key-data", base + ".key"},
	} {
		data, err := os.ReadFile(field.path)
		if err != nil {
			return err
		}
		fields = append(fields, field.name+": "+base64.StdEncoding.EncodeToString(data))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	const name = "default"
	text := fmt.Sprintf(kubeconfigText, fields[0], server, name, name, name, name, name, name, fields[1], fields[2])
	return WriteFile(path, []byte(text), mode)
}
