# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins the plan of the sites with what was seen: what must be served, and the summary that people read at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

Record = Mapping[str, Any]

# The port took no connection. What comes back over one that it took is the answer of the application behind.
_CLOSED = ("refused", "forward_failed")
# When the end of a certificate that nothing renews is said: time to get another one.
_SOON = timedelta(days=21)


def site_proof(
    plan: Record,
    certificates: Sequence[Record] = (),
    secrets: Sequence[Record] = (),
    pods: Sequence[Record] = (),
    names: Collection[str] | None = None,
) -> dict[str, Any]:
    """The filter site_proof: what must be served, and where."""
    known = {str(entry["secret_name"]): str(entry["serial"]) for entry in certificates if entry.get("serial")}
    known |= {str(entry["name"]): str(entry["serial"]) for entry in secrets if entry.get("serial")}
    known |= {str(entry["credential"]): str(entry["serial"]) for entry in pods if entry["state"] == "served" and entry.get("serial")}
    serials: dict[str, str] = {}
    asked: list[Record] = []
    own_ports = at_ports(plan["subjects"])
    # What is expected is said by names. Where a name has another certificate on another port, the report alone compares them.
    shared = {name for name, count in Counter(name for each in plan["subjects"] for name in each["server_names"]).items() if count > 1}
    for subject in plan["subjects"]:
        # Of several Secrets a client chooses one, so no serial number is the right one.
        secret = subject["secrets"][0] if len(subject["secrets"]) == 1 else None
        if not subject["secrets"] or (names is not None and not (secret in known and set(subject["certificates"]) & set(names))):
            continue
        asked.append(subject)
        if secret in known:
            serials |= dict.fromkeys((name for name in subject["server_names"] if name not in shared), known[secret])
    endpoints = [entry for entry in plan["endpoints"] if any(is_of(entry, subject, own_ports) for subject in asked)]
    return {"serials": serials, "endpoints": endpoints}


def at_ports(subjects: Iterable[Record]) -> set[tuple[str, str]]:
    """Return the names that sites of TCP have on ports of their own."""
    return {(str(name), str(subject["port"])) for subject in subjects if subject.get("port") for name in subject["server_names"]}


def is_of(endpoint: Record, subject: Record, own_ports: Collection[tuple[str, str]]) -> bool:
    """Return whether an endpoint is one of a subject: by its name, and by its port where it or another one has one of its own."""
    name, port = str(endpoint["server_name"]), str(endpoint["port"])
    at_own = port == str(subject["port"]) if subject.get("port") else (name, port) not in own_ports
    return name in subject["server_names"] and at_own


def when(timestamp: str | None) -> str:
    """Return an RFC 3339 time in UTC as people read it, without seconds that are zero: C(2027-02-19 08:00 UTC)."""
    if not timestamp:
        return "unknown"
    return timestamp.replace("T", " ").replace("Z", " UTC").replace(":00 UTC", " UTC")


