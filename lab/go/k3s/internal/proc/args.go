// SPDX-License-Identifier: GPL-3.0-or-later

package proc

import (
	"maps"
	"slices"
	"strings"
)

// MergeArgs makes flags of the defaults and of the user's `name=value` pairs, which replace
// a default of the same name and may repeat.
func MergeArgs(defaults map[string]string, extra []string) []string {
	merged := map[string][]string{}
	for name, value := range defaults {
		merged[name] = []string{value}
	}
	replaced := map[string]bool{}
	for _, pair := range extra {
		name, value, found := strings.Cut(strings.TrimLeft(pair, "-"), "=")
		if !found {
			value = "true"
		}
		if !replaced[name] {
			merged[name], replaced[name] = nil, true
		}
		merged[name] = append(merged[name], value)
	}
	var args []string
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		for _, value := range merged[name] {
			args = append(args, "--"+name+"="+value)
		}
	}
	return args
}
