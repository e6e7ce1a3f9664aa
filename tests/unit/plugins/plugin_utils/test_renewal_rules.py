# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _renewal_rules as rules


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 2 ? * SUN",
        "59 23 31 12 6",
        "*/15 0-5 1,15 JAN-mar Mon-FRI",
        "5/10 0-20/4 * * 0",
        "0,,30 2 * * *",
        "  0 2\t* * *  ",
        "@yearly",
        "@every 1h30m",
    ],
)
def test_what_cert_manager_takes_for_the_beginning_of_a_window(cron):
    assert rules.cron_problem(cron) == ""


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("", "five parts"),
        ("0 2 * *", "five parts"),
        ("0 0 2 * * SUN", "five parts"),
        ("@reboot", "five parts"),
        ("@every", "five parts"),
        ("60 2 * * *", "minute is '60'; it must be * or numbers from 0 to 59,"),
        ("-1 2 * * *", "minute is '-1'"),
        ("0 5-2 * * *", "hour is '5-2'"),
        ("0 1-2-3 * * *", "hour is '1-2-3'"),
        ("0 2 0 * *", "day is '0'; it must be * or numbers from 1 to 31"),
        ("0 2 * 13 *", "month is '13'; it must be * or numbers from 1 to 12, or JAN to DEC"),
        ("0 2 * * 7", "day of the week is '7'; it must be * or numbers from 0 to 6, or SUN to SAT"),
        ("0 2 * * SUNDAY", "day of the week is 'SUNDAY'"),
        ("0 2 * * */0", "day of the week is '*/0'"),
        ("0 2 * * */2/2", "day of the week is '*/2/2'"),
        ("0 2 L * *", "day is 'L'"),
        ("\u0663 2 * * *", "minute is '\u0663'"),
        ("0 2 * * */\u00b2", "day of the week is '*/\u00b2'"),
        ("0 1_0 * * *", "hour is '1_0'"),
        (f"{'9' * 5000} 2 * * *", "it must be * or numbers from 0 to 59,"),
    ],
)
def test_what_cert_manager_does_not(cron, said):
    assert said in rules.cron_problem(cron)


def test_without_a_database_of_time_zones_any_name_is_taken(monkeypatch):
    assert not rules.is_time_zone("Berlin")
    monkeypatch.setattr(rules, "_time_zones", frozenset)
    assert rules.is_time_zone("Berlin")
