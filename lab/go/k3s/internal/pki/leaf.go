// SPDX-License-Identifier: GPL-3.0-or-later

package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

const (
	leafDays  = 365
	renewDays = 120
)

// Leaf says what a certificate is for.
type Leaf struct {
	CN     string
	Orgs   []string
	Server bool
	// Peer is for members of etcd, which serve and ask by the same certificate.
	Peer bool
	DNS  []string
	IPs  []net.IP
}

// EnsureLeaf makes base.crt and base.key, or keeps them while they fit and are not near their end.
func (ca *CA) EnsureLeaf(base string, want Leaf) error {
	key, err := EnsureKey(base + ".key")
	if err != nil {
		return err
	}
	if text, err := os.ReadFile(base + ".crt"); err == nil && ca.fits(text, want, key.Public(), time.Now()) {
		return nil
	}
	text, err := ca.Sign(want, key.Public())
	if err != nil {
		return err
	}
	return WriteFile(base+".crt", text, 0o644)
}

// Sign issues a certificate; the text ends with the authority's own.
func (ca *CA) Sign(want Leaf, public crypto.PublicKey) ([]byte, error) {
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	switch {
	case want.Peer:
		usages = append(usages, x509.ExtKeyUsageServerAuth)
	case want.Server:
		usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: want.CN, Organization: want.Orgs},
		NotBefore:    ca.Cert.NotBefore,
		NotAfter:     time.Now().UTC().AddDate(0, 0, leafDays),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  usages,
		DNSNames:     want.DNS,
		IPAddresses:  want.IPs,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Cert, public, ca.key)
	if err != nil {
		return nil, err
	}
	return append(EncodeCert(der), ca.PEM...), nil
}

func (ca *CA) fits(text []byte, want Leaf, public crypto.PublicKey, now time.Time) bool {
	cert, err := ParseCert(text)
	if err != nil || cert.CheckSignatureFrom(ca.Cert) != nil {
		return false
	}
	if cert.NotAfter.Sub(now) < renewDays*24*time.Hour {
		return false
	}
	samePublic, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && samePublic.Equal(public) && cert.Subject.CommonName == want.CN &&
		sameSet(cert.Subject.Organization, want.Orgs) && sameSet(cert.DNSNames, want.DNS) &&
		sameSet(ipTexts(cert.IPAddresses), ipTexts(want.IPs))
}

func ipTexts(ips []net.IP) []string {
	texts := make([]string, 0, len(ips))
	for _, ip := range ips {
		texts = append(texts, ip.String())
	}
	return texts
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// NewRequest is a signing request in PEM form for the key; the signer decides the subject.
func NewRequest(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// RequestKey checks a signing request and returns the public key in it.
func RequestKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("no certificate request in PEM form")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return request.PublicKey, request.CheckSignature()
}
