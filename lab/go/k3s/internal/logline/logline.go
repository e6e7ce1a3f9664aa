// SPDX-License-Identifier: GPL-3.0-or-later

// Package logline writes log lines in the text form that K3s uses, so that
// what reads a journal of K3s reads the stand-in's as well.
package logline

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	mu    sync.Mutex
	out   io.Writer = os.Stderr
	debug atomic.Bool
)

// SetDebug turns debug lines on or off.
func SetDebug(on bool) { debug.Store(on) }

// Writer is where lines go; the output of child processes shares it line by line.
func Writer() io.Writer { return lockedWriter{} }

type lockedWriter struct{}

func (lockedWriter) Write(p []byte) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	return out.Write(p)
}

func emit(level, format string, args []any) {
	stamp := time.Now().Format(time.RFC3339)
	_, _ = fmt.Fprintf(Writer(), "time=%q level=%s msg=%q\n", stamp, level, fmt.Sprintf(format, args...))
}

// Debugf writes a line that only `debug: true` shows.
func Debugf(format string, args ...any) {
	if debug.Load() {
		emit("debug", format, args)
	}
}

// Infof writes an informational line.
func Infof(format string, args ...any) { emit("info", format, args) }

// Warnf writes a warning.
func Warnf(format string, args ...any) { emit("warning", format, args) }

// Errorf writes an error after which the process goes on.
func Errorf(format string, args ...any) { emit("error", format, args) }

// FatalLine writes the reason for an end that is still to come.
func FatalLine(format string, args ...any) { emit("fatal", format, args) }

// Fatalf writes the reason and ends the process with status 1.
func Fatalf(format string, args ...any) {
	emit("fatal", format, args)
	os.Exit(1)
}
