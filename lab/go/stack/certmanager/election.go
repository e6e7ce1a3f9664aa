// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const (
	// The chart's Roles allow these leases by name.
	controllerLease = "cert-manager-controller"
	cainjectorLease = "cert-manager-cainjector-leader-election"

	// electionGrace is how long after the lease's end the leader still counts
	// as alive.
	electionGrace = 20 * time.Second
)

// lead runs work while this process holds the lease, and gives the lease back
// at the end, so that the next process need not wait for it to run out.
func lead(ctx context.Context, o election, client kubernetes.Interface, watchdog *leaderelection.HealthzAdaptor,
	work func(context.Context) error) error {
	if !o.enabled {
		return work(ctx)
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	leading, cancel := context.WithCancel(ctx)
	defer cancel()
	outcome := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: o.namespace, Name: controllerLease},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: hostname + "_" + string(uuid.NewUUID())},
		},
		LeaseDuration:   o.lease,
		RenewDeadline:   o.renew,
		RetryPeriod:     o.retry,
		ReleaseOnCancel: true,
		WatchDog:        watchdog,
		Name:            controllerLease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				outcome <- work(ctx)
				cancel()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(leading)
	select {
	case err := <-outcome:
		return err
	default:
	}
	if ctx.Err() == nil {
		return fmt.Errorf("lost the lease %s/%s", o.namespace, controllerLease)
	}
	return nil
}
