# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what the collection knows of other authorities: the schemas of CRDs, from the charts, and the public suffix list.

    tools/authority_data.py schemas FOLDER                  a folder with charts: mirror/charts of the lab's bundle
    tools/authority_data.py suffixes FILE --version DATE    https://publicsuffix.org/list/public_suffix_list.dat, or Debian's copy

A test compares the schemas with the charts of the lab's bundle. After a new version in
roles/common/vars/main/versions.yml, run the first command again.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "plugins" / "plugin_utils"
SCHEMAS, SUFFIXES = DATA / "_crd_schemas.json", DATA / "_public_suffixes.json"
# Kinds by chart. An Issuer has the spec of a ClusterIssuer.
CHARTS = {
    "jetstack/cert-manager": ("cert_manager", ("Certificate", "ClusterIssuer")),
    "istio/base": ("istio", ("Gateway", "VirtualService", "DestinationRule")),
}
_SUB_SCHEMAS = ("items", "not", "additionalProperties")
_LISTS = ("oneOf", "anyOf", "allOf")
_KEPT = (
    *("type", "enum", "minimum", "maximum", "pattern", "required", "nullable"),
    *("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"),
    *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
)
# Rules in CEL that count fields. The text of others is kept, by which _schemas.py knows the ones that it can judge.
_COUNTED = re.compile(r"(?:\(has\(self\.\w+\) \? 1 : 0\)(?: \+ )?)+ (<=|==) 1")
_FIELD = re.compile(r"has\(self\.(\w+)\)")


def trimmed(schema: Mapping[str, Any] | bool) -> dict[str, Any] | bool:
    """Return a schema without what only people and the API server's own machinery read."""
    if isinstance(schema, bool):
        return schema
    kept = {key: schema[key] for key in _KEPT if key in schema}
    kept |= {key: trimmed(schema[key]) for key in _SUB_SCHEMAS if key in schema}
    kept |= {key: [trimmed(entry) for entry in schema[key]] for key in _LISTS if key in schema}
    if "properties" in schema:
        kept["properties"] = {key: trimmed(value) for key, value in schema["properties"].items()}
    if schema.get("format") == "byte":
        kept["format"] = "byte"
    rules = [rule["rule"] for rule in schema.get("x-kubernetes-validations", ())]
    counted = {rule: match.group(1) for rule in rules for match in [_COUNTED.fullmatch(rule)] if match}
    found = {
        "exclusive": [_FIELD.findall(rule) for rule in counted],
        "needed": [_FIELD.findall(rule) for rule, sign in counted.items() if sign == "=="],
        "cel": [rule for rule in rules if rule not in counted],
    }
    return {**kept, **{key: value for key, value in found.items() if value}}


def _definitions(archive: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the CRDs of a chart. Lines of its templates that are no YAML say nothing of schemas."""
    with tarfile.open(archive) as chart:
        for member in chart.getmembers():
            stream = chart.extractfile(member)
            text = stream.read().decode() if stream and member.name.endswith(".yaml") else ""
            if "kind: CustomResourceDefinition" not in text:
                continue
            text = re.sub(r"\{\{.*?\}\}", "x", re.sub(r"(?m)^\s*\{\{.*\n", "", text))
            yield from (document for document in yaml.safe_load_all(text) if document)


def schemas(charts: Path, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the trimmed schemas of the charts.

    Args:
        charts: Folder of repositories with charts.
        versions: Versions of the charts, as roles/common/vars/main/versions.yml states them.
    """
    found: dict[str, Any] = {"versions": {}, "specs": {}}
    for chart, (component, kinds) in CHARTS.items():
        found["versions"][component] = versions[component]
        for definition in _definitions(charts / f"{chart}-{versions[component]}.tgz"):
            kind = definition["spec"]["names"]["kind"]
            if kind in kinds and definition["spec"]["group"] in ("cert-manager.io", "networking.istio.io"):
                (served,) = [version for version in definition["spec"]["versions"] if version["name"] == "v1"]
                found["specs"][kind] = trimmed(served["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return found


def written(data: Mapping[str, Any]) -> str:
    """Return data as it is shipped: compact, since a usual run reads it."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n"


def default_versions() -> dict[str, str]:
    """Return the versions that the roles install."""
    text = (ROOT / "roles/common/vars/main/versions.yml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)["_edge_versions"]
    return found


def suffixes(text: str, version: str) -> dict[str, Any]:
    """Return the part of the public suffix list that authorities go by, which leaves out the domains of companies.

    Args:
        text: The list.
        version: Its date. Debian's copies do not hold it.
    """
    public = text.split("===END ICANN DOMAINS===", maxsplit=1)[0]
    rules = [line.split()[0] for line in public.splitlines() if line.strip() and not line.startswith("//")]
    return {"version": version, "suffixes": " ".join(sorted(rule.encode("idna").decode() for rule in rules))}


def main() -> None:
    """Write one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["schemas", "suffixes"])
    parser.add_argument("source", type=Path)
    parser.add_argument("--version", default="", help="date of the public suffix list")
    given = parser.parse_args()
    if given.what == "schemas":
        SCHEMAS.write_text(written(schemas(given.source, default_versions())), encoding="utf-8")
    else:
        SUFFIXES.write_text(written(suffixes(given.source.read_text(encoding="utf-8"), given.version)), encoding="utf-8")


if __name__ == "__main__":
    main()
