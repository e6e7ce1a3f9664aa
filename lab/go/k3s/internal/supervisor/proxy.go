// SPDX-License-Identifier: GPL-3.0-or-later

package supervisor

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"baremesh.edge/lab/k3s/internal/pki"
)

// Identity is who a client certificate names.
type Identity struct {
	User   string
	Groups []string
}

// Proxy hands requests to the API server. Who came with a certificate is named in
// headers that the API server takes from the holder of the front proxy's certificate only;
// everyone else is passed on as they come, over connections that prove nothing.
type Proxy struct {
	clients  *x509.CertPool
	verified *httputil.ReverseProxy
	plain    *httputil.ReverseProxy
}

// NewProxy proxies to the API server at target; proxyCert is the front proxy's certificate.
func NewProxy(target string, serverCA, clientCA *pki.CA, proxyCert tls.Certificate) (*Proxy, error) {
	address, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return &Proxy{
		clients:  clientCA.Pool(),
		verified: reverseProxy(address, &tls.Config{RootCAs: serverCA.Pool(), Certificates: []tls.Certificate{proxyCert}}),
		plain:    reverseProxy(address, &tls.Config{RootCAs: serverCA.Pool()}),
	}, nil
}

func reverseProxy(target *url.URL, config *tls.Config) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
			// Rewrite drops them, and the API server writes the first one into its audit log.
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
		// HTTP/1.1: exec and port-forward switch protocols, which HTTP/2 has no means for.
		Transport: &http.Transport{
			TLSClientConfig:     config,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
			MaxIdleConnsPerHost: 100,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			sendStatus(w, http.StatusServiceUnavailable, "ServiceUnavailable", "apiserver not ready")
		},
	}
}

// Identify verifies the client's certificate; nil without an error means that there is none.
func (p *Proxy) Identify(r *http.Request) (*Identity, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	leaf, intermediates := r.TLS.PeerCertificates[0], x509.NewCertPool()
	for _, cert := range r.TLS.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: p.clients, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	return &Identity{User: leaf.Subject.CommonName, Groups: leaf.Subject.Organization}, nil
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			r.Header.Del(name)
		}
	}
	identity, err := p.Identify(r)
	if err != nil || identity == nil {
		p.plain.ServeHTTP(w, r)
		return
	}
	r.Header.Del("Authorization")
	r.Header.Set("X-Remote-User", identity.User)
	for _, group := range identity.Groups {
		r.Header.Add("X-Remote-Group", group)
	}
	p.verified.ServeHTTP(w, r)
}
