# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ``bench/waits`` that runs on the lab's server, with Python's standard library only; prints JSON.

It is small, because the peak memory of a process is never less than what its parent had when it was started.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shlex
import ssl
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

NAME = "bench-waits"
FOLDER = Path("/run") / NAME
KUBECTL = ["k3s", "kubectl"]
SERVER_CA = "/var/lib/rancher/k3s/server/tls/server-ca.crt"
#: Ours runs with what roles find on hosts; k8s_info needs the Kubernetes client, which bench/waits puts into an environment.
OUR_PYTHON = "/usr/bin/python3"
CLIENT_PYTHON = f"{FOLDER}/venv/bin/python"
OURS, K8S_INFO, KUBECTL_WAIT = "certificate_wait", "k8s_info", "kubectl wait"
CONTENDERS = (OURS, K8S_INFO, KUBECTL_WAIT)
WATCHER = "watcher"
WINDOW = 60.0
#: Seconds that k8s_info sleeps between two looks; rounds are spread over them, so that all phases of its poll count.
POLL = 5.0
#: After this time everybody waits: the slowest start took 1.5 s on a busy machine with two cores.
SETTLED = 3.0
LIMIT = 900.0
CERTIFICATES = "/apis/cert-manager.io/v1/namespaces/{}/certificates"
REQUESTS = "/apis/cert-manager.io/v1/namespaces/{}/certificaterequests"
Json = dict[str, Any]


def say(text: str) -> None:
    """Show progress to the person who waits."""
    print(text, file=sys.stderr, flush=True)


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as the administrator."""
    done = subprocess.run([*KUBECTL, *arguments], input=stdin, text=True, capture_output=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout


def apply(*objects: Json) -> None:
    """Create or change objects, in one request each."""
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def account(contender: str) -> str:
    """Name of the contender's ServiceAccount and FlowSchema."""
    return f"{NAME}-{re.sub('[^a-z0-9]', '-', contender)}"


def identity(contender: str) -> list[Json]:
    """A ServiceAccount with all rights, and a flow schema of its own, by which the API server counts its requests."""
    name = account(contender)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": NAME}
    flow_subject = {"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": NAME}}
    rules = {
        "subjects": [flow_subject],
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAME}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [subject],
        },
        {
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": "FlowSchema",
            "metadata": {"name": name},
            "spec": {"matchingPrecedence": 500, "priorityLevelConfiguration": {"name": "workload-high"}, "rules": [rules]},
        },
    ]


def token(contender: str) -> str:
    """A token of the contender's ServiceAccount."""
    return kubectl("create", "token", "--namespace", NAME, "--duration", "2h", account(contender)).strip()


