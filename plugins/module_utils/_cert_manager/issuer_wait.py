# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for issuers to become ready.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.issuers import IssuerCause, issuer_cause
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CLUSTER_ISSUERS, ISSUERS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, Verdict, settle
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

Json = dict[str, Any]

_RESOURCES = {"ClusterIssuer": CLUSTER_ISSUERS, "Issuer": ISSUERS}


class IssuerWait:
    """One wait for any number of issuers."""

    def __init__(self, client: KubeClient, issuers: Sequence[Mapping[str, str | None]], fail_fast: bool = True) -> None:
        self._client = client
        self._wanted = [(str(found["kind"]), found.get("namespace") or "", str(found["name"])) for found in issuers]
        self._fail_fast = fail_fast
        self._causes: dict[tuple[str, str, str], IssuerCause] = {}

    def run(self, deadline: Deadline, once: bool = False, feed: Feed | None = None) -> Json:
        """Wait, or look O(once), and return what was seen; C(cause) is empty when all are ready."""
        kinds = dict.fromkeys(kind for kind, _namespace, _name in self._wanted)
        followers = [Follower(self._client, _RESOURCES[kind], None, deadline) for kind in kinds]
        return self._result(settle(feed or ThreadFeed(), followers, deadline, self._judge, once))

    def _judge(self, objects: dict[str, list[Json]]) -> Verdict:
        self._causes = {}
        for key in self._wanted:
            cause = self._cause(key, objects)
            if cause is not None:
                self._causes[key] = cause
        if not self._causes:
            return Verdict(True)
        key, worst = self._worst()
        return Verdict(False, self._fail_fast and worst.final, "%s %s: %s" % (key[0], key[2], worst.text))

    def _worst(self) -> tuple[tuple[str, str, str], IssuerCause]:
        return max(self._causes.items(), key=lambda item: item[1].final)

    @staticmethod
    def _cause(key: tuple[str, str, str], objects: Mapping[str, Sequence[Json]]) -> IssuerCause | None:
        kind, namespace, name = key
        for found in objects[kind]:
            metadata = found["metadata"]
            if (metadata.get("namespace") or "", metadata.get("name")) == (namespace, name):
                return issuer_cause(found)
        return IssuerCause("it does not exist")

    def _result(self, outcome: Outcome) -> Json:
        texts = {key: cause.text for key, cause in self._causes.items()}
        rest = "" if outcome.done or self._causes else outcome.cause
        found = []
        for kind, namespace, name in self._wanted:
            cause = texts.get((kind, namespace, name), rest)
            found.append({"kind": kind, "namespace": namespace, "name": name, "ready": not cause, "cause": cause})
        return {
            "issuers": found,
            "cause": "" if outcome.done else outcome.cause,
            "elapsed": round(outcome.elapsed, 3),
            "observations": outcome.observations,
        }
