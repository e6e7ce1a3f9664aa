// SPDX-License-Identifier: GPL-3.0-or-later

// Package watch reports changes below a folder, by inotify.
package watch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	mask   = syscall.IN_CLOSE_WRITE | syscall.IN_MOVED_TO | syscall.IN_MOVED_FROM | syscall.IN_DELETE | syscall.IN_CREATE
	settle = 200 * time.Millisecond
)

// Dir calls changed after each burst of changes below root, until the context ends.
func Dir(ctx context.Context, root string, changed func()) error {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	file := os.NewFile(uintptr(fd), "inotify")
	if err := addTree(fd, root); err != nil {
		_ = file.Close()
		return err
	}
	events := make(chan struct{}, 1)
	go func() {
		for buffer := make([]byte, 64*1024); ; {
			if _, err := file.Read(buffer); err != nil {
				return
			}
			select {
			case events <- struct{}{}:
			default:
			}
		}
	}()
	defer func() { _ = file.Close() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
		}
		// A file copied in pieces makes many events: act once they have come to rest.
		for quiet := false; !quiet; {
			select {
			case <-events:
			case <-time.After(settle):
				quiet = true
			}
		}
		if err := addTree(fd, root); err != nil {
			return err
		}
		changed()
	}
}

func addTree(fd int, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		_, err = syscall.InotifyAddWatch(fd, path, mask)
		return os.NewSyscallError("inotify_add_watch", err)
	})
}
