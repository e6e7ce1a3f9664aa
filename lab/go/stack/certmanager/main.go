// SPDX-License-Identifier: GPL-3.0-or-later

// Command certmanager is cert-manager in one file: upstream publishes its
// libraries as a module, but not its programs. Each image of the lab starts
// one of the programs below with the arguments that upstream's chart passes.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

var programs = map[string]func(context.Context, []string) error{
	"controller":      runController,
	"webhook":         runWebhook,
	"cainjector":      runCAInjector,
	"acmesolver":      runACMESolver,
	"startupapicheck": runStartupAPICheck,
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: %s PROGRAM [ARGUMENT...]\nprograms: %s\n",
			os.Args[0], strings.Join(slices.Sorted(maps.Keys(programs)), ", "))
		os.Exit(2)
	}
	name := os.Args[1]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	logf.InitLogs()
	ctrl.SetLogger(klog.Background())
	err := programs[name](logf.NewContext(ctx, klog.Background(), name), os.Args[2:])
	logf.FlushLogs()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
