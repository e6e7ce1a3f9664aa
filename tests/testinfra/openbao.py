# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenBao on a host of the lab, which forgets everything when it stops."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import runs
from authority import Authority

NAME, PORT = "openbao.example.com", 8200
FOLDER = "/run/openbao"
POLICY = 'path "kv/data/dns/*" { capabilities = ["read"] }'
CONFIG = f"""
storage "inmem" {{}}
listener "tcp" {{
  address = "0.0.0.0:{PORT}"
  tls_cert_file = "{FOLDER}/server.pem"
  tls_key_file = "{FOLDER}/server.key"
}}
api_addr = "https://{NAME}:{PORT}"
"""


class OpenBao:
    """Begins with an engine `kv` of version 2, and a policy that lets `dns/` be read. Clients know it by NAME and its address."""

    def __init__(self, address, folder):
        """Its certificates lie in the folder; it runs on server1 with that address."""
        self.address, self.authority = address, Authority("openbao", folder)
        (folder / "ca.pem").write_text(self.authority.pem, encoding="utf-8")
        self.ca = str(folder / "ca.pem")
        self._paths = self.authority.issue("server", hosts=[NAME], addresses=[address])[1]
        self._context = ssl.create_default_context(cafile=self.ca)
        self.token = self._key = ""

    def start(self):
        """Start it, unsealed."""
        binary = Path(runs.lab("extra", "openbao").splitlines()[-1]) / "bao"
        self._copy(binary.read_bytes(), "bao", "755")
        for path, name in zip(self._paths, ("server.pem", "server.key"), strict=True):
            self._copy(path.read_bytes(), name)
        self._copy(CONFIG.encode(), "openbao.hcl")
        self._host("systemd-run", "--quiet", "--collect", "--unit=openbao", f"{FOLDER}/bao", "server", f"-config={FOLDER}/openbao.hcl")
        self._until(lambda: self.call("GET", "sys/seal-status"))
        made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._key, self.token = made["keys_base64"][0], made["root_token"]
        self.unseal()
        self.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        self._until(lambda: self.write("dns/ready", value="yes"))
        self.call("PUT", "sys/policies/acl/dns", {"policy": POLICY})

    def stop(self):
        """Stop it and take its files away."""
        self._host("sh", "-c", f"systemctl stop openbao; rm -rf {FOLDER}")

    def call(self, method, path, body=None):
        """The answer to a request, None where it is empty. Raises urllib.error.URLError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"https://{self.address}:{PORT}/v1/{path}", data, {"X-Vault-Token": self.token}, method=method)
        with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def write(self, path, **properties):
        """Write a secret."""
        return self.call("POST", f"kv/data/{path}", {"data": properties})

    def seal(self):
        """Seal it, as after a restart."""
        self.call("PUT", "sys/seal")

    def unseal(self):
        """Unseal it, and wait until it is ready for requests."""
        self.call("PUT", "sys/unseal", {"key": self._key})
        self._until(lambda: self.call("GET", "sys/health"))

    def trust_cluster(self, authority, reviewer=""):
        """Let service accounts of the cluster on the same host log in. Their own tokens ask who they are, unless a reviewer's does."""
        self.call("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
        config = {"kubernetes_host": "https://127.0.0.1:6443", "kubernetes_ca_cert": authority, "token_reviewer_jwt": reviewer}
        self.call("POST", "auth/kubernetes/config", config)

    def role(self, name, account="external-secrets", policies=("dns",), namespace="external-secrets", audience=""):
        """Let a service account log in."""
        accounts = {"bound_service_account_names": account, "bound_service_account_namespaces": namespace, "audience": audience}
        self.call("POST", f"auth/kubernetes/role/{name}", {**accounts, "token_policies": list(policies), "token_ttl": "10m"})

    def sign(self, role="edge", domain="example.com"):
        """Let a role of an engine `pki` sign for names below a domain, and a policy `pki` use it. Returns its root certificate."""
        self.call("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "8760h"}})
        root = self.call("POST", "pki/root/generate/internal", {"common_name": "OpenBao root", "ttl": "8760h"})["data"]["certificate"]
        allowed = {"allowed_domains": [domain], "allow_subdomains": True, "require_cn": False, "key_type": "any", "max_ttl": "2160h"}
        self.call("POST", f"pki/roles/{role}", allowed)
        self.call("PUT", "sys/policies/acl/pki", {"policy": f'path "pki/sign/{role}" {{ capabilities = ["update"] }}'})
        return root

    def approle(self, policy="dns"):
        """Role ID and secret ID of a role with a policy."""
        self.call("POST", "sys/auth/approle", {"type": "approle"})
        self.call("POST", "auth/approle/role/edge", {"token_policies": [policy]})
        role = self.call("GET", "auth/approle/role/edge/role-id")["data"]["role_id"]
        return role, self.call("POST", "auth/approle/role/edge/secret-id", {})["data"]["secret_id"]

    def token_of(self, policy="dns"):
        """A token with a policy."""
        return self.call("POST", "auth/token/create", {"policies": [policy]})["auth"]["client_token"]

    @staticmethod
    def _until(works, limit=30):
        deadline = time.monotonic() + limit
        while True:
            try:
                return works()
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline, "OpenBao does not answer"
                time.sleep(0.2)

    @staticmethod
    def _host(*command):
        return runs.lab("shell", "server1", "--", *command)

    @staticmethod
    def _copy(content, name, mode="600"):
        script = f"mkdir -p {FOLDER} && umask 077 && cat > {FOLDER}/{name} && chmod {mode} {FOLDER}/{name}"
        command = [runs.ROOT / "lab/lab", "shell", "server1", "--", "sh", "-c", script]
        subprocess.run(command, input=content, check=True, stdout=subprocess.DEVNULL)
