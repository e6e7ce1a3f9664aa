# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CustomResourceDefinitions of the Gateway API: when they are applied, and that those of others never are."""

from __future__ import annotations

import hashlib
import io

import pytest
import yaml

from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_crds import LABELS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource
from ansible_collections.baremesh.edge.plugins.module_utils._net import fetch
from ansible_collections.baremesh.edge.plugins.modules import gateway_api_crds
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, answer, status

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
URL = "https://releases.example.com/v1.6.0/standard-install.yaml"
GROUP = "gateway.networking.k8s.io"
KINDS = ("GatewayClass", "Gateway", "HTTPRoute")


def definition(kind="Gateway", release="v1.6.0", group=GROUP, labels=None):
    plural = {"GatewayClass": "gatewayclasses"}.get(kind, f"{kind.lower()}s")
    metadata = {"name": f"{plural}.{group}", "annotations": {f"{GROUP}/bundle-version": release}}
    return {
        "apiVersion": CRDS.api_version,
        "kind": CRDS.kind,
        "metadata": {**metadata, **({"labels": labels} if labels else {})},
        "spec": {"group": group, "names": {"kind": kind, "plural": plural}, "versions": [{"name": "v1", "served": True}]},
        "status": {"conditions": None},
    }


POLICY = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "safe-upgrades"}}


def text_of(*documents):
    return yaml.safe_dump_all(documents).encode()


class Api(FakeApi):
    """Serves the kinds of the definitions that it holds."""

    def request(self, method, path, query, body, content_type, timeout):
        if method == "GET" and path == f"/apis/{CRDS.api_version}":
            return answer(200, {"resources": [{"name": CRDS.plural, "kind": CRDS.kind, "namespaced": False}]})
        if method == "GET" and path == f"/apis/{GROUP}/v1":
            found = [each["spec"]["names"] for each in self.objects.values() if each["spec"]["group"] == GROUP]
            kinds = [{"name": names["plural"], "kind": names["kind"], "namespaced": True} for names in found]
            return answer(200, {"resources": kinds}) if kinds else status(404, "NotFound", "page not found")
        if method == "PATCH":
            # An apply makes what is not there.
            self.objects.setdefault(tuple(path.rsplit("/", 1)), {})
        return super().request(method, path, query, body, content_type, timeout)


@pytest.fixture
def api(monkeypatch):
    found = Api(ScriptedClock())
    monkeypatch.setattr(gateway_api_crds, "open_transport", lambda params: found)
    monkeypatch.setattr(gateway_api_crds, "SystemClock", lambda: found.clock)
    return found


@pytest.fixture
def fetched(monkeypatch):
    """Addresses that were asked, and what is there."""
    content, asked = [text_of(*map(definition, KINDS), POLICY)], []

    def open_url(url, **_options):
        asked.append(url)
        return io.BytesIO(content[0])

    monkeypatch.setattr(fetch, "open_url", open_url)
    return content, asked


def install(monkeypatch, **options):
    given = {"version": "v1.6.0", "url": URL, **options}
    return run(monkeypatch, gateway_api_crds, **{key: value for key, value in given.items() if value is not None})


def put(api, *definitions):
    for each in definitions:
        api.apply(CRDS, each)


def releases(api):
    return {
        each["metadata"]["name"].partition(".")[0]: each["metadata"]["annotations"][f"{GROUP}/bundle-version"]
        for each in api.objects.values()
    }


def test_they_are_applied_where_there_are_none(monkeypatch, api, fetched):
    put(api, definition("Issuer", group="cert-manager.io"))
    found = install(monkeypatch, owner={"baremesh.edge/instance": "us"})
    assert (found["failed"], found["changed"]) == (False, True), found
    assert sorted(found["applied"]) == [f"gatewayclasses.{GROUP}", f"gateways.{GROUP}", f"httproutes.{GROUP}"]
    labels = {**LABELS, "baremesh.edge/instance": "us"}
    made = [each for each in api.objects.values() if each["spec"]["group"] == GROUP]
    assert [each["metadata"]["labels"] for each in made] == [labels] * 3
    assert all(each["kind"] == CRDS.kind for each in made)


def test_a_second_run_fetches_nothing(monkeypatch, api, fetched):
    install(monkeypatch)
    fetched[1].clear()
    found = install(monkeypatch)
    assert (found["changed"], found["applied"], fetched[1]) == (False, [], [])


def test_check_mode_fetches_and_applies_nothing(monkeypatch, api, fetched):
    found = install(monkeypatch, check=True)
    assert (found["failed"], found["changed"], found["applied"], api.objects, fetched[1]) == (False, True, [], {}, [])


