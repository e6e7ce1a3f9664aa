# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What filters say to people, whatever people wrote."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.filter import edge
from ansible_collections.baremesh.edge.plugins.plugin_utils._shown import shown

KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
SITE = {"name": "a", "hosts": ["a.example.com"], "issuer": "letsencrypt"}


FILTERS = edge.FilterModule().filters()


@pytest.mark.parametrize(
    "sites",
    [
        [{**SITE, "tls": {"mode": "MUTUAL", "ca_certificate": KEY}}],
        [{**SITE, "tls": KEY}],
        [{**SITE, "tls": {"credential": KEY}}],
        [{**SITE, "routes": [{"service": "https://me:hunter2@api.default"}]}],
        [{**SITE, "hosts": ["https://me:hunter2@a.example.com"]}],
        KEY,
        [KEY],
        [{**SITE, "password": "hunter2", "tls": [{"password": "hunter2"}]}],
        [{**SITE, "name": "\x1b[2J\u202e https://:hunter2@a"}],
    ],
)
def test_findings_of_the_plan_carry_no_secret(sites):
    found = FILTERS["site_plan"](sites, {})["findings"]
    assert found
    assert not any("hunter2" in finding or "\x1b" in finding or "\u202e" in finding for finding in found)


@pytest.mark.parametrize(
    "call",
    [
        lambda: FILTERS["as_list"]({"password": "hunter2"}, "k3s_image_archives"),
        lambda: FILTERS["as_list"]([KEY], "k3s_image_archives", True),
        lambda: FILTERS["as_list"](["https://me:hunter2@mirror"], "k3s_image_archives", True),
        lambda: FILTERS["as_dict"]("token: [hunter2", "k3s_server_config"),
        lambda: FILTERS["as_dict"]("token hunter2", "k3s_agent_config"),
        lambda: FILTERS["as_dict"]("global: {password: hunter2", "istio_istiod_values"),
        lambda: FILTERS["cert_manager_objects"](KEY),
        lambda: FILTERS["cert_manager_objects"]([{"name": "a", "type": "acme", "server": "acme://me:hunter2@x"}]),
        lambda: FILTERS["cert_manager_objects"]([], {"secrets": [{"name": "a", "string_data": "hunter2"}]}),
        lambda: FILTERS["cert_manager_objects"]([], {"secrets": ["hunter2"]}),
        lambda: FILTERS["cert_manager_objects"]([], {"solvers": {"webhook": {"config": {"apiToken": "hunter2"}}}}),
    ],
)
def test_errors_carry_no_secret(call):
    with pytest.raises(AnsibleFilterError) as caught:
        call()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_data_stay_as_they_are():
    given = {"findings": ["https://me:hush@a"], "token": "K10a::server:hush"}
    assert shown(lambda: given) == {"findings": ["https://********@a"], "token": "K10a::server:hush"}
    assert shown(lambda: ["https://me:hush@a"]) == ["https://me:hush@a"]


def test_lists_of_sentences_are_masked_too():
    assert "\x1b" not in str(FILTERS["renewal_plan"](["a\x1b"], ["b"])["findings"])
    pods = [{"name": "a\x1b", "uid": "1", "restarts": 0}]
    (said,) = FILTERS["gateway_restarts"](pods, [])
    assert r"a\x1b" in said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda number: FILTERS["site_plan"]([], {"edge_https_port": number}), "edge_https_port has"),
        (lambda number: FILTERS["site_plan"]([{**SITE, "tcp_port": number}], {}), "sites has"),
        (
            lambda number: FILTERS["plain_findings"]({"edge_wait_timeout": 5, "host_ports_ports": [{"port": number}]}),
            "host_ports_ports has",
        ),
        (lambda number: FILTERS["as_list"](number, "edge_hosts"), "value has"),
    ],
)
def test_a_number_that_cannot_be_written_is_one_sentence(call, said):
    with pytest.raises(AnsibleFilterError, match=f"^{said} a number of more than 4300 digits[.]$"):
        call(16**5000)


def test_other_errors_stay_as_they_are():
    with pytest.raises(ValueError, match="invalid literal"):
        shown(lambda value: int(value) + 1, "not ours")
