# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading all that istiod and Envoy look at before they serve a credential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import (
    Credential,
    secret_causes,
    secret_names,
    server_leaf,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.own_secrets import namespaces_of
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, absence, gateway_pod, selector_text
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import service_ports
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    PODS,
    SECRETS,
    SECRETS_OF_USERS,
    SERVICES,
    STATEFUL_SETS,
    SUBJECT_ACCESS_REVIEWS,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError

# What makes pods that stay.
WORKLOADS = (DEPLOYMENTS, DAEMON_SETS, STATEFUL_SETS)
# So many Secrets are read one by one, which needs no right to list them; more of them at once, but for those in which Helm keeps releases.
MANY = 4


class Reader:
    """Pods, Secrets, rights and ports of one gateway."""

    def __init__(self, client: KubeClient, namespace: str, selector: Mapping[str, str], patience: Patience) -> None:
        self._client = client
        self._namespace = namespace
        self._selector = dict(selector)
        self._patience = patience
        self.warnings: list[str] = []
        self.observations = 0

    @property
    def labels(self) -> str:
        """The selector as kubectl writes it."""
        return selector_text(self._selector)

    def pods(self) -> list[GatewayPod]:
        """Pods that the selector fits, by name."""
        found = self._patience.call(lambda: self._client.list(PODS, self._namespace, self.labels))
        items = [gateway_pod(p) for p in found.get("items") or []]
        self.observations += len(items)
        return sorted(items, key=lambda p: p.name)

    def secrets(self, credentials: Sequence[Credential]) -> dict[str, dict[str, Any] | None]:
        """All Secrets of the credentials, None for each that does not exist."""
        names = secret_names(credentials)
        if len(names) > MANY:
            try:
                return self._listed(names)
            except ApiError as exc:
                if not exc.forbidden:
                    raise
        return {name: self._secret(name) for name in names}

    def taken_ports(self) -> set[int]:
        """Ports that some Service of the namespace names."""
        found = self._patience.call(lambda: self._client.list(SERVICES, self._namespace))
        return service_ports(found.get("items") or [])

    def pod_causes(self, pods: Sequence[GatewayPod]) -> list[Cause]:
        """No pods, or none that is Ready: a rollout may be under way, so this may heal."""
        if not pods:
            return [self._absence()]
        if not any(p.ready for p in pods):
            text = f"no gateway pod with the labels {self.labels} is Ready: {pods[0].name}: {pods[0].problem}"
            return [Cause(text)]
        return []

    def secret_causes(self, credentials: Sequence[Credential], secrets: Mapping[str, dict[str, Any] | None]) -> list[Cause]:
        """All that is wrong with the Secrets; for one that is missing, also where another of its name is."""
        wall = self._patience.deadline.clock.wall()
        found: list[Cause] = []
        for credential in credentials:
            for cause in secret_causes(credential, self._namespace, secrets, wall):
                elsewhere = self._elsewhere(credential, secrets) if "does not exist" in cause.text else []
                if elsewhere:
                    where = f"there is one in {', '.join(elsewhere)}, but Istio serves it only from the namespace of the pods"
                    found.append(replace(cause, text=f"{cause.text}; {where}"))
                else:
                    found.append(cause)
        return found

    def right_causes(self, pods: Sequence[GatewayPod]) -> list[Cause]:
        """Istiod gives a pod secrets only if the pod's ServiceAccount may list them."""
        found = []
        for account in sorted({p.service_account for p in pods}):
            user = f"system:serviceaccount:{self._namespace}:{account}"
            body = {
                "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
                "kind": SUBJECT_ACCESS_REVIEWS.kind,
                "spec": {
                    "user": user,
                    "groups": ["system:serviceaccounts", f"system:serviceaccounts:{self._namespace}", "system:authenticated"],
                    "resourceAttributes": {"namespace": self._namespace, "verb": "list", "resource": "secrets"},
                },
            }
            try:
                answer = self._patience.call(lambda b=body: self._client.create(SUBJECT_ACCESS_REVIEWS, None, b))  # type: ignore[misc]
            except ApiError as exc:
                if not exc.forbidden:
                    raise
                self.warnings.append(f"Whether ServiceAccount {account} may list Secrets was not checked: {exc}")
                continue
            self.observations += 1
            if not (answer.get("status") or {}).get("allowed"):
                text = (
                    f"ServiceAccount {account} of the gateway pods may not list Secrets in namespace {self._namespace}, so istiod gives "
                    "them none; grant it the verb list on secrets there, as Istio's gateway chart does "
                    "(istiod remembers a refusal for a minute)"
                )
                found.append(Cause(text, FINAL))
        return found

    def serials(self, credentials: Sequence[Credential], secrets: Mapping[str, dict[str, Any] | None]) -> dict[str, list[str]]:
        """By credential, the serial numbers that may be served."""
        found: dict[str, list[str]] = {}
        for credential in credentials:
            found[credential.name] = []
            for name in credential.secret_names:
                try:
                    found[credential.name].append(server_leaf(secrets.get(name) or {}).serial)
                except TlsError:
                    continue
        return found

    def _absence(self) -> Cause:
        makers: list[dict[str, Any]] = []
        try:
            pods = self._patience.call(lambda: self._client.list(PODS, self._namespace)).get("items") or []
            for kind in WORKLOADS:
                found = self._patience.call(lambda k=kind: self._client.list(k, self._namespace))  # type: ignore[misc]
                makers += [dict(w, kind=kind.kind) for w in found.get("items") or []]
        except ApiError as exc:
            if not exc.forbidden:
                raise
            return absence(self._namespace, self._selector, [], None)
        return absence(self._namespace, self._selector, pods, makers)

    def _listed(self, names: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        found = self._patience.call(lambda: self._client.list(SECRETS, self._namespace, field_selector=SECRETS_OF_USERS))
        by_name = {str(each["metadata"]["name"]): each for each in found.get("items") or []}
        self.observations += len(names)
        return {name: by_name.get(name) for name in names}

    def _secret(self, name: str) -> dict[str, Any] | None:
        try:
            found = self._patience.call(lambda: self._client.get(SECRETS, self._namespace, name))
        except ApiError as exc:
            if exc.not_found:
                return None
            raise
        self.observations += 1
        return found

    def _elsewhere(self, credential: Credential, secrets: Mapping[str, Any]) -> list[str]:
        missing = [name for name in secret_names([credential]) if secrets.get(name) is None]
        spaces = {space for name in missing for space in namespaces_of(self._client, name)}
        return sorted(f"namespace {space}" for space in spaces - {self._namespace})