def moment(timestamp: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _renewal(entry: Record, now: datetime) -> tuple[str, bool]:
    """Return what is wrong with the renewal of a certificate that is still good, and whether half of the time for it has gone."""
    failure = entry.get("renewal_failure")
    due, end = moment(entry.get("renewal_time")), moment(entry.get("not_after"))
    late = bool(due and end and due < end and now > due + (end - due) / 2)
    if failure is None and not late:
        return "", False
    count = int(entry.get("failed_attempts") or 0)
    failed = f"has failed{f' {count} times' if count > 1 else ''}" if failure is not None else f"is due since {when(entry['renewal_time'])}"
    again = f"; the next attempt is due at {when(entry['retry_at'])}" if entry.get("retry_at") else ""
    said = f": {failure}" if failure else ""
    return f"its renewal {failed}, and it ends at {when(entry.get('not_after'))}{again}{said}", late


@dataclass(frozen=True)
class _Seen:
    """What was seen of one subject of the plan."""

    subject: Record
    certificates: Sequence[Record]
    secrets: Sequence[Record]
    pods: Sequence[Record]
    endpoints: Sequence[Record]
    now: datetime
    gateway: Record
    # What the gateway's pods are configured to do; None where they were not asked.
    config: Sequence[Record] | None

    @property
    def passes_through(self) -> bool:
        """Whether the application ends TLS, so that no Secret says what is right."""
        return not self.subject["secrets"]

    @property
    def serials(self) -> list[str]:
        """Serial numbers in the Secrets, of which a client is served one."""
        return [str(entry["serial"]) for entry in (*self.certificates, *self.secrets) if entry.get("serial")]

    def problems(self) -> list[str]:
        """Return what keeps the subject from being proved, deepest reason first; an empty list when all agree."""
        if self.passes_through:
            return self._differing(self.endpoints) if self.endpoints else ["no host port was looked at"]
        judged = [*map(self._certificate_problem, self.certificates), *(_secret_problem(entry, self.now) for entry in self.secrets)]
        problems = [problem for problem in judged if problem]
        if not self.serials:
            return problems or ["its Secret holds no certificate"]
        if not self.subject["server_names"]:
            return problems
        # Pods are asked on the port of HTTPS.
        if not self.pods and not self.subject.get("port"):
            problems.append("no gateway pod answered")
        problems += self._differing(self.pods)
        if not self.endpoints:
            problems.append("no host port was looked at")
        return problems + self._differing(self.endpoints)

    def advice(self) -> list[str]:
        """Return what helps where a Certificate is not ready."""
        return [sentence for entry in self.certificates if not entry.get("ready") for sentence in entry.get("advice") or ()]

    def _certificate_problem(self, entry: Record) -> str | None:
        if entry.get("state") == "Absent":
            own = entry["name"] == self.subject["name"]
            return "its Certificate does not exist" if own else f"Certificate {entry['name']} does not exist"
        if not entry["ready"]:
            return entry["cause"] or "its Certificate is not ready"
        said, late = _renewal(entry, self.now)
        return said if late else None

    def _difference(self, record: Record) -> str:
        """Say of a record that serves none of the Secrets what it does instead; empty where it does what it should."""
        if self.passes_through:
            return f"{place(record)} takes no connection ({_reason(record)})" if record.get("state") in _CLOSED else ""
        if not record.get("serial"):
            return f"{place(record)} serves no certificate ({_reason(record)})"
        if record["serial"] in self.serials:
            return ""
        return f"{place(record)} serves serial {record['serial']}, the Secret holds {' or '.join(self.serials)}"

    def _differing(self, records: Iterable[Record]) -> list[str]:
        return [difference for difference in map(self._difference, records) if difference]

    def _warning(self, entry: Record) -> list[str]:
        """Return what is not wrong yet with a Certificate or a Secret."""
        if "ready" in entry:
            said, late = _renewal(entry, self.now)
            return [said] if said and not late else []
        end = moment(entry.get("not_after"))
        ends = end and self.now < end < self.now + _SOON
        return [f"it ends in {(end - self.now).days} days; put another certificate into that Secret"] if end and ends else []

    def state(self) -> str:
        """Return C(not proved), C(passed through) or C(served)."""
        return "not proved" if self.problems() else "passed through" if self.passes_through else "served"

    def lines(self) -> list[str]:
        """Return what people read of the subject."""
        subject, problems, state = self.subject, self.problems(), self.state()
        lines = [f"{subject['name']}: {'NOT PROVED' if problems else state}: {' '.join(self._shown(host) for host in subject['hosts'])}"]
        lines += [f"  problem       {problem}" for problem in problems]
        lines += [f"  advice        {sentence}" for sentence in self.advice()]
        if sorted(subject["server_names"]) != sorted(subject["hosts"]):
            lines.append(f"  asked as      {', '.join(subject['server_names']) or 'nothing, since no name is known'}")
        if self.passes_through:
            lines.append("  certificate   of the application, to which the gateway passes TLS through")
        for certificate in (entry for entry in self.certificates if entry.get("serial")):
            lines += [
                f"  issuer        {subject['issuer'] or certificate.get('issuer')}",
                *_dates(certificate),
                f"  renewal       {when(certificate.get('renewal_time'))}",
            ]
            lines += [f"  warning       {said}" for said in self._warning(certificate)]
        for secret in (entry for entry in self.secrets if entry.get("serial")):
            lines += [f"  secret        {secret['name']}, which no Certificate here renews", *_dates(secret)]
            lines += [f"  warning       {said}" for said in self._warning(secret)]
        lines += [f"  gateway pod   {pod['pod']} serves {pod.get('serial') or 'nothing'}" for pod in self.pods]
        return lines + [f"  host port     {place(entry)} serves {self._answer(entry)}" for entry in self.endpoints]

    def facts(self) -> dict[str, Any]:
        """Return the same as data."""
        subject, numbers = self.subject, {str(each["port"]): each["node_port"] for each in self.gateway.get("node_ports") or ()}
        return {
            **{key: subject[key] for key in ("name", "kind", "mode", "hosts", "server_names", "issuer")},
            "namespace": str(self.gateway.get("namespace") or ""),
            "addresses": [self._shown(host) for host in subject["hosts"]],
            "state": self.state(),
            "problems": self.problems(),
            "advice": self.advice(),
            "warnings": [said for entry in (*self.certificates, *self.secrets) for said in self._warning(entry)],
            "certificates": [self._held(entry) for entry in (*self.certificates, *self.secrets)],
            "pods": [{"pod": str(pod["pod"]), **self._served(pod)} for pod in self.pods],
            "host_ports": [
                {
                    "place": place(entry),
                    "address": str(entry["address"]),
                    "port": int(entry["port"]),
                    # A proxy in front has none.
                    "node_port": numbers.get(str(entry["port"])) if entry["address"] in self.gateway.get("addresses", ()) else None,
                    **self._served(entry),
                }
                for entry in self.endpoints
            ],
            "backends": self._backends(),
        }

    def _backends(self) -> list[dict[str, Any]] | None:
        if self.config is None:
            return None
        # Each task that uses a filter of this file compiles what it imports, and few have asked the pods.
        from ansible_collections.baremesh.edge.plugins.plugin_utils._gateway_table import backends  # noqa: PLC0415 (see above)

        return backends(self.config, self.subject)

    def _held(self, entry: Record) -> dict[str, Any]:
        times = ("serial", "not_before", "not_after", "renewal_time")
        secret = entry.get("secret_name") if "ready" in entry else entry["name"]
        return {"secret": str(secret or entry["name"]), "renewed": "ready" in entry, **{key: entry.get(key) for key in times}}

    def _served(self, record: Record) -> dict[str, Any]:
        return {
            "server_name": str(record.get("server_name") or record.get("sni")),
            "serial": record.get("serial"),
            "not_after": record.get("not_after"),
            "right": not self._difference(record),
            "reason": "" if record.get("serial") else _reason(record),
        }

    def artifact(self) -> dict[str, Any]:
        """Return the subject as other jobs read it: small, and without what pods and ports answered."""
        problems, found = self.problems(), [entry for entry in (*self.certificates, *self.secrets) if entry.get("serial")]
        ends = sorted(str(entry["not_after"]) for entry in found if entry.get("not_after"))
        return {
            "name": self.subject["name"],
            "hosts": list(self.subject["hosts"]),
            "served": not problems,
            "serials": self.serials,
            "expires": ends[0] if ends else None,
            "cause": problems[0] if problems else None,
        }

    def _shown(self, host: str) -> str:
        port = self.subject.get("port")
        return f"{host}:{port}" if port else host if self.subject.get("kind") == "tcp" else f"https://{host}/"

    def _answer(self, entry: Record) -> str:
        if not entry.get("serial"):
            return f"no certificate ({_reason(entry)})" if self.passes_through else "nothing"
        return f"{entry['serial']} until {when(entry.get('not_after'))}" if self.passes_through else str(entry["serial"])


def _dates(entry: Record) -> list[str]:
    return [f"  serial        {entry['serial']}", f"  not after     {when(entry.get('not_after'))}"]


def place(record: Record) -> str:
    """Return the gateway pod, or the address and port, that was asked."""
    if "pod" in record:
        return f"gateway pod {record['pod']}"
    address = f"[{record['address']}]" if ":" in str(record["address"]) else str(record["address"])
    return f"{address}:{record['port']}"


def _reason(record: Record) -> str:
    return str(record.get("detail") or record.get("error") or "no answer")


def _secret_problem(entry: Record, now: datetime) -> str | None:
    end = moment(entry.get("not_after"))
    if end and end <= now:
        return f"Secret {entry['name']}: its certificate ended at {when(entry['not_after'])}"
    return f"Secret {entry['name']}: {entry['problem']}" if entry.get("problem") else None


def _named(plan_names: Iterable[str], entries: Iterable[Record]) -> list[Record]:
    """Return the entries of names in their order; a name without an entry does not exist."""
    by_name = {str(entry["name"]): entry for entry in entries}
    return [by_name.get(name, {"name": name, "state": "Absent", "problem": "it does not exist"}) for name in plan_names]


def _within(namespace: str | None, records: Iterable[Record]) -> list[Record]:
    """Return the records of a gateway's namespace, and those that say none."""
    return [record for record in records if not namespace or record.get("namespace") in (None, "", namespace)]


def _asked_at(endpoint: Record) -> tuple[str, str, str]:
    return str(endpoint["address"]), str(endpoint["port"]), str(endpoint["server_name"])


def site_report(
    plan: Record,
    certificates: Sequence[Record] = (),
    secrets: Sequence[Record] = (),
    pods: Sequence[Record] = (),
    endpoints: Sequence[Record] = (),
    ways: Sequence[Record] = (),
    config: Sequence[Record] = (),
    now: datetime | None = None,
) -> dict[str, Any]:
    """The filter site_report: what was seen of each subject of the plan, and of the ways out."""
    now = now or datetime.now(timezone.utc)
    lines = [f"problem: {finding}" for finding in plan["findings"]]
    problems, advice, sites, artifacts, outs = list(plan["findings"]), [], [], [], []
    gateways = plan.get("by_gateway") or ()
    parts = gateways if len(gateways) > 1 else [plan]
    for number, part, subject in ((at, gateway, each) for at, gateway in enumerate(parts) for each in gateway["subjects"]):
        asked, space = set(subject["server_names"]), part.get("namespace")
        places = {_asked_at(entry) for entry in part["endpoints"]} if space else set()
        own_ports = at_ports(part["subjects"])
        seen = _Seen(
            subject,
            _named(subject["certificates"], _within(space, certificates)),
            _named((secret for secret in subject["secrets"] if secret in part["own_secrets"]), _within(space, secrets)),
            [
                pod
                for pod in _within(space, pods)
                # Those that were primed with the credential of another port say the same name.
                if subject["secrets"] and pod.get("sni") in asked and pod.get("credential") in (None, *subject["secrets"])
            ],
            [entry for entry in endpoints if is_of(entry, subject, own_ports) and (not space or _asked_at(entry) in places)],
            now,
            gateways[number] if gateways else {},
            config[number].get("pods") or None if number < len(config) else None,
        )
        lines += seen.lines()
        artifacts.append(seen.artifact())
        problems += [f"{subject['name']}: {problem}" for problem in seen.problems()]
        advice += [f"{subject['name']}: {sentence}" for sentence in seen.advice()]
        sites.append(seen.facts())
    unasked = list(plan.get("unasked") or ())
    lines += [f"{each['name']}: not asked: {each['reason']}" for each in unasked]
    for way in ways:
        title = f"ways out of namespace {way['namespace']}"
        lines.append(f"{title}: {'NOT PROVED' if way['cause'] else 'open'}: {', '.join(way['hosts'])}")
        lines += [f"  problem       {way['cause']}"] if way["cause"] else []
        lines += [f"  pod           {pod['pod']} is {pod['state']}" for pod in way["pods"]]
        problems += [f"{title}: {way['cause']}"] if way["cause"] else []
        shown = [{"pod": str(pod["pod"]), "state": str(pod["state"])} for pod in way["pods"]]
        outs.append({"namespace": str(way["namespace"]), "hosts": list(way["hosts"]), "cause": way["cause"] or "", "pods": shown})
    lines = lines or list(plan.get("nothing") or ())
    facts = {
        "version": 1,
        "seen_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "problems": problems,
        "findings": list(plan["findings"]),
        "differs": [str(flag["text"]) for result in config for flag in result.get("flags") or ()],
        "not_asked": [str(error) for result in config for error in result.get("errors") or ()],
        "sites": sites,
        "unasked": unasked,
        "ways_out": outs,
    }
    failure = "\n".join([*problems, *advice, "", "Seen:", *lines])
    return {"lines": lines, "problems": problems, "failure": failure, "facts": facts, "sites": artifacts}
