// SPDX-License-Identifier: GPL-3.0-or-later

// Package pause waits, but no longer than a context lives.
package pause

import (
	"context"
	"time"
)

// For waits as long as it says; it ends early with the context's error.
func For(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
