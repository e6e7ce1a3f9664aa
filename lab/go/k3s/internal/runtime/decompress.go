// SPDX-License-Identifier: GPL-3.0-or-later

package runtime

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// decompress reads the archive by what its name says. Closing returns whether all of it could be read.
func decompress(ctx context.Context, path string, file *os.File) (io.ReadCloser, error) {
	name := filepath.Base(path)
	has := func(suffixes ...string) bool {
		for _, suffix := range suffixes {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
	switch {
	case has(".tar.zst", ".tzst"):
		return startZstd(ctx, file)
	case has(".tar.gz", ".tgz"):
		return gzip.NewReader(file)
	case has(".tar.bz2", ".tbz"):
		return io.NopCloser(bzip2.NewReader(file)), nil
	case has(".tar"):
		return io.NopCloser(file), nil
	}
	return nil, fmt.Errorf("%s files are not in the lab's stand-in", filepath.Ext(name))
}

// zstd is the program of that name, which the standard library has no match for.
type zstd struct {
	*os.File
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

func startZstd(ctx context.Context, file *os.File) (io.ReadCloser, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr := &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, "zstd", "--decompress", "--stdout", "--quiet")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, writer, stderr
	err = cmd.Start()
	if err := errors.Join(err, writer.Close()); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	return &zstd{File: reader, cmd: cmd, stderr: stderr}, nil
}

func (z *zstd) Close() error {
	err := errors.Join(z.File.Close(), z.cmd.Wait())
	if err != nil {
		return fmt.Errorf("zstd: %w: %s", err, bytes.TrimSpace(z.stderr.Bytes()))
	}
	return nil
}
