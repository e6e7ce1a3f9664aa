// SPDX-License-Identifier: GPL-3.0-or-later

// Package proc runs child processes that end with their parent, and reports which ended first and why.
package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Group is a set of children; the first that ends unasked is reported on Failed.
type Group struct {
	Failed   chan error
	starts   chan startRequest
	mu       sync.Mutex
	children []*child
}

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

type child struct {
	name     string
	cmd      *exec.Cmd
	tail     *tail
	ended    chan struct{}
	stopping bool
	explain  func(status int) error
}

// Child says what to run; LogFile takes the output instead of the own log.
type Child struct {
	Name    string
	Path    string
	Args    []string
	Dir     string
	Env     []string
	LogFile *os.File
	// Explain may say more than the exit status of a child that ended by itself; nil means that it cannot.
	Explain func(status int) error
}

// NewGroup returns an empty group.
func NewGroup() *Group {
	group := &Group{Failed: make(chan error, 1), starts: make(chan startRequest)}
	go group.spawn()
	return group
}

// spawn starts all children from one thread that never ends: the kernel ties the
// parent-death signal to the thread that made the child, not to the process.
func (g *Group) spawn() {
	runtime.LockOSThread()
	for request := range g.starts {
		request.done <- request.cmd.Start()
	}
}

// Start runs a child; it is killed if this process dies in any way.
func (g *Group) Start(spec Child) error {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Dir, cmd.Env = spec.Dir, spec.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := &child{name: spec.Name, cmd: cmd, tail: &tail{}, ended: make(chan struct{}), explain: spec.Explain}
	if spec.LogFile != nil {
		cmd.Stdout, cmd.Stderr = spec.LogFile, spec.LogFile
	} else {
		cmd.Stdout, cmd.Stderr = started.tail, started.tail
	}
	request := startRequest{cmd: cmd, done: make(chan error)}
	g.starts <- request
	if err := <-request.done; err != nil {
		return fmt.Errorf("%s: %w", spec.Name, err)
	}
	g.mu.Lock()
	g.children = append(g.children, started)
	g.mu.Unlock()
	go g.watch(started)
	return nil
}

func (g *Group) watch(c *child) {
	err := c.cmd.Wait()
	close(c.ended)
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.stopping {
		return
	}
	if c.explain != nil {
		if reason := c.explain(c.cmd.ProcessState.ExitCode()); reason != nil {
			g.fail(reason)
			return
		}
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	// A signal is the whole reason: what the child last complained of has nothing to do with it.
	if reason := c.tail.reason(); reason != "" && c.cmd.ProcessState.Exited() {
		err = fmt.Errorf("%w: %s", err, reason)
	}
	g.fail(fmt.Errorf("%s exited: %w", c.name, err))
}

func (g *Group) fail(reason error) {
	select {
	case g.Failed <- reason:
	default:
	}
}

// Stop ends the named children, all at once: first asked, after the grace killed.
func (g *Group) Stop(grace time.Duration, names ...string) {
	g.mu.Lock()
	var stopped []*child
	for _, c := range g.children {
		for _, name := range names {
			if c.name == name {
				c.stopping = true
				stopped = append(stopped, c)
				_ = c.cmd.Process.Signal(syscall.SIGTERM)
			}
		}
	}
	g.mu.Unlock()
	deadline := time.After(grace)
	for _, c := range stopped {
		select {
		case <-c.ended:
			continue
		case <-deadline:
		}
		for _, late := range stopped {
			_ = late.cmd.Process.Kill()
		}
		<-c.ended
	}
}

// SearchPath is K3s's: its programs first, the host's, and last K3s's copies of what hosts may have themselves.
func SearchPath(bin string) string {
	return bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + bin + "/aux"
}

// Environment is the own environment without what children must not see, and with K3s's PATH.
func Environment(bin string) []string {
	env := []string{"PATH=" + SearchPath(bin)}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch {
		case name == "PATH", name == "NOTIFY_SOCKET", name == "LISTEN_FDS", name == "LISTEN_PID":
		case strings.HasPrefix(name, "K3S_"), strings.HasPrefix(name, "AWS_"):
		default:
			env = append(env, pair)
		}
	}
	return env
}
