# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of C(edge_sites): types, choices and defaults, in the form of an argument spec.

The reader takes known keys and choices from here. A test compares this with the options that role C(common) documents.
"""

from __future__ import annotations

from typing import Any

Options = dict[str, dict[str, Any]]

PRIVATE_KEY: Options = {
    "algorithm": {"type": "str", "choices": ["RSA", "ECDSA", "Ed25519"]},
    "size": {"type": "int"},
    "rotation_policy": {"type": "str", "choices": ["Always", "Never"]},
}
CERTIFICATE: Options = {
    "duration": {"type": "str"},
    "renew_before": {"type": "str"},
    "common_name": {"type": "str"},
    "usages": {"type": "list", "elements": "str"},
    "private_key": {"type": "dict", "options": PRIVATE_KEY},
}
TLS: Options = {
    "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH"], "default": "SIMPLE"},
    "credential": {"type": "str"},
    "ca_certificate": {"type": "str"},
    "client_ca": {"type": "str", "choices": ["issuer"]},
    "min_version": {"type": "str", "choices": ["1.2", "1.3"]},
    "max_version": {"type": "str", "choices": ["1.2", "1.3"]},
    "cipher_suites": {"type": "list", "elements": "str"},
    "subject_alt_names": {"type": "list", "elements": "str"},
}
ROUTE: Options = {
    "prefix": {"type": "str"},
    "exact": {"type": "str"},
    "regex": {"type": "str"},
    "service": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "rewrite": {"type": "str"},
    "timeout": {"type": "str"},
    "headers": {"type": "dict"},
    "retries": {"type": "dict"},
}
SITE: Options = {
    "name": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "issuer": {"type": "str"},
    "gateway": {"type": "str"},
    "routes": {"type": "list", "elements": "dict", "options": ROUTE},
    "tls": {"type": "dict", "options": TLS},
    "redirect": {"type": "bool", "default": True},
    "certificate": {"type": "dict", "options": CERTIFICATE},
}