def kubeconfig(contender: str) -> str:
    """Path of a kubeconfig for the contender."""
    path = FOLDER / f"{account(contender)}.json"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority": SERVER_CA}}],
        "users": [{"name": "x", "user": {"token": token(contender)}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(path)


def requests() -> dict[str, int]:
    """What the API server counted so far of each contender, discovery and watches included."""
    pattern = re.compile(r'apiserver_flowcontrol_dispatched_requests_total\{flow_schema="([^"]+)"[^}]*\} (\S+)')
    counted = {name: int(float(value)) for name, value in pattern.findall(kubectl("get", "--raw", "/metrics"))}
    return {contender: counted.get(account(contender), 0) for contender in CONTENDERS}


class Watch(threading.Thread):
    """The state of all objects of a collection, as the API server reports it, and the moment of the last news."""

    def __init__(self, path: str, bearer: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._headers = {"Authorization": f"Bearer {bearer}"}
        self._news = threading.Condition()
        self.objects: dict[str, Json] = {}
        self.ready_at: dict[str, float] = {}
        self.issued_at: dict[str, float] = {}
        self.start()

    def run(self) -> None:
        """Read events for as long as the process lives."""
        connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=ssl.create_default_context(cafile=SERVER_CA))
        connection.request("GET", f"{self._path}?watch=1&timeoutSeconds=7200", headers=self._headers)
        answer = connection.getresponse()
        while line := answer.readline():
            now = time.monotonic()
            event = json.loads(line)
            found, name = event["object"], event["object"]["metadata"]["name"]
            with self._news:
                self.objects[name] = found
                if event["type"] == "DELETED":
                    self.objects.pop(name)
                    self.ready_at.pop(name, None)
                    self.issued_at.pop(name, None)
                elif is_true(found, "Ready"):
                    self.ready_at.setdefault(name, now)
                    if not is_true(found, "Issuing"):
                        self.issued_at.setdefault(name, now)
                self._news.notify_all()

    def until(self, what: str, holds: Callable[[Watch], bool]) -> None:
        """Wait until something holds."""
        with self._news:
            if not self._news.wait_for(lambda: holds(self), LIMIT):
                raise SystemExit(f"after {LIMIT:.0f} s still not: {what}")


def is_true(found: Json, condition: str) -> bool:
    """Whether a condition of the object is True."""
    return any(c["type"] == condition and c["status"] == "True" for c in found.get("status", {}).get("conditions", []))


class Waiting(threading.Thread):
    """A contender that waits: when it had said all, when and how it ended, and with how much memory at its peak."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(daemon=True)
        self._command = shlex.join(command)
        self._begin = time.monotonic()
        environment = {"PATH": os.environ["PATH"], "HOME": "/root", "PYTHONPATH": str(FOLDER / "python")}
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        )
        self._output = b""
        self.said_at = self.ended_at = self.seconds = self.megabytes = 0.0
        self.status = -1
        self.start()

    def run(self) -> None:
        """Wait for its end."""
        assert self._process.stdout is not None
        while chunk := os.read(self._process.stdout.fileno(), 1 << 20):
            self.said_at = time.monotonic()
            self._output = chunk
        _pid, status, usage = os.wait4(self._process.pid, 0)
        self.ended_at = time.monotonic()
        self.seconds = self.ended_at - self._begin
        self.megabytes = usage.ru_maxrss / 1024
        self.status = os.waitstatus_to_exitcode(status)
        self._process.returncode = self.status

    def finish(self) -> Waiting:
        """Wait for it, and insist on success."""
        self.join(LIMIT)
        if self.status != 0:
            if self.is_alive():
                self._process.kill()
            raise SystemExit(f"{self._command} ended with {self.status}: {self._output[-2000:].decode(errors='replace')}")
        return self


def command(contender: str, config: str, namespace: str, name: str | None) -> list[str]:
    """Command line of a contender that waits for one Certificate, or for all of a namespace."""
    seconds = int(LIMIT)
    if contender == KUBECTL_WAIT:
        what = [f"certificate/{name}"] if name else ["certificate", "--all"]
        wait = ["wait", "--for=condition=Ready", f"--timeout={seconds}s"]
        return [*KUBECTL, "--kubeconfig", config, "--namespace", namespace, *wait, *what]
    arguments: Json = {"kubeconfig": config, "namespace": namespace}
    if contender == OURS:
        python, module = OUR_PYTHON, "ansible_collections.baremesh.edge.plugins.modules.certificate_wait"
        # The others do not know that waiting for an issuer that does not exist is in vain.
        arguments |= {"timeout": seconds, "fail_fast": False, "names": [name] if name else []}
    else:
        python, module = CLIENT_PYTHON, "ansible_collections.kubernetes.core.plugins.modules.k8s_info"
        arguments |= {"api_version": "cert-manager.io/v1", "kind": "Certificate", "wait": True, "wait_timeout": seconds}
        arguments |= {"wait_condition": {"type": "Ready", "status": "True"}} | ({"name": name} if name else {})
    arguments |= {"_ansible_remote_tmp": str(FOLDER), "_ansible_keep_remote_files": False}
    return [python, str(FOLDER / "waits_module.py"), module, json.dumps({"ANSIBLE_MODULE_ARGS": arguments})]


class Field:
    """A namespace with Certificates whose issuer does not exist yet: cert-manager has done what it can, and waits for it."""

    def __init__(self, label: str, count: int, bearer: str) -> None:
        self.namespace = f"{NAME}-{label}"
        self.name = "c-0" if count == 1 else None
        self._count = count
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        self.certificates = Watch(CERTIFICATES.format(self.namespace), bearer)
        self._requests = Watch(REQUESTS.format(self.namespace), bearer)
        apply(
            self._object("Issuer", "self", {"selfSigned": {}}),
            self._certificate("root", "self", isCA=True, commonName="bench"),
        )
        self.certificates.until("the root is issued", lambda w: "root" in w.ready_at)
        kubectl("delete", "--namespace", self.namespace, "certificate", "root")

    def _object(self, kind: str, name: str, spec: Json) -> Json:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec}

    def _certificate(self, name: str, issuer: str, **more: object) -> Json:
        key = {"algorithm": "ECDSA", "size": 256}
        names = {"dnsNames": [f"{name}.example.com"], "secretName": name, "issuerRef": {"kind": "Issuer", "name": issuer}}
        return self._object("Certificate", name, {"privateKey": key, **names, **more})

    def hold(self, issuer: str) -> None:
        """Make the Certificates, and wait until each has a request that waits for the issuer."""
        apply(*(self._certificate(f"c-{number}", issuer) for number in range(self._count)))
        self._requests.until(
            "every Certificate has a request", lambda w: sum(waits_for_issuer(r, issuer) for r in w.objects.values()) >= self._count
        )

    def release(self, issuer: str) -> None:
        """Make the issuer."""
        apply(self._object("Issuer", issuer, {"ca": {"secretName": "root"}}))

    def ready(self) -> float:
        """Wait until all are Ready; the moment at which the last of them became so."""
        self.certificates.until("all Certificates are Ready", lambda w: len(w.ready_at) >= self._count)
        return max(self.certificates.ready_at.values())

    def issued(self) -> float:
        """Wait until none is being issued any more; the moment of the last."""
        self.certificates.until("no Certificate is being issued", lambda w: len(w.issued_at) >= self._count)
        return max(self.certificates.issued_at.values())

    def clear(self) -> None:
        """Remove the Certificates and their Secrets."""
        kubectl("delete", "--namespace", self.namespace, "certificate", "--all")
        names = [f"c-{number}" for number in range(self._count)]
        kubectl("delete", "--namespace", self.namespace, "secret", "--ignore-not-found", *names)
        self.certificates.until("the Certificates are gone", lambda w: not w.objects)
        self._requests.until("their requests are gone", lambda w: not w.objects)


def waits_for_issuer(request: Json, issuer: str) -> bool:
    """Whether cert-manager has approved a request, and found no issuer for it."""
    conditions = {c["type"]: c for c in request.get("status", {}).get("conditions", [])}
    return request["spec"]["issuerRef"]["name"] == issuer and "Approved" in conditions and "Ready" in conditions


def measure_one(field: Field, configs: dict[str, str], rounds: int, found: Json) -> None:
    """One Certificate, one contender at a time: from the event to the return."""
    for turn in range(rounds):
        for contender in CONTENDERS:
            issuer = f"i-{turn}-{CONTENDERS.index(contender)}"
            field.hold(issuer)
            waiting = Waiting(command(contender, configs[contender], field.namespace, field.name))
            time.sleep(SETTLED + POLL * turn / rounds)
            field.release(issuer)
            event = field.ready()
            waiting.finish()
            said, ended = waiting.said_at - event, waiting.ended_at - event
            found[contender].setdefault("said", []).append(said)
            found[contender].setdefault("ended", []).append(ended)
            say(f"  round {turn + 1} {contender}: result {said:.3f} s after the event, end {ended:.3f} s, {waiting.megabytes:.0f} MB")
            field.clear()


def measure_together(field: Field, configs: dict[str, str], found: Json) -> None:
    """All contenders wait for the same: requests in a minute of waiting, then the return after the last event, and memory."""
    field.hold("together")
    say(f"  {WINDOW:.0f} s of waiting")
    before = requests()
    waiting = {c: Waiting(command(c, configs[c], field.namespace, field.name)) for c in CONTENDERS}
    time.sleep(WINDOW)
    during = requests()
    began = time.monotonic()
    field.release("together")
    ready = field.ready()
    issued = field.issued()
    say(f"  the last became Ready {ready - began:.1f} s after the issuer was made, the last was issued {issued - ready:.1f} s later")
    for contender in CONTENDERS:
        done = waiting[contender].finish()
        # What each waits for: cert-manager sets Ready when the Secret is right, and may then still be issuing.
        late = done.ended_at - (issued if contender == OURS else ready)
        found[contender] |= {"together": late, "after_ready": done.ended_at - ready, "megabytes": done.megabytes}
        say(f"  {contender}: end {late:.3f} s after the last event that it waits for, {done.megabytes:.0f} MB")
    after = requests()
    for contender in CONTENDERS:
        found[contender] |= {"window": during[contender] - before[contender], "requests": after[contender] - before[contender]}


def measure_ready(field: Field, configs: dict[str, str], rounds: int, found: Json) -> None:
    """A wait for what is Ready already: of one, the fixed cost of a call."""
    for _turn in range(rounds):
        for contender in CONTENDERS:
            done = Waiting(command(contender, configs[contender], field.namespace, field.name)).finish()
            found[contender].setdefault("ready", []).append(done.seconds)
    say("  already Ready: " + ", ".join(f"{c} {statistics.median(found[c]['ready']):.2f} s" for c in CONTENDERS))


def measure(counts: list[int], rounds: int) -> Json:
    """Measure for each number of Certificates."""
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}})
    apply(*(entry for name in (*CONTENDERS, WATCHER) for entry in identity(name)))
    configs = {contender: kubeconfig(contender) for contender in CONTENDERS}
    bearer = token(WATCHER)
    found: Json = {}
    for count in counts:
        say(f"{count} Certificate(s)")
        found[str(count)] = {contender: {} for contender in CONTENDERS}
        field = Field(str(count), count, bearer)
        if count == 1:
            measure_one(field, configs, rounds, found["1"])
        measure_together(field, configs, found[str(count)])
        measure_ready(field, configs, rounds if count == 1 else 2, found[str(count)])
    return found


def clean() -> None:
    """Remove everything that this made, in the cluster; the folder goes with its caller."""
    kinds = "flowschemas.flowcontrol.apiserver.k8s.io,clusterrolebindings"
    names = [account(contender) for contender in (*CONTENDERS, WATCHER)]
    kubectl("delete", "--ignore-not-found", kinds, *names)
    spaces = kubectl("get", "namespaces", "--output", "name").split()
    ours = [space for space in spaces if space.removeprefix("namespace/").startswith(NAME)]
    if ours:
        kubectl("delete", *ours)


def main() -> None:
    """Measure, print what was found, and clean up in any case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 100, 500])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        clean()
        print(json.dumps(measure(options.counts, options.rounds)))
    finally:
        clean()


if __name__ == "__main__":
    main()
