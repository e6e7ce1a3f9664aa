# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE of AWX's API: objects in memory, and those rules of AWX by which data of ours could be refused.

It stands in for an AWX server, which could not be had, and shows no more than that the modules of awx.awx accept the data and send what
these rules allow. The rules were read in AWX's sources: awx/api/serializers (playbooks of a project, rules of schedules, settings of
notifications), awx/api/views (surveys) and awx/main/fields.py (injectors of credentials).
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

ROOT = Path(__file__).resolve().parents[3]
#: Fields that name other objects, with their kinds.
REFERENCES = {
    "organization": "organizations",
    "inventory": "inventories",
    "project": "projects",
    "source_project": "projects",
    "execution_environment": "execution_environments",
    "unified_job_template": "unified_job_templates",
    "workflow_job_template": "workflow_job_templates",
}
#: What is unique beside the name, or instead of it.
UNIQUE = {"workflow_job_template_nodes": ("workflow_job_template", "identifier"), "inventory_sources": ("inventory", "name")}
JOBS = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")
DEFAULTS = {
    "inventories": {"kind": "", "host_filter": None, "variables": ""},
    "job_templates": {"extra_vars": "", "description": ""},
    "workflow_job_templates": {"extra_vars": "", "description": ""},
}
# A line by which AWX takes a file for a playbook.
PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|include|import_playbook):", re.MULTILINE)
QUESTIONS = {"text": str, "textarea": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int, "float": float}


class RefusedError(Exception):
    """AWX would answer with 400."""


def need(condition, said):
    if not condition:
        raise RefusedError(said)


def check_survey(spec):
    need(isinstance(spec.get("name"), str) and isinstance(spec.get("description"), str), "name and description must be there")
    need(spec.get("spec"), "'spec' doesn't contain any items.")
    names = [item["variable"] for item in spec["spec"]]
    need(len(set(names)) == len(names), "a variable is asked for twice")
    for item in spec["spec"]:
        need(all(isinstance(item.get(key), str) for key in ("type", "question_name", "variable")), f"{item}: text is missing")
        need(isinstance(item.get("required"), bool) and item["type"] in QUESTIONS, f"{item}: required or type")
        default = item.get("default", "")
        need(default == "" or isinstance(default, QUESTIONS[item["type"]]), f"{item}: default")
        if item["type"].startswith("multi"):
            need(item.get("choices"), f"{item}: no choices")
            need(all(each in item["choices"] for each in default.splitlines()), f"{item}: the default is no choice")


def check_rule(rule):
    need(len(re.findall(r"DTSTART(?:;[^:]+)?:\d+T\d+Z?", rule)) == 1, f"{rule}: one DTSTART")
    need("RRULE:" in rule and "INTERVAL" in rule and "SECONDLY" not in rule, f"{rule}: RRULE with INTERVAL")


def check_injectors(item):
    fields = {field["id"] for field in item["inputs"]["fields"]}
    need(set(item["inputs"].get("required", ())) <= fields, "a required field that is not there")
    need(set(item["injectors"]) <= {"env", "file", "extra_vars"}, "injectors are env, file and extra_vars")
    for name in item["injectors"].get("env", {}):
        need(not name.startswith("ANSIBLE_"), f"Environment variable {name} may affect Ansible configuration")
    used = set(re.findall(r"{[{%]\s*(?:if )?([\w.]+)", json.dumps(item["injectors"])))
    need(used - {"endif"} <= fields | {"tower.filename.ca"}, f"{used}: an injector uses what is no field")


