// SPDX-License-Identifier: GPL-3.0-or-later

package pki

import (
	"bytes"
	"crypto/ecdsa"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func newTestCA(t *testing.T) (*CA, string) {
	t.Helper()
	dir := t.TempDir()
	ca, err := EnsureCA(filepath.Join(dir, "ca"), "test-ca")
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCAIsKept(t *testing.T) {
	first, dir := newTestCA(t)
	again, err := EnsureCA(filepath.Join(dir, "ca"), "test-ca")
	if err != nil || !bytes.Equal(first.PEM, again.PEM) {
		t.Errorf("the authority changed: %v", err)
	}
}

func TestModes(t *testing.T) {
	_, dir := newTestCA(t)
	for name, want := range map[string]os.FileMode{"ca.crt": 0o644, "ca.key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestLeafIsKeptUntilItNoLongerFits(t *testing.T) {
	ca, dir := newTestCA(t)
	base := filepath.Join(dir, "leaf")
	want := Leaf{CN: "a", Orgs: []string{"o"}, Server: true, DNS: []string{"a"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
	ensure := func() []byte {
		t.Helper()
		if err := ca.EnsureLeaf(base, want); err != nil {
			t.Fatal(err)
		}
		return read(t, base+".crt")
	}
	first := ensure()
	if !bytes.Equal(first, ensure()) {
		t.Error("a fitting certificate was made anew")
	}
	want.DNS = append(want.DNS, "b")
	second := ensure()
	if bytes.Equal(first, second) {
		t.Error("a new name made no new certificate")
	}
	if err := os.Remove(base + ".key"); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(second, ensure()) {
		t.Error("a new key made no new certificate")
	}
}

func TestLeafOfAnotherAuthorityIsReplaced(t *testing.T) {
	ca, dir := newTestCA(t)
	other, _ := newTestCA(t)
	base := filepath.Join(dir, "leaf")
	for _, signer := range []*CA{other, ca} {
		if err := signer.EnsureLeaf(base, Leaf{CN: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := ParseCert(read(t, base+".crt"))
	if err != nil || cert.CheckSignatureFrom(ca.Cert) != nil {
		t.Errorf("the certificate is not of the present authority: %v", err)
	}
}

func TestLeafNearItsEndDoesNotFit(t *testing.T) {
	ca, dir := newTestCA(t)
	key, err := EnsureKey(filepath.Join(dir, "leaf.key"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := ca.Sign(Leaf{CN: "a"}, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if !ca.fits(text, Leaf{CN: "a"}, key.Public(), now.AddDate(0, 0, leafDays-renewDays-1)) {
		t.Error("renewed too early")
	}
	if ca.fits(text, Leaf{CN: "a"}, key.Public(), now.AddDate(0, 0, leafDays-renewDays+1)) {
		t.Error("not renewed in time")
	}
}

func TestRequestCarriesTheKey(t *testing.T) {
	key, err := EnsureKey(filepath.Join(t.TempDir(), "a.key"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := RequestKey(request)
	if err != nil || !public.(*ecdsa.PublicKey).Equal(key.Public()) {
		t.Errorf("the request has another key: %v", err)
	}
	for _, bad := range []string{"", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"} {
		if _, err := RequestKey([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
