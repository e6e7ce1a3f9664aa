// SPDX-License-Identifier: GPL-3.0-or-later

package kube

import (
	"context"
	"net"
	"strconv"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
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
	for ctx.Err() == nil {
		err := events(ctx, c, serversPath, func(kind string, object endpoints) bool {
			if kind == "ADDED" || kind == "MODIFIED" {
				changed(object.addresses())
			}
			return true
		})
		if err != nil && ctx.Err() == nil {
			logline.Debugf("Watch of the servers ended: %v", err)
		}
		_ = pause.For(ctx, time.Second)
	}
}
