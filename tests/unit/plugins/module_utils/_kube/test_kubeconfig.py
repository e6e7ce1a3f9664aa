# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain kubeconfigs read alone give what the kubernetes client gives; all others are left to it."""

from __future__ import annotations

import base64
import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.baremesh.edge.plugins.module_utils._kube import connection as connections
from ansible_collections.baremesh.edge.plugins.module_utils._kube import dial, kubeconfig
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError

client = pytest.importorskip("kubernetes.client")
config = pytest.importorskip("kubernetes.config")

COLLECTIONS = next(parent.parent for parent in Path(kubeconfig.__file__).parents if parent.name == "ansible_collections")


def data(text):
    return base64.b64encode(text.encode()).decode()


#: As K3s writes it, with a second context.
DOCUMENT = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "default",
    "preferences": {},
    "clusters": [
        {"name": "default", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": data("the authority")}},
        {"name": "far", "cluster": {"server": "https://192.0.2.1", "certificate-authority": "ca.pem", "tls-server-name": "far.test"}},
    ],
    "contexts": [
        {"name": "default", "context": {"cluster": "default", "user": "default"}},
        {"name": "far", "context": {"cluster": "far", "user": "robot"}},
    ],
    "users": [
        {"name": "default", "user": {"client-certificate-data": data("the certificate"), "client-key-data": data("the key")}},
        {"name": "robot", "user": {"token": "abc"}},
    ],
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in dial.PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path):
    (tmp_path / "ca.pem").write_text("the far authority", encoding="utf-8")

    def written(document):
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    return written


def seen(configuration):
    """What a configuration comes to, with the contents of the files that it names."""
    files = [configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file]
    headers = {k: v for k, v in connections.Connection(configuration).headers().items() if v}
    contents = [Path(path).read_bytes() if path else None for path in files]
    return configuration.host, configuration.verify_ssl, configuration.tls_server_name, contents, headers


@pytest.mark.parametrize("context", [None, "default", "far"])
def test_the_same_as_the_client_reads(write, context):
    path = write(DOCUMENT)
    theirs = client.Configuration()
    config.load_kube_config(config_file=path, context=context, client_configuration=theirs, persist_config=False)
    assert seen(kubeconfig.read_plain(path, context)) == seen(theirs)


def test_a_private_key_lies_on_no_disk(write):
    assert kubeconfig.read_plain(write(DOCUMENT)).key_file.startswith("/proc/self/fd/")


def test_the_token_is_not_shown(write):
    assert "abc" not in repr(kubeconfig.read_plain(write(DOCUMENT), "far"))


#: What is changed, to what, whether the client is needed, and what is said where it is missing.
CHANGES = {
    "a plug-in": (["users", 0, "user", "exec"], {"command": "aws"}, True, "it uses exec"),
    "a provider": (["users", 0, "user", "auth-provider"], {"name": "oidc"}, True, "it uses auth-provider"),
    "a token file": (["users", 0, "user", "tokenFile"], "/t", True, "it uses tokenFile"),
    "a password": (["users", 0, "user", "username"], "admin", True, "it uses username"),
    "another's name": (["users", 0, "user", "as"], "admin", True, "it uses as"),
    "no server": (["clusters", 0, "cluster", "server"], "", False, "its cluster has no server"),
    "no base64": (["clusters", 0, "cluster", "certificate-authority-data"], "?", False, "certificate-authority-data is not base64"),
    "an unknown user": (["contexts", 0, "context", "user"], "nobody", False, "it has no user 'nobody'"),
    "an unknown context": (["current-context"], "nowhere", False, "it has no context 'nowhere'"),
    "clusters that are no list": (["clusters"], "none", False, "it has no cluster 'default'"),
}


@pytest.fixture(params=CHANGES.values(), ids=CHANGES)
def changed(request, write):
    """The path of a changed kubeconfig, whether it needs the client, and the reason."""
    keys, value, needs_client, reason = request.param
    document = copy.deepcopy(DOCUMENT)
    owner = document
    for key in keys[:-1]:
        owner = owner[key]
    owner[keys[-1]] = value
    return write(document), needs_client, reason


def test_what_is_left_to_the_client(changed):
    path, needs_client, reason = changed
    with pytest.raises(kubeconfig.NotPlainError) as caught:
        kubeconfig.read_plain(path)
    assert (str(caught.value), caught.value.needs_client) == (reason, needs_client)


def test_without_the_client_the_reason_is_named(monkeypatch, changed):
    path, needs_client, reason = changed
    monkeypatch.setattr(connections.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        connections.connect({"kubeconfig": path})
    library = f"; that needs the Python library kubernetes, which {sys.executable} does not have" if needs_client else ""
    assert str(caught.value) == f"kubeconfig {path} cannot be used: {reason}{library}"


def test_without_yaml_the_library_is_named(monkeypatch, write):
    monkeypatch.setattr(kubeconfig, "yaml", None)
    path = write(DOCUMENT)
    with pytest.raises(ConfigError, match="the Python library PyYAML is missing on this host"):
        connections.connect({"kubeconfig": path})


@pytest.mark.parametrize("text", ["just text", "{", "", "\x00"])
def test_files_that_are_no_kubeconfig(tmp_path, text):
    path = tmp_path / "kubeconfig"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kubeconfig.NotPlainError):
        kubeconfig.read_plain(str(path))


def test_a_proxy_of_the_cluster(write):
    document = copy.deepcopy(DOCUMENT)
    document["clusters"][0]["cluster"]["proxy-url"] = "http://proxy.test:3128"
    assert connections.connect({"kubeconfig": write(document)}).configuration.proxy == "http://proxy.test:3128"


def test_a_proxy_in_the_environment_is_the_dialers_matter(write, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert connections.connect({"kubeconfig": write(DOCUMENT)}).configuration.proxy is None
    document = copy.deepcopy(DOCUMENT)
    document["users"][0]["user"]["username"] = "admin"
    assert connections.connect({"kubeconfig": write(document)}).configuration.proxy is None


def test_the_client_is_not_imported_for_it(write):
    """The reason for reading kubeconfigs at all."""
    name = "ansible_collections.baremesh.edge.plugins.module_utils._kube.connection"
    code = f"import sys; from {name} import connect; connect({{'kubeconfig': {write(DOCUMENT)!r}}}); print('kubernetes' in sys.modules)"
    asked = [sys.executable, "-c", code]
    answer = subprocess.run(asked, env={"PYTHONPATH": str(COLLECTIONS)}, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
