// SPDX-License-Identifier: GPL-3.0-or-later

package supervisor

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"baremesh.edge/lab/k3s/internal/pki"
)

// setup is a supervisor in front of an API server that reports what it received.
type setup struct {
	url            string
	server, client *pki.CA
	dir            string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	dir := t.TempDir()
	authority := func(name string) *pki.CA {
		ca, err := pki.EnsureCA(filepath.Join(dir, name), name)
		if err != nil {
			t.Fatal(err)
		}
		return ca
	}
	s := &setup{dir: dir, server: authority("server-ca"), client: authority("client-ca")}
	leaf := pki.Leaf{CN: "k3s", Server: true, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
	pair := s.pair(t, s.server, leaf)
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "proved=%t user=%s groups=%s auth=%s path=%s", len(r.TLS.PeerCertificates) > 0,
			r.Header.Get("X-Remote-User"), strings.Join(r.Header["X-Remote-Group"], ","), r.Header.Get("Authorization"), r.URL.Path)
	}))
	upstream.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	front := s.pair(t, authority("request-header-ca"), pki.Leaf{CN: "system:auth-proxy"})
	proxy, err := NewProxy(upstream.URL, s.server, s.client, front)
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{
		TLSDir: dir, ServerCA: s.server, ClientCA: s.client, Proxy: proxy,
		Passwords: Passwords{Server: "server-secret", Agent: "agent-secret"},
		Cluster:   ClusterConfig{ClusterDomain: "cluster.local"},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { _ = server.Serve(ctx, listener, filepath.Join(dir, "k3s")) }()
	s.url = "https://" + listener.Addr().String()
	return s
}

func (s *setup) pair(t *testing.T, ca *pki.CA, leaf pki.Leaf) tls.Certificate {
	t.Helper()
	base := filepath.Join(s.dir, leaf.CN)
	if err := ca.EnsureLeaf(base, leaf); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (s *setup) ask(t *testing.T, path string, change func(*http.Request), pairs ...tls.Certificate) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.server.Pool(), Certificates: pairs},
	}}
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func TestOpenPaths(t *testing.T) {
	s := newSetup(t)
	if code, body := s.ask(t, "/cacerts", nil); code != 200 || body != string(s.server.PEM) {
		t.Errorf("/cacerts: %d %s", code, body)
	}
	if code, body := s.ask(t, "/ping", nil); code != 200 || body != "pong" {
		t.Errorf("/ping: %d %s", code, body)
	}
}

func TestOwnPathsNeedTheToken(t *testing.T) {
	s := newSetup(t)
	for _, test := range []struct {
		user, password string
		want           int
	}{
		{"node", "agent-secret", 200}, {"server", "server-secret", 200},
		{"node", "server-secret", 401}, {"server", "agent-secret", 401}, {"node", "", 401}, {"", "", 401},
	} {
		code, body := s.ask(t, "/v1-k3s/config", func(r *http.Request) {
			if test.user != "" {
				r.SetBasicAuth(test.user, test.password)
			}
		})
		if code != test.want {
			t.Errorf("%s:%s got %d %s", test.user, test.password, code, body)
		}
	}
	for _, path := range []string{"/v1-k3s/", "/v1-k3s/serving-kubelet.crt", "/v1-k3s/client-kube-proxy.crt", "/db/info"} {
		if code, _ := s.ask(t, path, nil); code != 401 {
			t.Errorf("%s without credentials: %d", path, code)
		}
	}
}

func TestCertificateBecomesIdentity(t *testing.T) {
	s := newSetup(t)
	pair := s.pair(t, s.client, pki.Leaf{CN: "jane", Orgs: []string{"g1", "g2"}})
	_, body := s.ask(t, "/api", func(r *http.Request) { r.Header.Set("X-Remote-User", "root") }, pair)
	if body != "proved=true user=jane groups=g1,g2 auth= path=/api" {
		t.Error(body)
	}
}

func TestNobodyNamesThemselves(t *testing.T) {
	s := newSetup(t)
	foreign, err := pki.EnsureCA(filepath.Join(t.TempDir(), "ca"), "foreign")
	if err != nil {
		t.Fatal(err)
	}
	forge := func(r *http.Request) {
		r.Header.Set("X-Remote-User", "root")
		r.Header["X-Remote-Group"] = []string{"system:masters"}
		r.Header.Set("X-Remote-Extra-A", "b")
		r.Header.Set("Authorization", "Bearer t")
	}
	const want = "proved=false user= groups= auth=Bearer t path=/api//x"
	if _, body := s.ask(t, "/api//x", forge); body != want {
		t.Errorf("without a certificate: %s", body)
	}
	pair := s.pair(t, foreign, pki.Leaf{CN: "system:admin", Orgs: []string{"system:masters"}})
	if _, body := s.ask(t, "/api//x", forge, pair); body != want {
		t.Errorf("with a foreign certificate: %s", body)
	}
}

func TestProtocolSwitchPassesThrough(t *testing.T) {
	s := newSetup(t)
	echo := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(connection, "echo "+line)
	}))
	pair := s.pair(t, s.server, pki.Leaf{CN: "k3s", Server: true, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	echo.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	echo.StartTLS()
	defer echo.Close()
	proxy, err := NewProxy(echo.URL, s.server, s.client, pair)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	connection, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(connection, "POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n")
	answers := bufio.NewReader(connection)
	response, err := http.ReadResponse(answers, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(response, err)
	}
	_, _ = io.WriteString(connection, "hello\n")
	if text, err := answers.ReadString('\n'); text != "echo hello\n" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestNodePasswordHash(t *testing.T) {
	hash, err := newHash("secret")
	if err != nil || strings.Contains(hash, "secret") {
		t.Fatal(hash, err)
	}
	if err := verify(hash, "secret"); err != nil {
		t.Error(err)
	}
	if err := verify(hash, "other"); err != ErrPassword {
		t.Error(err)
	}
	if err := verify("$9:x:y", "secret"); err == nil || err == ErrPassword {
		t.Error("an unknown form must have another answer than a wrong password")
	}
}
