// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"

	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

type cainjectorOptions struct {
	common
	election
	certificates bool
	injectables  map[string]*bool
}

func parseCAInjector(args []string) (*cainjectorOptions, error) {
	o := &cainjectorOptions{}
	flags := pflag.NewFlagSet("cainjector", pflag.ContinueOnError)
	o.common.addFlags(flags)
	o.election.addFlags(flags)
	flags.BoolVar(&o.certificates, "enable-certificates-data-source", true, "take CAs from Certificates")
	o.injectables = map[string]*bool{
		cainjector.ValidatingWebhookConfigurationName: flags.Bool("enable-validatingwebhookconfigurations-injectable", true, "inject into these"),
		cainjector.MutatingWebhookConfigurationName:   flags.Bool("enable-mutatingwebhookconfigurations-injectable", true, "inject into these"),
		cainjector.CustomResourceDefinitionName:       flags.Bool("enable-customresourcedefinitions-injectable", true, "inject into these"),
		cainjector.APIServiceName:                     flags.Bool("enable-apiservices-injectable", true, "inject into these"),
	}
	return o, flags.Parse(args)
}

func runCAInjector(ctx context.Context, args []string) error {
	o, err := parseCAInjector(args)
	if err != nil {
		return err
	}
	if err := o.apply(); err != nil {
		return err
	}
	manager, err := newCAInjectorManager(o)
	if err != nil {
		return err
	}
	enabled := map[string]bool{}
	for name, on := range o.injectables {
		enabled[name] = *on
	}
	if err := cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		Namespace:                    o.common.namespace,
		EnableCertificatesDataSource: o.certificates,
		EnabledReconcilersFor:        enabled,
	}); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func newCAInjectorManager(o *cainjectorOptions) (ctrl.Manager, error) {
	restConfig, err := loadRESTConfig(o.kubeconfig)
	if err != nil {
		return nil, err
	}
	scheme, err := cainjectorScheme()
	if err != nil {
		return nil, err
	}
	options := ctrl.Options{
		Scheme:                        scheme,
		Logger:                        klog.Background(),
		LeaderElection:                o.enabled,
		LeaderElectionID:              cainjectorLease,
		LeaderElectionNamespace:       o.election.namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &o.lease,
		RenewDeadline:                 &o.renew,
		RetryPeriod:                   &o.retry,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		// Only the metadata of Secrets is watched; a Secret itself is read when
		// it is needed, so that this process does not hold all of them.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
	}
	if o.common.namespace != "" {
		options.Cache.DefaultNamespaces = map[string]cache.Config{o.common.namespace: {}}
	}
	// The field manager of every injection is made from the user agent; with
	// client-go's own one the API server refuses them all.
	return ctrl.NewManager(util.RestConfigWithUserAgent(restConfig, "cainjector"), options)
}

func cainjectorScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kscheme.AddToScheme,
		cmscheme.AddToScheme,
		apiextensionsv1.AddToScheme,
		apiregistrationv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("scheme: %w", err)
		}
	}
	return scheme, nil
}

// loadRESTConfig takes the pod's service account if no file is named.
func loadRESTConfig(kubeconfig string) (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}
