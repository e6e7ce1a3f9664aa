// SPDX-License-Identifier: GPL-3.0-or-later

// Package etcd runs this server's member of the etcd cluster that holds the state, and asks the cluster about its members.
package etcd

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
	"path/filepath"
	"strings"
	"time"
)

const requestTimeout = 10 * time.Second

// What etcd says when another server is about to join, and when a member that is not there is to go.
var (
	ErrLearners  = errors.New("etcdserver: too many learner members in cluster")
	ErrUnhealthy = errors.New("etcdserver: unhealthy cluster")
	ErrNotFound  = errors.New("etcdserver: member not found")
)

// Client speaks etcd's JSON form of its API, which needs no library.
type Client struct {
	http      *http.Client
	endpoints []string
}

// Info is one member of the cluster; it has no name before it has started for the first time.
type Info struct {
	ID         uint64   `json:"ID,string"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
	IsLearner  bool     `json:"isLearner,omitempty"`
}

// Status is what one member says of itself.
type Status struct {
	Header struct {
		MemberID uint64 `json:"member_id,string"`
	} `json:"header"`
	Leader           uint64 `json:"leader,string"`
	RaftAppliedIndex uint64 `json:"raftAppliedIndex,string"`
	IsLearner        bool   `json:"isLearner"`
}

// NewClient reads the certificates in K3s's folder tls/etcd; the first endpoint that answers counts.
func NewClient(tlsDir string, endpoints ...string) (*Client, error) {
	ca, err := os.ReadFile(filepath.Join(tlsDir, "server-ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	pair, err := tls.LoadX509KeyPair(filepath.Join(tlsDir, "client.crt"), filepath.Join(tlsDir, "client.key"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &Client{http: &http.Client{Transport: transport}, endpoints: endpoints}, nil
}

// At is the same client, asking another member.
func (c *Client) At(endpoint string) *Client {
	return &Client{http: c.http, endpoints: []string{endpoint}}
}

// Members lists the cluster. A learner does not answer this.
func (c *Client) Members(ctx context.Context) ([]Info, error) {
	var answer struct{ Members []Info }
	err := c.call(ctx, "/v3/cluster/member/list", map[string]any{}, &answer)
	return answer.Members, err
}

// Status asks a member for its own state; a learner answers too.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var answer Status
	err := c.call(ctx, "/v3/maintenance/status", map[string]any{}, &answer)
	return answer, err
}

// AddLearner announces a member that does not vote yet. etcd allows one at a time.
func (c *Client) AddLearner(ctx context.Context, peerURL string) error {
	return c.call(ctx, "/v3/cluster/member/add", map[string]any{"peerURLs": []string{peerURL}, "isLearner": true}, nil)
}

// Promote makes a learner a voter; etcd refuses until it has caught up.
func (c *Client) Promote(ctx context.Context, id uint64) error {
	return c.call(ctx, "/v3/cluster/member/promote", map[string]any{"ID": fmt.Sprint(id)}, nil)
}

// Remove takes a member out of the cluster.
func (c *Client) Remove(ctx context.Context, id uint64) error {
	return c.call(ctx, "/v3/cluster/member/remove", map[string]any{"ID": fmt.Sprint(id)}, nil)
}

func (c *Client) call(ctx context.Context, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	err = errors.New("no endpoint of etcd is known")
	for _, endpoint := range c.endpoints {
		var response *http.Response
		if response, err = c.post(ctx, endpoint+path, data); err != nil {
			continue
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return refusal(response)
		}
		if out == nil {
			return nil
		}
		return json.NewDecoder(response.Body).Decode(out)
	}
	return err
}

func (c *Client) post(ctx context.Context, url string, data []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return c.http.Do(request)
}

func refusal(response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		return fmt.Errorf("etcd: %s: %s", response.Status, bytes.TrimSpace(text))
	}
	for _, known := range []error{ErrLearners, ErrUnhealthy, ErrNotFound} {
		if strings.HasPrefix(said.Message, known.Error()) {
			return known
		}
	}
	return errors.New(said.Message)
}
