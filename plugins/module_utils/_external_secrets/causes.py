# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a store or an ExternalSecret is not ready, from its condition and its events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import GRACE, HEALS, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import parse_time
from ansible_collections.baremesh.edge.plugins.module_utils._text import vault_answer

Json = dict[str, Any]

#: Seconds after which a state that a person has to mend ends the wait. External Secrets asks a server that fails three times in about 3
#: seconds (hashicorp/vault/api, DefaultConfig), and what it last said may be older than the wait.
PATIENCE = 10.0
# Of what is shown.
_LIMIT = 400
# How hashicorp/vault/api writes an answer that is an error.
_SAID = (
    (r"^\(combined from similar events\): ", ""),
    (r"^could not (get|validate) provider( client)?: ", ""),
    (r"^unable to validate store: ", ""),
    (r"^error processing spec\.data\[\d+\] \(key: (.*?)\), err: ", r"path \1: "),
    (r"cannot read secret data from Vault: ", ""),
    (r"unable to log in to auth method: ", ""),
)
# What may pass by itself.
_UNREACHABLE = r"dial tcp|connection refused|no route to host|no such host|i/o timeout|deadline exceeded|EOF|connection reset"
# What helps, by words of which a person has to mend all but the last. The first that fits counts.
_ADVICE = {
    r"is sealed": "Unseal that server (bao operator unseal), then run again.",
    r"x509:|tls: ": (
        "External Secrets does not trust the certificate of that server: give the authority that signed it as ca_bundle of the store, "
        "and the name or address that is in the certificate as server."
    ),
    r"invalid role|role .* could not be found|invalid secret id": (
        "Create that role in the auth method of the store (bao write auth/MOUNT/role/ROLE ...), or correct role, role_id and secret of "
        "its auth."
    ),
    r"service account name not authorized|namespace not authorized": (
        "Add the service account with which External Secrets logs in, by default external-secrets in namespace external-secrets, to "
        "bound_service_account_names and bound_service_account_namespaces of that role."
    ),
    r"no handler for route|unsupported path": (
        "No engine is mounted there: compare path of the store, and mount of its auth, with bao secrets list and bao auth list."
    ),
    r"/auth/\S+/login\)$": (
        "The server does not let External Secrets in: compare auth of the store with that auth method and its configuration on the server."
    ),
    r"\(403 |permission denied|invalid token": (
        "The policy of that role or token does not allow it: let it read this path. For an engine of version 2 policies name it with "
        'data/, as in path "kv/data/dns/*" { capabilities = ["read"] }.'
    ),
    r"Secret does not exist|secret does not exist|secret not found": (
        "There is no secret at that path: write it (bao kv put), or correct path of the key. It is the path below the engine, without "
        "data/."
    ),
    r"path \S+: cannot find secret data for key": (
        "The secret at that path has no such property: write it (bao kv patch), or correct property of the key."
    ),
    r"cannot find secret data for key|cannot get Kubernetes secret|[Ss]ecrets? \S+ not found": (
        "Create the Secret that the store names, with the key that it names."
    ),
    r"target is owned by another|failed to take ownership|already owned": (
        "A Secret of that name is there and belongs to others: choose another name."
    ),
    r"denied by spec\.condition": "Add the namespace to namespaces of the store.",
    _UNREACHABLE: "Pods must reach that server: check server of the store, that it runs, and that firewalls let pods through.",
}


def plain(text: str) -> str:
    """What External Secrets says, in one line and without what is said in every such line."""
    found = text
    for pattern, written in _SAID:
        found = re.sub(pattern, written, found)
    return vault_answer(found)[:_LIMIT]


def advice(text: str) -> tuple[str, str]:
    """Whether waiting helps, and what helps, by what External Secrets says."""
    found = next(((pattern, helps) for pattern, helps in _ADVICE.items() if re.search(pattern, text)), (_UNREACHABLE, ""))
    return (HEALS if found[0] == _UNREACHABLE else GRACE), found[1]


def version_of(found: Mapping[str, Any]) -> str:
    """What an ExternalSecret was when it was read last: its generation, and a digest of labels and annotations. Stores do not say that."""
    return str((found.get("status") or {}).get("syncedResourceVersion") or "")


def not_ready(found: Json, events: Sequence[Json], numbered: bool, before: str | None = None) -> Cause | None:
    """Why an object is not ready, None when it is.

    Args:
        found: a store or an ExternalSecret.
        events: warnings about it.
        numbered: whether its status says which version was read, as that of an ExternalSecret does.
        before: version that is no longer enough.
    """
    conditions = (found.get("status") or {}).get("conditions") or ()
    ready: Json = next((each for each in conditions if each.get("type") == "Ready"), {})
    if not ready:
        return Cause("External Secrets has not observed it")
    if ready.get("status") == "True":
        seen = version_of(found)
        current = not numbered or (seen.partition("-")[0] == str(found["metadata"].get("generation")) and seen != before)
        return None if current else Cause("External Secrets has not observed its last change")
    text = plain(_last_words(ready, events) or str(ready.get("message") or ready.get("reason") or "External Secrets does not say why"))
    return Cause(text, advice(text)[0], patience=PATIENCE, since=ready.get("lastTransitionTime"), depth=1)


def _last_words(ready: Mapping[str, Any], events: Sequence[Json]) -> str:
    """What the newest event says, if it belongs to this state: it comes just before the condition."""
    newest = max(events, key=_when, default={})
    said, begun = parse_time(_when(newest)), parse_time(str(ready.get("lastTransitionTime") or ""))
    older = said is None or (begun is not None and (begun - said).total_seconds() > PATIENCE)
    return "" if older else str(newest.get("message") or "")


def _when(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")
