// SPDX-License-Identifier: GPL-3.0-or-later

// Package multicall picks one of several programs that share a file.
package multicall

import "path/filepath"

// Choose picks the program by the name that the file was called with, else by
// the first argument, which it then takes away. It is not ok when neither is
// known.
func Choose(argv []string, known func(name string) bool) (name string, args []string, ok bool) {
	if len(argv) == 0 {
		return "", nil, false
	}
	if name = filepath.Base(argv[0]); known(name) {
		return name, argv, true
	}
	if len(argv) > 1 && known(argv[1]) {
		return argv[1], argv[1:], true
	}
	return "", nil, false
}
