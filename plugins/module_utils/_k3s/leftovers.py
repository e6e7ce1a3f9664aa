# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What K3s leaves on a host besides files, found in the kernel's own tables. Pure functions on text.

Everything is recognised by marks that K3s's parts set themselves, so that rules, mounts and processes of others stay: K3s's own kill script
drops every packet rule with a fitting word in it and every write made meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

# The containerd of K3s listens here, and each of its shims has the address among its arguments.
SHIM_ADDRESS = "/run/k3s/containerd/containerd.sock"
CNI_NETWORK = "cbr0"
INTERFACES = ("cni0", "flannel.1", "flannel-v6.1", "kube-ipvs0", "flannel-wg", "flannel-wg-v6")

MOUNTS = ("/run/k3s", "/var/lib/kubelet/pods", "/var/lib/kubelet/plugins", "/run/netns/cni-")
# Folders in K3s's data folder, and in each the names that K3s and local-path-provisioner give.
DATA = {
    "agent": ("*.crt", "*.key", "*.kubeconfig", "containerd", "etc", "images", "kubelet.config", "pod-manifests"),
    "data": ("[0-9a-f]" * 8 + "*", ".lock", "cni", "current", "previous"),
    "server": ("agent-token", "cred", "db", "etc", "kine.sock*", "manifests", "node-token", "static", "tls", "tls-*", "token"),
    "storage": ("pvc-*",),
}
# The volumes may be shared with other hosts where they are elsewhere.
DATA_FOLLOWED = ("agent", "data", "server")
# The same for folders whose place K3s does not let one choose, and which administrators therefore link.
CONFIGURATION = ("config.yaml", "config.yaml.d", ".*.baremesh-part", "k3s.yaml", "registries.yaml")
KUBELET = (
    *("*_manager_state", "*_pods_state", "checkpoints", "config", "config.json", "device-plugins", "pki", "plugins", "plugins_registry"),
    *("pod-resources", "pods", "seccomp", "usernamespaces"),
)
_OWN_CHAINS = ("KUBE-", "FLANNEL-")
_SHARED_CHAINS = "CNI-HOSTPORT-"


def mount_points(mountinfo: str) -> list[str]:
    """Return all mount points in the text of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > 4:
            found.append(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields[4]))
    return found


def own_mounts(mountinfo: str, roots: Iterable[str] = MOUNTS) -> list[str]:
    """Return the mount points of pods and containers, the deepest first.

    Args:
        mountinfo: The text of /proc/self/mountinfo.
        roots: Where they may be, without links on the way. The last name may end in C(-), and then is the beginning of names.
    """
    roots = list(roots)
    found = [
        path
        for path in mount_points(mountinfo)
        if any(path == root or path.startswith(root if root.endswith("-") else f"{root}/") for root in roots)
    ]
    return sorted(set(found), key=lambda path: (-path.count("/"), path))


def process_tree(parents: Mapping[int, int], roots: Iterable[int]) -> list[int]:
    """Return the processes to begin with and all that descend from them, by the parent of each process."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    queue = list(roots)
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.append(pid)
            queue.extend(children.get(pid, ()))
    return sorted(found)


def _target(rule: str) -> str | None:
    match = re.search(r" -[jg] (\S+)", rule)
    return match.group(1) if match else None


def _own_cni_chains(rules: Sequence[tuple[str, str]]) -> set[str]:
    """Return the chains that the CNI plugins made for K3s's network: others may use the same plugins."""
    mark = f'name: \\"{CNI_NETWORK}\\"'
    return {
        target
        for _chain, rule in rules
        for target in [_target(rule)]
        if mark in rule and target is not None and target.startswith("CNI-") and not target.startswith(_SHARED_CHAINS)
    }


def _purge_table(chains: Sequence[str], rules: Sequence[tuple[str, str]]) -> list[str]:
    own = {chain for chain in chains if chain.startswith(_OWN_CHAINS)} | _own_cni_chains(rules)

    def goes(chain: str, rule: str) -> bool:
        return _target(rule) in own or ('--comment "flanneld' in rule and chain not in own)

    kept = [(chain, rule) for chain, rule in rules if chain not in own and not goes(chain, rule)]
    if not any(chain == "CNI-HOSTPORT-DNAT" for chain, _rule in kept):
        own |= {chain for chain in chains if chain.startswith(_SHARED_CHAINS)}
    removed = [f"-D {chain}{rule}" for chain, rule in rules if chain not in own and goes(chain, rule)]
    present = [chain for chain in chains if chain in own]
    return [*removed, *(f"-F {chain}" for chain in present), *(f"-X {chain}" for chain in present)]


def purge_script(saved: str) -> str:
    """Return input for C(iptables-restore --noflush) that takes K3s's rules out of a rule set, empty if there are none.

    Args:
        saved: Output of C(iptables-save). What is not K3s's is not mentioned in the script, so changes made meanwhile persist.
    """
    script: list[str] = []
    table, chains, rules = "", [], []  # type: ignore[var-annotated]
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains, rules = line[1:].strip(), [], []
        elif line.startswith(":"):
            chains.append(line[1:].split(" ", 1)[0])
        elif line.startswith("-A "):
            chain, _space, rest = line[3:].partition(" ")
            rules.append((chain, f" {rest}"))
        elif line.strip() == "COMMIT":
            lines = _purge_table(chains, rules)
            if lines:
                script += [f"*{table}", *lines, "COMMIT"]
    return "".join(f"{line}\n" for line in script)


def enslaved(ip_output: str) -> list[str]:
    """Return the names of interfaces in the output of C(ip -o link show master cni0)."""
    return [line.split(": ")[1].split("@")[0] for line in ip_output.splitlines() if ": " in line]
