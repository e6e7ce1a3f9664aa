// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Snapshot is a file in the folder of snapshots.
type Snapshot struct {
	Name    string
	Path    string
	Size    int64
	Created time.Time
}

// Save writes what etcd holds to a file `<base>-<node>-<time>`, which is there whole or not at all.
func (c *Client) Save(ctx context.Context, dir, base, node string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s-%d", base, node, time.Now().Unix())
	draft, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	err = c.copySnapshot(ctx, draft)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return "", err
	}
	return name, os.Rename(draft.Name(), filepath.Join(dir, name))
}

// copySnapshot reads the parts of the database; the last one is the sum by which etcdutl checks the file.
func (c *Client) copySnapshot(ctx context.Context, to io.Writer) error {
	response, err := c.post(ctx, c.endpoints[0]+"/v3/maintenance/snapshot", []byte("{}"))
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	size := 0
	for decoder := json.NewDecoder(response.Body); ; {
		var part struct {
			Result struct {
				Blob []byte `json:"blob"`
			} `json:"result"`
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		err := decoder.Decode(&part)
		switch {
		case errors.Is(err, io.EOF) && size > 0:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("etcd sent an empty snapshot")
		case err != nil:
			return err
		case part.Error.Message != "":
			return errors.New(part.Error.Message)
		}
		size += len(part.Result.Blob)
		if _, err := to.Write(part.Result.Blob); err != nil {
			return err
		}
	}
}

// Snapshots lists the folder, the oldest first; without the folder there are none.
func Snapshots(dir string) ([]Snapshot, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []Snapshot
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		found = append(found, Snapshot{entry.Name(), filepath.Join(dir, entry.Name()), info.Size(), info.ModTime()})
	}
	slices.SortFunc(found, func(a, b Snapshot) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return found, nil
}

// Delete removes one snapshot by its name.
func Delete(dir, name string) error {
	found, err := Snapshots(dir)
	if err != nil {
		return err
	}
	for _, snapshot := range found {
		if snapshot.Name == name {
			return os.Remove(snapshot.Path)
		}
	}
	return fmt.Errorf("snapshot %s not found in %s", name, dir)
}

// Prune removes all but the newest snapshots of one base name, and returns which went.
func Prune(dir, base, node string, keep int) ([]string, error) {
	found, err := Snapshots(dir)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(s Snapshot) bool { return !strings.HasPrefix(s.Name, base+"-"+node+"-") })
	var gone []string
	for _, snapshot := range found[:max(0, len(found)-keep)] {
		if err := os.Remove(snapshot.Path); err != nil {
			return gone, err
		}
		gone = append(gone, snapshot.Name)
	}
	return gone, nil
}
