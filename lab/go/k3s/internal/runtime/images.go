// SPDX-License-Identifier: GPL-3.0-or-later

package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/proc"
)

const (
	imageNamespace = "k8s.io"
	cacheFile      = ".cache.json"
	importers      = 2
)

type stamp struct {
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
}

// Importer takes image archives from agent/images into the runtime.
type Importer struct {
	dir string
	bin string
	mu  sync.Mutex
}

// NewImporter imports from this folder with the ctr in bin.
func NewImporter(dir, bin string) *Importer { return &Importer{dir: dir, bin: bin} }

// ImportAll imports every archive of the folder; a bad one is logged and no more.
// A cache file that is there lets it skip what has kept its size and time.
func (i *Importer) ImportAll(ctx context.Context) {
	i.mu.Lock()
	defer i.mu.Unlock()
	listing, err := os.ReadDir(i.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			logline.Errorf("Failed to read image directory: %v", err)
		}
		return
	}
	cache, caching := i.readCache()
	var lists []string
	done := map[string]stamp{}
	var doneMu sync.Mutex
	var pending sync.WaitGroup
	slots := make(chan struct{}, importers)
	for _, entry := range listing {
		path := filepath.Join(i.dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || !isArchive(entry.Name()) {
			continue
		}
		if strings.HasSuffix(entry.Name(), ".txt") {
			lists = append(lists, path)
			continue
		}
		now := stamp{Size: info.Size(), ModTime: info.ModTime()}
		if old, ok := cache[entry.Name()]; caching && ok && old.Size == now.Size && old.ModTime.Equal(now.ModTime) {
			logline.Infof("Skipping unchanged image archive %s", path)
			done[entry.Name()] = now
			continue
		}
		pending.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := i.importOne(ctx, path); err != nil {
				logline.Errorf("Error encountered while importing %s: %v", path, err)
				return
			}
			doneMu.Lock()
			defer doneMu.Unlock()
			done[entry.Name()] = now
		})
	}
	pending.Wait()
	for _, path := range lists {
		if err := i.pullList(ctx, path); err != nil {
			logline.Errorf("Error encountered while pulling images of %s: %v", path, err)
		}
	}
	if caching {
		i.writeCache(done)
	}
}

func isArchive(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz", ".tar.lz4", ".txt"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func (i *Importer) ctr(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"--address", Socket, "--namespace", imageNamespace}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(i.bin, "ctr"), args...)
	cmd.Env = proc.Environment(i.bin)
	return cmd
}

func (i *Importer) importOne(ctx context.Context, path string) error {
	begin := time.Now()
	logline.Infof("Importing images from %s", path)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	archive, err := decompress(ctx, path, file)
	if err != nil {
		return err
	}
	cmd := i.ctr(ctx, "images", "import", "-")
	cmd.Stdin = archive
	output, err := cmd.CombinedOutput()
	if err := errors.Join(err, archive.Close()); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	logline.Infof("Imported images from %s in %s", path, time.Since(begin))
	return nil
}

func (i *Importer) readCache() (map[string]stamp, bool) {
	data, err := os.ReadFile(filepath.Join(i.dir, cacheFile))
	if err != nil {
		return nil, false
	}
	cache := map[string]stamp{}
	if err := json.Unmarshal(data, &cache); err != nil && len(data) > 0 {
		logline.Warnf("Failed to read image cache: %v", err)
	}
	return cache, true
}

func (i *Importer) writeCache(done map[string]stamp) {
	data, err := json.Marshal(done)
	if err == nil {
		err = pki.WriteFile(filepath.Join(i.dir, cacheFile), data, 0o644)
	}
	if err != nil {
		logline.Errorf("Failed to write image cache: %v", err)
	}
}
