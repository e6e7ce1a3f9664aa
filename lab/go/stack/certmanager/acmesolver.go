// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/pflag"
)

func runACMESolver(ctx context.Context, args []string) error {
	challenge := &solver.HTTP01Solver{}
	flags := pflag.NewFlagSet("acmesolver", pflag.ContinueOnError)
	flags.IntVar(&challenge.ListenPort, "listen-port", 8089, "port of the challenge server")
	flags.StringVar(&challenge.Domain, "domain", "", "host name that is being validated")
	flags.StringVar(&challenge.Token, "token", "", "challenge token")
	flags.StringVar(&challenge.Key, "key", "", "key authorisation to answer with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := challenge.Shutdown(grace); err != nil {
			logf.FromContext(ctx).Error(err, "shutdown")
		}
	})
	if err := challenge.Listen(logf.FromContext(ctx)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
