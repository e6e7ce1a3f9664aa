# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a program that holds a port, so that doing just that costs no service and not the way to the host. No I/O."""

from __future__ import annotations

import re

_OTHERWISE = "find out what needs it, and let it listen on another port or address"

#: Names of processes, and what to do about each. Stopping is never advised: what listens is in use.
_ADVICE = (
    (
        re.compile(r"docker|containerd|conmon|podman|rootlessport|pasta|slirp4netns|netavark|nerdctl"),
        "a container publishes this port, so publish another port of the host for it",
    ),
    (
        re.compile(
            r"sshd|dropbear|tailscaled|openvpn|wireguard|wg|zerotier|cloudflared|headscale|netbird|cockpit|teleport|stunnel|frp|ssh"
        ),
        "people may reach the host by it, so leave it alone until another way to the host works; then let it listen on another port",
    ),
    (
        re.compile(r"nginx|apache2|httpd|caddy|lighttpd|haproxy|traefik|envoy|varnish|squid|h2o|litespeed"),
        "let it listen on another port, and have the gateway forward its names to it as sites of edge_sites",
    ),
    (re.compile(r"k3s|kube|etcd"), "another Kubernetes runs here, so use a host without one"),
    (re.compile(r"systemd"), "a socket unit opens it for a service, so let the socket listen on another port"),
)


def advice_about(process: str, unit: str = "") -> str:
    """Return what to do about a program that holds a port; process or unit is empty where it cannot be seen."""
    return next((text for pattern, text in _ADVICE if pattern.match(process) or pattern.match(unit)), _OTHERWISE)
