# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tokens that a K3s server wrote, and which of them a node may have.

Whoever holds the token of servers can read the keys of the cluster. An agent never gets it: the server must have another one for agents.
"""

from __future__ import annotations

import os
import re

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text

_BOOTSTRAP = re.compile(r"(^|::)[a-z0-9]{6}\.[a-z0-9]{16}\Z")


def is_bootstrap(token: str) -> bool:
    """Return whether a token is a bootstrap token, which the cluster knows and no file does."""
    return _BOOTSTRAP.search(token.strip()) is not None


def _read(data_dir: str, name: str) -> str:
    return (read_text(os.path.join(data_dir, "server", name)) or "").strip()


def password(token: str) -> str:
    """Return the password of a token, whether it is in its short form or in the full one, which also names the cluster's CA."""
    return token.partition("::")[2].partition(":")[2] if "::" in token else token


class Tokens:
    """The tokens of a server.

    Args:
        data_dir: K3s's data folder.

    Attributes:
        server: Token of servers, empty if K3s never started there.
        agent: Token of agents, empty if it is that of servers.
    """

    def __init__(self, data_dir: str) -> None:
        self.server = _read(data_dir, "token")
        agent = _read(data_dir, "agent-token")
        self.agent = agent if password(agent) != password(self.server) else ""

    def of(self, kind: str) -> str:
        """Return the token with which a kind of node joins."""
        return self.agent if kind == "agent" else self.server

    def fits(self, given: str, kind: str) -> bool | None:
        """Return whether a token is one that a kind of node can be given, C(None) if that is not known.

        Agents may be given the token of servers, as variables of all hosts do; the role gives them their own instead.
        """
        known = [token for token in ((self.server, self.agent) if kind == "agent" else (self.server,)) if token]
        given = given.strip()
        if not known or is_bootstrap(given):
            return None
        if "::" not in given:
            return given in map(password, known)
        return any(token.partition("::")[0] == given.partition("::")[0] and password(token) == password(given) for token in known)
