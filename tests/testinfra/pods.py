# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications in pods, with real injected sidecars where their namespace says so, and requests from their network."""

from __future__ import annotations

import json
import time

# A request in the network of a pod, not as the user of the sidecar, whose connections are not taken.
ASK = """
import concurrent.futures, json, socket, ssl, sys
def ask(question):
    address, port, name, tls = question
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            if tls:
                connection = ssl._create_unverified_context().wrap_socket(connection, server_hostname=name)
            connection.sendall(f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace") or "closed"
    except OSError as error:
        return f"{type(error).__name__}: {error}"
with concurrent.futures.ThreadPoolExecutor(50) as pool:
    print(json.dumps(list(pool.map(ask, json.loads(sys.argv[1]) * int(sys.argv[2])))))
"""


def kubectl(host, *arguments):
    return host.check_output("k3s kubectl " + " ".join(arguments))


def apply(host, *objects):
    for each in objects:
        host.check_output("echo %s | k3s kubectl apply --server-side --force-conflicts --filename -", json.dumps(each))


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def application(space, name, **pod):
    labels = {"app": name}
    container = {
        "name": "backend",
        "image": "docker.io/baremesh/backend:1",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "NAME", "value": name}, {"name": "PORT", "value": "8080"}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **pod}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": space}, "spec": spec}


def process(host, space, name, sidecar=True):
    """Wait for the one pod of an application, and return its process on the host."""
    kubectl(host, f"rollout status deployment {name} --namespace {space} --timeout 120s")
    chosen = f"--namespace {space} --selector app={name} --output json"
    found = [pod for pod in json.loads(kubectl(host, f"get pods {chosen}"))["items"] if not pod["metadata"].get("deletionTimestamp")]
    (pod,) = found
    names = [each["name"] for kind in ("containers", "initContainers") for each in pod["spec"].get(kind, [])]
    assert ("istio-proxy" in names) == sidecar, names
    pids = host.check_output(f"grep --files-with-matches {pod['metadata']['uid']} /proc/[0-9]*/cgroup || true").split()
    (pid,) = [pid for pid in (path.split("/")[2] for path in pids) if host.file(f"/proc/{pid}/comm").content_string.strip() == "backend"]
    return pid


def ask_from(host, pid, questions, times=1):
    """Ask each (address, port, name, tls) in the network of a process, and return what came back."""
    command = f"nsenter --target {pid} --net --setuid 65534 python3 -c %s %s {times}"
    return json.loads(host.check_output(command, ASK, json.dumps(questions)))


def watch(condition, limit=60):
    """Wait until a condition holds: sidecars get their routes a moment after the API server has them."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.2)
