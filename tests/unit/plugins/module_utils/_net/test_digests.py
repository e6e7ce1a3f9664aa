# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net import digests

DIGEST = "a" * 64
SUMS = f"{'b' * 64}  k3s-airgap-images-amd64.tar.zst\n{DIGEST}  k3s\n{'c' * 64} *k3s-images.txt\n"


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("A" * 64, "a" * 64),
        (f"sha256:{'b' * 64}", "b" * 64),
        (f" {'0' * 64}\n", "0" * 64),
        ("a" * 63, None),
        ("g" * 64, None),
        (f"sha512:{'a' * 64}", None),
        ("", None),
    ],
)
def test_a_digest_as_people_write_it(text, digest):
    assert digests.sha256(text) == digest


def test_a_checksum_is_that_of_the_whole_name():
    assert digests.checksum_of(SUMS, "k3s") == DIGEST
    assert digests.checksum_of(SUMS, "k3s-images.txt") == "c" * 64
    assert digests.checksum_of(SUMS, "k3s-arm64") is None


def test_a_line_without_a_digest_is_no_checksum():
    assert digests.checksum_of("error  k3s\n<html>\n", "k3s") is None
    assert digests.checksum_of(f"{DIGEST}  k3s is not the name of this file\n", "k3s") is None


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://mirror", True),
        ("HTTPS://mirror", True),
        ("file:///srv", True),
        ("http://mirror", False),
        ("HTTP://mirror", False),
        ("ftp://mirror", False),
        ("mirror/https://", False),
        ("", False),
    ],
)
def test_which_addresses_are_secure(url, secure):
    assert digests.is_secure(url) is secure


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hush@mirror/a@b", "https://mirror/a@b"),
        ("https://me:hu@sh@mirror/", "https://mirror/"),
        ("https://mirror/a", "https://mirror/a"),
    ],
)
def test_an_address_without_its_password(url, shown):
    assert digests.without_password(url) == shown
