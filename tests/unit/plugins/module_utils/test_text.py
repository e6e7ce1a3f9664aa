# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs of real programs, and the one line of each that says why it failed."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line

PYENV = """pyenv: python3.13: command not found

The `python3.13' command exists in these Python versions:
  3.13.1

Note: See 'pyenv help global' for tips on allowing both
      python2 and python3 to be found at the same time.
"""
LOCALE = """bash: warning: setlocale: LC_ALL: cannot change locale (en_US.UTF-8)
/bin/sh: 1: /usr/bin/python3: not found
Shared connection to 192.0.2.10 closed.
"""
SUDO = "sudo: unable to resolve host edge1: Name or service not known\nsudo: a password is required\n"
TRACEBACK = """Traceback (most recent call last):
  File "<stdin>", line 1, in <module>
ImportError: cannot import name 'x'
Shared connection to 192.0.2.10 closed.
"""
FIREWALLD = """Warning: ALREADY_ENABLED: '443:tcp' already in 'public'
Error: COMMAND_FAILED: 'python-nftables' failed
JSON blob: {}
"""
UFW = "WARN: / is group writable!\nERROR: problem running ufw-init\nFlushing chain failed\n"
NFT = "/tmp/x:3:9-12: Error: syntax error, unexpected string\n  tpc dport 80\n  ^^^\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PYENV, "pyenv: python3.13: command not found"),
        (LOCALE, "/bin/sh: 1: /usr/bin/python3: not found"),
        (SUDO, "sudo: a password is required"),
        (TRACEBACK, "ImportError: cannot import name 'x'"),
        (FIREWALLD, "Error: COMMAND_FAILED: 'python-nftables' failed"),
        (UFW, "ERROR: problem running ufw-init"),
        (NFT, "/tmp/x:3:9-12: Error: syntax error, unexpected string"),
        ("something\nelse", "something"),
        ("Warning: only this", "Warning: only this"),
        ("Traceback (most recent call last):\n  cut", "Traceback (most recent call last):"),
        ("\n \n", "no message"),
    ],
)
def test_the_line_that_states_the_reason(text, reason):
    assert reason_line(text) == reason