class Awx:
    """The objects, by kind and number."""

    def __init__(self):
        self.objects = {}
        self.numbers = itertools.count(1)
        self.linked = {}
        self.writes = 0

    def all(self, kind):
        return [item for each in (JOBS if kind == "unified_job_templates" else (kind,)) for item in self.objects.get(each, {}).values()]

    def find(self, kind, query):
        query.pop("page_size", None)
        return [item for item in self.all(kind) if all(str(item.get(key)) == value for key, value in query.items())]

    def named(self, kind, number):
        return next((item for item in self.all(kind) if item["id"] == number), None)

    def check(self, kind, item):
        for field, other in REFERENCES.items():
            need(item.get(field) is None or self.named(other, item[field]), f"{field}: Invalid pk {item.get(field)!r}")
        same = UNIQUE.get(kind, ("organization", "name"))
        twins = [each for each in self.all(kind) if each["id"] != item["id"] and all(each.get(key) == item.get(key) for key in same)]
        need(not twins, f"{kind} with this {same} already exists")
        getattr(self, f"check_{kind}", lambda _item: None)(item)

    def check_job_templates(self, item):
        project = self.named("projects", item["project"])
        path = ROOT / item["playbook"]
        found = path.is_file() and PLAYBOOK.search(path.read_text(encoding="utf-8"))
        need(found or project.get("allow_override"), "Playbook not found for project.")

    def check_schedules(self, item):
        check_rule(item["rrule"])
        job = self.named("unified_job_templates", item["unified_job_template"])
        need(not item.get("job_type") or job.get("ask_job_type_on_launch"), "job_type: not configured to prompt on launch")
        asked = {each["variable"] for each in job.get("survey", {}).get("spec", ())} if job.get("survey_enabled") else set()
        need(set(item.get("extra_data") or {}) <= asked, "Variables are not allowed on launch")

    def check_credential_types(self, item):
        check_injectors(item)

    def check_notification_templates(self, item):
        need(item["notification_type"] == "webhook", "only webhooks are known here")
        given = {"username": "", "password": "", "http_method": "POST", "disable_ssl_verification": False}
        item["notification_configuration"] = {**given, **item["notification_configuration"]}
        need({"url", "headers"} <= set(item["notification_configuration"]), "Missing required fields for Notification Configuration")

    def save(self, kind, given, item=None):
        old = item or {**DEFAULTS.get(kind, {}), "id": next(self.numbers), "related": {}, "summary_fields": {}, "scm_revision": ""}
        new = {**old, **{key: DEFAULTS.get(kind, {}).get(key) if value is None else value for key, value in given.items()}}
        new |= {"url": f"/api/v2/{kind}/{new['id']}/", "type": kind.removesuffix("s").replace("inventorie", "inventory")}
        self.check(kind, new)
        if kind in JOBS[:2]:
            new["related"] = {"survey_spec": f"{new['url']}survey_spec/"}
        if kind == "workflow_job_template_nodes" and new.get("unified_job_template"):
            new["related"] = {"unified_job_template": self.named("unified_job_templates", new["unified_job_template"])["url"]}
        self.objects.setdefault(kind, {})[new["id"]] = new
        return new

    def answer(self, method, path, query, body):
        """Return status and content."""
        kind, number, part = (*path.removeprefix("/api/v2/").strip("/").split("/"), "", "")[:3]
        self.writes += method != "GET"
        if not number:
            if method == "POST":
                return 201, self.save(kind, body)
            found = self.find(kind, query)
            return 200, {"count": len(found), "next": None, "results": found}
        item = self.named(kind, int(number))
        if item is None:
            return 404, {"detail": "Not found."}
        if part == "survey_spec":
            if method == "POST":
                check_survey(body)
                item["survey"] = body
            return 200, item.get("survey", {}) if method == "GET" else {}
        if part == "create_approval_template":
            made = self.save("workflow_approval_templates", body)
            self.save(kind, {"unified_job_template": made["id"]}, item)
            return 201, made
        if part:
            ids = self.linked.setdefault((kind, item["id"], part), [])
            if method == "POST":
                if body.get("disassociate"):
                    ids.remove(body["id"])
                else:
                    ids.append(body["id"])
                return 204, None
            return 200, {"count": len(ids), "next": None, "results": [{"id": each} for each in ids]}
        return 200, self.save(kind, body, item) if method == "PATCH" else item

    def links(self, kind, name, part):
        (item,) = self.find(kind, {"name": name})
        return self.linked.get((kind, item["id"], part), [])


def serve(awx):
    """Answer requests on a port of the loopback until the server that is returned is shut down."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self):
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            if self.headers.get("Authorization") != "Bearer token-of-the-test":
                status, content = 401, {"detail": "Authentication credentials were not provided."}
            else:
                try:
                    status, content = awx.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
                except RefusedError as refused:
                    status, content = 400, {"__all__": [str(refused)]}
            raw = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815

        def log_message(self, *arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
