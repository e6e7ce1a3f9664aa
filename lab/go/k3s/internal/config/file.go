// SPDX-License-Identifier: GPL-3.0-or-later

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// DefaultFile is read when neither the environment nor a flag names another.
const DefaultFile = "/etc/rancher/k3s/config.yaml"

// Entry is one key of the merged configuration files.
type Entry struct {
	Key    string
	Values []string
	IsList bool
}

// Args is the entry as the flags that K3s makes of it.
func (e Entry) Args() []string {
	dashes := "--"
	if len(e.Key) == 1 {
		dashes = "-"
	}
	args := make([]string, 0, len(e.Values))
	for _, value := range e.Values {
		args = append(args, dashes+e.Key+"="+value)
	}
	return args
}

// ReadFiles merges the file and its drop-ins; what is missing counts as empty.
func ReadFiles(path string) ([]Entry, error) {
	names, err := dropIns(path)
	if err != nil {
		return nil, err
	}
	merged := merger{index: map[string]int{}}
	for _, name := range append([]string{path}, names...) {
		data, err := readSource(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := merged.add(data); err != nil {
			return nil, err
		}
	}
	return merged.entries, nil
}

func dropIns(path string) ([]string, error) {
	listing, err := os.ReadDir(path + ".d")
	if errors.Is(err, fs.ErrNotExist) || isURL(path) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range listing {
		switch strings.ToLower(filepath.Ext(entry.Name())) {
		case ".yaml", ".yml":
			if !entry.IsDir() {
				names = append(names, filepath.Join(path+".d", entry.Name()))
			}
		}
	}
	return names, nil
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

func readSource(path string) ([]byte, error) {
	if !isURL(path) {
		return os.ReadFile(path)
	}
	resp, err := http.Get(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

type merger struct {
	entries []Entry
	index   map[string]int
}

// add applies one file: its keys replace what was gathered, `key+` appends.
func (m *merger) add(data []byte) error {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return err
	}
	if len(document.Content) == 0 {
		return nil
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("yaml: line %d: the configuration must be a mapping of keys to values", root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, appends := strings.CutSuffix(root.Content[i].Value, "+")
		entry, err := toEntry(key, root.Content[i+1])
		if err != nil {
			return err
		}
		m.put(entry, appends)
	}
	return nil
}

func (m *merger) put(entry Entry, appends bool) {
	at, seen := m.index[entry.Key]
	switch {
	case !seen:
		m.index[entry.Key] = len(m.entries)
		m.entries = append(m.entries, entry)
	case appends:
		m.entries[at].Values = append(m.entries[at].Values, entry.Values...)
		m.entries[at].IsList = true
	default:
		m.entries[at] = entry
	}
}

func toEntry(key string, node *yaml.Node) (Entry, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.SequenceNode {
		value, err := toText(node)
		return Entry{Key: key, Values: []string{value}}, err
	}
	entry := Entry{Key: key, IsList: true}
	for _, item := range node.Content {
		value, err := toText(item)
		if err != nil {
			return Entry{}, err
		}
		entry.Values = append(entry.Values, value)
	}
	return entry, nil
}

// toText renders a value as Go would print it: K3s sees 0644 without quotes as 420.
func toText(node *yaml.Node) (string, error) {
	var value any
	if err := node.Decode(&value); err != nil {
		return "", err
	}
	if value == nil {
		return "", nil
	}
	return fmt.Sprint(value), nil
}
