// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/webhook"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
	webhookfile "github.com/cert-manager/cert-manager/pkg/webhook/configfile"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
	"github.com/spf13/pflag"
)

func runWebhook(ctx context.Context, args []string) error {
	o, err := parseWebhook(args)
	if err != nil {
		return err
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(o.FeatureGates); err != nil {
		return err
	}
	if err := logf.ValidateAndApply(&o.Logging); err != nil {
		return err
	}
	server, err := webhook.NewCertManagerWebhookServer(logf.FromContext(ctx), *o)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

// parseWebhook lets flags win over the file that one of them names.
func parseWebhook(args []string) (*config.WebhookConfiguration, error) {
	o, err := options.NewWebhookConfiguration()
	if err != nil {
		return nil, err
	}
	path, err := parseWebhookFlags(args, o)
	if err != nil || path == "" {
		return o, err
	}
	loader, err := configfile.NewConfigurationFSLoader(nil, path)
	if err != nil {
		return nil, err
	}
	file := webhookfile.New()
	if err := loader.Load(file); err != nil {
		return nil, err
	}
	_, err = parseWebhookFlags(args, file.Config)
	return file.Config, err
}

func parseWebhookFlags(args []string, o *config.WebhookConfiguration) (path string, err error) {
	file := options.NewWebhookFlags()
	flags := pflag.NewFlagSet("webhook", pflag.ContinueOnError)
	file.AddFlags(flags)
	options.AddConfigFlags(flags, o)
	err = flags.Parse(args)
	return file.Config, err
}
