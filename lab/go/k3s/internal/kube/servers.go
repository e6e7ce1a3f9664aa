// SPDX-License-Identifier: GPL-3.0-or-later

package kube

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
)

// A watch without a version begins with what there is.
const serversPath = "/api/v1/namespaces/default/endpoints?watch=1&fieldSelector=metadata.name%3Dkubernetes&timeoutSeconds=300"

type endpoints struct {
	Subsets []struct {
		Addresses []struct {
			IP string `json:"ip"`
		} `json:"addresses"`
		Ports []struct {
			Port int `json:"port"`
		} `json:"ports"`
	} `json:"subsets"`
}

func (e endpoints) addresses() []string {
	var all []string
	for _, subset := range e.Subsets {
		for _, address := range subset.Addresses {
			for _, port := range subset.Ports {
				all = append(all, net.JoinHostPort(address.IP, strconv.Itoa(port.Port)))
			}
		}
	}
	return all
}

// WatchServers calls changed with the addresses of all servers, until the context ends.
func (c *Client) WatchServers(ctx context.Context, changed func([]string)) {
	const pause = time.Second
	for ctx.Err() == nil {
		if err := c.watchServersOnce(ctx, changed); err != nil && ctx.Err() == nil {
			logline.Debugf("Watch of the servers ended: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (c *Client) watchServersOnce(ctx context.Context, changed func([]string)) error {
	response, err := c.send(ctx, http.MethodGet, serversPath, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	for decoder := json.NewDecoder(response.Body); ; {
		var event struct {
			Type   string    `json:"type"`
			Object endpoints `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		if event.Type == "ADDED" || event.Type == "MODIFIED" {
			changed(event.Object.addresses())
		}
	}
}
