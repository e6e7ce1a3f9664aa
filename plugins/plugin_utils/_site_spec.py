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
COPIES: Options = {
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "by": {"type": "str", "choices": ["external_secrets", "reflector", "replicator"], "required": True},
    "refresh": {"type": "str", "default": "15m"},
}
RENEW_WINDOW: Options = {
    "cron": {"type": "str", "required": True},
    "duration": {"type": "str", "required": True},
    "time_zone": {"type": "str", "default": "UTC"},
}
CERTIFICATE: Options = {
    "duration": {"type": "str"},
    "renew_before": {"type": "str"},
    "renew_windows": {"type": "list", "elements": "dict", "options": RENEW_WINDOW},
    "common_name": {"type": "str"},
    "usages": {"type": "list", "elements": "str"},
    "private_key": {"type": "dict", "options": PRIVATE_KEY},
    "copies": {"type": "dict", "options": COPIES},
}
HSTS: Options = {
    "max_age": {"type": "int", "default": 31536000},
    "include_subdomains": {"type": "bool", "default": False},
    "preload": {"type": "bool", "default": False},
}
TLS: Options = {
    "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL", "PASSTHROUGH", "NONE"], "default": "SIMPLE"},
    "credential": {"type": "str"},
    "credentials": {"type": "list", "elements": "str"},
    "key_types": {"type": "list", "elements": "str", "choices": ["ECDSA", "RSA"]},
    "ca_certificate": {"type": "str"},
    "ca_secret": {"type": "str"},
    "crl": {"type": "str"},
    "client_ca": {"type": "str", "choices": ["issuer"]},
    "min_version": {"type": "str", "choices": ["1.2", "1.3"]},
    "max_version": {"type": "str", "choices": ["1.2", "1.3"]},
    "cipher_suites": {"type": "list", "elements": "str"},
    "subject_alt_names": {"type": "list", "elements": "str"},
    "hsts": {"type": "dict", "options": HSTS},
}
_SERVICE: Options = {
    "service": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "subset": {"type": "str"},
}
DESTINATION: Options = {**_SERVICE, "weight": {"type": "int"}}
MIRROR: Options = {**_SERVICE, "percentage": {"type": "float"}}
ROUTE: Options = {
    "prefix": {"type": "str"},
    "exact": {"type": "str"},
    "regex": {"type": "str"},
    "ignore_case": {"type": "bool", "default": False},
    "method": {"type": "raw"},
    "with_headers": {"type": "dict"},
    "without_headers": {"type": "dict"},
    "query": {"type": "dict"},
    "hosts": {"type": "list", "elements": "str"},
    "service": {"type": "str"},
    "port": {"type": "int"},
    "destinations": {"type": "list", "elements": "dict", "options": DESTINATION},
    "redirect": {"type": "dict"},
    "direct_response": {"type": "dict"},
    "rewrite": {"type": "raw"},
    "timeout": {"type": "str"},
    "headers": {"type": "dict"},
    "retries": {"type": "dict"},
    "cors": {"type": "dict"},
    "mirror": {"type": "dict", "options": MIRROR},
    "fault": {"type": "dict"},
}
EXTERNAL: Options = {
    "port": {"type": "int", "required": True},
    "tls": {"type": "bool"},
    "addresses": {"type": "list", "elements": "str"},
}
BACKEND: Options = {
    "service": {"type": "str", "required": True},
    "subsets": {"type": "list", "elements": "dict"},
    "tls": {"type": "dict"},
    "load_balancing": {"type": "raw"},
    "outlier_detection": {"type": "dict"},
    "connection_pool": {"type": "dict"},
    "external": {"type": "dict", "options": EXTERNAL},
}
JWT: Options = {
    "issuer": {"type": "str", "required": True},
    "jwks": {"type": "raw"},
    "jwks_uri": {"type": "str"},
    "audiences": {"type": "list", "elements": "str"},
}
ACCESS: Options = {
    "sources": {"type": "list", "elements": "str"},
    "clients": {"type": "list", "elements": "str"},
    "jwt": {"type": "dict", "options": JWT},
}
SITE: Options = {
    "name": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "issuer": {"type": "str"},
    "gateway": {"type": "str"},
    "tcp_port": {"type": "int"},
    "routes": {"type": "list", "elements": "dict", "options": ROUTE},
    "backends": {"type": "list", "elements": "dict", "options": BACKEND},
    "tls": {"type": "dict", "options": TLS},
    "access": {"type": "dict", "options": ACCESS},
    "redirect": {"type": "bool", "default": True},
    "certificate": {"type": "dict", "options": CERTIFICATE},
}
