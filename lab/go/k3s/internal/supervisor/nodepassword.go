// SPDX-License-Identifier: GPL-3.0-or-later

package supervisor

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/kube"
	"baremesh.edge/lab/k3s/internal/logline"
)

const (
	secretsPath = "/api/v1/namespaces/kube-system/secrets"
	secretName  = ".node-password.k3s"
	hashMark    = "$lab1"
	iterations  = 4096
)

// ErrPassword means that a node of this name registered with another password.
var ErrPassword = errors.New("hash does not match")

// NodePasswords binds node names to the password they first came with.
type NodePasswords struct{ Client *kube.Client }

type secret struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   kube.Metadata     `json:"metadata"`
	Type       string            `json:"type,omitempty"`
	Immutable  bool              `json:"immutable,omitempty"`
	Data       map[string][]byte `json:"data"`
}

// Ensure compares the password with the node's, or records it for a new name.
func (n *NodePasswords) Ensure(ctx context.Context, node, password string) error {
	name := strings.ToLower(node) + secretName
	var found secret
	err := n.Client.Get(ctx, secretsPath+"/"+name, &found)
	if err == nil {
		return verify(string(found.Data["hash"]), password)
	}
	if !kube.IsCode(err, http.StatusNotFound) {
		return err
	}
	hash, err := newHash(password)
	if err != nil {
		return err
	}
	err = n.Client.Do(ctx, http.MethodPost, secretsPath, kube.JSON, secret{
		APIVersion: "v1", Kind: "Secret", Metadata: kube.Metadata{Name: name}, Type: "Opaque",
		Immutable: true, Data: map[string][]byte{"hash": []byte(hash)},
	}, nil)
	if kube.IsCode(err, http.StatusConflict) {
		return n.Ensure(ctx, node, password)
	}
	return err
}

// NodesChanged does not matter to passwords.
func (n *NodePasswords) NodesChanged(context.Context, map[string]kube.Node) {}

// NodeDeleted forgets the password, so that a rebuilt host may take the name.
func (n *NodePasswords) NodeDeleted(ctx context.Context, node string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := n.Client.Do(ctx, http.MethodDelete, secretsPath+"/"+node+secretName, "", nil, nil)
	if err != nil && !kube.IsCode(err, http.StatusNotFound) {
		logline.Errorf("Failed to delete the password secret of node %s: %v", node, err)
	}
}

func newHash(password string) (string, error) {
	salt := make([]byte, 8)
	_, _ = rand.Read(salt)
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%x:%x", hashMark, salt, key), nil
}

func verify(hash, password string) error {
	parts := strings.Split(hash, ":")
	if len(parts) != 3 || parts[0] != hashMark {
		return fmt.Errorf("unknown form of hash in the password secret")
	}
	salt, errSalt := hex.DecodeString(parts[1])
	want, errWant := hex.DecodeString(parts[2])
	if err := errors.Join(errSalt, errWant); err != nil {
		return err
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(key, want) != 1 {
		return ErrPassword
	}
	return nil
}
