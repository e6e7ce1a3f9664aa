# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes: the wait outlasts it, and returns soon after."""

from __future__ import annotations

import re
import time

import pytest
from conftest import NAMESPACE
from pairs import make_pair
from waits import first_line


def served(run, pair, since):
    """The result of a run that succeeded with the pair's certificate on every pod; prints how long after the event."""
    found = run.result()
    assert not found.get("failed"), found["msg"]
    print(f"returned {run.ended_at - since:.2f} s after the event, end of Ansible included; waited {found['elapsed']} s in all")
    assert {(each["state"], each["serial"]) for each in found["pods"]} == {("served", pair.serial)}
    assert found["method"] == "primer"
    return found


def test_a_secret_that_is_made_during_the_wait(name, secret, wait, cluster):
    given = {"name": name, "hosts": [f"{name}.example.com"]}
    run = wait(given, fail_fast=False)
    run.says(f"Secret {name} does not exist in namespace {NAMESPACE}")
    pair = make_pair(f"{name}.example.com")
    since = time.time()
    secret(name, pair)
    served(run, pair, since)
    assert cluster.primers() == []


def test_an_api_server_that_restarts_during_the_wait(name, secret, wait, host, cluster):
    run = wait({"name": name, "hosts": [f"{name}.example.com"]}, fail_fast=False)
    run.says(f"Secret {name} does not exist in namespace {NAMESPACE}")
    host.check_output("systemctl restart k3s")
    run.says("The Kubernetes API at https://127.0.0.1:6443 cannot be reached: ")
    pair = make_pair(f"{name}.example.com")
    since = time.time()
    secret(name, pair)
    served(run, pair, since)
    assert cluster.primers() == []


@pytest.mark.matrix
@pytest.mark.usefixtures("istiod_down")
def test_istiod_that_is_down_is_named_at_the_deadline(credential, wait, cluster):
    given, _ = credential
    run = wait(given, timeout=5)
    assert re.fullmatch(
        f"Credential {given['name']} is not served: istiod does not answer: its webhook (rev.)?validation.istio.io, without which no "
        r'Gateway can be made, fails \((no endpoints available for service "istiod"|dial tcp [0-9.]+:443: connect: connection refused)\); '
        r"does istiod run in namespace istio-system\?",
        first_line(run.result()),
    )
    assert cluster.primers() == []


def test_istiod_that_comes_back(istiod_down, credential, wait, cluster):
    given, pair = credential
    run = wait(given)
    run.says("istiod does not answer")
    istiod_down()
    since = time.time()
    served(run, pair, since)
    assert cluster.primers() == []
