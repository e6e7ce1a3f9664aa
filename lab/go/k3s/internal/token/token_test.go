// SPDX-License-Identifier: GPL-3.0-or-later

package token

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"baremesh.edge/lab/k3s/internal/pki"
)

var someHash = strings.Repeat("ab", 32)

func TestParse(t *testing.T) {
	for text, want := range map[string]Token{
		"secret":                             {Password: "secret"},
		"  secret\n":                         {Password: "secret"},
		"K10" + someHash + "::server:secret": {Hash: someHash, User: "server", Password: "secret"},
		"K10" + someHash + "::node:with:colons\n": {Hash: someHash, User: "node", Password: "with:colons"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":                               ErrEmpty,
		"\n":                             ErrEmpty,
		"K10abc::server:secret":          ErrHash,
		"K10" + someHash:                 ErrFormat,
		"K10" + someHash + "::server":    ErrFormat,
		"K10" + someHash + "::server:":   ErrFormat,
		"K10" + someHash + ":server:pwd": ErrFormat,
	} {
		if _, err := Parse(text); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

func authority(t *testing.T) *pki.CA {
	t.Helper()
	ca, err := pki.EnsureCA(filepath.Join(t.TempDir(), "ca"), "test-ca")
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestHashOfOneCertificateIsOfTheFile(t *testing.T) {
	text := append([]byte("# a comment counts\n"), authority(t).PEM...)
	sum := sha256.Sum256(text)
	got, err := Hash(text)
	if err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestHashOfABundleIsOfTheRoot(t *testing.T) {
	ca := authority(t)
	key, err := pki.EnsureKey(filepath.Join(t.TempDir(), "leaf.key"))
	if err != nil {
		t.Fatal(err)
	}
	// What Sign returns is a leaf and its authority: a bundle of two.
	bundle, err := ca.Sign(pki.Leaf{CN: "leaf"}, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(ca.Cert.Raw)
	got, err := Hash(bundle)
	if err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestFormatIsReadBack(t *testing.T) {
	ca := authority(t)
	text, err := Format(ca.PEM, "server", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^K10[0-9a-f]{64}::server:secret$`).MatchString(text) {
		t.Errorf("got %s", text)
	}
	if parsed, err := Parse(text); err != nil || parsed.Password != "secret" {
		t.Errorf("got %+v, %v", parsed, err)
	}
}

func TestBootstrapForm(t *testing.T) {
	if text := NewBootstrap(); !regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`).MatchString(text) {
		t.Errorf("got %s", text)
	}
}

// supervisor serves /cacerts with its own certificate, as K3s does.
func supervisor(t *testing.T) (*httptest.Server, []byte) {
	t.Helper()
	var ca []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cacerts" {
			_, _ = w.Write(ca)
			return
		}
		if user, password, _ := r.BasicAuth(); user != "node" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return server, ca
}

func TestValidateComparesTheHash(t *testing.T) {
	server, ca := supervisor(t)
	good, err := Format(ca, "server", "secret")
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := Validate(context.Background(), server.URL, good, "node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Call(context.Background(), "/v1-k3s/config", nil, nil); err != nil {
		t.Error(err)
	}
	hash, _ := Hash(ca)
	_, err = Validate(context.Background(), server.URL, "K10"+someHash+"::server:secret", "node")
	want := "token CA hash does not match the Cluster CA certificate hash: " + someHash + " != " + hash
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestWrongPasswordIs401(t *testing.T) {
	server, _ := supervisor(t)
	cluster, err := Validate(context.Background(), server.URL, "wrong", "node")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cluster.Call(context.Background(), "/v1-k3s/config", nil, nil)
	if err == nil || err.Error() != server.URL+"/v1-k3s/config: 401 Unauthorized" {
		t.Errorf("got %v", err)
	}
}

func TestValidateRefuses(t *testing.T) {
	server, _ := supervisor(t)
	server.Close()
	for address, want := range map[string]string{
		"http://localhost": "only https:// URLs are supported, invalid scheme: http://localhost",
		server.URL:         "failed to get CA certs: ",
	} {
		if _, err := Validate(context.Background(), address, "secret", "node"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", address, err)
		}
	}
}
