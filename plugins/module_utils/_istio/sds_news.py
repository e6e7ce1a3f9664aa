# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waking a wait when a Secret or a gateway pod changes, instead of after a while.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


class News:
    """Follows Secrets by name and pods by labels. Where that is not allowed, nothing comes and a wait lasts its time."""

    def __init__(self, client: KubeClient, feed: Feed, namespace: str, names: Sequence[str], labels: str, deadline: Deadline) -> None:
        self._feed = feed
        self._followers = [Follower(client, SECRETS, namespace, deadline, field_selector="metadata.name=%s" % n) for n in names]
        self._followers.append(Follower(client, PODS, namespace, deadline, label_selector=labels))
        self._following = False

    def wait(self, seconds: float) -> None:
        """Return when something has changed, at the latest after that time. What changed is for the caller to read."""
        if not self._following:
            # Nobody pays for it before the first look has found something to wait for.
            self._following = True
            for follower in self._followers:
                self._feed.add(follower)
        self._feed.get(seconds)

    def close(self) -> None:
        """Follow nothing any more."""
        self._feed.close()
