// SPDX-License-Identifier: GPL-3.0-or-later

// Package supervisor serves port 6443: K3s's own paths, and the API behind them.
package supervisor

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
)

// Header names by which an agent says who it is.
const (
	HeaderNode     = "K3s-Node-Name"
	HeaderPassword = "K3s-Node-Password"
	HeaderIP       = "K3s-Node-Ip"
)

// ClusterConfig is what agents learn from the server.
type ClusterConfig struct {
	ClusterCIDRs     []string `json:"clusterIPRanges"`
	ServiceCIDRs     []string `json:"serviceIPRanges"`
	ClusterDNS       []string `json:"clusterDNSs"`
	ClusterDomain    string   `json:"clusterDomain"`
	FlannelBackend   string   `json:"flannelBackend"`
	DisableKubeProxy bool     `json:"disableKubeProxy"`
	// Critical is what must be equal on all servers.
	Critical map[string]string `json:"criticalArgs"`
}

// Passwords are what the two users of the token authenticate with.
type Passwords struct {
	Server string
	Agent  string
}

// Server answers on the supervisor's port.
type Server struct {
	TLSDir    string
	ServerCA  *pki.CA
	ClientCA  *pki.CA
	Passwords Passwords
	Cluster   ClusterConfig
	Nodes     *NodePasswords
	Proxy     *Proxy
	// Servers are the addresses of all that serve the API now.
	Servers func() []string
	// Bootstrap and Database answer a server that joins; without Database there is no etcd to join.
	Bootstrap func() (map[string][]byte, error)
	Database  func(ctx context.Context) (any, error)
	ready     atomic.Bool
}

// SetReady records that the API server answers.
func (s *Server) SetReady() { s.ready.Store(true) }

// Serve listens until the context ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener, certBase string) error {
	pair, err := tls.LoadX509KeyPair(certBase+".crt", certBase+".key")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: s.routes(),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{pair},
			// The certificate is judged per request: a foreign one means 401, not a broken handshake.
			ClientAuth: tls.RequestClientCert,
			ClientCAs:  s.ClientCA.Pool(),
			MinVersion: tls.VersionTLS12,
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	err = server.ServeTLS(listener, "", "")
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { text(w, s.ServerCA.PEM) })
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { text(w, []byte("pong")) })
	protected := map[string]http.HandlerFunc{
		"/v1-k3s/readyz":                    s.readyz,
		"/v1-k3s/config":                    s.config,
		"/v1-k3s/apiservers":                s.apiServers,
		"/v1-k3s/server-ca.crt":             func(w http.ResponseWriter, _ *http.Request) { text(w, s.ServerCA.PEM) },
		"/v1-k3s/client-ca.crt":             func(w http.ResponseWriter, _ *http.Request) { text(w, s.ClientCA.PEM) },
		"/v1-k3s/serving-kubelet.crt":       s.servingKubelet,
		"/v1-k3s/client-kubelet.crt":        s.clientKubelet,
		"/v1-k3s/client-kube-proxy.crt":     s.component("client-kube-proxy", "system:kube-proxy"),
		"/v1-k3s/client-k3s-controller.crt": s.component("client-k3s-controller", "system:k3s-controller"),
		"/v1-k3s/":                          http.NotFound,
	}
	for path, handler := range protected {
		mux.Handle(path, s.authenticated(handler))
	}
	for path, handler := range map[string]http.HandlerFunc{"/v1-k3s/server-bootstrap": s.bootstrap, "/db/info": s.database} {
		mux.Handle(path, s.authenticated(s.serversOnly(handler)))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only K3s's own paths go through the mux: it would redirect API paths that hold "//".
		if _, pattern := mux.Handler(r); pattern != "" && !strings.Contains(r.URL.Path, "//") {
			mux.ServeHTTP(w, r)
			return
		}
		s.Proxy.ServeHTTP(w, r)
	})
}

// authenticated lets the token's users pass, and administrators by certificate.
func (s *Server) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		switch {
		case ok && user == "node" && same(password, s.Passwords.Agent),
			ok && user == "server" && same(password, s.Passwords.Server):
			next(w, r)
			return
		}
		identity, err := s.Proxy.Identify(r)
		if err == nil && identity != nil && (slices.Contains(identity.Groups, "system:masters") ||
			slices.Contains(identity.Groups, "system:nodes")) {
			next(w, r)
			return
		}
		sendStatus(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	})
}

func same(given, expected string) bool {
	return expected != "" && subtle.ConstantTimeCompare([]byte(given), []byte(expected)) == 1
}

