// SPDX-License-Identifier: GPL-3.0-or-later

package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// files writes a main file and drop-ins and returns the main file's path.
func files(t *testing.T, main string, dropIns map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if main != "" {
		write(t, path, main)
	}
	for name, text := range dropIns {
		write(t, filepath.Join(path+".d", name), text)
	}
	t.Setenv("K3S_CONFIG_FILE", path)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadFilesMerges(t *testing.T) {
	main := "node-name: a\ntls-san: [one]\ndisable: [traefik]\nnode-label: x=1\n"
	cases := map[string]struct {
		dropIns map[string]string
		want    []Entry
	}{
		"last file wins and first seen keeps its place": {
			map[string]string{"20.yaml": "node-name: c", "10.yml": "node-name: b\ntls-san: [two]"},
			[]Entry{
				{"node-name", []string{"c"}, false}, {"tls-san", []string{"two"}, true},
				{"disable", []string{"traefik"}, true}, {"node-label", []string{"x=1"}, false},
			},
		},
		"plus appends and makes lists of both sides": {
			map[string]string{"10.YAML": "node-label+: y=2\ntls-san+: [two, three]\ntoken+: s"},
			[]Entry{
				{"node-name", []string{"a"}, false}, {"tls-san", []string{"one", "two", "three"}, true},
				{"disable", []string{"traefik"}, true}, {"node-label", []string{"x=1", "y=2"}, true},
				{"token", []string{"s"}, false},
			},
		},
		"a key without plus replaces what was gathered": {
			map[string]string{"10.yaml": "tls-san+: [two]", "20.yaml": "tls-san: [three]"},
			[]Entry{
				{"node-name", []string{"a"}, false}, {"tls-san", []string{"three"}, true},
				{"disable", []string{"traefik"}, true}, {"node-label", []string{"x=1"}, false},
			},
		},
		"other endings and folders are ignored": {
			map[string]string{"10.conf": "node-name: b", "sub/20.yaml": "node-name: c"},
			[]Entry{
				{"node-name", []string{"a"}, false}, {"tls-san", []string{"one"}, true},
				{"disable", []string{"traefik"}, true}, {"node-label", []string{"x=1"}, false},
			},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFiles(files(t, main, test.dropIns))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

func TestReadFilesWithoutMainFile(t *testing.T) {
	got, err := ReadFiles(files(t, "", map[string]string{"a.yaml": "debug: true"}))
	if err != nil || len(got) != 1 || got[0].Values[0] != "true" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBrokenYAMLNamesTheLine(t *testing.T) {
	files(t, "node-name: a\nbroken\nother: b\n", nil)
	for _, role := range []Role{Server, Agent} {
		_, err := Load(role, nil)
		if err == nil || !strings.Contains(err.Error(), "yaml: line") {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func TestUnknownKeyInFile(t *testing.T) {
	files(t, "node-nmae: a\ndebug: true\n", nil)
	values, err := Load(Server, nil)
	if err != nil || !values.Bool("debug") {
		t.Errorf("the server must skip the key and go on: %v", err)
	}
	_, err = Load(Agent, nil)
	var unknown UnknownFlagError
	if !errors.As(err, &unknown) || err.Error() != "flag provided but not defined: -node-nmae" {
		t.Errorf("agent: %v", err)
	}
}

func TestServerKeysStopAnAgent(t *testing.T) {
	for _, key := range []string{"tls-san", "cluster-cidr", "disable", "write-kubeconfig-mode"} {
		if _, _, ok := Lookup(Agent, key); ok {
			t.Errorf("%s must be unknown to the agent", key)
		}
		if _, _, ok := Lookup(Server, key); !ok {
			t.Errorf("%s must be known to the server", key)
		}
	}
	for _, key := range []string{"no-deploy", "no-flannel", "cluster-secret", "kube-controller-arg"} {
		if _, _, ok := Lookup(Server, key); ok {
			t.Errorf("%s is gone from K3s", key)
		}
	}
}

func TestUnknownFlagOnTheCommandLine(t *testing.T) {
	files(t, "", nil)
	for _, role := range []Role{Server, Agent} {
		if _, err := Load(role, []string{"--nonsense=1"}); err == nil {
			t.Errorf("%s takes an unknown flag", role)
		}
	}
}

func TestCommandLineAndEnvironment(t *testing.T) {
	files(t, "node-name: file\ntoken: file\n", nil)
	t.Setenv("K3S_TOKEN", "environment")
	t.Setenv("K3S_URL", "https://environment")
	values, err := Load(Agent, []string{"--node-name", "flag", "-v=2", "--node-label=a=b", "--node-label", "c=d"})
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"node-name": "flag", "token": "file", "server": "https://environment", "v": "2",
	} {
		if got := values.String(flag, ""); got != want {
			t.Errorf("%s is %q, want %q", flag, got, want)
		}
	}
	if got := values.List("node-label"); !reflect.DeepEqual(got, []string{"a=b", "c=d"}) {
		t.Errorf("node-label is %v", got)
	}
}

func TestConfigFlagNamesTheFile(t *testing.T) {
	path := files(t, "node-name: a", nil)
	t.Setenv("K3S_CONFIG_FILE", "")
	for _, args := range [][]string{{"--config", path}, {"-c=" + path}} {
		values, err := Load(Server, args)
		if err != nil || values.String("node-name", "") != "a" {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestUnquotedModeIsDecimal(t *testing.T) {
	for text, want := range map[string]string{"0644": "420", `"0644"`: "0644", "644": "644"} {
		files(t, "write-kubeconfig-mode: "+text, nil)
		values, err := Load(Server, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := values.String("write-kubeconfig-mode", ""); got != want {
			t.Errorf("%s becomes %q, want %q", text, got, want)
		}
	}
}

func TestSplitTakesCommasAndRepeats(t *testing.T) {
	files(t, "disable: [\"traefik,servicelb\", metrics-server]\n", nil)
	values, err := Load(Server, nil)
	want := []string{"traefik", "servicelb", "metrics-server"}
	if err != nil || !reflect.DeepEqual(values.Split("disable"), want) {
		t.Errorf("got %v, %v", values.Split("disable"), err)
	}
}

func TestAnnotationsHideSecrets(t *testing.T) {
	files(t, "token: hush\ntls-san: [a.example]\n", nil)
	t.Setenv("K3S_AGENT_TOKEN", "hush")
	values, err := Load(Server, []string{"--agent-token", "hush", "-t", "hush"})
	if err != nil {
		t.Fatal(err)
	}
	annotations, err := values.Annotations()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range annotations {
		if strings.Contains(text, "hush") {
			t.Errorf("%s shows the secret: %s", name, text)
		}
	}
	want := `["server","--token","********","--tls-san","a.example","--agent-token","********","-t","********"]`
	if annotations["k3s.io/node-args"] != want {
		t.Errorf("got %s", annotations["k3s.io/node-args"])
	}
}
