# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users give to say which Certificates, and which issuance, they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import Renewal
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError, normal_serial
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number


@dataclass(frozen=True)
class Selection:
    """Which Certificates are meant: these names, or this selector, or all of the namespace."""

    namespace: str
    names: tuple[str, ...] = ()
    label_selector: str | None = None

    @property
    def description(self) -> str:
        """For messages."""
        if self.label_selector:
            return f"Certificate with labels {self.label_selector} in namespace {self.namespace}"
        return f"Certificate in namespace {self.namespace}"


def selection_options() -> dict[str, dict[str, Any]]:
    """The argument spec that the doc fragment C(baremesh.edge._certificates) describes."""
    return {
        "names": {"type": "list", "elements": "str", "default": [], "aliases": ["name"]},
        "namespace": {"type": "str", "default": "default"},
        "label_selectors": {"type": "list", "elements": "str", "default": []},
    }


def select(params: Mapping[str, Any]) -> Selection:
    """The options names, namespace and label_selectors. Raises ValueError with the sentence for the user.

    Empty text is what a template or a survey makes of nothing, so it counts as not given.
    """
    names = tuple(dict.fromkeys(n for n in params["names"] if n))
    selectors = [s for s in params["label_selectors"] if s]
    if names and selectors:
        raise ValueError(f"names is {', '.join(names)} and label_selectors is {', '.join(selectors)}: give one of the two")
    return Selection(params["namespace"], names, ",".join(selectors) or None)


def parse_renewals(given: Mapping[str, Any]) -> dict[str, Renewal]:
    """renewed_since as Renewal objects. Raises ValueError with the sentence for the user."""
    return {str(name): _parse(str(name), value) for name, value in given.items()}


def _parse(name: str, value: Any) -> Renewal:
    text = str(value).strip()
    # Templates turn numbers into text. A serial number has at least 64 random bits, a revision never nine digits.
    revision = whole_number(text)
    if revision is not None and len(text) <= 9:
        return Renewal(revision=revision)
    if isinstance(value, str):
        try:
            return Renewal(serial=normal_serial(text))
        except TlsError:
            pass
    raise ValueError(f"renewed_since for {name} is {value!r}: give a revision (a number) or a serial number (hexadecimal text)")
