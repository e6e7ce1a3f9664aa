# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes K3s off a host: units, processes, mounts, interfaces, packet rules, files."""

from __future__ import annotations

import glob
import os
import re
import signal
import time
from typing import Any, cast

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import leftovers
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import STATE_DIR, read_text
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.firewall import Firewall, FirewallError
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal, refusal
from ansible_collections.baremesh.edge.plugins.module_utils._rule_tools import bundled, rule_tools

_UNITS = ("k3s.service", "k3s-agent.service")
_ETC = "/etc"
_UNIT_DIR = "/etc/systemd/system"
_DATA_DIR = "/var/lib/rancher/k3s"
_END_TIMEOUT = 10.0


class ResetError(EdgeError):
    """K3s cannot be removed. The message is one sentence for the user."""


class Reset:
    """Removes what K3s left, and notes what that was. In check mode it only notes.

    Args:
        module: The AnsibleModule, for its options and for running commands.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.p = module.params
        self.dry = bool(module.check_mode)
        self.removal = Removal(self.dry)
        self.removed = self.removal.removed

    def _command(self, *argv: str, data: str | None = None) -> str:
        code, out, err = self.module.run_command(list(argv), data=data)
        if code != 0:
            raise ResetError(f"{' '.join(argv)} failed: {(err or out).strip()}.")
        return str(out)

    def _output(self, *argv: str) -> str:
        """Return what a command prints, empty if there is no such command or nothing to show."""
        if not os.path.isabs(argv[0]) and self._find(argv[0]) is None:
            return ""
        code, out, _err = self.module.run_command(list(argv))
        return str(out) if code == 0 else ""

    def refuse_others(self) -> None:
        """Stop where K3s's data would not be the only one to go, or where others need its binary.

        Raises:
            ResetError: The data folder belongs to the system, or there are K3s units that this collection did not make.
        """
        reason = refusal(self.p["data_dir"])
        if reason:
            raise ResetError(f"data_dir is '{self.p['data_dir']}', but {reason}: set it to a folder of K3s's own, such as {_DATA_DIR}.")
        others = [os.path.basename(path) for path in glob.glob(f"{_UNIT_DIR}/k3s*.service") if os.path.basename(path) not in _UNITS]
        if others:
            raise ResetError(
                f"{', '.join(sorted(others))} also use K3s's binary and data, which a reset would take from them: move them to a binary "
                "and a data-dir of their own first."
            )

    def units(self) -> None:
        """Stop and remove the units."""
        present = [unit for unit in _UNITS if os.path.lexists(f"{_UNIT_DIR}/{unit}")]
        for unit in present:
            self.removed.append(f"unit {unit}")
            if not self.dry:
                self._command("systemctl", "disable", "--now", "--", unit)
        self.processes()
        for unit in present:
            self.removal.file(f"{_UNIT_DIR}/{unit}.env")
            self.removal.file(f"{_UNIT_DIR}/{unit}")
        if present and not self.dry:
            self._command("systemctl", "daemon-reload")
            self.module.run_command(["systemctl", "reset-failed", *present])

    def processes(self) -> None:
        """End the containers, which outlive K3s by its unit's design."""
        own = self._own_processes()
        if not own:
            return
        self.removed.append(f"{len(own)} processes of containers")
        if self.dry:
            return
        end = time.monotonic() + _END_TIMEOUT
        while own and time.monotonic() < end:
            for pid in own:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)  # a killed process leaves the table when its parent has read its end: there is no event for others
            own = self._own_processes()
        if own:
            raise ResetError(f"processes {own} of containers do not end: look for a hanging network mount.")

    @staticmethod
    def _own_processes() -> list[int]:
        parents: dict[int, int] = {}
        roots: list[int] = []
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            stat = read_text(f"/proc/{pid}/stat")
            if not stat or stat.rpartition(")")[2].split()[0] == "Z":
                continue
            parents[pid] = int(stat.rpartition(")")[2].split()[1])
            arguments = (read_text(f"/proc/{pid}/cmdline") or "").split("\0")
            cgroup = read_text(f"/proc/{pid}/cgroup") or ""
            if leftovers.SHIM_ADDRESS in arguments or any(f"/{unit}" in cgroup for unit in _UNITS):
                roots.append(pid)
        return [pid for pid in leftovers.process_tree(parents, roots) if pid in parents]

    def mounts(self) -> None:
        """Unmount what was mounted for pods."""
        # The kernel names mounts without links.
        roots = [root for root in map(os.path.realpath, leftovers.MOUNTS) if not refusal(root)]
        for path in leftovers.own_mounts(read_text("/proc/self/mountinfo") or "", roots):
            self.removed.append(f"mount {path}")
            if not self.dry:
                code, _out, _err = self.module.run_command(["umount", "--", path])
                if code != 0:
                    # Busy or a dead server: detached from the tree it can no longer be deleted through.
                    self._command("umount", "--lazy", "--", path)

    def network(self) -> None:
        """Remove network namespaces and interfaces of pods."""
        for line in self._output("ip", "netns", "list").splitlines():
            name = line.split(" ")[0]
            if name.startswith("cni-"):
                self.removed.append(f"network namespace {name}")
                if not self.dry:
                    self._command("ip", "netns", "delete", name)
        names = (
            leftovers.enslaved(self._output("ip", "-o", "link", "show", "master", "cni0")) if os.path.isdir("/sys/class/net/cni0") else []
        )
        for name in [*names, *leftovers.INTERFACES]:
            if os.path.isdir(f"/sys/class/net/{name}"):
                self.removed.append(f"interface {name}")
                if not self.dry:
                    self.module.run_command(["ip", "link", "delete", name])

    def rules(self) -> None:
        """Take the packet rules of kube-proxy, the network policy controller, flannel and the CNI plugins out."""
        for tool in (tool for family in ("iptables", "ip6tables") for tool in rule_tools(family, self._find, self.p["data_dir"])):
            code, saved, _err = self.module.run_command(tool.save)
            script = leftovers.purge_script(saved) if code == 0 else ""
            if script:
                self.removed.append(f"packet rules of {tool.name}")
                if not self.dry:
                    self._command(*tool.restore, "--noflush", data=script)
        nft, ipset = self._tool("nft"), self._tool("ipset")
        for family in re.findall(r"^table (\S+) kube-proxy(?!\S)", self._output(nft, "list", "tables"), re.MULTILINE):
            self.removed.append(f"nftables table {family} kube-proxy")
            if not self.dry:
                self._command(nft, "delete", "table", family, "kube-proxy")
        for name in self._output(ipset, "list", "-name").splitlines():
            if name.startswith(("KUBE-", "inet6:KUBE-")):
                self.removed.append(f"ipset {name}")
                if not self.dry:
                    self._command(ipset, "destroy", name)

    def firewalls(self) -> None:
        """Take back what was opened in firewalld and ufw."""
        try:
            self.removed += Firewall(self._find, self.module.run_command, STATE_DIR).open(None, self.dry)
        except FirewallError as error:
            raise ResetError(str(error)) from error

    def _find(self, name: str) -> str | None:
        return cast("str | None", self.module.get_bin_path(name))

    def _tool(self, name: str) -> str:
        """Return where a tool is, the host's own before K3s's."""
        return name if self._find(name) else bundled(name, self.p["data_dir"]) or name

    def files(self) -> None:
        """Remove binary, links, configuration, data and what this collection notes of them."""
        binary = os.path.join(self.p["bin_dir"], "k3s")
        for name in ("kubectl", "crictl", "ctr"):
            link = os.path.join(self.p["bin_dir"], name)
            if os.path.islink(link) and os.readlink(link) in ("k3s", binary):
                self.removal.file(link)
        self.removal.file(binary)
        # Those of a K3s that its own installer had installed.
        for unit in _UNITS:
            name = unit.partition(".")[0]
            for path in (
                os.path.join(self.p["bin_dir"], f"{name}-uninstall.sh"),
                f"{_ETC}/default/{name}",
                f"{_ETC}/sysconfig/{name}",
            ):
                self.removal.file(path)
        self.removal.file(os.path.join(self.p["bin_dir"], "k3s-killall.sh"))
        self.removal.folder(f"{_ETC}/rancher/k3s", leftovers.CONFIGURATION)
        self.removal.folders(self.p["data_dir"], leftovers.DATA, leftovers.DATA_FOLLOWED)
        self.removal.folder("/var/lib/kubelet", leftovers.KUBELET)
        for path in ("/run/k3s", "/run/flannel", STATE_DIR):
            self.removal.folder(path)
        for path in (
            *glob.glob(f"/var/lib/cni/networks/{leftovers.CNI_NETWORK}"),
            *glob.glob(f"/var/lib/cni/results/{leftovers.CNI_NETWORK}-*"),
            *glob.glob("/var/lib/cni/results/cni-loopback-*"),
        ):
            self.removal.folder(path)
        if self.p["node_identity"]:
            self.removal.folder("/etc/rancher/node")
        for path in (
            "/var/lib/cni/networks",
            "/var/lib/cni/results",
            "/var/lib/cni",
            "/var/lib/rancher",
            "/etc/rancher",
            os.path.dirname(STATE_DIR),
        ):
            self.removal.empty(path)

    def everything(self) -> None:
        """Remove all, in the order in which one part holds the next.

        Raises:
            ResetError: Something resists; what is left can be removed by another run.
        """
        self.refuse_others()
        self.units()
        self.mounts()
        self.network()
        self.rules()
        self.firewalls()
        self.files()
