// SPDX-License-Identifier: GPL-3.0-or-later

package token

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
)

const requestTimeout = 10 * time.Second

// Cluster is a validated connection to a cluster's supervisor.
type Cluster struct {
	BaseURL  string
	CA       []byte
	User     string
	Password string
	client   *http.Client
}

// Validate fetches the cluster's authority, compares it with the token and returns the connection.
// With a short token the authority is trusted as it comes.
func Validate(ctx context.Context, server, text, user string) (*Cluster, error) {
	parsed, err := Parse(text)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("invalid server url, failed to parse: %s: %w", server, err)
	}
	if address.Scheme != "https" {
		return nil, fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", server)
	}
	base := address.Scheme + "://" + address.Host
	ca, err := fetchCA(ctx, base)
	if err != nil {
		return nil, err
	}
	if parsed.Hash == "" {
		logline.Warnf("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. " +
			"Use the full token from the server's node-token file to enable Cluster CA validation.")
	} else if hash, err := Hash(ca); err != nil {
		return nil, err
	} else if hash != parsed.Hash {
		return nil, fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", parsed.Hash, hash)
	}
	return NewCluster(base, ca, user, parsed.Password), nil
}

// NewCluster is a connection to a supervisor whose authority is known.
func NewCluster(base string, ca []byte, user, password string) *Cluster {
	return &Cluster{BaseURL: base, CA: ca, User: user, Password: password, client: verifyingClient(ca)}
}

// NewClusterByCert is a connection of a host that joined before and holds a certificate.
func NewClusterByCert(base string, ca []byte, pair tls.Certificate) *Cluster {
	return &Cluster{BaseURL: base, CA: ca, client: verifyingClient(ca, pair)}
}

// Through is the same cluster, reached by way of another address.
func (c *Cluster) Through(base string) *Cluster {
	other := *c
	other.BaseURL = base
	return &other
}

// fetchCA reads /cacerts as the host trusts it, else without trust and once more verified by what came.
func fetchCA(ctx context.Context, base string) ([]byte, error) {
	trusting := &http.Client{Timeout: requestTimeout}
	if ca, err := get(ctx, trusting, base+"/cacerts"); err == nil {
		logline.Warnf("Cluster CA certificate is trusted by the host CA bundle. Token CA hash will not be validated.")
		return ca, nil
	}
	blind := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	ca, err := get(ctx, blind, base+"/cacerts")
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	again, err := get(ctx, verifyingClient(ca), base+"/cacerts")
	if err == nil && !bytes.Equal(ca, again) {
		err = fmt.Errorf("%s/cacerts gave two different answers", base)
	}
	if err != nil {
		return nil, fmt.Errorf("CA cert validation failed: %w", err)
	}
	return ca, nil
}

func verifyingClient(ca []byte, pairs ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: pairs}, DisableKeepAlives: true,
	}}
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return do(client, request)
}

// Call asks the supervisor with the token's credentials; a body makes it a POST.
func (c *Cluster) Call(ctx context.Context, path string, header http.Header, body []byte) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if c.Password != "" {
		request.SetBasicAuth(c.User, c.Password)
	}
	return do(c.client, request)
}

// HTTPError is an answer that is not 200.
type HTTPError struct {
	URL    string
	Status string
	Code   int
}

func (e HTTPError) Error() string { return e.URL + ": " + e.Status }

func do(client *http.Client, request *http.Request) ([]byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, HTTPError{URL: request.URL.String(), Status: response.Status, Code: response.StatusCode}
	}
	return io.ReadAll(response.Body)
}
