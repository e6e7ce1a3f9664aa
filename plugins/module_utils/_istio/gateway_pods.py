# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading all that istiod and Envoy look at before they serve a credential.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, TypeVar

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import (
    Credential,
    Finding,
    secret_findings,
    server_leaf,
    wanted_secrets,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, absence, gateway_pod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import service_ports
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConnectionLost, KindAbsent, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    PODS,
    SECRETS,
    SERVICES,
    STATEFUL_SETS,
    SUBJECT_ACCESS_REVIEWS,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

# What makes pods that stay.
WORKLOADS = (DEPLOYMENTS, DAEMON_SETS, STATEFUL_SETS)
# After an API server's restart its RBAC and CRD caches fill while it already answers.
RESTART_GRACE = 15.0

T = TypeVar("T")


class Patience:
    """Repeats requests that fail for reasons that pass, until the deadline."""

    def __init__(self, deadline: Deadline, say: Callable[[str], None] = lambda _unused: None) -> None:
        self.deadline = deadline
        self._say = say
        self._trouble_at: float | None = None

    def call(self, request: Callable[[], T]) -> T:
        """The request's result. Raises its last error at the deadline, a lasting one at once."""
        backoff = Backoff(first=0.2, cap=5.0)
        while True:
            try:
                return request()
            except (ApiError, ConnectionLost) as exc:
                if self.deadline.expired or not self._passes(exc):
                    raise
                pause = backoff.next(self.deadline, getattr(exc, "retry_after", None))
                self._say(str(exc))
            self.deadline.clock.sleep(pause)

    def _passes(self, error: KubeError) -> bool:
        now = self.deadline.elapsed
        if error.transient:
            self._trouble_at = now
            return True
        refused = isinstance(error, KindAbsent) or (isinstance(error, ApiError) and error.status in (401, 403))
        return refused and self._trouble_at is not None and now - self._trouble_at < RESTART_GRACE


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
    def selector_text(self) -> str:
        """The selector as kubectl writes it."""
        return ",".join("%s=%s" % item for item in sorted(self._selector.items()))

    def pods(self) -> list[GatewayPod]:
        """Pods that the selector fits, by name."""
        found = self._patience.call(lambda: self._client.list(PODS, self._namespace, self.selector_text))
        items = [gateway_pod(p) for p in found.get("items") or []]
        self.observations += len(items)
        return sorted(items, key=lambda p: p.name)

    def secrets(self, credentials: Sequence[Credential]) -> dict[str, dict[str, Any] | None]:
        """All Secrets of the credentials, None for each that does not exist."""
        return {name: self._secret(name) for name in wanted_secrets(credentials)}

    def taken_ports(self) -> set[int]:
        """Ports that some Service of the namespace names."""
        found = self._patience.call(lambda: self._client.list(SERVICES, self._namespace))
        return service_ports(found.get("items") or [])

    def pod_findings(self, pods: Sequence[GatewayPod]) -> list[Finding]:
        """No pods, or none that is Ready: a rollout may be under way, so this may heal."""
        if not pods:
            return [self._absence()]
        if not any(p.ready for p in pods):
            text = "no gateway pod with the labels %s is Ready: %s: %s" % (self.selector_text, pods[0].name, pods[0].problem)
            return [Finding("", text, final=False)]
        return []

    def secret_findings(self, credentials: Sequence[Credential], secrets: Mapping[str, dict[str, Any] | None]) -> list[Finding]:
        """All that is wrong with the Secrets; for one that is missing, also where another of its name is."""
        wall = self._patience.deadline.clock.wall()
        found: list[Finding] = []
        for credential in credentials:
            for finding in secret_findings(credential, self._namespace, secrets, wall):
                elsewhere = self._elsewhere(credential, secrets) if "does not exist" in finding.text else []
                text = finding.text
                if elsewhere:
                    text += "; there is one in %s, but Istio serves it only from the namespace of the pods" % ", ".join(elsewhere)
                found.append(Finding(finding.credential, text, finding.final))
        return found

    def right_findings(self, pods: Sequence[GatewayPod]) -> list[Finding]:
        """Istiod gives a pod secrets only if the pod's ServiceAccount may list them."""
        found = []
        for account in sorted({p.service_account for p in pods}):
            user = "system:serviceaccount:%s:%s" % (self._namespace, account)
            body = {
                "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
                "kind": SUBJECT_ACCESS_REVIEWS.kind,
                "spec": {
                    "user": user,
                    "groups": ["system:serviceaccounts", "system:serviceaccounts:%s" % self._namespace, "system:authenticated"],
                    "resourceAttributes": {"namespace": self._namespace, "verb": "list", "resource": "secrets"},
                },
            }
            try:
                answer = self._patience.call(lambda b=body: self._client.create(SUBJECT_ACCESS_REVIEWS, None, b))  # type: ignore[misc]
            except ApiError as exc:
                if not exc.forbidden:
                    raise
                self.warnings.append("Whether ServiceAccount %s may list Secrets was not checked: %s" % (account, exc))
                continue
            self.observations += 1
            if not (answer.get("status") or {}).get("allowed"):
                text = (
                    "ServiceAccount %s of the gateway pods may not list Secrets in namespace %s, so istiod gives them none; grant it the "
                    "verb list on secrets there, as Istio's gateway chart does (istiod remembers a refusal for a minute)"
                    % (account, self._namespace)
                )
                found.append(Finding("", text))
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

    def _absence(self) -> Finding:
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
        names = [n for n in credential.secret_names if secrets.get(n) is None]
        if not names:
            return []
        try:
            found = self._client.list(SECRETS, None, field_selector="metadata.name=%s" % names[0])
        except KubeError:
            # It only makes the message better, and many may not list Secrets of all namespaces.
            return []
        spaces = {str(s["metadata"].get("namespace")) for s in found.get("items") or []}
        return sorted("namespace %s" % s for s in spaces - {self._namespace})
