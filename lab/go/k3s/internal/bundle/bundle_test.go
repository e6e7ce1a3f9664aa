// SPDX-License-Identifier: GPL-3.0-or-later

package bundle

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func archive(t *testing.T, prefix string, files map[string]string) *zip.Reader {
	t.Helper()
	data := bytes.NewBufferString(prefix)
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	for _, name := range []string{"kine", "kubernetes"} {
		entry, err := writer.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	data.Write(packed.Bytes())
	reader, err := zip.NewReader(bytes.NewReader(data.Bytes()), int64(data.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func TestDigestNamesTheContentOnly(t *testing.T) {
	files := map[string]string{"kine": "a", "kubernetes": "b"}
	first := digest(archive(t, "one launcher", files))
	if len(first) != 64 || first != digest(archive(t, "another launcher", files)) {
		t.Errorf("%s differs by the launcher", first)
	}
	if first == digest(archive(t, "one launcher", map[string]string{"kine": "a", "kubernetes": "c"})) {
		t.Error("other content has the same digest")
	}
}

func TestUnpackedProgramsCanRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kine")
	reader := archive(t, "launcher", map[string]string{"kine": "content"})
	if err := unpackFile(reader.File[0], path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, errStat := os.Stat(path)
	if err != nil || errStat != nil || string(data) != "content" || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%q %v %v %v", data, info.Mode(), err, errStat)
	}
}

func TestAnUpgradeMovesTheLinks(t *testing.T) {
	root := t.TempDir()
	old, fresh := filepath.Join(root, "old"), filepath.Join(root, "new")
	for _, dir := range []string{old, fresh, fresh} {
		if err := pointCurrent(root, dir); err != nil {
			t.Fatal(err)
		}
	}
	current, _ := os.Readlink(filepath.Join(root, "current"))
	previous, _ := os.Readlink(filepath.Join(root, "previous"))
	if current != fresh || previous != old {
		t.Errorf("current %s, previous %s", current, previous)
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	if _, err := packaged("no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
	if path, err := packaged("env"); err != nil || path != "/usr/bin/env" {
		t.Errorf("%s, %v", path, err)
	}
}

func TestRuleToolsAreOnePerNameAndRunFromAnyFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder", "aux")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeRuleTools(dir); err != nil {
		t.Fatal(err)
	}
	// In place of the program: what it is called with.
	probe := "#!/bin/sh\nprintf '%s|' \"$@\"\n"
	for _, variant := range ruleVariants {
		text := strings.ReplaceAll(probe, "printf '", "printf '"+variant+" ")
		if err := os.WriteFile(filepath.Join(dir, "xtables-"+variant+"-multi"), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"iptables-save": "nft iptables-save|nft a b|", "ip6tables": "nft ip6tables|nft a b|",
		"iptables-nft-restore": "nft iptables-restore|nft a b|", "ip6tables-legacy-save": "legacy ip6tables-save|legacy a b|",
	} {
		output, err := exec.Command(filepath.Join(dir, name), "a b").CombinedOutput()
		if err != nil || string(output) != want {
			t.Errorf("%s: %q, %v", name, output, err)
		}
	}
}
