# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles document of sites is what the reader reads, and the plan has the values of the roles where a caller gives none."""

from __future__ import annotations

import re

from project import ROOT, load

from ansible_collections.baremesh.edge.plugins.plugin_utils import (
    _egress,
    _external_secrets,
    _issuers,
    _mesh_plan,
    _provided,
    _settings,
    _site_spec,
)


def options(role, entry):
    return load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"][entry]["options"]


def bare(spec):
    """Options without their descriptions."""
    found = {}
    for name, option in spec.items():
        kept = {key: value for key, value in option.items() if key != "description"}
        found[name] = kept | ({"options": bare(option["options"])} if "options" in option else {})
    return found


def test_the_documented_fields_of_sites_are_those_that_are_read():
    assert bare(options("preflight", "edge")["edge_sites"]["options"]) == _site_spec.SITE


def test_the_documented_fields_of_ways_out_are_those_that_are_read():
    assert bare(options("preflight", "edge")["edge_egress"]["options"]) == _egress.EGRESS


def test_the_documented_fields_of_certificates_that_users_bring_are_those_that_are_read():
    assert bare(options("certificate", "main")["certificate_provided"]["options"]) == _provided.PROVIDED
    assert bare(options("istio", "main")["istio_authority"]["options"]) == _provided.AUTHORITY


def test_the_documented_fields_of_the_mesh_are_those_that_are_read():
    assert bare(options("preflight", "edge")["edge_mesh"]["options"]) == _mesh_plan.MESH
    given = load(ROOT / "roles/common/vars/main/mesh.yml")["_edge_mesh_settings"]
    assert set(re.findall(r"'(\w+)': ", given)) == set(_mesh_plan.DEFAULTS)


def test_the_documented_fields_of_stores_and_secrets_are_those_that_are_read():
    assert bare(options("preflight", "edge")["edge_external_secrets"]["options"]) == _external_secrets.EXTERNAL_SECRETS


def test_the_documented_ways_to_log_in_at_a_vault_are_those_that_are_read():
    documented = options("cert_manager", "main")["cert_manager_issuers"]["options"]
    assert bare(documented["auth"]["options"]) == _issuers.VAULT_AUTH
    assert tuple(documented["type"]["choices"]) == _issuers.TYPES


def test_the_plan_of_the_ways_out_has_the_defaults_of_the_role_and_all_of_its_settings():
    defaults = {**load(ROOT / "roles/egress/defaults/main.yml"), "edge_cluster_domain": "cluster.local"}
    assert {name: defaults[name] for name in _egress.DEFAULTS} == _egress.DEFAULTS
    given = load(ROOT / "roles/common/vars/main/egress.yml")["_edge_egress_settings"]
    assert set(re.findall(r"'(\w+)': \1\b", given)) == set(_egress.DEFAULTS)


def test_the_documented_fields_of_a_private_key_are_those_that_are_read():
    assert bare(options("certificate", "main")["certificate_private_key"]["options"]) == _site_spec.PRIVATE_KEY


def test_the_plan_has_the_defaults_of_the_roles():
    defaults = load(ROOT / "roles/common/defaults/main.yml")
    # Unless K3s's own configuration says otherwise.
    defaults["edge_cluster_domain"] = defaults["edge_cluster_domain"].rpartition("default('")[2].removesuffix("') }}")
    assert {name: defaults[name] for name in _settings.DEFAULTS} == _settings.DEFAULTS
    assert load(ROOT / "roles/certificate/defaults/main.yml")["certificate_private_key"] == _settings.PRIVATE_KEY


def test_the_roles_give_the_plan_all_of_its_settings():
    given = load(ROOT / "roles/common/vars/main/plan.yml")["_edge_plan_settings"]
    assert set(re.findall(r"'(\w+)': \1\b", given)) == set(_settings.KEYS)
