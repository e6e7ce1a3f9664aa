// SPDX-License-Identifier: GPL-3.0-or-later

// Command backend is a web server that says who it is and what reached it, so
// that a test sees which backend answered and which address the client had.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	hostname, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:              ":" + cmp.Or(os.Getenv("PORT"), "8080"),
		Handler:           describe(cmp.Or(os.Getenv("NAME"), hostname)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			log.Print(err)
		}
	})
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// describe answers every request with 200 and plain text: the name alone on
// the first line, then one "key: value" line each.
func describe(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, name)
		for _, line := range [][2]string{
			{"method", r.Method},
			{"path", r.URL.RequestURI()},
			{"host", r.Host},
			{"remote-address", r.RemoteAddr},
			{"x-forwarded-for", r.Header.Get("X-Forwarded-For")},
			{"x-forwarded-proto", r.Header.Get("X-Forwarded-Proto")},
			{"x-forwarded-client-cert", r.Header.Get("X-Forwarded-Client-Cert")},
		} {
			fmt.Fprintf(w, "%s: %s\n", line[0], line[1])
		}
	})
}
