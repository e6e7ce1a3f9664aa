// SPDX-License-Identifier: GPL-3.0-or-later

package proc

import (
	"bytes"
	"regexp"
	"sync"

	"baremesh.edge/lab/k3s/internal/logline"
)

// klog marks errors and fatal ends by the first letter of the line.
var failureLine = regexp.MustCompile(`^[EF]\d{4} |^Error: |^panic: |level=(error|fatal)`)

// tail passes a child's output on, line by line, and keeps the last line that reports a failure.
type tail struct {
	mu      sync.Mutex
	pending []byte
	failure string
	last    string
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, p...)
	end := bytes.LastIndexByte(t.pending, '\n')
	if end < 0 {
		return len(p), nil
	}
	lines := t.pending[:end+1]
	for line := range bytes.SplitSeq(bytes.TrimSpace(lines), []byte("\n")) {
		if failureLine.Match(line) {
			t.failure = string(line)
		}
		if len(line) > 0 {
			t.last = string(line)
		}
	}
	_, err := logline.Writer().Write(lines)
	t.pending = append(t.pending[:0], t.pending[end+1:]...)
	return len(p), err
}

func (t *tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != "" {
		return t.failure
	}
	return t.last
}
