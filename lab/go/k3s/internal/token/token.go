// SPDX-License-Identifier: GPL-3.0-or-later

// Package token reads, writes and checks the token that joins a host to a cluster.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	prefix     = "K10"
	hashLength = sha256.Size * 2
)

// The errors that K3s gives for a token that cannot be read.
var (
	ErrEmpty  = errors.New("token must not be empty")
	ErrHash   = errors.New("invalid token CA hash length")
	ErrFormat = errors.New("invalid token format")
)

// Token is what a token text says; Hash is empty in the short form.
type Token struct {
	Hash     string
	User     string
	Password string
}

// Parse reads the full form `K10<hash>::<user>:<password>` or a bare password.
func Parse(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Token{}, ErrEmpty
	}
	if !strings.HasPrefix(text, prefix) {
		return Token{Password: text}, nil
	}
	hash, credentials, found := strings.Cut(strings.TrimPrefix(text, prefix), "::")
	if !found {
		return Token{}, ErrFormat
	}
	if len(hash) != hashLength {
		return Token{}, ErrHash
	}
	user, password, found := strings.Cut(credentials, ":")
	if !found || password == "" {
		return Token{}, ErrFormat
	}
	return Token{Hash: hash, User: user, Password: password}, nil
}

// Format is the full form for a user of the cluster with this authority.
func Format(caPEM []byte, user, password string) (string, error) {
	hash, err := Hash(caPEM)
	if err != nil {
		return "", err
	}
	return prefix + hash + "::" + user + ":" + password, nil
}

// Hash is the digest a full token carries: of the file for one certificate, of the root for a bundle.
func Hash(bundle []byte) (string, error) {
	var certs []*x509.Certificate
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", err
		}
		certs = append(certs, cert)
	}
	switch len(certs) {
	case 0:
		return "", errors.New("no certificates in the CA bundle")
	case 1:
		return digest(bundle), nil
	}
	root, err := rootOf(certs)
	if err != nil {
		return "", err
	}
	return digest(root.Raw), nil
}

func rootOf(certs []*x509.Certificate) (*x509.Certificate, error) {
	for _, cert := range certs {
		if cert.IsCA && cert.CheckSignatureFrom(cert) == nil {
			return cert, nil
		}
	}
	return nil, errors.New("no root certificate in the CA bundle")
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// NewPassword is a random secret of the length K3s makes.
func NewPassword() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// NewBootstrap is a random token of the bootstrap form.
func NewBootstrap() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	raw := make([]byte, 22)
	_, _ = rand.Read(raw)
	for i, b := range raw {
		raw[i] = letters[int(b)%len(letters)]
	}
	return fmt.Sprintf("%s.%s", raw[:6], raw[6:])
}