@pytest.mark.parametrize(
    ("present", "due"),
    [
        (["v1.5.1"] * 3, True),
        (["v1.6.0-rc.1"] * 3, True),
        (["v1.6.0"] * 3, False),
        (["v1.7.0"] * 3, False),
        (["v1.10.0"] * 3, False),
        (["monthly"] * 3, True),
        # What a killed run leaves.
        (["v1.6.0", "v1.6.0"], True),
        (["v1.6.0", "v1.5.1", "v1.5.1"], True),
        # One that is newer shows that another release is meant.
        (["v1.7.0", "v1.5.1", "v1.5.1"], False),
    ],
)
def test_our_own_are_upgraded_and_never_downgraded(monkeypatch, api, fetched, present, due):
    put(api, *(definition(kind, release, labels=LABELS) for kind, release in zip(KINDS, present)))
    before = releases(api)
    found = install(monkeypatch)
    assert (found["failed"], found["changed"], bool(fetched[1])) == (False, due, due)
    assert set(releases(api).values()) == {"v1.6.0"} if due else releases(api) == before


@pytest.mark.parametrize("release", ["v1.2.0", "v1.6.0", "v1.8.0"])
def test_those_of_others_are_used_as_they_are(monkeypatch, api, fetched, release):
    put(api, *(definition(kind, release, labels={"app.kubernetes.io/managed-by": "Helm"}) for kind in KINDS))
    found = install(monkeypatch)
    assert (found["failed"], found["changed"], fetched[1]) == (False, False, [])
    assert set(releases(api).values()) == {release}


def test_those_of_others_that_lack_a_kind_are_refused_and_left_alone(monkeypatch, api, fetched):
    # Some of ours beside those of others are no reason to overwrite these.
    put(api, definition("Gateway", "v1.2.0"), definition("GatewayClass", "v1.6.0", labels=LABELS))
    found = install(monkeypatch, kinds=[*KINDS, "TLSRoute"])
    assert found["msg"].startswith(
        "The CustomResourceDefinitions of the Gateway API in this cluster (release v1.2.0, gateways.gateway.networking.k8s.io among them) "
        "were installed by others, and do not serve HTTPRoute, TLSRoute in gateway.networking.k8s.io/v1; upgrade them to v1.6.0 the way "
    )
    assert fetched[1] == []
    assert releases(api) == {"gateways": "v1.2.0", "gatewayclasses": "v1.6.0"}


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (
            text_of(definition(release="v1.5.0")),
            {},
            f"{URL} holds definitions of v1.5.0, and the CustomResourceDefinitions of the Gateway API",
        ),
        (text_of(definition(group="example.com")), {}, f"{URL} holds other things"),
        (text_of(POLICY), {}, f"{URL} holds other things"),
        (b"- [", {}, f"{URL} cannot be read: "),
        (b"\xff", {}, f"{URL} cannot be read: "),
        (b"x", {"sha256": "0" * 64}, f"{URL} has the SHA-256 "),
        (b"x", {"sha256": "many", "pin_name": "istio_pin"}, "istio_pin is 'many': it must be the 64 hex digits"),
        (b"x", {"url": "http://releases.example.com/x"}, "http://releases.example.com/x is not HTTPS, so that anyone on the way could"),
        (b"x", {"version": "latest"}, "'latest' is no release of the Gateway API; write it as v1.6.0"),
        (b"x", {"url": None, "file": "/nowhere/at/all"}, "/nowhere/at/all cannot be read: No such file or directory."),
    ],
)
def test_a_file_that_is_not_that_of_the_release(monkeypatch, api, fetched, content, options, said):
    fetched[0][0] = content
    found = install(monkeypatch, **options)
    assert found["failed"] is True
    assert found["msg"].startswith(said), found["msg"]
    assert api.objects == {}


def test_a_file_of_the_host(monkeypatch, api, fetched, tmp_path):
    path = tmp_path / "install.yaml"
    path.write_bytes(fetched[0][0])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = install(monkeypatch, url=None, file=str(path), sha256=digest)
    assert (found["failed"], len(found["applied"]), fetched[1]) == (False, 3, [])


@pytest.mark.parametrize("text", [b"[" * 100_000, b"a: !!timestamp b", b"a: 2026-02-30", b"- 'a", b"\xff"])
def test_a_file_that_cannot_be_read_is_one_sentence(monkeypatch, api, fetched, text):
    """Too deep a nesting would end the process without a word."""
    fetched[0][0] = text
    found = install(monkeypatch)
    assert (found["failed"], found["msg"].startswith(f"{URL} cannot be read: ")) == (True, True), found["msg"]
    assert api.objects == {}
