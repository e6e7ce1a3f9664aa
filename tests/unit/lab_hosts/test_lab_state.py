# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

import pytest

from edge_lab import cli, image, infra, inventory, podman, ssh, state, versions
from edge_lab import lab as raising
from edge_lab.errors import LabError

yaml = pytest.importorskip("yaml")


def test_a_lab_is_remembered(lab):
    assert state.load("blue") is None
    lab.save()
    assert state.load("blue") == lab
    assert state.names() == ["blue"]
    assert lab.hosts == ["server1", "server2", "agent1"]
    state.forget("blue")
    assert state.load("blue") is None


def test_counts_keep_what_is_not_said(lab):
    assert lab.scaled(None, 3).servers == 2
    assert lab.scaled(None, 3).agents == 3
    assert lab.scaled(1, None).agents == 1
    for servers, agents, name in ((0, 0, "--servers 0"), (1, -1, "--agents -1"), (90, 0, "--servers 90"), (1, 100, "--agents 100")):
        with pytest.raises(LabError, match=name):
            lab.scaled(servers, agents)


@pytest.mark.parametrize("name", ["", "Edge", "1st", "a_b", "a/b", "..", "x" * 21])
def test_names_that_podman_or_a_folder_would_not_take_are_refused(name):
    with pytest.raises(LabError, match="lower-case letters"):
        state.check_name(name)


def test_a_lab_that_is_not_there_is_said_with_those_that_are(lab):
    with pytest.raises(LabError, match="no lab named 'green': there is none; raise one"):
        state.must_load("green")
    lab.save()
    with pytest.raises(LabError, match="no lab named 'green': there is: blue"):
        state.must_load("green")


def test_a_broken_record_says_the_way_out(lab):
    state.write(lab.folder / "lab.json", "{")
    with pytest.raises(LabError, match=r"lab\.json cannot be read .* `lab/lab down --name blue`"):
        state.load("blue")


def test_the_suite_of_a_lab_that_stands_does_not_change(lab):
    lab.save()
    with pytest.raises(LabError, match=r"--suite trixie: lab 'blue' stands on bookworm"):
        raising.desired("blue", "trixie", None, None)
    assert raising.desired("blue", "bookworm", None, 2).agents == 2


def test_a_plan_goes_on_with_hosts_of_the_lab_and_drops_others(lab, monkeypatch):
    there = [
        podman.Container(lab.container(host), lab.name, host, "c0ffee", "running", 1, "", "") for host in ("infra", "server1", "agent2")
    ]
    monkeypatch.setattr(podman, "containers", lambda name: there if name == lab.name else [])
    plan = raising.Plan.make(lab, None)
    assert set(plan.kept) == {"infra", "server1"}
    assert plan.surplus == (lab.container("agent2"),)
    assert [recipe.kind for recipe in plan.recipes] == ["host", "infra"]


def test_the_inventory_reaches_every_host_by_the_labs_own_key(lab):
    read = yaml.safe_load(inventory.hosts_yml(lab))["k3s_cluster"]
    assert read["children"]["server"]["hosts"] == {"server1": {"ansible_host": "10.120.7.11"}, "server2": {"ansible_host": "10.120.7.12"}}
    assert read["children"]["agent"]["hosts"] == {"agent1": {"ansible_host": "10.120.7.101"}}
    assert read["vars"]["ansible_ssh_private_key_file"] == str(ssh.user_key(lab))
    assert f"UserKnownHostsFile={ssh.known_hosts(lab)}" in read["vars"]["ansible_ssh_common_args"]


def test_a_lab_without_agents_has_an_empty_group(lab):
    read = yaml.safe_load(inventory.hosts_yml(lab.scaled(1, 0)))["k3s_cluster"]["children"]
    assert read["agent"]["hosts"] == {}
    assert list(read["server"]["hosts"]) == ["server1"]


def test_a_folder_with_a_space_is_one_argument_of_ssh(lab, tmp_path, monkeypatch):
    import shlex

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a b"))
    read = yaml.safe_load(inventory.hosts_yml(lab))["k3s_cluster"]["vars"]
    assert f"UserKnownHostsFile={ssh.known_hosts(lab)}" in shlex.split(read["ansible_ssh_common_args"])


def test_the_variables_are_of_this_lab(lab):
    pem = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
    read = yaml.safe_load(inventory.all_yml(lab, pem, [inventory.ImageArchive("http://m/x.tar.zst", "sha256:00")], {"k3s": {"k3s": "ab"}}))
    assert (read["k3s_sha256"], read["istio_chart_sha256"]) == ({"k3s": "ab"}, {})
    assert read["k3s_release_url"] == "http://10.120.7.2/k3s"
    assert read["k3s_image_archives"] == [{"url": "http://m/x.tar.zst", "checksum": "sha256:00"}]
    (issuer,) = read["cert_manager_issuers"]
    assert issuer["ca_bundle"] == pem
    assert issuer["server"] == "https://10.120.7.2:14000/dir"
    assert "+lab" in read["k3s_version"]
    assert yaml.safe_load(inventory.all_yml(lab, pem, [], {}))["k3s_image_archives"] == []


