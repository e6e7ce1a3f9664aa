# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's K3s knows the keys that the role accepts: one that it skipped with a warning would be tried by no scenario."""

from __future__ import annotations

import re

from project import ROOT

from ansible_collections.baremesh.edge.plugins.plugin_utils import _k3s_keys

SPEC = ROOT / "lab/go/k3s/internal/config/spec.go"
#: Of K3s after the lab's version.
NEWER = {"helm-controller-arg"}
#: Names the file itself, which the role writes.
OF_THE_COMMAND_LINE = {"config"}


def test_the_keys_are_the_same():
    text = SPEC.read_text(encoding="utf-8")
    flags = text[text.index("func buildSpecs()") : text.index("for name, variable := range environment")]
    known = set(re.findall(r'"([a-z][a-z0-9-]*)"', flags)) - OF_THE_COMMAND_LINE
    assert known == (_k3s_keys.BOTH_KEYS | _k3s_keys.SERVER_KEYS | _k3s_keys.AGENT_KEYS) - NEWER
