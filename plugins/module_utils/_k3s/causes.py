# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why K3s does not start: its own journal lines turned into one sentence with advice. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, Cause

# A complaint older than these seconds may have healed: an agent repeats its own every 2 to 10 seconds.
RECENT = 12.0


class _Pattern(NamedTuple):
    expression: re.Pattern[str]
    sentence: str
    patience: float


def _pattern(expression: str, sentence: str, patience: float = 0) -> _Pattern:
    return _Pattern(re.compile(expression), sentence, patience)


# What the kernel says, with a quota too, and what SQLite makes of it.
DISK_FULL = re.compile("no space left on device|disk quota exceeded|database or disk is full")

# Ordered from the deepest reason to the most general one: the first that matches any recent line wins.
_PATTERNS: tuple[_Pattern, ...] = (
    _pattern(
        r"flag provided but not defined: -+(?P<key>[\w.-]+)",
        "the configuration has the key {key!r}, which this kind of node does not know: remove it from config.yaml or config.yaml.d",
    ),
    _pattern(
        r"failed to parse (?P<part>[\w-]+) flag: unknown flag: --(?P<key>[\w.-]+)",
        "{part}-arg has the flag {key!r}, which the {part} does not know: remove it from the configuration",
    ),
    _pattern(
        r"unknown flag: --(?P<key>[\w.-]+)",
        "the configuration gives a Kubernetes component the flag {key!r}, which it does not know: remove it",
    ),
    _pattern(r"level=fatal.*?(?P<what>yaml: [^\"]*)", "config.yaml or a file in config.yaml.d is not YAML ({what}): correct the file"),
    _pattern(
        r"token CA hash does not match the Cluster CA certificate hash",
        "the join token belongs to another cluster (its CA hash differs): "
        "correct k3s_token; a host of another cluster can join only after a reset, which deletes all that it runs and stores",
    ),
    _pattern(
        r"(?P<what>token must not be empty|invalid token CA hash length|invalid token format"
        r"|failed to normalize (server |agent )?token; must be in format [^\"]*)",
        "the join token is malformed ({what}): correct k3s_token, or leave it empty so that it is read on the server",
    ),
    _pattern(
        r"Node password rejected, duplicate hostname",
        "the cluster already has a node of this name with another node password: "
        "give the host a unique name (node-name); the old Node may go only if its host is gone for good",
        15,
    ),
    _pattern(
        r"duplicate node name found",
        "the etcd cluster already has a member of this node name: set another node-name; the old member may go only if its host is gone "
        "for good",
    ),
    _pattern(
        r"bootstrap data already found and encrypted with different token",
        "the datastore was made with another token: give the old k3s_token",
    ),
    _pattern(
        r"critical configuration (value )?mismatch(?P<what>.*)",
        "a setting that must be equal on all servers differs{what}: make k3s_server_config equal on all servers",
    ),
    _pattern(
        r"certificate has expired or is not yet valid: current time (?P<now>\S+) is (?P<what>.*)",
        "a certificate of the server is not valid at this host's time {now} ({what}): set the clock of the hosts by NTP",
        15,
    ),
    _pattern(
        r"(agent configuration|/v1-k3s/|bootstrap data|cacerts).*(401 Unauthorized|Unauthorized|not authorized)",
        "the server refuses the join token: correct k3s_token, or leave it empty so that it is read on the server",
        15,
    ),
    _pattern(
        r"listen \w+ (?P<address>\S+): bind: address already in use",
        "another process listens on {address}: ss -ltnp shows its name; find out what needs it, and let it listen elsewhere",
        # With a log file systemd starts K3s again before the former process has ended.
        15,
    ),
    _pattern(
        r"level=fatal.*?(?P<what>failed to find \w+ cgroup[^\"]*)",
        "the kernel's control groups do not fit ({what}): enable the memory and cpuset controllers at boot",
    ),
    _pattern(
        r"not run on a host using cgroup v1",
        "this kubelet refuses hosts with cgroup v1: boot the host with cgroup v2, or use a K3s release before v1.35",
    ),
    _pattern(
        r"(?P<what>unable to (find|select) (a )?default route[^\"]*|no default routes found[^\"]*)",
        "the host has no default route ({what}): add one, a dummy interface will do",
    ),
    _pattern(
        r"too many learner members in cluster",
        "another server is joining etcd at the same time: servers join one at a time; "
        "run again when the Nodes of the other servers are Ready, or remove a member that never came up",
        60,
    ),
    _pattern(
        r"(?<![\w-])(?P<name>[\w-]+)\\?\" snapshotter cannot be enabled.*?(?P<what>failed to mount overlay[^\"]*)?$",
        "the file system below the data directory cannot carry the snapshotter {name}{what}: set snapshotter to native (or zfs, btrfs) "
        "in the configuration, or put k3s_data_dir on ext4 or xfs",
        15,
    ),
    _pattern(
        r"open /dev/kmsg: (?P<what>[^\"]*)",
        "the kubelet cannot open /dev/kmsg ({what}): give the container this device, or set kubelet-arg to "
        "feature-gates=KubeletInUserNamespace=true",
    ),
    _pattern(
        r"(vxlan.*|flannel exited: )(?P<what>operation not supported|not supported)",
        "the kernel has no VXLAN ({what}): install the package with its further modules (linux-modules-extra-raspi on a Raspberry Pi with "
        "Ubuntu), or set another flannel-backend",
        15,
    ),
    _pattern(
        rf"failed to (pull|import) (?P<what>.*({DISK_FULL.pattern}))",
        "the disk is full ({what}): enlarge the disk of the data directory, or remove from it what is not K3s's",
        20,
    ),
    _pattern(
        DISK_FULL.pattern,
        "a disk of the host is full: enlarge that of the data directory, or remove from it what is not K3s's",
        20,
    ),
    _pattern(
        r"127\.0\.0\.1:6444\b.*?(?P<what>connection reset by peer|EOF|connection refused|i/o timeout|context deadline exceeded"
        r"|Client\.Timeout exceeded)",
        "the server behind the agent's own load balancer (127.0.0.1:6444) cannot be reached ({what}): open port 6443 of the server for "
        "this host, or correct k3s_server_url",
        20,
    ),
    _pattern(
        r"Failed to validate connection to cluster at (?P<url>\S+?): .*?(?P<what>connection refused|no route to host"
        r"|i/o timeout|no such host|network is unreachable|context deadline exceeded|Client\.Timeout exceeded)",
        "the server {url} cannot be reached from this host ({what}): open port 6443 of the server to the hosts of the cluster, or correct "
        "k3s_server_url",
        20,
    ),
    _pattern(
        r"(failed to get CA certs|CA cert validation failed)(?P<what>.*)",
        "the server cannot be reached or its CA is not trusted{what}: check k3s_server_url and the token",
        20,
    ),
)

