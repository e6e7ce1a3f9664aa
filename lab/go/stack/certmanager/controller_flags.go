// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	"github.com/cert-manager/cert-manager/pkg/controller"
	shimgateways "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	dnsutil "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
)

// controllerOptions are upstream's flags that the chart, or a user's extraArgs,
// set. What the module lacks (a configuration file, Venafi) is not accepted.
type controllerOptions struct {
	common
	election
	context     controller.ContextOptions
	controllers []string
	workers     int
	health      string

	solverRequestCPU, solverRequestMemory, solverLimitCPU, solverLimitMemory string
}

func parseController(args []string) (*controllerOptions, error) {
	o := &controllerOptions{}
	flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	o.common.addFlags(flags)
	o.election.addFlags(flags)
	flags.StringSliceVar(&o.controllers, "controllers", []string{"*"}, "controllers to run; *: the default ones, -name: not this one")
	flags.IntVar(&o.workers, "concurrent-workers", 5, "workers for each controller")
	flags.StringVar(&o.health, "internal-healthz-listen-address", "0.0.0.0:9403", "address of /livez")

	c := &o.context
	flags.Float32Var(&c.KubernetesAPIQPS, "kube-api-qps", 20, "requests to the API server per second")
	flags.IntVar(&c.KubernetesAPIBurst, "kube-api-burst", 50, "requests to the API server at once")
	flags.StringVar(&c.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "namespace of ClusterIssuers' Secrets")
	flags.BoolVar(&c.ClusterIssuerAmbientCredentials, "cluster-issuer-ambient-credentials", true, "ClusterIssuers may use the machine's credentials")
	flags.BoolVar(&c.IssuerAmbientCredentials, "issuer-ambient-credentials", false, "Issuers may use the machine's credentials")
	flags.BoolVar(&c.EnableOwnerRef, "enable-certificate-owner-ref", false, "a Certificate owns its Secret")
	flags.StringSliceVar(&c.CopiedAnnotationPrefixes, "copied-annotation-prefixes",
		[]string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}, "annotations passed on by a Certificate")
	flags.IntVar(&c.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "challenges at once")
	flags.DurationVar(&c.CertificateRequestMinimumBackoffDuration, "certificate-request-minimum-backoff-duration", time.Hour, "wait after a first failure")
	flags.DurationVar(&c.CertificateRequestMaximumBackoffDuration, "certificate-request-maximum-backoff-duration", 32*time.Hour, "wait after many failures")
	flags.BoolVar(&c.EnableGatewayAPI, "enable-gateway-api", false, "Gateway API solvers and Certificates")
	addIngressShimFlags(flags, &c.IngressShimOptions)
	o.addACMEFlags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	c.Kubeconfig, c.Namespace = o.kubeconfig, o.common.namespace
	return o, o.quantities()
}

func addIngressShimFlags(flags *pflag.FlagSet, o *controller.IngressShimOptions) {
	flags.StringVar(&o.DefaultIssuerName, "default-issuer-name", "", "issuer of Ingresses that name none")
	flags.StringVar(&o.DefaultIssuerKind, "default-issuer-kind", "Issuer", "its kind")
	flags.StringVar(&o.DefaultIssuerGroup, "default-issuer-group", cmapi.GroupName, "its API group")
	flags.StringSliceVar(&o.DefaultAutoCertificateAnnotations, "auto-certificate-annotations",
		[]string{"kubernetes.io/tls-acme"}, "annotations by which an Ingress asks for a certificate")
	flags.StringSliceVar(&o.ExtraCertificateAnnotations, "extra-certificate-annotations", nil, "annotations passed on by an Ingress")
}

func (o *controllerOptions) addACMEFlags(flags *pflag.FlagSet) {
	c := &o.context.ACMEOptions
	flags.StringVar(&c.HTTP01SolverImage, "acme-http01-solver-image",
		"quay.io/jetstack/cert-manager-acmesolver:"+util.AppVersion, "image of solver pods")
	flags.StringVar(&o.solverRequestCPU, "acme-http01-solver-resource-request-cpu", "10m", "CPU that solver pods ask for")
	flags.StringVar(&o.solverRequestMemory, "acme-http01-solver-resource-request-memory", "64Mi", "memory that solver pods ask for")
	flags.StringVar(&o.solverLimitCPU, "acme-http01-solver-resource-limits-cpu", "100m", "CPU that solver pods may use")
	flags.StringVar(&o.solverLimitMemory, "acme-http01-solver-resource-limits-memory", "64Mi", "memory that solver pods may use")
	flags.BoolVar(&c.ACMEHTTP01SolverRunAsNonRoot, "acme-http01-solver-run-as-non-root", true, "solver pods must not run as root")
	flags.StringVar(&c.HTTP01SolverRuntimeClassName, "acme-http01-solver-runtime-class-name", "", "RuntimeClass of solver pods")
	flags.StringToStringVar(&c.HTTP01SolverExtraLabels, "acme-http01-solver-extra-labels", nil, "more labels for solver objects")
	flags.StringSliceVar(&c.HTTP01SolverNameservers, "acme-http01-solver-nameservers", nil, "host:port of DNS servers for the HTTP-01 self-check")
	flags.StringSliceVar(&c.DNS01Nameservers, "dns01-recursive-nameservers", dnsutil.RecursiveNameservers, "host:port of DNS servers for the DNS-01 self-check")
	c.DNS01CheckAuthoritative = true
	recursiveOnly := flags.VarPF(notBool{&c.DNS01CheckAuthoritative}, "dns01-recursive-nameservers-only", "", "ask no authoritative server")
	recursiveOnly.NoOptDefVal = "true"
	flags.DurationVar(&c.DNS01CheckRetryPeriod, "dns01-check-retry-period", 10*time.Second, "time between self-checks, of HTTP-01 too")
}

func (o *controllerOptions) quantities() error {
	var failed []error
	for _, q := range []struct {
		text   string
		target *resource.Quantity
	}{
		{o.solverRequestCPU, &o.context.HTTP01SolverResourceRequestCPU},
		{o.solverRequestMemory, &o.context.HTTP01SolverResourceRequestMemory},
		{o.solverLimitCPU, &o.context.HTTP01SolverResourceLimitsCPU},
		{o.solverLimitMemory, &o.context.HTTP01SolverResourceLimitsMemory},
	} {
		value, err := resource.ParseQuantity(q.text)
		if err != nil {
			failed = append(failed, fmt.Errorf("%q: %w", q.text, err))
			continue
		}
		*q.target = value
	}
	return errors.Join(failed...)
}

// chosen names the controllers to run, in a stable order.
//
// It fails on a name that is not linked in.
func (o *controllerOptions) chosen() ([]string, error) {
	on := map[string]bool{}
	for _, entry := range o.controllers {
		name, off := strings.CutPrefix(entry, "-")
		switch {
		case entry == "*":
			for known := range controller.Known() {
				on[known] = known != shimgateways.ControllerName || o.context.EnableGatewayAPI
			}
		case controller.Known()[name] == nil:
			return nil, fmt.Errorf("--controllers: no controller %q; there are %s",
				name, strings.Join(slices.Sorted(maps.Keys(controller.Known())), ", "))
		default:
			on[name] = !off
		}
	}
	var names []string
	for name, enabled := range on {
		if enabled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
