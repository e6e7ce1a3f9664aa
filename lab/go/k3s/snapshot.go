// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"baremesh.edge/lab/k3s/internal/config"
	"baremesh.edge/lab/k3s/internal/etcd"
	"baremesh.edge/lab/k3s/internal/logline"
)

// snapshotFlags are the subcommand's short forms of the server's flags.
var snapshotFlags = map[string]string{
	"name": "etcd-snapshot-name", "dir": "etcd-snapshot-dir", "snapshot-retention": "etcd-snapshot-retention", "s3": "etcd-s3",
}

// splitSnapshotArgs parts what the subcommand is to do from flags, in the form in which the server takes them.
func splitSnapshotArgs(args []string) (words, flags []string) {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			words = append(words, args[i])
			continue
		}
		given, value, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		name := given
		if long, ok := snapshotFlags[given]; ok {
			name = long
		}
		_, spec, known := config.Lookup(config.Server, name)
		if !inline && known && spec.Kind != config.Bool && i+1 < len(args) {
			i++
			value, inline = args[i], true
		}
		flag := "--" + name
		if inline {
			flag += "=" + value
		}
		flags = append(flags, flag)
	}
	return words, flags
}

// runSnapshot reads the configuration first, as K3s does: a broken file is reported before anything else.
func runSnapshot(args []string) {
	words, flags := splitSnapshotArgs(args)
	values, err := config.Load(config.Server, flags)
	if err != nil {
		fatal(err)
	}
	node, err := values.NodeName()
	if err != nil {
		fatal(err)
	}
	server := filepath.Join(values.DataDir(), "server")
	if !etcd.Initialized(filepath.Join(server, "db/etcd")) {
		logline.Fatalf("etcd datastore disabled: this server does not keep its state in etcd")
	}
	if values.Bool("etcd-s3") {
		logline.Fatalf("etcd-s3 is not in the lab's stand-in")
	}
	if len(words) == 0 {
		words = []string{"save"}
	}
	dir := values.String("etcd-snapshot-dir", filepath.Join(server, "db/snapshots"))
	switch base := values.String("etcd-snapshot-name", "on-demand"); words[0] {
	case "save":
		saveSnapshot(filepath.Join(server, "tls/etcd"), dir, base, node)
	case "ls", "list", "l":
		listSnapshots(dir)
	case "delete":
		for _, name := range words[1:] {
			if err := etcd.Delete(dir, name); err != nil {
				logline.Fatalf("%v", err)
			}
			logline.Infof("Snapshot %s deleted.", name)
		}
	case "prune":
		keep, err := strconv.Atoi(values.String("etcd-snapshot-retention", "5"))
		if err != nil || keep < 0 {
			logline.Fatalf("invalid value for snapshot-retention: a number is expected")
		}
		gone, err := etcd.Prune(dir, base, node, keep)
		for _, name := range gone {
			logline.Infof("Snapshot %s deleted.", name)
		}
		if err != nil {
			logline.Fatalf("%v", err)
		}
	default:
		logline.Fatalf("No help topic for '%s'", words[0])
	}
}

func saveSnapshot(tlsDir, dir, base, node string) {
	client, err := etcd.NewClient(tlsDir, etcd.Local)
	if err != nil {
		logline.Fatalf("%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	name, err := client.Save(ctx, dir, base, node)
	if err != nil {
		logline.Fatalf("failed to save snapshot: %v", err)
	}
	logline.Infof("Snapshot %s saved.", name)
}

func listSnapshots(dir string) {
	found, err := etcd.Snapshots(dir)
	if err != nil {
		logline.Fatalf("%v", err)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "Name\tLocation\tSize\tCreated")
	for _, each := range found {
		_, _ = fmt.Fprintf(table, "%s\tfile://%s\t%d\t%s\n", each.Name, each.Path, each.Size, each.Created.UTC().Format(time.RFC3339))
	}
	_ = table.Flush()
}
