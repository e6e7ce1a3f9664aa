# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import re
import time

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _masking
from ansible_collections.baremesh.edge.plugins.module_utils._masking import HIDDEN, Mask, printable, secret_values, secret_variables

KEY = "-----BEGIN EC PRIVATE KEY-----\nhunter2\nhunter2\n-----END EC PRIVATE KEY-----\n"
ENCODED = base64.b64encode(KEY.encode()).decode()

#: What holds the word "hunter2" as a secret, and what stays of it.
SECRETS = {
    "URL": ("get https://me:hunter2@mirror.example.com/k3s failed", "get https://********@mirror.example.com/k3s failed"),
    "user as token": ("https://hunter2@github.com/a", "https://********@github.com/a"),
    "unescaped password": ('parse "postgres://k3s:a/b?hunter2#c@d@db:5432/k3s": bad', 'parse "postgres://********@db:5432/k3s": bad'),
    "numbers first": ("http://me:12-hunter2@h", "http://********@h"),
    "part of a password as port": ('parse "x": invalid port ":hunter2" after host', 'parse "x": invalid port ******** after host'),
    "Python's port": ("nonnumeric port: 'hunter2@mirror'", "nonnumeric port: ********"),
    "MySQL": ("dial me:hunter2@tcp(db:3306)/k3s: refused", "dial ********@tcp(db:3306)/k3s: refused"),
    "MySQL by socket": ("me:hunter2@unix(/run/db)/k3s", "********@unix(/run/db)/k3s"),
    "K3s": ("token K10abc12::server:hunter2 refused", "token ******** refused"),
    "bearer": ("sent Bearer hunter2.abcdef to it", "sent Bearer ******** to it"),
    "basic": ("Basic " + base64.b64encode(b"me:hunter2").decode(), "Basic ********"),
    "header": ("> Authorization: Basic hunter2==", "> Authorization: Basic ********"),
    "headers as Go prints them": ("map[Authorization:[Bearer hunter2] A:[b]]", "map[Authorization:[Bearer ********] A:[b]]"),
    "cookie": ("Set-Cookie: session=hunter2; Path=/\nnext", "Set-Cookie: ********\nnext"),
    "JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2", "********"),
    "key": (f"before {KEY} after", "before ********\n after"),
    "cut key": (KEY[:50], "********"),
    "key on one line": (json.dumps(KEY), '"********\\n"'),
    "key of a Secret": (f"tls.key: {ENCODED}", "tls.key: ********"),
    "keyword DSN": ("host=db password=hunter2 user=k3s", "host=db password=******** user=k3s"),
    "quoted keyword": ("password='hunter2 x' user=k3s", "password=******** user=k3s"),
    "variable": ("K3S_TOKEN=hunter2 k3s", "K3S_TOKEN=******** k3s"),
    "flag": ("k3s --token=hunter2 --debug", "k3s --token=******** --debug"),
    "flag with a blank": ("k3s --agent-token hunter2 --debug", "k3s --agent-token ******** --debug"),
    "JSON": ('{"password": "hunter2", "user": "a"}', '{"password": ********, "user": "a"}'),
    "JSON in a log line": (r'msg="{\"password\":\"hunter2\"}"', 'msg="{\\"password\\":********}"'),
    "query": ("https://h/x?access_key=hunter2&b=c", "https://h/x?access_key=********&b=c"),
}


@pytest.mark.parametrize(("text", "shown"), SECRETS.values(), ids=SECRETS)
def test_what_looks_like_a_secret_is_hidden(text, shown):
    assert printable(text) == shown


