// SPDX-License-Identifier: GPL-3.0-or-later

package config

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// DefaultDataDir holds everything but configuration.
const DefaultDataDir = "/var/lib/rancher/k3s"

const maskedValue = "********"

// DataDir is the folder that holds the cluster's state on this host.
func (v *Values) DataDir() string { return v.String("data-dir", DefaultDataDir) }

// NodeName is the Node's name: the configured one or the host's, in lower case.
func (v *Values) NodeName() (string, error) {
	name := v.String("node-name", "")
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", err
		}
		name = strings.Split(host, ".")[0]
	}
	name = strings.ToLower(name)
	if name == "" || name == "localhost" {
		return "", fmt.Errorf("host name %q cannot name a node: set node-name", name)
	}
	if !v.Bool("with-node-id") {
		return name, nil
	}
	id, err := nodeID("/etc/rancher/node")
	if err != nil {
		return "", err
	}
	return name + "-" + id, nil
}

func nodeID(dir string) (string, error) {
	path := filepath.Join(dir, "id")
	if data, err := os.ReadFile(path); err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	raw := make([]byte, 4)
	_, _ = rand.Read(raw)
	id := hex.EncodeToString(raw)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return id, os.WriteFile(path, []byte(id+"\n"), 0o644)
}

// Annotations are those by which K3s shows a node's arguments, with secrets masked.
func (v *Values) Annotations() (map[string]string, error) {
	args := []string{string(v.Role)}
	for _, arg := range v.Args {
		name, value, inline := strings.Cut(arg, "=")
		args = append(args, name)
		switch {
		case inline && masked[longName(name)]:
			args = append(args, maskedValue)
		case inline:
			args = append(args, value)
		case len(args) > 2 && masked[longName(args[len(args)-2])]:
			args[len(args)-1] = maskedValue
		}
	}
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "K3S_") {
			continue
		}
		for flag, variable := range environment {
			if variable == name && masked[flag] {
				value = maskedValue
			}
		}
		env[name] = value
	}
	argsJSON, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	envJSON, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"k3s.io/node-args":        string(argsJSON),
		"k3s.io/node-env":         string(envJSON),
		"k3s.io/node-config-hash": hashOf(v.Args, env),
	}, nil
}

func longName(flag string) string {
	name := strings.TrimLeft(flag, "-")
	if long, ok := aliases[name]; ok {
		return long
	}
	return name
}

func hashOf(args []string, env map[string]string) string {
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	sort.Strings(names)
	sum := sha256.New()
	for _, arg := range args {
		_, _ = fmt.Fprintln(sum, arg)
	}
	for _, name := range names {
		_, _ = fmt.Fprintln(sum, name, env[name])
	}
	return base32.StdEncoding.EncodeToString(sum.Sum(nil))
}
