// SPDX-License-Identifier: GPL-3.0-or-later
// Command coredns is CoreDNS with the plugins that K3s's Corefile names, and
// no others: they alone bring a tenth of the dependencies.

// Package main is External Secrets, one program for its controller, webhook and cert-controller.
package main

import "github.com/external-secrets/external-secrets/cmd/controller"

func main() {
	controller.Execute()
}
