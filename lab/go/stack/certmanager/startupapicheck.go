// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
)

// runStartupAPICheck ends well once the webhooks answer a dry run; the chart's
// hook waits for that.
func runStartupAPICheck(ctx context.Context, args []string) error {
	o := common{}
	flags := pflag.NewFlagSet("startupapicheck", pflag.ContinueOnError)
	o.addFlags(flags)
	// The chart passes a bare -v.
	flags.Lookup("v").NoOptDefVal = "1"
	deadline := flags.Duration("wait", 0, "how long to go on trying; 0: one try")
	interval := flags.Duration("interval", 5*time.Second, "time between tries")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !slices.Equal(flags.Args(), []string{"check", "api"}) {
		return fmt.Errorf("expected \"check api\", got %q", flags.Args())
	}
	if err := o.apply(); err != nil {
		return err
	}
	checker, err := newChecker(o.kubeconfig)
	if err != nil {
		return err
	}
	last := checker.Check(ctx)
	if last == nil || *deadline == 0 {
		return last
	}
	err = wait.PollUntilContextTimeout(ctx, *interval, *deadline, false, func(ctx context.Context) (bool, error) {
		if last = checker.Check(ctx); last != nil {
			logf.FromContext(ctx).V(1).Info("not ready", "reason", last.Error())
		}
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	fmt.Println("The cert-manager API is ready")
	return nil
}

// newChecker checks in the pod's own namespace: its Role allows no other.
func newChecker(kubeconfig string) (cmapichecker.Interface, error) {
	restConfig, err := loadRESTConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		return nil, errors.New("POD_NAMESPACE is not set")
	}
	return cmapichecker.New(restConfig, namespace)
}