func text(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(data)
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func sendStatus(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"message": message, "reason": reason, "code": code,
	})
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		sendStatus(w, http.StatusInternalServerError, "InternalError", "apiserver not ready")
		return
	}
	text(w, []byte("ok"))
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) { answerJSON(w, s.Cluster) }

func (s *Server) apiServers(w http.ResponseWriter, _ *http.Request) { answerJSON(w, s.Servers()) }

// serversOnly keeps the keys of the cluster from agents.
func (s *Server) serversOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok && user == "server" && same(password, s.Passwords.Server) {
			next(w, r)
			return
		}
		sendStatus(w, http.StatusForbidden, "Forbidden", "forbidden")
	}
}

func (s *Server) bootstrap(w http.ResponseWriter, _ *http.Request) {
	files, err := s.Bootstrap()
	if err != nil {
		sendStatus(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	answerJSON(w, files)
}

func (s *Server) database(w http.ResponseWriter, r *http.Request) {
	if s.Database == nil {
		http.NotFound(w, r)
		return
	}
	members, err := s.Database(r.Context())
	if err != nil {
		sendStatus(w, http.StatusServiceUnavailable, "ServiceUnavailable", err.Error())
		return
	}
	answerJSON(w, members)
}

// node checks the name and password an agent sends; it answers by itself when they are refused.
func (s *Server) node(w http.ResponseWriter, r *http.Request) (string, bool) {
	name, password := r.Header.Get(HeaderNode), r.Header.Get(HeaderPassword)
	if name == "" || password == "" {
		sendStatus(w, http.StatusBadRequest, "BadRequest", "node name or node password not set")
		return "", false
	}
	if !s.ready.Load() {
		sendStatus(w, http.StatusServiceUnavailable, "ServiceUnavailable", "apiserver not ready")
		return "", false
	}
	err := s.Nodes.Ensure(r.Context(), name, password)
	switch {
	case errors.Is(err, ErrPassword):
		logline.Errorf("unable to verify password for node %s: %v", name, err)
		sendStatus(w, http.StatusForbidden, "Forbidden", err.Error())
	case err != nil:
		logline.Errorf("unable to verify password for node %s: %v", name, err)
		sendStatus(w, http.StatusInternalServerError, "InternalError", err.Error())
	}
	return name, err == nil
}

func (s *Server) servingKubelet(w http.ResponseWriter, r *http.Request) {
	name, ok := s.node(w, r)
	if !ok {
		return
	}
	var ips []net.IP
	for part := range strings.SplitSeq(r.Header.Get(HeaderIP), ",") {
		if address := net.ParseIP(part); address != nil {
			ips = append(ips, address)
		}
	}
	s.sign(w, r, s.ServerCA, ServingKubelet(name, ips))
}

func (s *Server) clientKubelet(w http.ResponseWriter, r *http.Request) {
	if name, ok := s.node(w, r); ok {
		s.sign(w, r, s.ClientCA, ClientKubelet(name))
	}
}

// ServingKubelet is the certificate by which a kubelet serves.
func ServingKubelet(name string, ips []net.IP) pki.Leaf {
	loopback := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	return pki.Leaf{CN: name, Server: true, DNS: []string{name, "localhost"}, IPs: append(loopback, ips...)}
}

// ClientKubelet is the certificate by which a kubelet logs in.
func ClientKubelet(name string) pki.Leaf {
	return pki.Leaf{CN: "system:node:" + name, Orgs: []string{"system:nodes"}}
}

func (s *Server) component(file, user string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			s.sign(w, r, s.ClientCA, pki.Leaf{CN: user})
			return
		}
		data, err := os.ReadFile(filepath.Join(s.TLSDir, file+".crt"))
		if err != nil {
			sendStatus(w, http.StatusInternalServerError, "InternalError", err.Error())
			return
		}
		text(w, data)
	}
}

func (s *Server) sign(w http.ResponseWriter, r *http.Request, ca *pki.CA, leaf pki.Leaf) {
	request, err := io.ReadAll(io.LimitReader(r.Body, 64*1024))
	if err != nil {
		sendStatus(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	public, err := pki.RequestKey(request)
	if err != nil {
		sendStatus(w, http.StatusBadRequest, "BadRequest", fmt.Sprintf("certificate request: %v", err))
		return
	}
	signed, err := ca.Sign(leaf, public)
	if err != nil {
		sendStatus(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	text(w, signed)
}
