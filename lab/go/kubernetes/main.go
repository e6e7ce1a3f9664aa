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
	_ "time/tzdata" // CronJobs name time zones, and a host need not know them

	"baremesh.edge/lab/kubernetes/internal/multicall"
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
	name, args, ok := multicall.Choose(os.Args, known)
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
