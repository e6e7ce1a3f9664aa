# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of what others wrote, changed here and there, for the parsers that read it.

FUZZ is the number of inputs of each parser; `make fuzz` tries many. EDGE_SEED repeats a run.
"""

from __future__ import annotations

import copy
import os
import random
import signal

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

INPUTS = int(os.environ.get("FUZZ", "100"))
#: What breaks parsers: separators at wrong places, numbers out of range, quotes that do not end, other writing systems, controls.
PIECES = ["", " ", "\t", "\n", '"', "'", "\\", ":", ",", "/", "-", "--", "=", "{", "}", "[", "]", "@", "#", "0", "-1", "65536"]
PIECES += ["9" * 30, "null", "NaN", "1e9", "é", "²", "٣", "\u2028", "\x00", "\x1b[31m", "\ud7ff", "::", "0.0.0.0/0", "::/0", "a" * 300]
#: Numbers that no type holds or Python refuses to read, and nesting that ends in a RecursionError.
PIECES += ["9" * 5000, "1e999", "-1e999", "[" * 1500, '{"a":' * 1500, "(" * 300, "\r\n", "\ufeff", "!!timestamp 2026-02-30", "2026-02-30"]
LEAVES = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "²",
    [],
    {},
    ["x"],
    [None],
    {"set": []},
    {"range": [1]},
    {"range": ["@absent", "x"]},
    {"concat": [1]},
    "@absent",
]
#: Seconds of the processor after which a parser hangs, however busy the machine is, and how many more where it only waits.
HANGS, PATIENCE = 60, 10


def changed_text(samples):
    """Return a function that cuts, doubles and puts in pieces of a sample."""

    def make(dice):
        text = dice.choice(samples)
        for _unused in range(dice.randint(0, 6)):
            start = dice.randint(0, len(text))
            end = min(len(text), start + dice.randint(0, 40))
            text = text[:start] + dice.choice([*PIECES, text[start:end] * 2]) + text[end:]
        return text

    return make


def changed_bytes(sample):
    """Return a function that changes some bytes of a sample and cuts its end."""

    def make(dice):
        found = bytearray(sample)
        for _unused in range(dice.randint(0, 6)):
            found[dice.randrange(len(found))] = dice.randrange(256)
        return bytes(found[: dice.randint(0, len(found))] if dice.random() < 0.5 else found)

    return make


def changed_place(tree, dice, typed, kept):
    """Return a tree with another value at one place, or without it; what is not on the way there is shared."""
    found = copy.copy(tree)
    key = dice.choice(list(tree)) if isinstance(tree, dict) else dice.randrange(len(tree))
    # What is in a list or a dictionary has types as well.
    leaves = [leaf for leaf in LEAVES if not typed or (type(leaf) is type(tree[key]) and (not leaf or not isinstance(leaf, (list, dict))))]
    leaves = [] if kept and isinstance(tree[key], dict) and not set(kept).isdisjoint(tree[key]) else leaves
    if isinstance(tree[key], (dict, list)) and tree[key] and dice.random() < 0.8:
        found[key] = changed_place(tree[key], dice, typed, kept)
    elif isinstance(tree, dict) and key not in kept and (not leaves or dice.random() < 0.5):
        del found[key]
    elif leaves:
        found[key] = copy.deepcopy(dice.choice(leaves))
    return found


def changed_tree(samples, typed=False, kept=()):
    """Return a function that drops values of a sample of JSON or replaces them, by ones of their type where an API guards types.

    Values of the kept keys are not dropped, since an API demands them.
    """

    def make(dice):
        tree = dice.choice(samples)
        for _unused in range(dice.randint(0, 4)):
            tree = changed_place(tree, dice, typed, kept) if tree else tree
        return tree

    return make


def hang(_signal, _frame):
    raise AssertionError("the parser hangs")


def survive(parser, given, allowed, seconds=HANGS, seed=None):
    """Give one input to a parser; only the allowed errors may come out, within some seconds."""
    former = [(each, signal.signal(each, hang)) for each in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(seconds * PATIENCE)
    try:
        parser(given)
    except (EdgeError, *allowed):
        pass
    except BaseException as exc:
        raise AssertionError(f"EDGE_SEED={seed}: {type(exc).__name__}: {exc}, for {given!r}") from exc
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for each, handler in former:
            signal.signal(each, handler)


def fuzz(parser, make, *allowed):
    """Give changed samples to a parser."""
    seed = int(os.environ.get("EDGE_SEED") or random.SystemRandom().randrange(10**6))
    dice = random.Random(seed)
    for _unused in range(INPUTS):
        survive(parser, make(dice), allowed, seed=seed)
