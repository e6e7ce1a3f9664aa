# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/dns01.md: what the name servers of the lab's zones let the authority see, and the certificates that are served."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
import runs
import yaml

GIVEN = yaml.safe_load((runs.ROOT / "lab/demo/dns01.yml").read_text(encoding="utf-8"))
SITES = {site["name"]: site for site in GIVEN["edge_sites"]}


@pytest.fixture(scope="module")
def given(host):
    """The variables of the documentation, with what the lab knows."""
    (issuer,) = host.backend.get_variables()["cert_manager_issuers"]
    said = dict(line.split() for line in runs.lab("dns", "zones").splitlines())
    known = {"dns_server": said["first"], "dns_key": said["edge-dns01"]}
    return {**GIVEN, **known, "acme_server": issuer["server"], "acme_ca_bundle": issuer["ca_bundle"]}, said


@pytest.fixture(scope="module", autouse=True)
def run(given):
    found = runs.run(given[0])
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return found


def names_of(address, name, authority):
    """The names in the certificate that is served for a name, by which a client trusts it."""
    context = ssl.create_default_context(cafile=authority)
    with (
        socket.create_connection((address, 443), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return {value for _kind, value in secured.getpeercert()["subjectAltName"]}


@pytest.mark.parametrize(
    ("name", "site_name"),
    [
        ("any.apps.shop.example", "apps"),
        ("apps.shop.example", "apps"),
        ("company.example", "company"),
        ("berlin.eu.company.example", "company"),
        ("www.shop.example", "company"),
        ("app.example.com", "app"),
    ],
)
def test_each_name_has_the_certificate_of_its_site(address, root_certificate, name, site_name):
    assert names_of(address, name, root_certificate) == set(SITES[site_name]["hosts"])


def test_each_name_was_proved_by_the_solver_of_its_zone(host, kubectl):
    events = kubectl("get", "events", "--namespace", "istio-ingress", "--field-selector", "reason=Presented")["items"]
    assert {event["message"] for event in events} >= {"Presented challenge using DNS-01 challenge mechanism"}
    assert kubectl("get", "challenges", "--namespace", "istio-ingress")["items"] == []


def test_a_second_run_changes_nothing(given):
    found = runs.run(given[0])
    assert (found.status, found.changed) == (0, 0), found.output[-4000:]


def test_zones_that_the_world_does_not_reach_are_found_before_anything_changes(given):
    """The parent does not delegate one, and delegates the other to a server that does not have it."""
    variables = given[0]
    (issuer,) = variables["cert_manager_issuers"]
    first, *others = issuer["solvers"]
    zones = ["absent.example", "lame.example"]
    solvers = [{"dns01": {**first["dns01"], "zones": ["shop.example", *zones]}}, *others]
    sites = [{**LATE, "name": zone.partition(".")[0], "hosts": [f"www.{zone}"]} for zone in zones]
    further = {"edge_sites": [*variables["edge_sites"], *sites], "cert_manager_issuers": [{**issuer, "solvers": solvers}]}
    found = runs.run({**variables, **further})
    assert (found.status != 0, found.changed) == (True, 0)
    (failure,) = found.failures
    assert "_acme-challenge.www.absent.example of site absent is in no zone of yours: example delegates none" in failure.message
    assert "let example name the servers of absent.example" in failure.message
    warned = runs.run(
        {**variables, **further, "edge_sites": [*variables["edge_sites"], sites[1]]}, playbook=runs.ROOT / "playbooks/preflight.yml"
    )
    assert warned.status == 0, warned.output[-4000:]
    assert "the zone of _acme-challenge.www.lame.example of site lame cannot be found" in warned.output


LATE = {"name": "late", "hosts": ["late.shop.example"], "issuer": "lab", "routes": [{"service": "web.default", "port": 3000}]}


def broken(given, key_name):
    """Run with a further site and a key that has no rights, by a name; return the variables of the next run and the failure."""
    variables, known = given
    (issuer,) = variables["cert_manager_issuers"]
    key = known["edge-without-rights"]
    issuers = [{**issuer, "solvers": [with_key(solver, key, key_name) for solver in issuer["solvers"]]}]
    further = {**variables, "edge_sites": [*variables["edge_sites"], LATE], "certificate_prune_secrets": True}
    found = runs.run({**further, "cert_manager_issuers": issuers})
    assert found.status != 0
    assert key not in found.output
    (failure,) = found.failures
    return further, failure, found.changed


def test_a_key_with_another_secret_is_found_before_anything_changes(given):
    _further, failure, changed = broken(given, "edge-dns01")
    assert "of a DNS-01 solver for zone shop.example has another secret for that key (BADSIG)" in failure.message
    assert changed == 0


@pytest.mark.matrix
def test_a_key_without_rights_ends_the_run_with_its_cause_and_the_next_key_heals_it(host, given):
    """With another name of a key cert-manager must be helped, as the advice says."""
    variables, _known = given
    further, failure, _changed = broken(given, "edge-without-rights")
    assert "Challenge late.shop.example: DNS update failed. Server replied: REFUSED" in failure.message
    assert "does not let it write TXT records" in failure.message
    healed = runs.run(further)
    (failure,) = healed.failures
    assert "cannot be removed, and holds up late.shop.example: " in failure.message.splitlines()[0]
    command = re.search(r"kubectl --namespace .*}'(?=;)", failure.message)[0]
    host.check_output(f"k3s {command}")
    healed = runs.run(further)
    assert healed.status == 0, healed.output[-4000:]
    removed = runs.run({**variables, "certificate_prune_secrets": True})
    assert removed.status == 0, removed.output[-4000:]


def with_key(solver, key, name):
    """A solver of the documentation with another key."""
    dns01 = solver.get("dns01")
    return {"dns01": {**dns01, "token": key, "key_name": name}} if dns01 else solver


def test_the_key_is_in_its_secret_and_in_no_output(run, given, kubectl):
    key = given[1]["edge-dns01"]
    assert key not in run.output
    secret = kubectl("get", "secret", "lab-rfc2136", "--namespace", "cert-manager")
    assert list(secret["data"]) == ["token"]
