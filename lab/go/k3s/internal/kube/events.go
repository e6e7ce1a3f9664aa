// SPDX-License-Identifier: GPL-3.0-or-later

package kube

import (
	"context"
	"encoding/json"
	"net/http"
)

// events calls each with the kind and the object of every event of a watch, until that returns false or the watch ends.
func events[T any](ctx context.Context, c *Client, path string, each func(kind string, object T) bool) error {
	response, err := c.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	for decoder := json.NewDecoder(response.Body); ; {
		var event struct {
			Type   string `json:"type"`
			Object T      `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		if !each(event.Type, event.Object) {
			return nil
		}
	}
}
