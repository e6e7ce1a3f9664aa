# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at Helm's releases through the API."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import NAMESPACES, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Verdict, settle
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock, Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_releases import (
    BROKEN,
    SELECTOR,
    STUCK,
    Plan,
    Release,
    decode,
    newest_secrets,
    plan,
    with_good_revision,
)

Json = dict[str, Any]


def check_releases(
    client: KubeClient,
    releases: Sequence[Mapping[str, Any]],
    pending_grace: float,
    clock: Clock | None = None,
    feed: Feed | None = None,
) -> Json:
    """Compare releases with their records. Raises KubeError, and ValueError for a record that is not as Helm writes it."""
    defined = [Release(**release) for release in releases]
    clock = clock or SystemClock()
    existing = {found["metadata"]["name"] for found in client.list(NAMESPACES, None)["items"]}
    namespaces = list(dict.fromkeys(release.namespace for release in defined))
    secrets: list[Json] = []
    for namespace in namespaces:
        if namespace in existing:
            names = [release.name for release in defined if release.namespace == namespace]
            secrets += _settled(client, namespace, names, pending_grace, clock, feed)
    newest = {key: decode(secret) for key, secret in newest_secrets(secrets).items()}
    broken = {namespace for (namespace, _name), revision in newest.items() if revision.status in BROKEN}
    # Older revisions matter only to a rollback, and as names.
    good = with_good_revision(item for namespace in broken for item in client.items(SECRETS, namespace, SELECTOR, metadata_only=True))
    keys = [(release.namespace, release.name) for release in defined]
    plans = [plan(release, newest.get(key), key in good) for release, key in zip(defined, keys)]
    results = [_result(entry) for entry in plans]
    return {
        "releases": results,
        "pending": [result for result in results if result["action"] != "none"],
        "broken": [result for result in results if result["action"] in ("rollback", "reinstall", "forget")],
        "missing_namespaces": [namespace for namespace in namespaces if namespace not in existing],
    }


def _settled(client: KubeClient, namespace: str, names: Sequence[str], grace: float, clock: Clock, feed: Feed | None) -> list[Json]:
    """The revisions of the releases in a namespace that no later one has replaced, after those that may still be at work have ended."""

    def of_ours(secrets: Sequence[Json]) -> list[Json]:
        return [secret for secret in secrets if (secret["metadata"].get("labels") or {}).get("name") in names]

    def left(secrets: Sequence[Json]) -> float:
        newest = newest_secrets(of_ours(secrets))
        return max((_grace_left(secret, grace, clock) for secret in newest.values()), default=0.0)

    selector = f"{SELECTOR},status!=superseded,name in ({','.join(sorted(names))})"
    found = client.list(SECRETS, namespace, selector)["items"]
    if left(found) > 0.0:
        deadline = Deadline(clock, left(found))
        follower = Follower(client, SECRETS, namespace, deadline, selector)

        def judge(objects: dict[str, list[Json]]) -> Verdict:
            return Verdict(left(objects["Secret"]) <= 0.0, cause="Helm is at work")

        outcome = settle(feed or ThreadFeed(), [follower], deadline, judge)
        found = outcome.objects["Secret"] or found
    return of_ours(found)


def _grace_left(secret: Mapping[str, Any], grace: float, clock: Clock) -> float:
    """Seconds for which a pending revision may be the work of a Helm that still runs, 0 for others."""
    metadata = secret.get("metadata") or {}
    if (metadata.get("labels") or {}).get("status") not in STUCK:
        return 0.0
    created = calendar.timegm(time.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
    # A clock that runs behind the API server's must not lengthen the wait.
    return min(grace, created + grace - clock.wall())


def _result(entry: Plan) -> Json:
    revision = entry.revision
    return {
        "name": entry.release.name,
        "namespace": entry.release.namespace,
        "chart": entry.release.chart,
        "chart_version": entry.release.chart_version,
        "action": entry.action,
        "status": revision.status if revision else "",
        "revision": revision.number if revision else 0,
        "record": revision.secret if revision else "",
        "differences": list(entry.differences),
    }
