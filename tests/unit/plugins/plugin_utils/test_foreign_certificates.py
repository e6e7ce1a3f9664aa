# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys that users bring, whatever is in their files: each ends as a Secret or as a sentence that repeats no key."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._provided import provided_certificates
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import changed_text, fuzz

SITE = {
    "name": "app",
    "hosts": ["app.example.com"],
    "tls": {"credential": "mine"},
    "routes": [{"service": "web.default", "port": 80}],
}
CERTIFICATE, KEY = make.cert_pem().decode(), make.key_pem().decode()


def test_a_pair_of_files():
    plan = make_plan([SITE], {"edge_addresses": ["192.0.2.1"]})
    changed = changed_text([CERTIFICATE + make.cert_pem(names=("ca",)).decode()]), changed_text([KEY, KEY * 2])

    def read(pair):
        certificate, key = pair
        found = provided_certificates([{"name": "mine", "certificate": certificate, "private_key": key}], plan, make.NOW)
        assert bool(found["objects"]) != bool(found["findings"])
        assert [text for text in found["findings"] if KEY.splitlines()[1][:20] in text] == []

    read((CERTIFICATE, KEY))
    fuzz(read, lambda dice: tuple(change(dice) for change in changed))
