# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads fields of dictionaries that people wrote, and gathers a sentence for each thing that is wrong."""

from __future__ import annotations

import base64
import contextlib
import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.plugin_utils._host_names import host_problem, is_address_like
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import as_yaml, read_dict, read_list, yaml_problem
from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import judge, schema_of

Raw = Mapping[str, Any]

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# All for fullmatch: $ would let a line break at the end pass.
_NAME = re.compile(_LABEL)
_SERVICE = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(h|m|s|ms))+")
_DURATION_OR_SHARE = re.compile(rf"{_DURATION.pattern}|[1-9][0-9]?%")
_PATH = re.compile(r"/[^\x00-\x1f\x7f]*")
_BLOCK = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----[^-]+(?:-----END (?P=label)-----)?")
# What Envoy reads as authorities of clients.
_CERTIFICATES = ("CERTIFICATE", "X509 CRL")
# How people call an issuer that is no staging one.
_SPELLING = re.compile(r"-(prod|production|live)$")
# What other tools call a field, in lower case without '-' and '_'.
_MEANT = {
    **dict.fromkeys(("domain", "domains", "fqdn", "hostname", "hostnames", "servername", "dnsnames"), "hosts"),
    **dict.fromkeys(("path", "uri", "url", "location"), "prefix"),
    **dict.fromkeys(("upstream", "target", "proxypass", "backend"), "service"),
    **dict.fromkeys(("secret", "secretname", "credentialname", "certificate", "cert"), "credential"),
    **dict.fromkeys(("clusterissuer", "certresolver", "resolver"), "issuer"),
}
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(values)


def entries_of(value: Any) -> list[Any] | None:
    """Return the entries of a list of dictionaries, or of text that is one in YAML or JSON, as AWX surveys send it; None for others."""
    return None if value is None or (isinstance(value, str) and as_yaml(value) is None) else read_list(value)


