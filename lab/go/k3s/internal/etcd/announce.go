// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"context"
	"time"
)

// Announce writes a key that goes by itself when it is not written again in time.
func (c *Client) Announce(ctx context.Context, key string, ttl time.Duration) error {
	var lease struct {
		ID string `json:"ID"`
	}
	if err := c.call(ctx, "/v3/lease/grant", map[string]any{"TTL": int(ttl.Seconds())}, &lease); err != nil {
		return err
	}
	return c.call(ctx, "/v3/kv/put", map[string]any{"key": []byte(key), "value": []byte{}, "lease": lease.ID}, nil)
}

// Announced lists the keys with a prefix, in order.
func (c *Client) Announced(ctx context.Context, prefix string) ([]string, error) {
	var answer struct {
		KVs []struct {
			Key []byte `json:"key"`
		} `json:"kvs"`
	}
	end := []byte(prefix)
	end[len(end)-1]++
	err := c.call(ctx, "/v3/kv/range", map[string]any{"key": []byte(prefix), "range_end": end, "keys_only": true}, &answer)
	var keys []string
	for _, pair := range answer.KVs {
		keys = append(keys, string(pair.Key))
	}
	return keys, err
}
