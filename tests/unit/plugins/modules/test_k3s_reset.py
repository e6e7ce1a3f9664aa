# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module on a host of temporary folders with a scripted kernel. That foreign rules and mounts stay is also tried on the lab."""

from __future__ import annotations

import fnmatch
import signal
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _removal
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import reset
from ansible_collections.baremesh.edge.plugins.modules import k3s_reset
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

RULES = "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n"


class FakeHost:
    """Folders below a temporary root, and what commands answer."""

    def __init__(self, root):
        self.root = root
        self.commands = []
        self.fed = {}
        self.rules = RULES
        self.mountinfo = ""
        self.mounts = []
        self.listed = {}
        self.refused = ""
        self.has_iptables = True

    def run(self, argv, data=None, **_options):
        command = " ".join(argv)
        self.commands.append(command)
        if self.refused and command.startswith(self.refused):
            return 1, "", "refused\n"
        tool = " ".join(Path(word).name for word in argv[:2]) if "xtables" in argv[0] else argv[0]
        if tool in ("iptables-save", "xtables-nft-multi iptables-save"):
            return 0, self.rules, ""
        if tool.endswith("iptables-restore"):
            self.fed[tool] = data
            self.rules = ""
        for listed, out in self.listed.items():
            if command.endswith(listed):
                return 0, out, ""
        if argv[0].endswith("/ipset") and argv[1] == "list":
            return 0, "KUBE-SRC-1\nother\n", ""
        return 0, "", ""

    def programs(self):
        return {command.split()[0] for command in self.listed} | ({"iptables-save", "iptables-restore"} if self.has_iptables else set())

    def install(self):
        for path, text in {
            "bin/k3s": "binary",
            "units/k3s.service": "[Service]",
            "units/k3s.service.env": "A=b",
            "data/server/token": "hush",
            "state/started-k3s.json": "{}",
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        (self.root / "bin/kubectl").symlink_to("k3s")
        (self.root / "bin/ctr").symlink_to("/usr/bin/ctr")


@pytest.fixture
def own_processes():
    """How processes are found, which the other tests leave out."""
    return reset.Reset._own_processes


@pytest.fixture
def host(monkeypatch, tmp_path, own_processes):
    fake = FakeHost(tmp_path)
    real = reset.read_text
    monkeypatch.setattr(reset, "_UNIT_DIR", str(tmp_path / "units"))
    monkeypatch.setattr(reset, "_ETC", str(tmp_path / "etc"))
    monkeypatch.setattr(reset, "STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(reset, "read_text", lambda path: fake.mountinfo if path.endswith("mountinfo") else real(path))
    monkeypatch.setattr(reset.Reset, "_own_processes", staticmethod(list))
    only_here, empty = reset.Removal.folder, reset.Removal.empty
    here = f"{tmp_path}/"
    monkeypatch.setattr(reset.Removal, "folder", lambda self, path, *own: only_here(self, path, *own) if path.startswith(here) else None)
    monkeypatch.setattr(reset.Removal, "empty", lambda self, path: empty(self, path) if path.startswith(here) else None)
    mount_of = _removal.mount_of

    def mount(folder):
        path = str(Path(f"/proc/self/fd/{folder}").readlink())
        return next((point for point in fake.mounts if f"{path}/".startswith(f"{point}/")), mount_of(folder))

    monkeypatch.setattr(_removal, "mount_of", mount)
    monkeypatch.setattr(reset.leftovers, "INTERFACES", ())
    monkeypatch.setattr(k3s_reset.EdgeModule, "run_command", lambda _self, argv, **options: fake.run(argv, **options))
    monkeypatch.setattr(
        k3s_reset.EdgeModule,
        "get_bin_path",
        lambda _self, name, *_a, **_k: name if name in fake.programs() else None,
    )
    fake.reset = lambda check=False, data_dir=tmp_path / "data": run(
        monkeypatch, k3s_reset, check=check, bin_dir=str(tmp_path / "bin"), data_dir=str(data_dir), node_name="Edge1"
    )
    return fake


def test_what_k3s_left_is_removed(host):
    host.install()
    result = host.reset()
    assert result["changed"]
    assert result["node_name"] == "edge1"
    assert "systemctl disable --now -- k3s.service" in host.commands
    assert host.fed["iptables-restore"] == "*filter\n-D INPUT -j KUBE-FIREWALL\n-F KUBE-FIREWALL\n-X KUBE-FIREWALL\nCOMMIT\n"
    assert not (host.root / "data").exists()
    assert not (host.root / "state").exists()
    assert list((host.root / "units").iterdir()) == []
    assert [path.name for path in (host.root / "bin").iterdir()] == ["ctr"], "a link that K3s did not make stays"


def test_a_second_run_finds_nothing(host):
    host.install()
    host.reset()
    result = host.reset()
    assert not result["changed"]
    assert result["removed"] == []


def test_check_mode_tells_the_same_and_removes_nothing(host):
    host.install()
    foretold = host.reset(check=True)
    assert (host.root / "data/server/token").exists()
    assert not any("disable" in command or "restore" in command for command in host.commands)
    assert foretold["removed"] == host.reset()["removed"]


def test_a_run_that_died_half_way_is_continued(host):
    host.install()
    host.refused = "iptables-restore"
    result = host.reset()
    assert result["failed"]
    assert "run again: iptables-restore --noflush failed: refused" in result["msg"]
    assert (host.root / "data").exists()
    host.refused = ""
    assert str(host.root / "data") in host.reset()["removed"]


def test_nothing_below_another_mount_is_deleted(host):
    host.install()
    volume = host.root / "data/storage/pv/file"
    volume.parent.mkdir(parents=True)
    volume.write_text("mine")
    host.mounts = [str(volume.parent)]
    assert host.reset()["kept"] == [str(volume.parent)]
    assert volume.read_text() == "mine"
    assert not (host.root / "data/server").exists()


def test_units_of_others_that_share_the_binary_stop_the_removal(host):
    host.install()
    (host.root / "units/k3s-other.service").write_text("")
    result = host.reset()
    assert result["failed"]
    assert "k3s-other.service also use K3s's binary" in result["msg"]
    assert Path(host.root / "data").exists()


def test_processes_that_resist_are_named(host, monkeypatch):
    monkeypatch.setattr(reset.Reset, "_own_processes", staticmethod(lambda: [4000001]))
    monkeypatch.setattr(reset, "_END_TIMEOUT", 0.0)
    assert "[4000001] of containers do not end" in host.reset()["msg"]


#: Processes by their number: the line of stat, the arguments, the control group.
PROCESSES = {
    1: ("1 (systemd) S 0 1", "/sbin/init", "/"),
    50: ("50 (containerd-shim) S 1 50", "/x/containerd-shim\0-address\0/run/k3s/containerd/containerd.sock", "/"),
    51: ("51 (a) b) S 50 51", "pause", "/"),
    52: ("52 (nginx) Z 51 52", "", "/"),
    60: ("60 (containerd-shim) S 1 60", "/y/containerd-shim\0-address\0/run/containerd/containerd.sock", "/"),
    61: ("61 (redis) S 60 61", "redis", "/"),
    70: ("70 (k3s) S 1 70", "/usr/local/bin/k3s\0server", "0::/system.slice/k3s.service"),
    80: ("80 (kthreadd) S 0 80", None, "/"),
    90: (None, "ended meanwhile", "/"),
}


@pytest.fixture
def processes(monkeypatch, host, own_processes):
    """A process table of containers of K3s, and of another containerd, in which what is killed is gone at the second look."""
    table, killed = dict(PROCESSES), []
    files = {"stat": 0, "cmdline": 1, "cgroup": 2}
    real = reset.read_text

    def read(path):
        _empty, top, number, *name = (path.split("/") + ["", ""])[:4]
        if top != "proc" or not number.isdigit():
            return real(path)
        return table[int(number)][files[name[0]]] if int(number) in table else None

    def kill(number, sent):
        if number not in table:
            raise ProcessLookupError
        killed.append((number, sent))
        del table[number]

    listdir = reset.os.listdir
    monkeypatch.setattr(reset, "read_text", read)
    monkeypatch.setattr(reset.os, "listdir", lambda path: [*map(str, PROCESSES), "self"] if path == "/proc" else listdir(path))
    monkeypatch.setattr(reset.os, "kill", kill)
    monkeypatch.setattr(reset.Reset, "_own_processes", staticmethod(own_processes))
    return killed


def test_processes_of_k3s_and_its_containers_end_and_no_others(host, processes):
    host.install()
    found = host.reset(check=True)
    assert (found["changed"], processes) == (True, [])
    assert "3 processes of containers" in found["removed"]
    assert not host.reset()["failed"]
    assert sorted(processes) == [(number, signal.SIGKILL) for number in (50, 51, 70)]


def test_what_the_network_of_pods_has_noted_goes(host, monkeypatch):
    """Of K3s's network, and of loopback in pods; not of others."""
    removed = []
    noted = {"networks": ["cbr0", "podman"], "results": ["cbr0-1-eth0", "cni-loopback-1-lo", "podman-1-eth0"]}

    def glob(pattern):
        folder, name = pattern.rpartition("/")[::2]
        return [f"{folder}/{each}" for each in fnmatch.filter(noted.get(Path(folder).name, []), name)]

    monkeypatch.setattr(reset.glob, "glob", glob)
    monkeypatch.setattr(reset.Removal, "folder", lambda _self, path, *_own: removed.append(path))
    host.install()
    host.reset()
    assert [path for path in removed if path.startswith("/var/lib/cni/")] == [
        "/var/lib/cni/networks/cbr0",
        "/var/lib/cni/results/cbr0-1-eth0",
        "/var/lib/cni/results/cni-loopback-1-lo",
    ]


def test_a_host_without_iptables_is_cleaned_by_the_tools_that_k3s_brought(host):
    host.install()
    host.has_iptables = False
    for name in ("bin/aux/xtables-nft-multi", "bin/ipset"):
        tool = host.root / "data/data/0123abcd" / name
        tool.parent.mkdir(parents=True, exist_ok=True)
        tool.touch(0o755)
    result = host.reset()
    assert host.fed["xtables-nft-multi iptables-restore"].startswith("*filter\n-D INPUT -j KUBE-FIREWALL\n")
    assert "packet rules of iptables of K3s (nft)" in result["removed"]
    assert f"{host.root}/data/data/0123abcd/bin/ipset destroy KUBE-SRC-1" in host.commands
    assert not any("destroy other" in command for command in host.commands)
    assert not (host.root / "data").exists()


def test_what_k3s_own_installer_left_goes_too(host):
    host.install()
    names = ("bin/k3s-killall.sh", "bin/k3s-uninstall.sh", "bin/k3s-agent-uninstall.sh", "etc/default/k3s", "etc/sysconfig/k3s-agent")
    for name in (*names, "bin/other.sh", "etc/default/other"):
        (host.root / name).parent.mkdir(parents=True, exist_ok=True)
        (host.root / name).touch()
    removed = host.reset()["removed"]
    assert {str(host.root / name) for name in names} <= set(removed)
    assert (host.root / "bin/other.sh").exists()
    assert (host.root / "etc/default/other").exists()


@pytest.mark.parametrize("written", ["{}/", "/{}", "{}//", "{}/.", "{}/../data"])
def test_a_data_folder_may_be_written_in_any_way(host, written):
    host.install()
    volume = host.root / "data/storage/pv/file"
    volume.parent.mkdir(parents=True)
    volume.write_text("mine")
    host.mounts = [str(volume.parent)]
    host.reset(data_dir=written.format(host.root / "data"))
    assert volume.read_text() == "mine"
    assert not (host.root / "data/server").exists()


def test_a_linked_data_folder_is_emptied_and_the_link_stays(host):
    host.install()
    (host.root / "data").rename(host.root / "disk")
    (host.root / "data").symlink_to("disk")
    foretold = host.reset(check=True)["removed"]
    assert host.reset()["removed"] == foretold
    assert list((host.root / "disk").iterdir()) == []
    assert (host.root / "data").is_symlink()
    assert host.reset()["removed"] == []


def test_a_data_folder_below_a_link_is_removed(host):
    host.install()
    (host.root / "disk").mkdir()
    (host.root / "data").rename(host.root / "disk/k3s")
    (host.root / "var").symlink_to("disk")
    assert f"{host.root}/var/k3s" in host.reset(data_dir=host.root / "var/k3s")["removed"]
    assert (host.root / "var").is_symlink()
    assert list((host.root / "disk").iterdir()) == []


@pytest.mark.parametrize("part", ["server", "agent", "storage"])
def test_of_a_linked_part_only_what_k3s_names_goes_and_never_a_volume(host, part):
    host.install()
    elsewhere = host.root / "elsewhere"
    for name in ("token", "photos/one", "pvc-1_default_web/file", "client-ca.crt"):
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text("")
    (host.root / "data/server/token").unlink()
    (host.root / "data/server").rmdir()
    (host.root / "data" / part).symlink_to(elsewhere)
    assert host.reset(check=True)["removed"] == host.reset()["removed"]
    gone = {"server": "token", "agent": "client-ca.crt"}.get(part)
    assert {path.name for path in elsewhere.iterdir()} == {"token", "photos", "pvc-1_default_web", "client-ca.crt"} - {gone}
    assert (host.root / "data" / part).is_symlink()


def test_in_a_data_folder_that_others_use_only_what_k3s_names_goes(host):
    host.install()
    for name in ("data/films/one", "data/data/films", "data/storage/backup", "data/storage/pvc-1_default_web/file"):
        (host.root / name).parent.mkdir(parents=True, exist_ok=True)
        (host.root / name).write_text("")
    result = host.reset()
    left = sorted(str(path.relative_to(host.root / "data")) for path in (host.root / "data").rglob("*"))
    assert left == ["data", "data/films", "films", "films/one", "storage", "storage/backup"]
    assert result["kept"] == [f"{host.root}/data/data/films", f"{host.root}/data/storage/backup"]
    assert host.reset()["removed"] == []


@pytest.mark.parametrize(
    "data_dir", ["/", "//", "/.", "/var", "/var/lib/", "/usr/local", "/home", "/home/alice", "/srv", "/proc/1", "/var/log/..", "k3s"]
)
def test_a_folder_of_the_system_is_refused_before_anything_changes(host, data_dir):
    host.install()
    result = host.reset(data_dir=data_dir)
    assert result["failed"]
    assert f"data_dir is '{data_dir}', but " in result["msg"] or data_dir == "k3s"
    assert "set it to a folder of K3s's own" in result["msg"]
    assert (host.root / "bin/k3s").exists()
    assert not any("disable" in command for command in host.commands)


def test_a_link_to_a_folder_of_the_system_is_refused(host):
    host.install()
    (host.root / "link").symlink_to("/var/lib")
    assert "/var/lib is a folder that the system" in host.reset(data_dir=host.root / "link")["msg"]


def test_mounts_are_found_where_the_kubelet_folder_is_a_link(host, monkeypatch):
    host.install()
    (host.root / "disk/pods").mkdir(parents=True)
    (host.root / "kubelet").symlink_to("disk")
    monkeypatch.setattr(reset.leftovers, "MOUNTS", (f"{host.root}/kubelet/pods",))
    host.mountinfo = f"9 1 0:9 / {host.root}/disk/pods/1 rw - ext4 /dev/b rw\n10 1 0:9 / {host.root}/disk/mine rw - ext4 /dev/b rw\n"
    assert f"mount {host.root}/disk/pods/1" in host.reset()["removed"]
    assert [command for command in host.commands if command.startswith("umount")] == [f"umount -- {host.root}/disk/pods/1"]


def test_only_namespaces_and_tables_of_pods_go_however_they_are_listed(host):
    host.listed["ip netns list"] = "cni-1 (id: 0)\ncni-2\nvpn (id: 1)\nmy-cni-3\n\n"
    host.listed["nft list tables"] = "table ip kube-proxy\ntable ip6 kube-proxy # progname nft\ntable inet kube-proxy-mine\ntable x\n\n"
    host.install()
    result = host.reset()
    deleted = [command.rpartition("/")[2] for command in host.commands if " delete " in command]
    assert [command for command in deleted if "netns" in command] == ["ip netns delete cni-1", "ip netns delete cni-2"]
    assert [command for command in deleted if "table" in command] == ["nft delete table ip kube-proxy", "nft delete table ip6 kube-proxy"]
    assert {"network namespace cni-1", "nftables table ip6 kube-proxy"} <= set(result["removed"])
