// SPDX-License-Identifier: GPL-3.0-or-later

// Command k3s is the lab's stand-in for K3s: it takes K3s's commands, files and flags and
// runs upstream Kubernetes with them. It is not K3s.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"baremesh.edge/lab/k3s/internal/bundle"
	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/token"
)

// version is set by the linker.
var version = "v1.34.4+lab1"

const usage = `NAME:
   k3s - Kubernetes, small and simple (the lab's stand-in, not K3s itself)

USAGE:
   k3s [global options] command [command options] [arguments...]

COMMANDS:
   server         Run management server
   agent          Run node agent
   kubectl        Run kubectl
   crictl         Not in the stand-in
   ctr            Run ctr
   token          Manage tokens (generate only)
   etcd-snapshot  Save, list, delete and prune snapshots of etcd

GLOBAL OPTIONS:
   --help, -h     show help
   --version, -v  print the version
`

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kubectl", "ctr", "crictl":
		runTool(name, os.Args[1:])
	}
	if len(os.Args) < 2 {
		fmt.Print(usage)
		return
	}
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "server":
		runServer(args)
	case "agent":
		runAgent(args)
	case "kubectl", "ctr", "crictl":
		runTool(command, args)
	case "token":
		runToken(args)
	case "etcd-snapshot":
		runSnapshot(args)
	case "--version", "-v", "-version":
		printVersion()
	case "--help", "-h", "help":
		fmt.Print(usage)
	case "certificate", "secrets-encrypt", "check-config", "completion":
		logline.Fatalf("k3s %s is not in the lab's stand-in", command)
	default:
		fmt.Print(usage)
		logline.Fatalf("No help topic for '%s'", command)
	}
}

func printVersion() {
	fmt.Printf("k3s version %s (%s)\n", version, bundle.Commit())
	fmt.Printf("go version %s\n", runtime.Version())
}

func runToken(args []string) {
	if len(args) == 1 && args[0] == "generate" {
		fmt.Println(token.NewBootstrap())
		return
	}
	logline.Fatalf("the lab's stand-in knows `k3s token generate` only: it has no bootstrap tokens")
}

// fatal ends the process as K3s does for a flag that it does not know, and for everything else.
func fatal(err error) {
	var unknown interface{ UnknownFlag() string }
	if errors.As(err, &unknown) {
		fmt.Printf("Incorrect Usage: %v\n\n%s", err, usage)
	}
	logline.Fatalf("%v", err)
}
