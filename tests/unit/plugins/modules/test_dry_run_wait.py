# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.modules import dry_run_wait
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, answer, status

ISSUER = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Issuer",
    "metadata": {"name": "probe", "namespace": "default"},
    "spec": {"selfSigned": {}},
}
KINDS = {"resources": [{"name": "issuers/status", "kind": "Issuer"}, {"name": "issuers", "kind": "Issuer", "namespaced": True}]}
CA_MISSING = "failed calling webhook webhook.cert-manager.io: x509: certificate signed by unknown authority"


class Api(FakeApi):
    kinds = KINDS

    def request(self, method, path, query, body, content_type, timeout):
        if method == "GET" and path == "/apis/cert-manager.io/v1":
            self.requests.append((method, path, dict(query), body))
            return answer(200, self.kinds) if self.kinds else status(404, "NotFound", "page not found")
        return super().request(method, path, query, body, content_type, timeout)


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = Api(clock)
    monkeypatch.setattr(dry_run_wait, "open_transport", lambda params: found)
    monkeypatch.setattr(dry_run_wait, "SystemClock", lambda: clock)
    return found


def wait(monkeypatch, **options):
    return run(monkeypatch, dry_run_wait, definitions=[ISSUER], **options)


def test_an_object_that_would_be_accepted(monkeypatch, api):
    found = wait(monkeypatch)
    assert (found["failed"], found["cause"], found["observations"]) == (False, "", 1)
    method, path, query, body = api.requests[-1]
    assert (method, path, query) == ("POST", "/apis/cert-manager.io/v1/namespaces/default/issuers", {"dryRun": "All"})
    # An Issuer of that name may be there.
    assert body["metadata"] == {"generateName": "probe-", "namespace": "default"}


def test_a_webhook_whose_ca_is_not_injected_yet_is_asked_again(monkeypatch, api):
    api.fail("/issuers", status(500, "InternalError", CA_MISSING), times=3)
    found = wait(monkeypatch)
    assert (found["failed"], found["observations"]) == (False, 4)
    # 0.1 + 0.2 + 0.4: pauses grow.
    assert found["elapsed"] == pytest.approx(0.7)


def test_the_reason_at_the_end(monkeypatch, api):
    api.fail("/issuers", status(500, "InternalError", CA_MISSING), times=99)
    found = wait(monkeypatch, timeout=5)
    assert found["msg"] == f"Could not create Issuer probe: HTTP 500 InternalError: {CA_MISSING} (after 5 s)"


def test_a_refusal_ends_the_wait_at_once(monkeypatch, api):
    api.fail("/issuers", status(422, "Invalid", "spec.selfSigned: Required value"))
    found = wait(monkeypatch)
    assert found["msg"] == "Could not create Issuer probe: HTTP 422 Invalid: spec.selfSigned: Required value"
    assert found["elapsed"] == 0.0


def test_a_kind_that_is_not_served_yet_is_waited_for(monkeypatch, api):
    api.kinds = None
    api.clock.at(1.0, lambda: setattr(api, "kinds", KINDS))
    assert wait(monkeypatch)["failed"] is False
    api.kinds = {"resources": []}
    found = wait(monkeypatch, timeout=2)
    assert found["msg"].startswith("Could not look up kind Issuer of cert-manager.io/v1: HTTP 404 NotFound: the API server does not know")


def test_a_lost_connection_is_survived(monkeypatch, api):
    api.fail("/issuers", "lost", times=2)
    assert wait(monkeypatch)["failed"] is False


def test_check_mode_asks_once(monkeypatch, api):
    api.fail("/issuers", status(503, "Unavailable", "no endpoints"), times=99)
    found = wait(monkeypatch, check=True)
    assert (found["failed"], found["observations"]) == (False, 1)
    assert "no endpoints" in found["cause"]


def test_a_definition_without_kind(monkeypatch, api):
    found = run(monkeypatch, dry_run_wait, definitions=[{"metadata": {"name": "x"}}])
    assert found["msg"] == "definitions[0] has no apiVersion and no kind; an object needs both"
