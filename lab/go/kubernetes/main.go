// SPDX-License-Identifier: GPL-3.0-or-later

// Command kubernetes is Kubernetes in one file. The lab puts it on a host once
// and links it under the names of upstream's programs.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	_ "time/tzdata" // CronJobs name time zones; the image carries none

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	name, args, ok := choose(os.Args)
	if !ok {
		fmt.Fprintf(os.Stderr, "usage: %s PROGRAM [ARGUMENT...]\nprograms: %s\n",
			filepath.Base(os.Args[0]), strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Args = args
	if name == kubectlName {
		runKubectl()
		return
	}
	os.Exit(cli.Run(programs[name]()))
}

// choose picks the program by the name this file was called with, else by the
// first argument, which it then takes away.
func choose(argv []string) (name string, args []string, ok bool) {
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

func known(name string) bool {
	_, ok := programs[name]
	return ok || name == kubectlName
}

func names() []string {
	all := []string{kubectlName}
	for name := range programs {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// runKubectl differs from the daemons: its errors are for people, and its
// verbosity counts before the command is parsed.
func runKubectl() {
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, "kubectl:", err)
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
