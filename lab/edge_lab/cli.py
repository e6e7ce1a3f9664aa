# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab/lab`: the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from . import build, dns, extras, infra, inventory, lab, podman, state, status, zones
from .errors import LabError
from .image import SUITES

Command = Callable[[argparse.Namespace], int]

DESCRIPTION = """\
Bare Debian hosts, an ACME authority, DNS and a release mirror on this machine, for trying baremesh.edge for real.
Hosts are systemd containers that Ansible reaches by SSH. Everything that `up` makes, `down` removes."""

EPILOG = """\
a first round:
  lab/lab up --agents 1
  ansible -i "$(lab/lab inventory)" all -m ping
  lab/lab shell server1
  lab/lab down

Labs of different names stand side by side, each on a network of its own."""


def parser() -> argparse.ArgumentParser:
    """The command line, with help for each command."""
    top = argparse.ArgumentParser(
        prog="lab/lab", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, action: Command, text: str, named: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(action=action)
        if named:
            sub.add_argument(
                "--name",
                default=os.environ.get("LAB_NAME") or state.DEFAULT_NAME,
                help="which lab (default: $LAB_NAME, else %(const)s)".replace("%(const)s", state.DEFAULT_NAME),
            )
        return sub

    add("build", _build, "make the bundle: binaries, images, charts (cached outside the checkout)", named=False)

    text = "make what one scenario alone needs (cached), and print its folder"
    add("extra", _extra, text, named=False).add_argument(
        "what", choices=extras.NAMES, help="what to make; external-secrets takes 10 minutes"
    )

    sub = add("up", _up, "raise a lab, or bring back what there is of it; what runs is left alone")
    sub.add_argument("--servers", type=int, metavar="N", help="number of K3s servers (default: as it is, at first 1)")
    sub.add_argument("--agents", type=int, metavar="N", help="number of K3s agents (default: as it is, at first 0)")
    sub.add_argument("--suite", choices=SUITES, help=f"Debian release of the hosts (default: {SUITES[0]})")
    sub.add_argument("--no-bundle", action="store_true", help="do not build the bundle; the mirror goes on with the one it has, if any")

    sub = add("down", _down, "remove a lab: hosts, network, keys; nothing to remove is fine")
    sub.add_argument("--all", action="store_true", help="every lab on this machine")

    add("status", _status, "show what runs, where, and whether its services answer")
    add("inventory", _inventory, "print the path of the Ansible inventory")
    sub = add("address", _address, "print the address of a host")
    _host(sub)
    sub.add_argument("-6", dest="v6", action="store_true", help="the IPv6 address")

    sub = add("shell", _shell, "run a shell, or a command after `--`, on a host")
    _host(sub)
    sub.add_argument("argv", nargs="*", metavar="CMD", help="command and arguments, after `--`")

    sub = add("logs", _logs, "show the journal of a host")
    _host(sub)
    sub.add_argument("-u", "--unit", help="of this unit only")
    sub.add_argument("-f", "--follow", action="store_true", help="follow it as it grows")

    sub = add("restart", _restart, "reboot a host; address and disks stay")
    _host(sub)
    sub = add("stop", _stop, "power a host off; `up` starts it again")
    _host(sub)

    add("ca", _ca, "print the root certificate (PEM) that the ACME authority issues under")
    sub = add("acme", _acme, "start the ACME authority with other settings (PEBBLE_* variables); none sets the defaults")
    sub.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="for example PEBBLE_WFE_NONCEREJECT=50")

    sub = add("dns", _dns_list, "set, list or query what names resolve to in the lab")
    actions = sub.add_subparsers(dest="dns_action", metavar="ACTION", required=True)
    one = actions.add_parser("set", help="let NAME answer with addresses, or with `none`, `servfail`; `clear` undoes it")
    one.add_argument("host", metavar="NAME")
    one.add_argument("values", nargs="+", metavar="ADDRESS|none|servfail|clear")
    one.set_defaults(action=_dns_set)
    actions.add_parser("list", help="list the names that were set").set_defaults(action=_dns_list)
    zones_text = "list the servers of the delegated zones, and the TSIG keys"
    actions.add_parser("zones", help=zones_text, description=zones_text).set_defaults(action=_dns_zones)
    two = actions.add_parser("query", help="ask the lab's resolver for A and AAAA of NAME")
    two.add_argument("host", metavar="NAME")
    two.set_defaults(action=_dns_query)
    return top


