// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestALogFileTakesTheJournalsPlace(t *testing.T) {
	for _, also := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "logs", "k3s.log")
		var journal bytes.Buffer
		for _, line := range []string{"first start\n", "second start\n"} {
			sink, err := logSink(path, also, &journal)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(sink, line); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != "first start\nsecond start\n" {
			t.Errorf("%q, %v", text, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if (journal.String() == string(text)) != also {
			t.Errorf("alsologtostderr %v: the journal has %q", also, journal.String())
		}
	}
}
