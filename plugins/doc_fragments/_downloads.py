# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that fetch something."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  environment:
    description:
      - Variables that the module fetches with, such as E(HTTPS_PROXY) and E(NO_PROXY).
      - Unlike those of the keyword C(environment) they are in no argument of a process and in no log, so an address may hold a password.
    type: dict
    default: {}
"""

    SERVERS = r"""
options:
  ca_path:
    description: File with certificates to trust when fetching, beside those of the host's Python.
    type: path
  timeout:
    description: Seconds that a connection may stand still.
    type: int
    default: 60
"""