def _host(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("host", metavar="HOST", help="server1, agent1, ... or infra")


def _build(_args: argparse.Namespace) -> int:
    print(build.build().path)
    return 0


def _extra(args: argparse.Namespace) -> int:
    print(extras.folder(args.what))
    return 0


def _up(args: argparse.Namespace) -> int:
    mirror = None if args.no_bundle else build.build().mirror
    raised = lab.up(args.name, args.suite, args.servers, args.agents, mirror)
    other = "" if raised.name == state.DEFAULT_NAME else f" --name {raised.name}"
    lab.say(
        f"\n  inventory   {inventory.folder(raised)}\n"
        f"  mirror      {infra.mirror_url(raised)}/\n"
        f"  ACME        {infra.acme_url(raised)}\n"
        f"  DNS         {raised.address('infra')} ({', '.join('*.' + zone for zone in dns.ZONES)} resolve to server1)\n\n"
        f'  ansible-playbook -i "$(lab/lab inventory{other})" site.yml\n'
        f"  lab/lab shell{other} server1"
    )
    return 0


def _down(args: argparse.Namespace) -> int:
    for name in lab.all_names() if args.all else [args.name]:
        lab.say(f"lab {name}: {'removed' if lab.down(name) else 'nothing to remove'}")
    return 0


def _status(args: argparse.Namespace) -> int:
    text, well = status.report(state.must_load(args.name))
    print(text)
    return 0 if well else 1


def _inventory(args: argparse.Namespace) -> int:
    print(inventory.folder(state.must_load(args.name)))
    return 0


def _address(args: argparse.Namespace) -> int:
    one = state.must_load(args.name)
    if args.host not in ("infra", *one.hosts):
        raise LabError(f"host {args.host!r}: lab {one.name} has infra, {', '.join(one.hosts)}")
    print(one.subnets.addresses(args.host)[1 if args.v6 else 0])
    return 0


def _shell(args: argparse.Namespace) -> int:
    name = lab.running_host(state.must_load(args.name), args.host)
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    env = {"TERM": os.environ.get("TERM", "linux")} if tty else {}
    podman.replace_process(podman.exec_argv(name, args.argv or ["bash", "--login"], tty=tty, env=env))
    return 0


def _logs(args: argparse.Namespace) -> int:
    name = lab.running_host(state.must_load(args.name), args.host)
    argv = ["journalctl", "--no-pager"]
    argv += ["--unit", args.unit] if args.unit else []
    argv += ["--follow"] if args.follow else []
    podman.replace_process(podman.exec_argv(name, argv, tty=False, env={}))
    return 0


def _restart(args: argparse.Namespace) -> int:
    lab.restart(state.must_load(args.name), args.host)
    return 0


def _stop(args: argparse.Namespace) -> int:
    lab.stop(state.must_load(args.name), args.host)
    return 0


def _ca(args: argparse.Namespace) -> int:
    sys.stdout.write(infra.root_certificate(state.must_load(args.name)))
    return 0


def _acme(args: argparse.Namespace) -> int:
    settings = {}
    for setting in args.settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.startswith("PEBBLE_"):
            raise LabError(f"{setting!r}: a setting is PEBBLE_NAME=VALUE, such as PEBBLE_WFE_NONCEREJECT=50")
        settings[key] = value
    sys.stdout.write(infra.set_acme_environment(state.must_load(args.name), settings))
    return 0


def _dns_set(args: argparse.Namespace) -> int:
    dns.change(state.must_load(args.name), args.host, None if args.values == ["clear"] else args.values)
    return 0


def _dns_list(args: argparse.Namespace) -> int:
    for name, values in sorted(dns.records(state.must_load(args.name)).items()):
        print(f"{name} {' '.join(values)}")
    return 0


def _dns_zones(args: argparse.Namespace) -> int:
    one = state.must_load(args.name)
    lines = [f"{role} {zones.address(one, role)}" for role in zones.ADDRESSES]
    lines += [f"{name} {zones.key(one, name)}" for name in (zones.KEY, zones.OTHER_KEY)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _dns_query(args: argparse.Namespace) -> int:
    server = state.must_load(args.name).address("infra")
    answers = [dns.query(server, args.host, kind) for kind in (dns.A, dns.AAAA)]
    found = [address for answer in answers for address in answer.addresses]
    print(" ".join(found) or {0: "no address", 2: dns.SERVFAIL, 3: dns.NONE}.get(answers[0].code, f"rcode {answers[0].code}"))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are one line."""
    args = parser().parse_args(argv)
    action: Command = args.action
    try:
        if os.geteuid() != 0:
            raise LabError("the lab makes privileged containers and networks: run it as root")
        return action(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
