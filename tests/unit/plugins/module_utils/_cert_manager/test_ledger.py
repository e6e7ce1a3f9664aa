# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows after each piece of news, deletions too, and when it judges."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cause import PATIENCE
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.ledger import Ledger
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

ISSUING = [make.MISSING, make.ISSUING]
BELOW = [("CertificateRequest", make.request()), ("Order", make.order()), ("Challenge", make.challenge())]


class Book:
    """A ledger that is judged after each piece of news, at a moment of its own clock."""

    def __init__(self, *names):
        self.ledger = Ledger(Selection(make.NS, names, None), {}, NOW + 600)
        self.now = 0.0

    def take(self, kind, what, *objects):
        dirty = self.ledger.take(kind, what, [copy.deepcopy(found) for found in objects])
        self.ledger.judge(dirty, self.now, NOW + self.now)
        return dirty

    @property
    def names(self):
        return sorted(self.ledger.subjects)

    def __getitem__(self, name):
        return self.ledger.subjects[name]


def a_ready_one(*names):
    book = Book(*names)
    book.take("Certificate", "snapshot", make.certificate())
    book.take("Secret", "set", make.secret())
    assert book["app"].ready
    return book


def test_a_secret_that_is_deleted_during_the_wait_is_no_longer_ready():
    book = a_ready_one("app")
    assert book.take("Secret", "deleted", make.secret()) == {"app"}
    assert book["app"].problems == ["Secret app does not exist"]
    book.take("Secret", "set", make.secret())
    assert book["app"].ready


def test_a_new_copy_of_all_secrets_forgets_those_that_went():
    book = a_ready_one("app")
    assert book.take("Secret", "snapshot") == {"app"}
    assert book["app"].problems == ["Secret app does not exist"]


def test_a_secret_of_others_concerns_no_certificate():
    book = a_ready_one("app")
    assert book.take("Secret", "set", make.secret("other")) == set()
    assert book.take("Secret", "deleted", make.secret("other")) == set()
    assert book["app"].ready


@pytest.mark.parametrize(("names", "left"), [(("app",), ["app"]), ((), [])])
@pytest.mark.parametrize("news", [("deleted", make.certificate()), ("snapshot",)])
def test_a_certificate_that_is_deleted_is_absent_where_it_is_named_and_else_forgotten(names, left, news):
    book = a_ready_one(*names)
    book.take("Certificate", *news)
    assert book.names == left
    for name in left:
        assert (book[name].ready, book[name].certificate, book[name].cause.text) == (False, None, "it does not exist")


@pytest.mark.parametrize("what", ["snapshot", "set"])
def test_other_certificates_of_the_namespace_do_not_join_the_wait(what):
    book = Book("app")
    book.take("Certificate", what, make.certificate(), make.certificate("other"))
    assert book.names == ["app"]
    assert book.take("Certificate", "set", make.certificate("third")) == set()


def test_without_names_each_certificate_joins():
    book = Book()
    book.take("Certificate", "snapshot", make.certificate())
    assert book.take("Certificate", "set", make.certificate("other")) == {"other"}
    assert book.names == ["app", "other"]


@pytest.mark.parametrize(("gone", "left"), [(0, (False, False, 0)), (1, (True, False, 0)), (2, (True, True, 0))])
def test_what_is_deleted_below_a_certificate_concerns_it_and_is_forgotten(gone, left):
    book = Book("app")
    book.take("Certificate", "snapshot", make.certificate(conditions=ISSUING))
    for kind, found in BELOW:
        book.take(kind, "set", found)
    walk = book["app"].walk
    assert (walk.request is not None, walk.order is not None, len(walk.challenges)) == (True, True, 1)
    assert book.take(BELOW[gone][0], "deleted", BELOW[gone][1]) == {"app"}
    walk = book["app"].walk
    assert (walk.request is not None, walk.order is not None, len(walk.challenges)) == left


def test_a_claim_on_a_secret_ends_with_its_certificate_or_its_change():
    book = Book("app")
    book.take("Certificate", "snapshot", make.certificate(conditions=ISSUING), make.certificate("other", secret_name="app"))
    assert book["app"].walk.rivals == ["other"]
    for news in (("set", make.certificate("other")), ("deleted", make.certificate("other"))):
        book.take("Certificate", *news)
        book.take("Certificate", "set", make.certificate(conditions=ISSUING))
        assert book["app"].walk.rivals == []
    book.take("Certificate", "set", make.certificate("other", secret_name="app"))
    book.take("Certificate", "deleted", make.certificate("other", secret_name="app"))
    book.take("Certificate", "set", make.certificate(conditions=ISSUING))
    assert book["app"].walk.rivals == []


def test_what_changes_its_owner_belongs_to_the_new_one_only():
    book = Book()
    book.take("Certificate", "snapshot", *(make.certificate(name, conditions=ISSUING) for name in ("app", "other")))
    given = make.request()
    book.take("CertificateRequest", "set", given)
    given["metadata"]["ownerReferences"][0]["uid"] = "cert-other"
    book.take("CertificateRequest", "set", given)
    book.ledger.judge({"app", "other"}, 0.0, NOW)
    assert (book["app"].walk.request, book["other"].walk.request["metadata"]["name"]) == (None, "app-1")


def test_an_issuer_concerns_what_is_not_ready():
    book = a_ready_one()
    book.take("Certificate", "set", make.certificate("other", conditions=ISSUING))
    assert book.take("ClusterIssuer", "set", make.cluster_issuer()) == {"other"}
    assert book.take("ClusterIssuer", "deleted", make.cluster_issuer()) == {"other"}


def without_issuer(**status):
    book = Book("app")
    book.take("Certificate", "snapshot", make.certificate(conditions=[make.MISSING, make.ISSUING]))
    book.take("ClusterIssuer", "snapshot")
    return book


@pytest.mark.parametrize(("lasted", "final"), [(PATIENCE - 0.25, False), (PATIENCE, True)])
def test_a_missing_issuer_is_a_cause_once_it_has_been_missing_for_a_while(lasted, final):
    book = without_issuer()
    assert book["app"].suspect.text == "ClusterIssuer letsencrypt does not exist"
    book.now = lasted
    book.ledger.judge({"app"}, book.now, NOW + book.now)
    assert book["app"].cause.final is final
    assert ("letsencrypt" in book["app"].cause.text) is final


def test_what_began_anew_has_to_last_anew():
    book = without_issuer()
    book.now = PATIENCE - 1
    book.take("ClusterIssuer", "set", make.cluster_issuer())
    book.take("ClusterIssuer", "deleted", make.cluster_issuer())
    book.now = PATIENCE + 0.5
    book.ledger.judge({"app"}, book.now, NOW + book.now)
    assert not book["app"].cause.final
    book.now = 2 * PATIENCE - 1
    book.ledger.judge({"app"}, book.now, NOW + book.now)
    assert book["app"].cause.final


def test_what_is_not_ready_is_judged_again_without_news_and_more_often_while_it_is_young():
    book = Book("app")
    book.take("Certificate", "snapshot", make.certificate(conditions=ISSUING))
    assert book.ledger.tick == 1.0
    without = without_issuer()
    assert without.ledger.tick == 0.25
    for moment, final in ((PATIENCE, True), (PATIENCE + 0.1, True)):
        without.ledger.judge(set(), moment, NOW + moment)
        assert without["app"].cause.final is final


def test_before_its_secret_is_read_a_certificate_is_not_ready():
    book = Book("app")
    book.take("Certificate", "snapshot", make.certificate())
    assert book["app"].problems == ["its Secret app has not been read"]
    assert book.ledger.observations == 1
