# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One kind followed step by step: what it asks for, what it goes on from, and what it says."""

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, status


class Followed:
    """A follower of Secrets and the scripted API that it asks."""

    def __init__(self, timeout=60, **options):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        self.follower = Follower(KubeClient(self.api, self.clock), SECRETS, make.NS, Deadline(self.clock, timeout), **options)

    def say(self, kind, version=None, name="app"):
        """Let the open watch say something."""
        metadata = {"name": name, "namespace": make.NS}
        if version:
            metadata["resourceVersion"] = version
        (stream,) = self.api.streams
        stream._lines.append(json.dumps({"type": kind, "object": {"metadata": metadata}}).encode())

    def step(self):
        """The changes as words and names, and the pause."""
        changes, pause = self.follower.step()
        return [(change.what, [found["metadata"]["name"] for found in change.objects]) for change in changes], pause

    @property
    def watches(self):
        return [query for method, _path, query, _body in self.api.requests if method == "WATCH"]


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_bookmark_is_no_object_and_is_where_the_next_watch_goes_on(snapshot):
    followed = Followed(snapshot=snapshot)
    for _unused in range(1 + snapshot):
        followed.step()
    followed.say("BOOKMARK", "77", name="")
    assert followed.step() == ([], 0.0)
    followed.api.end_watches("/secrets")
    assert followed.step() == ([], 0.0)
    assert followed.step() == ([], 0.0)
    assert followed.watches[-1]["resourceVersion"] == "77"


@pytest.mark.parametrize(("snapshot", "version"), [(True, "78"), (False, None)])
def test_the_version_of_an_object_is_one_to_go_on_from_only_after_a_list(snapshot, version):
    """A watch without a version begins with all objects, in any order."""
    followed = Followed(snapshot=snapshot)
    for _unused in range(1 + snapshot):
        followed.step()
    followed.say("MODIFIED", "78")
    assert followed.step() == ([("set", ["app"])], 0.0)
    followed.say("DELETED")
    assert followed.step() == ([("deleted", ["app"])], 0.0)
    followed.api.end_watches("/secrets")
    followed.step()
    followed.step()
    assert followed.watches[-1].get("resourceVersion") == version


def test_list_and_watch_ask_for_the_same_objects():
    followed = Followed(label_selector="team=web", field_selector="metadata.name=app")
    followed.step()
    followed.step()
    (_method, _path, listed, _body), (_watch, _same, watched, _none) = followed.api.requests
    selectors = {"labelSelector": "team=web", "fieldSelector": "metadata.name=app"}
    assert {key: listed.get(key) for key in selectors} == {key: watched.get(key) for key in selectors} == selectors
    assert (watched["allowWatchBookmarks"], watched["timeoutSeconds"]) == ("true", "61")


@pytest.mark.parametrize(("left", "asked"), [(60, "61"), (59, "60"), (0.2, "2"), (0, "2")])
def test_the_server_ends_a_watch_after_the_deadline_and_before_the_connection_does(left, asked, monkeypatch):
    followed, patience = Followed(snapshot=False, timeout=left), []
    stream = followed.api.stream
    monkeypatch.setattr(followed.api, "stream", lambda path, query, timeout: patience.append(timeout) or stream(path, query, timeout))
    followed.step()
    assert followed.watches[0]["timeoutSeconds"] == asked
    assert patience[0] > int(asked)


def test_pauses_grow_with_each_failure_and_begin_again_after_a_success():
    followed = Followed()
    followed.api.fail("/secrets", "lost", times=3)
    assert [followed.step() for _unused in range(3)] == [([("trouble", [])], pause) for pause in (0.2, 0.4, 0.8)]
    followed.step()
    followed.api.fail("/secrets", "lost")
    assert followed.step() == ([("trouble", [])], 0.2)


def test_at_the_deadline_a_failure_is_no_busy_loop():
    followed = Followed(timeout=0)
    followed.api.fail("/secrets", "lost")
    assert followed.step() == ([("trouble", [])], 0.05)


def test_a_watch_that_ends_without_a_word_is_trouble_and_one_with_news_is_not():
    followed = Followed(snapshot=False)
    followed.step()
    followed.api.end_watches("/secrets")
    assert followed.step() == ([("trouble", [])], 0.2)
    followed.step()
    followed.say("ADDED", "3")
    followed.step()
    followed.api.end_watches("/secrets")
    assert followed.step() == ([], 0.0)


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (404, "NotFound")])
@pytest.mark.parametrize(("after", "what"), [(14.9, "trouble"), (15.0, "fatal")])
def test_a_refusal_after_success_is_final_after_the_grace_of_a_restart(code, reason, after, what):
    followed = Followed()
    followed.step()
    followed.api.fail("/secrets", status(code, reason, "no"), times=2)
    assert followed.step()[0] == [("trouble", [])]
    followed.clock.sleep(after)
    assert followed.step()[0] == [(what, [])]


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (404, "NotFound")])
def test_a_refusal_at_first_is_final(code, reason):
    followed = Followed()
    followed.api.fail("/secrets", status(code, reason, "no"))
    assert followed.step() == ([("fatal", [])], 0.0)


def test_objects_that_are_not_to_be_kept_are_not_said():
    followed = Followed(keep=lambda found: found["metadata"]["name"] != "other")
    followed.api.apply(SECRETS, make.secret("other"))
    followed.api.apply(SECRETS, make.secret())
    assert followed.step()[0] == [("snapshot", ["app"])]
    followed.step()
    followed.say("MODIFIED", "9", name="other")
    assert followed.step() == ([], 0.0)
