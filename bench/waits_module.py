# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as its process on a host does, without the controller: ``waits_module.py MODULE ARGUMENTS``, the latter as JSON."""

from __future__ import annotations

import importlib
import sys

from ansible.module_utils import basic

basic._ANSIBLE_ARGS = sys.argv[2].encode()  # noqa: SLF001
# From ansible-core 2.19 on arguments name how they are encoded.
basic._ANSIBLE_PROFILE = "legacy"  # noqa: SLF001
importlib.import_module(sys.argv[1]).main()
