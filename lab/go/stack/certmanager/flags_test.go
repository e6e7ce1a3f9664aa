// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	shimgateways "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
)

// What the chart of v1.21.2 passes with its default values.
var chartArguments = []string{
	"--v=2",
	"--cluster-resource-namespace=cert-manager",
	"--leader-election-namespace=kube-system",
	"--acme-http01-solver-image=quay.io/jetstack/cert-manager-acmesolver:v1.21.2",
	"--max-concurrent-challenges=60",
}

func parse(t *testing.T, more ...string) *controllerOptions {
	t.Helper()
	o, err := parseController(append(slices.Clone(chartArguments), more...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestControllerTakesTheChartsArguments(t *testing.T) {
	o := parse(t)
	if o.context.ClusterResourceNamespace != "cert-manager" || !o.election.enabled {
		t.Errorf("got %+v", o)
	}
	if !o.context.DNS01CheckAuthoritative {
		t.Error("authoritative servers are asked unless told otherwise")
	}
	if o.context.HTTP01SolverResourceLimitsMemory.String() != "64Mi" {
		t.Errorf("solver memory %v", o.context.HTTP01SolverResourceLimitsMemory)
	}
}

func TestBareRecursiveOnlyFlag(t *testing.T) {
	if parse(t, "--dns01-recursive-nameservers-only").context.DNS01CheckAuthoritative {
		t.Error("the flag without a value means true")
	}
	if !parse(t, "--dns01-recursive-nameservers-only=false").context.DNS01CheckAuthoritative {
		t.Error("false must be taken as false")
	}
}

func TestChosenControllers(t *testing.T) {
	all, err := parse(t).chosen()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"challenges", "orders", "clusterissuers", "certificates-issuing", "certificaterequests-approver"} {
		if !slices.Contains(all, name) {
			t.Errorf("%s does not run by default", name)
		}
	}
	if slices.Contains(all, shimgateways.ControllerName) {
		t.Error("the Gateway API is off by default")
	}
	without, err := parse(t, "--controllers=*,-certificaterequests-approver").chosen()
	if err != nil {
		t.Fatal(err)
	}
	if len(without) != len(all)-1 || slices.Contains(without, "certificaterequests-approver") {
		t.Errorf("got %v", without)
	}
}

func TestUnknownControllerIsNamed(t *testing.T) {
	_, err := parse(t, "--controllers=isuers").chosen()
	if err == nil || !strings.Contains(err.Error(), `no controller "isuers"; there are `) {
		t.Errorf("got %v", err)
	}
}

func TestBadQuantityIsNamed(t *testing.T) {
	_, err := parseController([]string{"--acme-http01-solver-resource-limits-cpu=lots"})
	if err == nil || !strings.Contains(err.Error(), `"lots"`) {
		t.Errorf("got %v", err)
	}
}

func TestWebhookFlagsWinOverItsFile(t *testing.T) {
	o, err := parseWebhook([]string{"--secure-port=10250", "--dynamic-serving-dns-names=a", "--dynamic-serving-dns-names=b"})
	if err != nil {
		t.Fatal(err)
	}
	if o.SecurePort != 10250 || !slices.Equal(o.TLSConfig.Dynamic.DNSNames, []string{"a", "b"}) {
		t.Errorf("got %+v", o)
	}
	file := t.TempDir() + "/config.yaml"
	content := "apiVersion: webhook.config.cert-manager.io/v1alpha1\nkind: WebhookConfiguration\nsecurePort: 1\nhealthzPort: 2\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err = parseWebhook([]string{"--config=" + file, "--secure-port=10250"})
	if err != nil {
		t.Fatal(err)
	}
	if o.SecurePort != 10250 || o.HealthzPort != 2 {
		t.Errorf("got ports %d and %d", o.SecurePort, o.HealthzPort)
	}
}
