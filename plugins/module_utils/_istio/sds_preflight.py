# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod and Envoy check before they serve a credential, checked until nothing is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, secret_names
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import MANY, Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS, SECRETS, SECRETS_OF_USERS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# Of Secrets and pods there is news; that a right was granted is seen by asking again.
LONGEST_WITH_NEWS = 5.0


class News:
    """Follows Secrets by name and pods by labels. Where that is not allowed, nothing comes and a wait lasts its time."""

    def __init__(self, client: KubeClient, feed: Feed, namespace: str, names: Sequence[str], labels: str, deadline: Deadline) -> None:
        self._feed = feed
        selectors = [f"metadata.name={name}" for name in names] if len(names) <= MANY else [SECRETS_OF_USERS]
        self._followers = [Follower(client, SECRETS, namespace, deadline, field_selector=each) for each in selectors]
        self._followers.append(Follower(client, PODS, namespace, deadline, label_selector=labels))
        self._following = False

    def wait(self, seconds: float) -> None:
        """Return when something has changed, at the latest after that time. What changed is for the caller to read."""
        if not self._following:
            # It costs nothing before the first look has found something to wait for.
            self._following = True
            for follower in self._followers:
                self._feed.add(follower)
        self._feed.get(seconds)

    def close(self) -> None:
        """Follow nothing any more."""
        self._feed.close()


class Preflight:
    """Checks Secrets, rights and pods; remembers the serial numbers that the Secrets hold."""

    def __init__(
        self,
        client: KubeClient,
        reader: Reader,
        credentials: Sequence[Credential],
        namespace: str,
        deadline: Deadline,
        say: Callable[[str], None],
        feed: Feed,
        podless: bool = False,
    ) -> None:
        """With O(podless) it is fine that there are no pods at all."""
        self._reader = reader
        self._podless = podless
        self._news = News(client, feed, namespace, secret_names(credentials), reader.labels, deadline)
        self._credentials = credentials
        self._deadline = deadline
        self._say = say
        self.serials: dict[str, list[str]] = {}

    def look(self) -> tuple[list[GatewayPod], list[Cause]]:
        """The Ready pods and all that is in the way, what cannot heal first. Raises KubeError."""
        pods = self._reader.pods()
        secrets = self._reader.secrets(self._credentials)
        self.serials = self._reader.serials(self._credentials, secrets)
        causes = self._reader.secret_causes(self._credentials, secrets)
        ready = [p for p in pods if p.ready]
        # For authorities alone istiod asks for no right.
        if any(credential.secret_names for credential in self._credentials):
            causes += self._reader.right_causes(ready or pods)
        if pods or not self._podless:
            causes += self._reader.pod_causes(pods)
        return ready, sorted(causes, key=lambda cause: not cause.final)

    def until_clear(self, fail_fast: bool) -> tuple[list[GatewayPod], list[Cause]]:
        """Look until nothing is in the way, or until waiting is over. Raises KubeError."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_WITH_NEWS)
        try:
            while True:
                pods, causes = self.look()
                if not causes:
                    return pods, causes
                self._say(causes[0].text)
                if self._deadline.expired or (fail_fast and causes[0].final):
                    return pods, causes
                self._news.wait(backoff.next(self._deadline))
        finally:
            self._news.close()

    def read_serials(self) -> None:
        """Read the Secrets again: one may have been renewed meanwhile."""
        self.serials = self._reader.serials(self._credentials, self._reader.secrets(self._credentials))
