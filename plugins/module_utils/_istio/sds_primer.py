# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the primers that gateway pods need, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import names_of
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primers import Primers
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import Serving
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock


class SdsPrimer(Serving):
    """Checks, asks the real listener, and makes a primer for what it does not serve."""

    def _outcome(self, good: bool, message: str, cause: str | None = None, **found: Any) -> Outcome:
        return super()._outcome(good, message, cause, **{"primers": [], **found})

    def run(self) -> Outcome:
        """Make the primer, if one is needed; after a failure or a signal it is gone."""
        good = False
        try:
            outcome = self._make()
            good = outcome.good
        except KubeError as exc:
            outcome = self._broken(exc)
        finally:
            if not good:
                self._reader.warnings += self._primers.remove(self._primers.made)
        outcome.requests = self._client.requests + self._shaken
        return outcome

    def look(self) -> Outcome:
        """What would be done; nothing is made. Raises KubeError."""
        pods, causes = self._preflight.look()
        if causes:
            return self._blocked(causes)
        unserved = self._unserved(pods)
        text = f"Would make a primer for {names_of(unserved)}" if unserved else "The gateway pods serve all credentials already"
        return self._outcome(True, text, changed=bool(unserved))

    def left_over(self) -> bool:
        """Whether there is a primer for these pods. Raises KubeError."""
        return bool(self._primers.present())

    def _make(self) -> Outcome:
        self._sweep()
        pods, causes = self._preflight.until_clear(self._asked.fail_fast)
        if causes:
            return self._blocked(causes)
        unserved = self._unserved(pods)
        if not unserved:
            return self._outcome(True, "The gateway pods serve all credentials already", changed=bool(self._swept))
        self._prime(unserved, kept=True)
        return self._outcome(True, f"A primer was made for {names_of(unserved)}", primers=list(self._primers.made), changed=True)


def remove_primers(client: KubeClient, params: Mapping[str, Any], look_only: bool) -> list[str]:
    """Remove the primers that the options name, or all for the same pods; returns their names. Raises KubeError."""
    primers = Primers(client, params["namespace"], {str(k): str(v) for k, v in params["selector"].items()}, SystemClock())
    names = primers.present(params["primers"])
    problems = [] if look_only else primers.remove(names)
    if problems:
        raise KubeError(problems[0])
    return names
