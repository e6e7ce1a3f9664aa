// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	request := httptest.NewRequest(http.MethodGet, "/api/x?y=1", nil)
	request.Host = "app.example.com"
	request.RemoteAddr = "192.0.2.7:4711"
	request.Header.Set("X-Forwarded-For", "198.51.100.1")
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("X-Forwarded-Client-Cert", "Hash=ab")
	answer := httptest.NewRecorder()

	describe("api").ServeHTTP(answer, request)

	if answer.Code != http.StatusOK {
		t.Fatalf("status %d", answer.Code)
	}
	want := []string{
		"api",
		"method: GET",
		"path: /api/x?y=1",
		"host: app.example.com",
		"remote-address: 192.0.2.7:4711",
		"x-forwarded-for: 198.51.100.1",
		"x-forwarded-proto: https",
		"x-forwarded-client-cert: Hash=ab",
		"",
	}
	if got := answer.Body.String(); got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}
