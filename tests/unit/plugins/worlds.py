# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wait for Certificates and the scripted API it talks to."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.certificate_wait import CertificateWait
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins.builders import NS
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed


class World:
    def __init__(self):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        self.lines = []

    def put(self, resource, *objects):
        for found in objects:
            self.api.apply(resource, found)

    def put_at(self, moment, resource, *objects):
        self.clock.at(moment, lambda: self.put(resource, *objects))

    def waiter(self, names=("app",), selector=None, timeout=60, **options):
        return CertificateWait(
            KubeClient(self.api, self.clock),
            ScriptedFeed(self.clock),
            Selection(NS, tuple(names), selector),
            Deadline(self.clock, timeout),
            progress=self.lines.append,
            **options,
        )

    def wait(self, *args, **options):
        return self.waiter(*args, **options).run()
