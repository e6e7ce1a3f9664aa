// SPDX-License-Identifier: GPL-3.0-or-later

package runtime

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"baremesh.edge/lab/k3s/internal/logline"
)

// pullList pulls what a list names and the runtime does not have yet.
func (i *Importer) pullList(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	present, err := i.ctr(ctx, "images", "list", "--quiet").Output()
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	for _, name := range missing(string(text), strings.Fields(string(present))) {
		logline.Infof("Pulling image: %s", name)
		certs := filepath.Join(filepath.Dir(i.dir), "etc/containerd/certs.d")
		output, err := i.ctr(ctx, "images", "pull", "--hosts-dir", certs, name).CombinedOutput()
		if err != nil {
			last := output[bytes.LastIndexByte(bytes.TrimSpace(output), '\n')+1:]
			logline.Errorf("Failed to pull %s: %v: %s", name, err, bytes.TrimSpace(last))
		}
	}
	return nil
}

// missing are the list's images, one a line, under the names by which the runtime keeps them.
func missing(list string, present []string) []string {
	var names []string
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name := fullName(line); !slices.Contains(present, name) {
			names = append(names, name)
		}
	}
	return names
}

// fullName adds the registry and the tag that a short reference leaves out.
func fullName(reference string) string {
	registry, rest, found := strings.Cut(reference, "/")
	switch {
	case !found:
		reference = "docker.io/library/" + reference
	case !strings.ContainsAny(registry, ".:") && registry != "localhost":
		reference = "docker.io/" + registry + "/" + rest
	}
	last := reference[strings.LastIndexByte(reference, '/'):]
	if !strings.ContainsAny(last, ":@") {
		reference += ":latest"
	}
	return reference
}