# Lines about requests of others: an old client that polls with an expired certificate is no reason why this start takes long.
_OTHERS = re.compile(r"Unable to authenticate the request|TLS handshake error from|Sending HTTP \d+ response to|remote error: tls:")

# Of a line, which others can make long, this much is searched: the time for some patterns grows with the square of it.
_LONGEST = 4096
_MESSAGE = re.compile(r"\bmsg=(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>\S+))")
_IMPORT = re.compile(r"Error encountered while importing (?P<lost>/.+?): (?P<what>.*)|Imported images from (?P<taken>/.+) in ")
_FATAL = re.compile(r"level=fatal|\bpanic:|^F\d{4} ")
_ERROR = re.compile(r"level=error|^E\d{4} ")


def message_of(line: str) -> str:
    """Return what a log line says, without time, level and quoting."""
    match = _MESSAGE.search(line)
    if match is None:
        return line.strip()
    return re.sub(r"\\(.)", r"\1", match.group("quoted") or match.group("bare") or "").strip()


def explain(lines: Sequence[str]) -> Cause | None:
    """Return the deepest known reason found in journal lines, or C(None) if none is known.

    Args:
        lines: Oldest first. The newest line that matches a pattern is the one quoted.
    """
    own = [line[:_LONGEST] for line in lines if not _OTHERS.search(line)]
    for pattern in _PATTERNS:
        for line in reversed(own):
            match = pattern.expression.search(message_of(line)) or pattern.expression.search(line)
            if match is not None:
                named = {name: (value or "").strip() for name, value in match.groupdict().items()}
                if "what" in named and not pattern.sentence.count("({what})"):
                    named["what"] = f" ({named['what'].lstrip(': ')})" if named["what"].lstrip(": ") else ""
                outlook = GRACE if pattern.patience else FINAL
                return Cause(pattern.sentence.format(**named), outlook, patience=pattern.patience, source=line.strip())
    return None


def lost_images(lines: Sequence[str]) -> dict[str, str]:
    """Return the image archives that K3s could not import since it was started, and why: it goes on without them.

    Args:
        lines: All lines since the start. An archive that was imported later is not lost.
    """
    lost: dict[str, str] = {}
    for match in filter(None, (_IMPORT.match(message_of(line)) for line in lines)):
        if match.group("lost"):
            lost[match.group("lost")] = match.group("what")
        else:
            lost.pop(match.group("taken"), None)
    return lost


def last_complaint(lines: Sequence[str]) -> str | None:
    """Return what the newest fatal line says, else the newest error line, else the newest line."""
    for pattern in (_FATAL, _ERROR):
        for line in reversed([line for line in lines if not _OTHERS.search(line)]):
            if pattern.search(line):
                return message_of(line)
    return message_of(lines[-1]) if lines else None
