// SPDX-License-Identifier: GPL-3.0-or-later

package runtime

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const registriesText = `
mirrors:
  docker.io:
    endpoint: ["http://mirror.example:5000", "https://second.example"]
  "*":
    endpoint: ["https://all.example"]
configs:
  "second.example":
    tls: {ca_file: /etc/ca.pem, insecure_skip_verify: true}
  "private.example":
    auth: {username: u, password: "p\"q"}
`

func writeTree(t *testing.T, onlyMirrors bool) (string, *Registries) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registries.yaml")
	if err := os.WriteFile(path, []byte(registriesText), 0o600); err != nil {
		t.Fatal(err)
	}
	registries, err := ReadRegistries(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "certs.d")
	if err := os.MkdirAll(filepath.Join(dir, "stale.example"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := registries.WriteCerts(dir, onlyMirrors); err != nil {
		t.Fatal(err)
	}
	return dir, registries
}

func hosts(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name, "hosts.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMirrorsBecomeHosts(t *testing.T) {
	dir, _ := writeTree(t, false)
	text := hosts(t, dir, "docker.io")
	first, second := strings.Index(text, `[host."http://mirror.example:5000"]`), strings.Index(text, `[host."https://second.example"]`)
	if first < 0 || second < first || !strings.Contains(text, `server = "https://registry-1.docker.io"`) {
		t.Error(text)
	}
	if tail := text[second:]; !strings.Contains(tail, `ca = "/etc/ca.pem"`) || !strings.Contains(tail, "skip_verify = true") {
		t.Error(text)
	}
	if text := hosts(t, dir, "_default"); strings.Contains(text, "server =") || !strings.Contains(text, "all.example") {
		t.Error(text)
	}
	if _, err := os.Stat(filepath.Join(dir, "stale.example")); !os.IsNotExist(err) {
		t.Error("the folder was not made anew")
	}
}

func TestOwnEndpointCanBeShutOut(t *testing.T) {
	dir, _ := writeTree(t, true)
	if text := hosts(t, dir, "docker.io"); strings.Contains(text, "registry-1.docker.io") {
		t.Error(text)
	}
}

func TestMissingRegistriesFileIsEmpty(t *testing.T) {
	registries, err := ReadRegistries(filepath.Join(t.TempDir(), "none"))
	if err != nil || len(registries.Mirrors) != 0 {
		t.Error(registries, err)
	}
}

func TestConfigHoldsLoginsAndPaths(t *testing.T) {
	_, registries := writeTree(t, false)
	settings := &Settings{AgentDir: "/d/agent", Bin: "/d/bin", PauseImage: "pause:1", Snapshotter: "native", Auths: registries.Auths()}
	var text strings.Builder
	if err := configText.Execute(&text, settings); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sandbox_image = "pause:1"`, `snapshotter = "native"`, `restrict_oom_score_adj = true`, `SystemdCgroup = false`,
		`bin_dir = "/d/bin"`, `registry.configs."private.example".auth]`, `password = "p\"q"`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
}

func TestUnknownSnapshotterIsRefused(t *testing.T) {
	err := chooseSnapshotter(&Settings{AgentDir: t.TempDir(), Snapshotter: "stargz"})
	if err == nil || !strings.Contains(err.Error(), `"stargz"`) {
		t.Errorf("got %v", err)
	}
}

func TestDecompress(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "a.tar")
	if err := os.WriteFile(plain, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"a.tar"}
	for name, command := range map[string][]string{
		"a.tar.zst": {"zstd", "-q", "-c", plain}, "a.tar.gz": {"gzip", "-c", plain}, "a.tbz": {"bzip2", "-c", plain},
	} {
		output, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			t.Logf("%s: not tried, %v", name, err)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), output, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	for _, name := range names {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := decompress(context.Background(), file.Name(), file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(reader)
		if string(data) != "content" || err != nil || reader.Close() != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if _, err := decompress(context.Background(), "a.tar.lz4", nil); err == nil {
		t.Error("lz4 was accepted")
	}
}

func TestIsArchive(t *testing.T) {
	for name, want := range map[string]bool{
		"a.tar": true, "a.tar.zst": true, "a.tgz": true, ".cache.json": false, ".a.tar": false, "a.tar.part": false, "README": false,
	} {
		if isArchive(name) != want {
			t.Errorf("%s", name)
		}
	}
}

func TestMissingImagesGetTheirFullNames(t *testing.T) {
	list := "# comment\n\nrancher/pause:3.6\nbusybox\nlocalhost:5000/a/b:1\nquay.io/x/y@sha256:00\nlocalhost/z\n"
	got := missing(list, []string{"docker.io/rancher/pause:3.6"})
	want := []string{"docker.io/library/busybox:latest", "localhost:5000/a/b:1", "quay.io/x/y@sha256:00", "localhost/z:latest"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
