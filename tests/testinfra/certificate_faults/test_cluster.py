# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cert-manager and the API themselves fail: what stands still is named, and what comes back is waited for."""

from __future__ import annotations

import json
import time

import cluster as objects
import pytest
from waits import LONG, assert_first_line

pytestmark = pytest.mark.matrix

#: Whether cert-manager runs at all is checked only at the end of a wait.
SHORT = 6
SELF_SIGNED = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "own"}, "spec": {"selfSigned": {}}}
CRD = "certificates.cert-manager.io"


def own(name, **more):
    """A Certificate that needs cert-manager alone."""
    return objects.certificate(name, issuer="own", kind="Issuer", **more)


@pytest.fixture(scope="module", autouse=True)
def whole(cluster):
    """Everything runs again afterwards, whatever happened."""
    cluster.apply(SELF_SIGNED)
    yield
    cluster.scale("webhook", 1)
    cluster.scale("controller", 1)


@pytest.fixture
def served_kind(cluster):
    """Let the API server know the kind Certificate, or not; no object is lost."""

    def serve(value):
        patch = [{"op": "replace", "path": "/spec/versions/0/served", "value": value}]
        cluster.kubectl("patch", "crd", CRD, "--type=json", "--patch", json.dumps(patch))

    yield serve
    serve(True)
    cluster.wait(f"crd/{CRD}", until="condition=Established")


def without(part):
    """How the first line names a part of cert-manager that was scaled to zero."""
    name = "cert-manager" if part == "controller" else part
    labels = f"app.kubernetes.io/component={part},app.kubernetes.io/name={name}"
    return f"cert-manager's {part} does not run: no pod has the labels {labels}"


def line(name, cause):
    """The first line of a failure."""
    return f"Certificate {objects.NAMESPACE}/{name} is not ready: {cause}"


def test_nobody_acts_on_a_new_certificate_and_on_a_new_spec(cluster, begin):
    """Ready of the old spec is no Ready, though its Secret is there and fits it."""
    cluster.apply(own("stale"))
    cluster.wait("certificate/stale", until="condition=Ready")
    cluster.scale("controller", 0)
    cluster.apply(own("stale", hosts=["stale.fault.example.com", "more.fault.example.com"]), own("fresh"))
    assert objects.condition(cluster.get("certificate", "stale"), "Ready")["status"] == "True"
    answers = begin(**{each: {"names": [each], "timeout": SHORT} for each in ("stale", "fresh")}).answers()
    assert_first_line(answers["fresh"], line("fresh", f"cert-manager has not set its Ready condition; {without('controller')}"))
    old = "its Ready condition is of generation 1, the spec of generation 2"
    assert_first_line(answers["stale"], line("stale", f"{old}; {without('controller')}"))


def test_the_webhook_is_down_and_comes_back(cluster, begin):
    """Without it cert-manager cannot even write a condition."""
    cluster.scale("controller", 0)
    cluster.apply(own("unheard"))
    cluster.scale("webhook", 0)
    cluster.scale("controller", 1)
    answer = begin(down={"names": ["unheard"], "timeout": SHORT}).answers()["down"]
    assert_first_line(answer, line("unheard", f"cert-manager has not set its Ready condition; {without('webhook')}"))
    call = begin(up={"names": ["unheard"]})
    cluster.scale("webhook", 1)
    answer = call.answers()["up"]
    assert answer.ready, answer.first_line


def test_the_api_server_restarts_during_the_wait(cluster, begin):
    progress = "/run/certificate-faults-progress"
    call = begin(restart={"names": ["late"], "progress_file": progress})
    cluster.host.check_output(f"timeout 60 sh -c 'until grep -qs \"does not exist yet\" {progress}; do sleep 0.1; done'")
    before = time.time()
    cluster.host.check_output("systemctl restart k3s.service")
    cluster.apply(own("late"))
    answer = call.answers()["restart"]
    assert answer.ready, answer.first_line
    assert answer.ended - answer.result["elapsed"] < before
    print(f"API server restarted: ready after {answer.result['elapsed']} s, {answer.result['requests']} requests")


def test_the_kind_is_not_there(cluster, begin, served_kind):
    served_kind(False)
    absent = begin(absent={"names": ["late"], "crd_grace": 3}).answers()["absent"]
    assert_first_line(absent, f"The API server does not know the kind Certificate ({CRD}): its CRD is not installed")
    assert 3 <= absent.result["elapsed"] < LONG / 4
    print(f"CRD absent: reported after {absent.result['elapsed']} s with a grace of 3 s")


def test_cert_manager_works_as_before(cluster, begin):
    cluster.scale("webhook", 1)
    cluster.scale("controller", 1)
    cluster.apply(own("after"))
    answer = begin(after={"names": ["after"]}).answers()["after"]
    assert answer.ready, answer.first_line
