# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx in front of the lab's hosts, with the configurations that docs/proxy.md shows.

It stands in a network namespace of its own, with an address of its own, on the lab's host infra, whose port 80 is taken.
"""

from __future__ import annotations

import re

import yaml
from runs import ROOT, lab

PACKAGES = "nginx-light libnginx-mod-stream"
HOST = "infra"
NAMESPACE = "proxy"

RAISE = """
set -eu
ip netns add {namespace}
ip link add proxy0 type veth peer name eth0 netns {namespace}
ip link set proxy0 up
ip route add {address}/32 dev proxy0
# The lab's network sees the address behind this host.
sysctl -qw net.ipv4.conf.eth0.proxy_arp=1 net.ipv4.conf.proxy0.proxy_arp=1 net.ipv4.neigh.eth0.proxy_delay=0 net.ipv4.ip_forward=1
ip -n {namespace} link set lo up
ip -n {namespace} link set eth0 up
ip -n {namespace} address add {address}/32 dev eth0
ip -n {namespace} route add default via {infra} dev eth0 onlink
mkdir -p /etc/systemd/system/nginx.service.d
printf '[Service]\\nNetworkNamespacePath=/run/netns/{namespace}\\n' > /etc/systemd/system/nginx.service.d/namespace.conf
systemctl daemon-reload
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends {packages} > /dev/null
mkdir -p /etc/nginx/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=nginx -addext subjectAltName=DNS:{name} \
  -keyout /etc/nginx/tls/{name}.key -out /etc/nginx/tls/{name}.crt 2> /dev/null
"""

REMOVE = """
systemctl stop nginx.service 2> /dev/null || true
export DEBIAN_FRONTEND=noninteractive
apt-get purge -qq {packages} nginx-common > /dev/null 2>&1 || true
rm -rf /etc/systemd/system/nginx.service.d /etc/nginx /var/log/nginx
systemctl daemon-reload
ip route del {address}/32 2> /dev/null || true
ip link del proxy0 2> /dev/null || true
ip netns del {namespace} 2> /dev/null || true
sysctl -qw net.ipv4.conf.eth0.proxy_arp=0 net.ipv4.neigh.eth0.proxy_delay=80
test ! -e /usr/sbin/nginx
"""


def documented(language, mark):
    """The block of docs/proxy.md in a language that has a line that begins with a mark."""
    text = (ROOT / "docs/proxy.md").read_text(encoding="utf-8")
    (found,) = [block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if f"\n{mark}" in f"\n{block}"]
    return found


class Nginx:
    """The proxy, its address, and the lines of the documentation with the lab's addresses in them."""

    def __init__(self, hosts, name):
        self.hosts = hosts
        self.name = name
        self.infra = lab("address", HOST).strip()
        self.address = self.infra.rsplit(".", 1)[0] + ".3"

    def _script(self, text):
        names = {"namespace": NAMESPACE, "address": self.address, "infra": self.infra, "packages": PACKAGES, "name": self.name}
        return lab("shell", HOST, "--", "sh", "-c", text.format(**names))

    def start(self):
        """Install it, with an address but without a configuration."""
        self._script(REMOVE)
        self._script(RAISE)

    def stop(self):
        """Leave nothing of it."""
        self._script(REMOVE)

    def variables(self, *marks):
        """The variables of the documentation, each block found by the first of its lines."""
        found = {}
        for mark in marks:
            text = documented("yaml", mark).replace("192.0.2.11, 192.0.2.12", ", ".join(self.hosts))
            found |= yaml.safe_load(re.sub(r"192\.0\.2\.1\b", self.address, text))
        assert "192.0.2." not in str(found)
        return found

    def configure(self, kind):
        """Run with the main block ``stream`` or ``http`` of the documentation: one line ``server`` for each host of the lab."""
        lines = []
        for line in documented("nginx", f"{kind} {{").splitlines():
            if "192.0.2.12" in line:
                continue
            if "192.0.2.11" in line:
                lines += [line.replace("192.0.2.11", host) for host in self.hosts]
            else:
                lines.append(line.replace("app.example.com", self.name))
        text = "\n".join(lines)
        assert "192.0.2." not in text
        script = f"cat > /etc/nginx/nginx.conf <<'END'\n{text}\nEND\nnginx -t -q && systemctl restart nginx.service"
        lab("shell", HOST, "--", "sh", "-c", script)

    def log(self):
        """Requests that it has seen."""
        return lab("shell", HOST, "--", "cat", "/var/log/nginx/access.log")
