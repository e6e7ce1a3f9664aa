// SPDX-License-Identifier: GPL-3.0-or-later

// Package bundle unpacks the programs that are appended to the executable as a ZIP archive.
package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"baremesh.edge/lab/k3s/internal/logline"
)

// The names by which the multi-call Kubernetes binary knows what to be.
var multiCall = []string{
	"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
}

// Programs that real K3s carries and the stand-in takes from the host's packages.
// The shim is copied: it starts itself again by its own file's path, and K3s's kill script
// knows shims by their path in the data folder.
var (
	linkedPrograms = []string{"containerd", "ctr", "runc"}
	copiedPrograms = []string{"containerd-shim-runc-v2"}
)

// carried is where the lab's hosts keep the programs that no package of theirs has: K3s brings its own, and a
// fresh Debian has none.
const carried = "/usr/lib/k3s-stand-in"

var (
	plugins      = []string{"bridge", "host-local", "loopback", "portmap", "bandwidth", "firewall"}
	ruleVariants = []string{"legacy", "nft"}
	ruleTools    = []string{
		"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore",
	}
)

// Commit is eight hex digits that distinguish one bundle from another; zeros without a bundle.
func Commit() string {
	const digits = 8
	none := strings.Repeat("0", digits)
	self, err := os.Executable()
	if err != nil {
		return none
	}
	archive, err := zip.OpenReader(self)
	if err != nil {
		return none
	}
	defer func() { _ = archive.Close() }()
	return digest(&archive.Reader)[:digits]
}

// Extract makes sure that the bundle lies under data/<digest>/bin and returns that folder.
func Extract(dataDir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	archive, err := zip.OpenReader(self)
	if err != nil {
		return "", fmt.Errorf("%s carries no bundle: %w", self, err)
	}
	defer func() { _ = archive.Close() }()
	root := filepath.Join(dataDir, "data")
	dir := filepath.Join(root, digest(&archive.Reader))
	bin := filepath.Join(dir, "bin")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	release, err := lock(filepath.Join(root, ".lock"))
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	logline.Infof("Preparing data dir %s", dir)
	return bin, unpack(&archive.Reader, root, dir)
}

// digest names the content without reading all of it: the directory holds a checksum for every file.
func digest(archive *zip.Reader) string {
	sum := sha256.New()
	for _, file := range archive.File {
		_, _ = fmt.Fprintln(sum, file.Name, file.CRC32, file.UncompressedSize64)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func lock(path string) (func(), error) {
	logline.Infof("Acquiring lock file %s", path)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func unpack(archive *zip.Reader, root, dir string) error {
	draft := dir + "-tmp"
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	bin := filepath.Join(draft, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		if err := unpackFile(file, filepath.Join(bin, filepath.Base(file.Name))); err != nil {
			return err
		}
	}
	if err := linkPrograms(bin); err != nil {
		return err
	}
	if err := os.Rename(draft, dir); err != nil {
		return err
	}
	return pointCurrent(root, dir)
}

func unpackFile(file *zip.File, path string) error {
	source, err := file.Open()
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	return writeProgram(source, path)
}

func copyProgram(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	return writeProgram(source, to)
}

func writeProgram(source io.Reader, path string) error {
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

func linkPrograms(bin string) error {
	for _, name := range multiCall {
		if err := os.Symlink("kubernetes", filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	place := func(names []string, put func(source, target string) error) error {
		for _, name := range names {
			path, err := packaged(name)
			if err != nil {
				return err
			}
			if err := put(path, filepath.Join(bin, name)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(place(linkedPrograms, os.Symlink), place(copiedPrograms, copyProgram)); err != nil {
		return err
	}
	for _, name := range append([]string{"ipset"}, plugins...) {
		path := filepath.Join(carried, name)
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("the stand-in takes %s from the lab's host image: %w", name, err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return writeRuleTools(filepath.Join(bin, "aux"))
}

// writeRuleTools makes K3s's own iptables. Debian's programs find their extensions where the package has them,
// unless the environment says another folder, and nobody who calls K3s's has to set one.
func writeRuleTools(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	scripts := map[string]string{}
	for _, variant := range ruleVariants {
		name := "xtables-" + variant + "-multi"
		scripts[name] = fmt.Sprintf("XTABLES_LIBDIR=%s/xtables exec %s/%s \"$@\"", carried, carried, name)
	}
	for _, name := range ruleTools {
		family, verb, _ := strings.Cut(name, "tables")
		for infix, variant := range map[string]string{"": "nft", "-nft": "nft", "-legacy": "legacy"} {
			scripts[family+"tables"+infix+verb] = fmt.Sprintf("exec \"${0%%/*}/xtables-%s-multi\" %s \"$@\"", variant, name)
		}
	}
	for name, command := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+command+"\n"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// packaged finds a program where packages put it. PATH would do worse: /usr/local/bin
// holds K3s's own links `ctr` and `kubectl`, which point back here.
func packaged(name string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/usr/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("the stand-in takes %s from the host's packages, and neither /usr/bin nor /usr/sbin has it", name)
}

// pointCurrent moves the links `current` and `previous` as an upgrade does.
func pointCurrent(root, dir string) error {
	current, previous := filepath.Join(root, "current"), filepath.Join(root, "previous")
	if old, err := os.Readlink(current); err == nil && old != dir {
		if err := replaceLink(old, previous); err != nil {
			return err
		}
	}
	return replaceLink(dir, current)
}

func replaceLink(target, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, path)
}
