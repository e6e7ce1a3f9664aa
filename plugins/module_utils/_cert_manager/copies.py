# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for copies of a Secret to hold the certificate of their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import secret_facts
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name, is_owned
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# How users see a copy.
KIND = SECRETS.kind


class Copies(Kinds):
    """Copies of Secrets, each with the name of its source."""

    kinds, together, state = (KIND,), "copies", "in step"

    def __init__(self, sources: Mapping[Name, Name], owners: Mapping[Name, str]) -> None:
        """With the source of each copy, and the kind of the object that owns it where that is known."""
        self._sources, self._owners = sources, owners
        #: Whether a Secret of others is in the place of a copy.
        self.foreign = False

    def followers(self, client: KubeClient, _names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """The Secrets with certificates in all namespaces, of which only sources and copies are kept."""
        concerned = {*self._sources, *self._sources.values()}

        def is_concerned(found: Json) -> bool:
            return any(name.is_of(found) for name in concerned)

        return [Follower(client, SECRETS, None, deadline, field_selector="type=kubernetes.io/tls", keep=is_concerned)]

    def cause(self, name: Name, found: Json, objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """Which certificate it holds, and which its source does."""
        source, owner = self._sources[name], self._owners.get(name)
        if owner and not is_owned(found, owner):
            self.foreign = True
            return Cause(f"it is of others, as no {owner} owns it", FINAL, depth=1)
        original = next((each for each in objects[KIND] if source.is_of(each)), None)
        wanted, held = secret_facts(original) if original is not None else None, secret_facts(found)
        if wanted is None or wanted.leaf is None:
            return Cause(f"its source {source} {wanted.problem if wanted else 'does not exist'}")
        if held.leaf is None:
            return Cause(str(held.problem))
        if held.leaf.serial != wanted.leaf.serial:
            return Cause(f"it holds the certificate {held.leaf.serial}, and {source} holds {wanted.leaf.serial}")
        return None if held.key_matches else Cause("its key does not belong to its certificate")

    def hints(self, text: str) -> list[str]:
        """Who makes copies, and what to do with a Secret that is none."""
        if "it is of others" in text:
            return ["It is left as it is: use another name for it, or take its namespace out of copies."]
        return ["Check that the controller that makes the copies runs, and that the namespace exists and is one of those it may write to."]
