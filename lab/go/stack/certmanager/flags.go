// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"strconv"
	"strings"
	"time"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// common holds what every long-running program takes.
type common struct {
	kubeconfig     string
	namespace      string
	metricsAddress string
	features       map[string]bool
	logging        logsapi.LoggingConfiguration
}

func (c *common) addFlags(flags *pflag.FlagSet) {
	logsapi.SetRecommendedLoggingConfiguration(&c.logging)
	logf.AddFlags(&c.logging, flags)
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file; default: the pod's service account")
	flags.StringVar(&c.namespace, "namespace", "", "the only namespace to watch; default: all")
	flags.StringVar(&c.metricsAddress, "metrics-listen-address", "0.0.0.0:9402", "address of /metrics, 0 for none")
	flags.Var(cliflag.NewMapStringBool(&c.features), "feature-gates",
		"name=true|false, of:\n"+strings.Join(utilfeature.DefaultFeatureGate.KnownFeatures(), "\n"))
}

func (c *common) apply() error {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(c.features); err != nil {
		return err
	}
	return logf.ValidateAndApply(&c.logging)
}

// election holds the leader election flags; the defaults are upstream's.
type election struct {
	enabled   bool
	namespace string
	lease     time.Duration
	renew     time.Duration
	retry     time.Duration
}

func (e *election) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&e.enabled, "leader-elect", true, "work only while holding the lease")
	flags.StringVar(&e.namespace, "leader-election-namespace", "kube-system", "namespace of the lease")
	flags.DurationVar(&e.lease, "leader-election-lease-duration", 60*time.Second, "how long others wait for a silent leader")
	flags.DurationVar(&e.renew, "leader-election-renew-deadline", 40*time.Second, "how long the leader tries to renew")
	flags.DurationVar(&e.retry, "leader-election-retry-period", 15*time.Second, "time between tries")
}

// notBool is a flag that clears what it points to.
type notBool struct{ target *bool }

func (n notBool) String() string {
	return strconv.FormatBool(n.target != nil && !*n.target)
}

func (n notBool) Set(text string) error {
	value, err := strconv.ParseBool(text)
	if err == nil {
		*n.target = !value
	}
	return err
}

func (n notBool) Type() string { return "bool" }
