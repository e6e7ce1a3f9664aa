// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/logline"
)

// forkedMark is in the environment of the process that works while its parent writes its log.
const forkedMark = "_K3S_LOG_REEXEC_"

// forkForLog does nothing without `log`. With it K3s starts itself again, and this process only writes what the
// other prints into the file: the unit's journal stays empty, unless `alsologtostderr` is set. The unit is
// reported ready at once, whatever becomes of the start.
func forkForLog(values *config.Values, args []string, ready func()) {
	path := values.String("log", "")
	if path == "" || os.Getenv(forkedMark) != "" {
		return
	}
	sink, err := logSink(path, values.Bool("alsologtostderr"), os.Stderr)
	if err != nil {
		fatal(err)
	}
	child := &exec.Cmd{
		Path: "/proc/self/exe", Args: args, Env: append(os.Environ(), forkedMark+"=true"),
		Stdout: sink, Stderr: sink,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	}
	// The kernel sends the signal when the thread ends that made the child, so that one stays.
	runtime.LockOSThread()
	if err := child.Start(); err != nil {
		fatal(err)
	}
	ready()
	var ended *exec.ExitError
	if err := child.Wait(); err != nil && !errors.As(err, &ended) {
		logline.Fatalf("%v", err)
	}
	os.Exit(child.ProcessState.ExitCode())
}

func logSink(path string, alsoStderr bool, stderr io.Writer) (io.Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil || !alsoStderr {
		return file, err
	}
	return io.MultiWriter(file, stderr), nil
}
