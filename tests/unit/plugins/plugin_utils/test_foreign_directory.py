# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of an ACME server, whatever it answers."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _preflight_network
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import changed_text, fuzz, survive

DIRECTORY = ['{"newOrder": "https://ca/o", "meta": {"caaIdentities": ["example.com"], "termsOfService": "https://ca/t"}}']


def identities(text):
    return _preflight_network._identities({"server": "https://ca", "identities": ["example.com"]}, {"https://ca": {"body": text}})


def test_it_is_read_or_ignored():
    fuzz(identities, changed_text(DIRECTORY))


@pytest.mark.parametrize("text", ["[" * 100000, '{"meta": [1]}', '{"meta": {"caaIdentities": 1}}'])
def test_what_was_found_once(text):
    survive(identities, text, ())