#: What only resembles one: messages lose nothing.
HARMLESS = (
    "https://registry.example.com:5000/image@sha256:0123 is not there",
    "https://[2001:db8::1]:6443/x@y",
    "oci://registry:5000/a/b:tag@sha256:0123",
    "mail to admin@example.com, see https://example.com/a@b",
    "the join token is malformed (failed to normalize token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>)",
    "Error accepting authorization: acme: authorization error for a.example.com: 403 urn:ietf:params:acme:error:unauthorized",
    "the host has another node password: give it a unique name; basic constraints and Basic authentication are no secrets",
    "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
    base64.b64encode(b"-----BEGIN CERTIFICATE-----\nabc\n").decode(),
    "bearer authentication is off; token-file=/etc/rancher/k3s/token; the key: value; x-request-id: 1",
    "file:///srv/k3s, unix:///run/containerd.sock, http://proxy:3128/",
    "Zertifikat für münchen.example 日本語 🎉\tname\nnext",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_messages_stay_as_they_are(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07done", r"\x1b[2J\x1b]0;title\x07done"),
        ("a\rTASK [forged]", r"a\rTASK [forged]"),
        ("\x9b31m", r"\x9b31m"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("a\u2066b\u2069\u200b\ufeff\xad", r"a\u2066b\u2069\u200b\ufeff\xad"),
        ("\x00\x08\x7f", r"\x00\x08\x7f"),
        ("a\u2028b", r"a\u2028b"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("one\r\ntwo", "one\ntwo"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


#: How programs repeat a value that is known to be secret.
@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("correct horse", "token correct horse is wrong"),
        ("pa ss%word", "pa%20ss%25word"),
        ('qu"ote\\d', r'msg="qu\"ote\\d"'),
        ("long-secret-value", base64.b64encode(b"long-secret-value").decode()),
        ("postgres://k3s:only the password@db/k3s", "for user k3s: only the password"),
        ("K10abc::server:only-the-end", "token only-the-end refused"),
        ("line one of it\nline two of it", "journal: line two of it"),
        ("hush", "user:hush@x"),
        ("übung12345", "%C3%BCbung12345"),
    ],
)
def test_known_values_are_hidden_in_every_spelling(secret, text):
    shown = Mask([secret]).text(text)
    assert HIDDEN in shown
    assert not any(part in shown for part in (secret, text) if part)


def test_a_short_secret_is_hidden_as_a_word_only():
    assert Mask(["edge", "k3s"]).text("edge1 edge /etc/k3s/edge.yaml") == "edge1 ******** /etc/k3s/********.yaml"


@pytest.mark.parametrize(("secret", "text"), [("hunter7", "xhunter7x"), ("hunter78", "x********x"), ("hunter789", "x********x")])
def test_a_secret_of_eight_characters_is_hidden_within_words(secret, text):
    assert Mask([secret]).text(f"x{secret}x") == text


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", False),
        ("https_proxy", "http://me:hush@proxy:3128", True),
        ("no_proxy", "10.0.0.0/8", False),
        ("GITHUB_TOKEN", "hush", True),
        ("AWS_KEY", "a@b", True),
    ],
)
def test_variables_are_secret_but_for_proxies_without_a_password(name, value, secret):
    assert secret_variables({name: value}) == ([value] if secret else [])


@pytest.mark.parametrize(
    ("kind", "hidden"), [("Secret", ["long-enough", "another-one"]), ("ConfigMap", []), ("SecretStore", []), (None, [])]
)
def test_values_of_secrets_alone_are_secret(kind, hidden):
    definition = {"kind": kind, "data": {"a": "long-enough", "b": "word"}, "stringData": {"c": "another-one"}, "type": "kubernetes.io/tls"}
    assert secret_values([definition]) == hidden


def test_results_are_masked_with_their_keys():
    result = {"a\x1b": ["https://u:p@h", ("x\u202e", 1, None, True)], "token": "K10a::b:c"}
    assert Mask().all(result) == {r"a\x1b": ["https://********@h", [r"x\u202e", 1, None, True]], "token": HIDDEN}
    assert Mask().all(result, ("token",))["token"] == "K10a::b:c"


def test_keys_name_secrets():
    given = {"etcd-s3-secret-key": "a", "agent_token": "b", "Password": "c", "api_key": "d", "identity-token": "e"}
    assert set(Mask().all(given).values()) == {HIDDEN}
    harmless = {"secret": "app", "key": "a", "token": True, "token-file": "/a", "private_key": {"size": 1}, "password": "", "tokens": 3}
    assert Mask().all(harmless) == harmless


@pytest.mark.parametrize(
    "text",
    [
        "://" * 30000,
        "a:b@" * 30000,
        "http://a:" * 20000,
        "a+" * 50000,
        "-----BEGIN PRIVATE KEY-----" * 5000,
        "authorization: basic " * 5000,
        "password='" * 20000,
        'token="\\' * 20000,
        "K10" * 50000,
        "eyJ" + "a." * 50000,
        "x-" * 50000 + "token",
        "basic " + "a" * 100000,
        "a:" * 50000 + "@tcp(",
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text):
    begin = time.process_time()
    printable(text)
    assert time.process_time() - begin < 2


def test_every_expression_has_an_example():
    """Without one it could be wrong, or go, unnoticed."""
    texts = [text for text, _shown in SECRETS.values()]
    unused = [
        expression
        for needles, expression, _shown in _masking._SECRETS
        if not any(any(needle in text.lower() for needle in needles) and re.search(expression, text, re.DOTALL) for text in texts)
    ]
    assert unused == []
