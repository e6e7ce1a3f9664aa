// SPDX-License-Identifier: GPL-3.0-or-later

package agent

import (
	"io"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// greeter answers each connection with its own address, and keeps it open.
func greeter(t *testing.T) (net.Listener, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address := listener.Addr().String()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(connection, address)
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	return listener, address
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, address := greeter(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

func ask(t *testing.T, port string) (net.Conn, string) {
	t.Helper()
	connection, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	buffer := make([]byte, 64)
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, _ := connection.Read(buffer)
	return connection, string(buffer[:n])
}

func TestTheBalancerGoesOnWithoutItsFirstServer(t *testing.T) {
	first, one := greeter(t)
	_, two := greeter(t)
	path, port := filepath.Join(t.TempDir(), "state.json"), freePort(t)
	b, err := newBalancer(path, "https://"+one)
	if err != nil {
		t.Fatal(err)
	}
	b.update([]string{two, one})
	b.prefer(one)
	if err := b.serve(t.Context(), port); err != nil {
		t.Fatal(err)
	}
	held, said := ask(t, port)
	if said != one {
		t.Fatalf("the first server did not answer: %q", said)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, said := ask(t, port); said != two {
		t.Errorf("the other server did not answer: %q", said)
	}
	// The connection that was open ends, though the dead server never says so.
	_ = held.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := held.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the held connection: %v", err)
	}
	// So it is after a restart of the agent, whose configuration still names the first server.
	again, err := newBalancer(path, "https://"+one)
	if err != nil {
		t.Fatal(err)
	}
	if connection, address := again.dial(); connection == nil || address != two {
		t.Errorf("after a restart: %q", address)
	}
}

func TestTheBalancerForgetsAnotherCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	b, err := newBalancer(path, "https://192.0.2.1:6443")
	if err != nil {
		t.Fatal(err)
	}
	b.update([]string{"192.0.2.2:6443", "192.0.2.3:6443"})
	if got := b.candidates(); !slices.Equal(got, []string{"192.0.2.2:6443", "192.0.2.3:6443", "192.0.2.1:6443"}) {
		t.Errorf("the configured address is not the last resort: %v", got)
	}
	if other, err := newBalancer(path, "https://edge.example.com"); err != nil || !slices.Equal(other.candidates(), []string{"edge.example.com:443"}) {
		t.Errorf("%v", err)
	}
}