class Fields:
    """A dictionary under inspection. What is wrong goes to C(findings), and reading goes on.

    The place says where the dictionary is, C(edge_sites[0]); without one the keys are variables of their own.
    """

    def __init__(self, raw: Raw, place: str, findings: list[str], title: str = "") -> None:
        self.raw = raw
        self.place = place
        self.title = title if title.isprintable() else ""
        self.findings = findings

    def report(self, problem: str) -> None:
        """Note O(problem) with the place where it is."""
        where = f"{self.place}{self.title}"
        self.findings.append(f"{where}: {problem}" if where else problem)

    def fits(self, path: str, value: Any, strict: bool = True, word: str = "") -> None:
        """Note what the API server would refuse of O(value), by the schema at O(path); O(word) is how users name it."""
        for problem in judge(schema_of(path), value, word or path.rpartition(".")[2], strict):
            self.report(problem)

    def unknown(self, key: str, value: str, allowed: Collection[str], note: str = "") -> None:
        """Note that O(value) is none of O(allowed), with the nearest one."""
        spelt = {name.lower(): name for name in allowed}
        near = difflib.get_close_matches(_SPELLING.sub("", value.lower().replace("_", "-")), spelt, 1)
        hint = f"did you mean '{spelt[near[0]]}'? " if near else ""
        self.report(f"{key} is '{value}', which is not known; {hint}Allowed: {_quoted(allowed) or 'none'}{f' ({note})' if note else ''}")

    def only(self, allowed: Collection[str], note: str = "") -> None:
        """Note keys that are not among O(allowed)."""
        for key in self.raw:
            if key not in allowed:
                meant = _MEANT.get(re.sub("[-_]", "", str(key)).lower())
                near = [meant] if meant in allowed else difflib.get_close_matches(str(key), allowed, 1)
                hint = f"did you mean '{near[0]}'? " if near else ""
                self.report(f"key '{key}' is not known{f' {note}' if note else ''}; {hint}Allowed: {_quoted(allowed)}")

    def nested(self, path: str) -> Fields | None:
        """Return the dictionary at C(key) or C(key[index])."""
        key, _bracket, index = path.partition("[")
        value = (entries_of(self.raw[key]) or [])[int(index[:-1])] if index else self.raw[key]
        found = read_dict(value)
        if found is not None and value is not None:
            return Fields(found, f"{self.place}.{path}" if self.place else path, self.findings, self.title)
        self.report(f"{path} is {value!r}; it must be a dictionary")
        return None

    def optional(self, key: str) -> Fields | None:
        """Return the dictionary at O(key), None where it has no value: without a key, or as a template leaves it."""
        return None if self.raw.get(key) in (None, "") else self.nested(key)

    def text(self, key: str, required: bool = False) -> str | None:
        value = self.raw.get(key)
        if value is None or value == "":
            if required:
                self.report(f"{key} is missing")
            return None
        if isinstance(value, (dict, list, bool)):
            self.report(f"{key} is {value!r}; it must be text")
            return None
        return str(value)

    def _matching(self, key: str, pattern: re.Pattern[str], expected: str, required: bool = False) -> str | None:
        value = self.text(key, required)
        if value is not None and not pattern.fullmatch(value):
            self.report(f"{key} is {value!r}; {expected}")
            return None
        return value

    def name(self, key: str, required: bool = False, limit: int = 63) -> str | None:
        value = self._matching(key, _NAME, "it must be a DNS label: lower case letters, digits and '-', at most 63 characters", required)
        if value is not None and len(value) > limit:
            self.report(f"{key} '{value}' has {len(value)} characters; at most {limit} are allowed")
            return None
        return value

    def object_name(self, key: str, required: bool = False) -> str | None:
        return self._matching(key, _SERVICE, "it must have lower case letters, digits, '-' and '.' only", required)

    def duration(self, key: str) -> str | None:
        return self._matching(key, _DURATION, "it must be a duration such as 30s, 5m or 2160h")

    def duration_or_share(self, key: str) -> str | None:
        return self._matching(key, _DURATION_OR_SHARE, "it must be a duration such as 720h, or a share of the lifetime from 1% to 99%")

    def path(self, key: str, required: bool = False, expected: str = "a path begins with / and has no control characters") -> str | None:
        return self._matching(key, _PATH, expected, required)

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        given = self.raw.get(key)
        # YAML reads some words, such as off, as true or false.
        value = str(given).lower() if isinstance(given, bool) else self.text(key)
        if value is not None and value not in allowed:
            self.unknown(key, value, allowed)
            return None
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self.raw.get(key)
        if value in (None, ""):
            return default
        if isinstance(value, bool):
            return value
        # AWX surveys and -e send strings.
        if str(value).lower() in _TRUE + _FALSE:
            return str(value).lower() in _TRUE
        self.report(f"{key} is {value!r}; it must be true or false")
        return default

    def integer(self, key: str, least: int, most: int) -> int | None:
        value = str("" if self.raw.get(key) is None else self.raw[key]).strip()
        if not value:
            return None
        number = whole_number(value)
        if number is None or not least <= number <= most:
            self.report(f"{key} is '{value}'; it must be a number from {least} to {most}")
            return None
        return number

    def port(self, key: str) -> int | None:
        if self.raw.get(key) in (None, ""):
            self.report(f"{key} is missing")
            return None
        return self.integer(key, 1, 65535)

    def sequence(self, key: str, required: bool = False) -> list[Any]:
        value = self.raw.get(key)
        if value is None or value == []:
            if required:
                self.report(f"{key} is missing or empty")
            return []
        entries = entries_of(value)
        if entries is None:
            self.report(f"{key} is {value!r}; it must be a list")
        return entries or []

    def texts(self, key: str) -> list[str]:
        found = []
        for value in self.sequence(key):
            if isinstance(value, str) and value:
                found.append(str(value))
            else:
                self.report(f"{key} has {value!r}; its entries must be text")
        return found

    def names(self, key: str) -> list[str]:
        """Return names of objects, each of which is there once."""
        found: list[str] = []
        for value in self.texts(key):
            name = Fields({key: value}, self.place, self.findings, self.title).name(key)
            if name in found:
                self.report(f"{key} has '{name}' twice")
            elif name:
                found.append(name)
        return found

    def mapping(self, key: str) -> Raw | None:
        value = self.raw.get(key)
        if value in (None, ""):
            return None
        found = read_dict(value)
        if found is None:
            self.report(f"{key} is {value!r}; it must be a dictionary")
        return found

    def labels(self, key: str) -> dict[str, Any]:
        """Return labels by which pods are selected, empty if there are none."""
        found = dict(self.mapping(key) or {})
        for name, value in found.items():
            if not isinstance(value, str):
                self.report(f"{key}.{name} is {value!r}; a label must be text, so put it in quotes")
        return found

    def hosts(self, key: str, required: bool = True) -> list[str]:
        found: list[str] = []
        for value in self.sequence(key, required):
            problem = host_problem(str(value)) if isinstance(value, str) else "it must be a DNS name"
            if problem:
                self.report(f"{key} has {str(value)!r}; {problem}")
            elif value in found:
                self.report(f"{key} has '{value}' twice")
            else:
                found.append(str(value))
        return found

    def service(self, key: str, cluster_domain: str) -> str | None:
        """Return the full name of a Service.

        Istio takes every name with a dot for a full one, so C(api.default) would match no Service.
        """
        value = self._matching(key, _SERVICE, "it must be SERVICE.NAMESPACE, or a full host name", required=True)
        if value is None:
            return None
        parts = value.split(".")
        if is_address_like(value):
            self.report(f"{key} is '{value}', an address; give it a name, and the address to external.addresses of backends")
            return None
        if len(parts) == 1:
            self.report(f"{key} is '{value}'; its namespace is missing, write {value}.NAMESPACE")
            return None
        if len(parts) == 2:
            return f"{value}.svc.{cluster_domain}"
        if len(parts) == 3 and parts[2] == "svc":
            return f"{value}.{cluster_domain}"
        return value

    def pem_certificate(self, key: str, base64_too: bool = False, label: str = "CERTIFICATE") -> str | None:
        """Return the certificates, or what else O(label) names, at O(key) without what stands around them; other values are never shown."""
        value = self.text(key)
        if value is None:
            return None
        if base64_too and "-----BEGIN" not in value:
            with contextlib.suppress(ValueError):
                value = base64.b64decode(value, validate=False).decode("utf-8", "replace")
        blocks = {match.group(): match["label"] for match in _BLOCK.finditer(value)}
        labels = set(blocks.values())
        if "PRIVATE KEY" in value:
            self.report(f"{key} holds a private key, which everyone who reads certificates would see; leave only the CERTIFICATE blocks")
        elif label not in labels or not all(block.endswith(f"-----END {label}-----") for block, label in blocks.items()):
            what = "a certificate" if label == "CERTIFICATE" else "a list of revoked certificates (X509 CRL)"
            expected = f"neither {what} in PEM form nor Base64 of one" if base64_too else f"not {what} in PEM form"
            self.report(f"{key} is {expected}")
        elif labels - set(_CERTIFICATES):
            self.report(f"{key} has a block {min(labels - set(_CERTIFICATES))}; allowed are blocks {' and '.join(_CERTIFICATES)}")
        else:
            return "".join(f"{block}\n" for block in blocks)
        return None


def dictionaries(value: Any, variable: str, findings: list[str], what: str, needs: str) -> Iterator[Fields]:
    """Yield the entries of a list of dictionaries.

    Args:
        value: The value of a variable.
        variable: Its name.
        findings: Gets a sentence where the value is not a list, and for each entry that is not a dictionary.
        what: What the entries are called, such as C(sites).
        needs: What an entry has to be.
    """
    # A key whose entries are commented out has no value.
    entries = [] if value is None else entries_of(value)
    if entries is None:
        problem = yaml_problem(value) if isinstance(value, str) else ""
        found = f"cannot be read as YAML ({problem})" if problem else f"is {value!r}"
        findings.append(f"{variable} {found}; it must be a list of {what}")
    for index, raw in enumerate(entries or ()):
        place = f"{variable}[{index}]"
        if isinstance(raw, Mapping):
            yield Fields(raw, place, findings, f" ({raw['name']})" if raw.get("name") else "")
        else:
            findings.append(f"{place} is {raw!r}; {needs}")