def test_archives_are_those_of_the_mirror(lab, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "sha256sum.txt").write_text("ab12  one.tar.zst\ncd34  two.tar\n")
    assert inventory.image_archives(lab, tmp_path) == [
        inventory.ImageArchive("http://10.120.7.2/images/one.tar.zst", "sha256:ab12"),
        inventory.ImageArchive("http://10.120.7.2/images/two.tar", "sha256:cd34"),
    ]
    assert inventory.image_archives(lab, None) == []


def test_everything_that_the_mirror_serves_is_pinned(tmp_path):
    files = {
        f"k3s/{versions.K3S}/sha256sum-amd64.txt": "ab12  k3s\ncd34  k3s-airgap-images-amd64.tar.zst\n",
        f"helm/helm-{versions.HELM}-linux-amd64.tar.gz.sha256sum": f"ef56  helm-{versions.HELM}-linux-amd64.tar.gz\n",
        "charts/istio/base-1.31.1.tgz": "base",
        "charts/jetstack/cert-manager-v1.21.2.tgz": "chart",
        f"gateway-api/{versions.GATEWAY_API}/standard-install.yaml": "crds",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert inventory.pins(tmp_path) == {
        "k3s": {"k3s": "ab12", "k3s-airgap-images-amd64.tar.zst": "cd34"},
        "helm": {"amd64": "ef56"},
        "istio": {"base": hashlib.sha256(b"base").hexdigest()},
        "jetstack": {"cert-manager": hashlib.sha256(b"chart").hexdigest()},
        "gateway_api": {"standard-install.yaml": hashlib.sha256(b"crds").hexdigest()},
    }
    assert inventory.pins(None) == {}


def test_the_resolver_answers_zones_and_asks_others_for_the_rest(lab):
    lines = infra.dnsmasq_conf(lab, ["192.0.2.53"]).splitlines()
    assert "address=/example.com/10.120.7.11" in lines
    assert "server=/example.com/127.0.0.1#8053" in lines
    assert "server=192.0.2.53" in lines
    assert "listen-address=127.0.0.1,::1,10.120.7.2,fd12:3456:789a:bcde::2" in lines
    assert "no-resolv" in lines


def test_a_mirror_that_is_gone_is_not_served(lab, tmp_path):
    assert infra.served(lab) is None
    infra.serve(lab, tmp_path)
    assert infra.served(lab) == tmp_path
    infra.serve(lab, tmp_path / "gone")
    assert infra.served(lab) is None


def test_packages_are_read_without_comments(tmp_path):
    (tmp_path / "packages-a.txt").write_text("# why\none\n\ntwo  # why\n")
    (tmp_path / "packages-b.txt").write_text("two\nthree\n")
    assert image.packages("a", "b", folder=tmp_path) == ("one", "two", "three")


def test_an_image_has_another_name_when_its_recipe_changes(tmp_path):
    hook = tmp_path / "hook"
    hook.write_text("one")
    first = image.Recipe("host", "bookworm", ("a",), hook).key
    assert image.Recipe("host", "bookworm", ("a", "b"), hook).key != first
    assert image.Recipe("host", "trixie", ("a",), hook).key != first
    hook.write_text("two")
    assert image.Recipe("host", "bookworm", ("a",), hook).key != first


def test_a_bare_host_has_none_of_what_is_to_be_installed():
    packages = set(image.host_recipe("bookworm").packages)
    assert {"openssh-server", "python3", "containerd"} <= packages
    assert not packages & {"python3-venv", "nginx", "curl", "sudo", "haproxy"}
    with pytest.raises(LabError, match="--suite sid: the lab makes hosts of bookworm or trixie"):
        image.host_recipe("sid")


@pytest.mark.parametrize("setting", ["NONCEREJECT=5", "PEBBLE_WFE_NONCEREJECT", "=5"])
def test_settings_of_the_authority_are_its_own(lab, setting, capsys, monkeypatch):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    lab.save()
    assert cli.main(["acme", "--name", "blue", setting]) == 1
    assert "a setting is PEBBLE_NAME=VALUE" in capsys.readouterr().err


def test_an_error_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    assert cli.main(["status", "--name", "green"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "lab: no lab named 'green': there is none; raise one with `lab/lab up`\n"
    assert captured.out == ""


def test_who_is_not_root_is_told_so(capsys, monkeypatch):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    assert cli.main(["status"]) == 1
    assert "run it as root" in capsys.readouterr().err


def test_a_host_that_the_lab_lacks_is_refused(lab, capsys, monkeypatch):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    lab.save()
    assert cli.main(["address", "--name", "blue", "server3"]) == 1
    assert "lab blue has infra, server1, server2, agent1" in capsys.readouterr().err
    assert cli.main(["address", "--name", "blue", "-6", "agent1"]) == 0
    assert capsys.readouterr().out == "fd12:3456:789a:bcde::101\n"
