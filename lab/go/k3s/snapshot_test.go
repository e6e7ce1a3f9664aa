// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"slices"
	"testing"
)

func TestSnapshotFlagsAreTheServersUnderShortNames(t *testing.T) {
	words, flags := splitSnapshotArgs([]string{"prune", "--name", "nightly", "--snapshot-retention=2", "--debug", "--etcd-snapshot-dir", "/srv", "extra"})
	if !slices.Equal(words, []string{"prune", "extra"}) {
		t.Errorf("words: %v", words)
	}
	want := []string{"--etcd-snapshot-name=nightly", "--etcd-snapshot-retention=2", "--debug", "--etcd-snapshot-dir=/srv"}
	if !slices.Equal(flags, want) {
		t.Errorf("flags: %v", flags)
	}
}
