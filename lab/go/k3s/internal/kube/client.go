// SPDX-License-Identifier: GPL-3.0-or-later

// Package kube is the little of a Kubernetes client that the launcher needs.
package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"baremesh.edge/lab/k3s/internal/pause"
)

// Content types of the patches in use.
const (
	MergePatch     = "application/merge-patch+json"
	StrategicPatch = "application/strategic-merge-patch+json"
	ApplyPatch     = "application/apply-patch+yaml"
	JSON           = "application/json"
)

// Client talks to one API server with a client certificate.
type Client struct {
	base string
	http *http.Client
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Code    int
	Message string
}

func (e StatusError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// IsCode returns whether the error is an answer with this status.
func IsCode(err error, code int) bool {
	var status StatusError
	return errors.As(err, &status) && status.Code == code
}

// New reads the certificate files; base is the server's URL.
func New(base, caFile, certBase string) (*Client, error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	pair, err := tls.LoadX509KeyPair(certBase+".crt", certBase+".key")
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &Client{base: base, http: &http.Client{Transport: transport}}, nil
}

// Do sends one request and decodes the answer into out unless that is nil.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body, out any) error {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	response, err := c.send(ctx, method, path, contentType, reader)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if out == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(out)
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", JSON)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	status := struct{ Message string }{}
	if json.Unmarshal(text, &status) != nil || status.Message == "" {
		status.Message = string(text)
	}
	return nil, StatusError{Code: response.StatusCode, Message: status.Message}
}

// Get reads one object or, with a nil out, asks only whether it is there.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.Do(ctx, http.MethodGet, path, "", nil, out)
}

// Apply sends one object by server-side apply.
func (c *Client) Apply(ctx context.Context, path string, object any) error {
	return c.Do(ctx, http.MethodPatch, path+"?fieldManager=k3s&force=true", ApplyPatch, object, nil)
}

// WaitReady returns when the API server says it is ready.
func (c *Client) WaitReady(ctx context.Context) error {
	const readyPause = 100 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := c.Do(attempt, http.MethodGet, "/readyz", "", nil, nil)
		cancel()
		if err == nil {
			return nil
		}
		if err := pause.For(ctx, readyPause); err != nil {
			return err
		}
	}
}
