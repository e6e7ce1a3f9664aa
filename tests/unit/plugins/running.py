# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module's main() in this process, with its arguments and without ending the process."""

from __future__ import annotations

import json
import tempfile

from ansible.module_utils import basic


class ModuleEnd(Exception):  # noqa: N818 (an end, not an error)
    """What a module returned."""

    def __init__(self, result, failed):
        super().__init__(result.get("msg"))
        self.result = result
        self.failed = failed


def run(monkeypatch, module, check=False, **arguments):
    """The module's result; result["failed"] says how it ended."""

    def exit_json(_self, *, invocation, **result):
        raise ModuleEnd(dict(result, failed=False), False)

    def fail_json(_self, msg, *, invocation=None, **result):
        # An error that prints as a tuple has the words that a test looks for, too.
        assert isinstance(msg, str)
        assert not msg.startswith("('"), msg
        raise ModuleEnd(dict(result, msg=msg, failed=True), True)

    arguments = dict(arguments, _ansible_check_mode=check, _ansible_remote_tmp=tempfile.gettempdir(), _ansible_keep_remote_files=False)
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    # From ansible-core 2.19 on arguments name how they are encoded.
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.AnsibleModule, "exit_json", exit_json)
    monkeypatch.setattr(basic.AnsibleModule, "fail_json", fail_json)
    try:
        module.main()
    except ModuleEnd as end:
        return end.result
    raise AssertionError("the module ended without a result")
