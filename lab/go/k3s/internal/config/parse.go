// SPDX-License-Identifier: GPL-3.0-or-later

package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"baremesh.edge/lab/k3s/internal/logline"
)

// UnknownFlagError is a flag that the subcommand does not define.
type UnknownFlagError struct{ Name string }

// UnknownFlag is the name as it was given.
func (e UnknownFlagError) UnknownFlag() string { return e.Name }

func (e UnknownFlagError) Error() string { return "flag provided but not defined: -" + e.Name }

// Values holds what was set, by flag name.
type Values struct {
	Role   Role
	Args   []string
	scalar map[string]string
	list   map[string][]string
}

// Load reads the files and then the arguments: a scalar on the command line wins, list flags add up.
func Load(role Role, args []string) (*Values, error) {
	entries, err := ReadFiles(filePath(args))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, entry := range entries {
		if _, _, ok := Lookup(role, entry.Key); !ok && role == Server {
			logline.Warnf("Unknown flag --%s found in config.yaml, skipping", entry.Key)
			continue
		}
		all = append(all, entry.Args()...)
	}
	return Parse(role, append(all, args...))
}

func filePath(args []string) string {
	if path := os.Getenv("K3S_CONFIG_FILE"); path != "" {
		return path
	}
	for i, arg := range args {
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || (name != "config" && name != "c") {
			continue
		}
		if inline {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return DefaultFile
}

// Parse reads flags as K3s's command line library does: one dash or two, `=` or a separate value.
func Parse(role Role, args []string) (*Values, error) {
	values := &Values{Role: role, Args: args, scalar: map[string]string{}, list: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			continue
		}
		if arg == "--" {
			break
		}
		given, value, inline := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		name, spec, ok := Lookup(role, given)
		if !ok {
			return nil, UnknownFlagError{Name: given}
		}
		if !inline && spec.Kind == Bool {
			value = "true"
		} else if !inline {
			i++
			if i == len(args) {
				return nil, fmt.Errorf("flag needs an argument: -%s", given)
			}
			value = args[i]
		}
		if err := values.set(name, spec, value); err != nil {
			return nil, err
		}
	}
	return values, values.addEnvironment()
}

func (v *Values) set(name string, spec Spec, value string) error {
	switch spec.Kind {
	case List:
		v.list[name] = append(v.list[name], value)
	case Bool:
		parsed, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("invalid boolean value %q for -%s: parse error", value, name)
		}
		v.scalar[name] = strconv.FormatBool(parsed)
	default:
		v.scalar[name] = value
	}
	return nil
}

func (v *Values) addEnvironment() error {
	for name, variable := range environment {
		_, spec, ok := Lookup(v.Role, name)
		value := os.Getenv(variable)
		if _, set := v.scalar[name]; !ok || set || value == "" {
			continue
		}
		if err := v.set(name, spec, value); err != nil {
			return fmt.Errorf("could not parse %q as value for flag %s: %w", value, name, err)
		}
	}
	return nil
}

// String is a scalar flag's value, or the fallback when it is not set.
func (v *Values) String(name, fallback string) string {
	if value := v.scalar[name]; value != "" {
		return value
	}
	return fallback
}

// Bool is a boolean flag's value; false when it is not set.
func (v *Values) Bool(name string) bool { return v.scalar[name] == "true" }

// List is what a repeatable flag was given, in order.
func (v *Values) List(name string) []string { return v.list[name] }

// Split is a repeatable flag whose values may also hold commas.
func (v *Values) Split(name string) []string {
	var items []string
	for _, value := range v.list[name] {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}
