# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot heal by waiting: the wait ends at once, its first line says what, where and what to do, and no primer is made."""

from __future__ import annotations

import pytest
from conftest import NAMESPACE
from pairs import HOUR, make_pair
from waits import first_line

#: Far above what a look takes and far below the timeout of 120 s.
AT_ONCE = 10.0


@pytest.fixture(autouse=True)
def _nothing_is_left(cluster):
    yield
    assert cluster.primers() == []


def failed_at_once(run):
    """The first line of a run that failed, and not by running out of time."""
    found = run.result()
    print(f"failed after {found['elapsed']} s and {found['requests']} requests")
    assert found["elapsed"] < AT_ONCE
    assert found["pods"] == []
    assert found["cause"] in found["msg"]
    return first_line(found)


def test_a_key_of_another_certificate(name, secret, wait):
    secret(name, make_pair(f"{name}.example.com"), key=make_pair("other.example.com").key)
    run = wait({"name": name, "hosts": [f"{name}.example.com"]})
    assert failed_at_once(run) == (
        f"Credential {name} cannot be served: Secret {NAMESPACE}/{name}: the private key in tls.key does not belong to the certificate "
        "in tls.crt; replace both together (cert-manager does so if the Secret of a Certificate is deleted)"
    )


def test_a_secret_in_another_namespace(name, secret, wait):
    secret(name, make_pair(f"{name}.example.com"), namespace="default")
    run = wait({"name": name, "hosts": [f"{name}.example.com"]})
    assert failed_at_once(run) == (
        f"Credential {name} cannot be served: Secret {name} does not exist in namespace {NAMESPACE}, where the gateway pods run; "
        "there is one in namespace default, but Istio serves it only from the namespace of the pods"
    )


@pytest.mark.matrix
def test_an_expired_certificate(name, secret, wait):
    pair = make_pair(f"{name}.example.com", start=-2 * HOUR, end=-HOUR)
    secret(name, pair)
    run = wait({"name": name, "hosts": [f"{name}.example.com"]})
    assert failed_at_once(run) == (
        f"Credential {name} cannot be served: Secret {NAMESPACE}/{name}: its certificate expired at {pair.end}; have it renewed"
    )


@pytest.mark.matrix
def test_no_authority_for_client_certificates(credential, wait):
    given, _ = credential
    name = given["name"]
    run = wait(given | {"mode": "MUTUAL"})
    assert failed_at_once(run) == (
        f"Credential {name} cannot be served: mode MUTUAL needs the authority of client certificates: "
        f"Secret {name}-cacert does not exist in namespace {NAMESPACE}, and Secret {name} has no ca.crt"
    )


@pytest.mark.matrix
def test_a_selector_that_fits_no_pod(credential, wait):
    given, _ = credential
    run = wait(given, selector={"istio": "nowhere"})
    assert failed_at_once(run) == (
        f"Credential {given['name']} cannot be served: no pod in namespace {NAMESPACE} has the labels istio=nowhere, and nothing there "
        "makes such pods; set selector to the labels of the gateway pods (pods there have istio=ingress)"
    )


@pytest.fixture
def _no_right_to_list_secrets(cluster):
    """Take the gateway's ServiceAccount out of its RoleBinding; nothing is asked of istiod meanwhile, which would remember the refusal."""
    binding = cluster.rights.read_namespaced_role_binding("istio-ingress", NAMESPACE)
    cluster.rights.patch_namespaced_role_binding("istio-ingress", NAMESPACE, {"subjects": []})
    yield
    subjects = [{"kind": s.kind, "name": s.name, "namespace": s.namespace} for s in binding.subjects]
    cluster.rights.patch_namespaced_role_binding("istio-ingress", NAMESPACE, {"subjects": subjects})


@pytest.mark.matrix
@pytest.mark.usefixtures("_no_right_to_list_secrets")
def test_a_service_account_that_may_not_list_secrets(credential, wait):
    given, _ = credential
    assert failed_at_once(wait(given)) == (
        f"Credential {given['name']} cannot be served: ServiceAccount istio-ingress of the gateway pods may not list Secrets in namespace "
        f"{NAMESPACE}, so istiod gives them none; grant it the verb list on secrets there, as Istio's gateway chart does "
        "(istiod remembers a refusal for a minute)"
    )
