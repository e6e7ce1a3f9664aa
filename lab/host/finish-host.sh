#!/bin/sh
# mmdebstrap customize hook; $1 is the new root. Makes a package set behave as an installed server.
set -eu
root=$1

mask() {
    for unit in "$@"; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
}

# A container has no consoles: a getty on one would restart for ever.
mask getty.target console-getty.service serial-getty@.service getty@.service
# The machine's devices belong to the machine's udevd; a second one would answer the same events.
mask systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service
# binfmt_misc is one for the whole machine, and there is no ext4 of its own to scrub.
mask systemd-binfmt.service e2scrub_reap.service e2scrub_all.timer
# A package index refreshed in the background holds dpkg's lock at a random moment of a test.
mask apt-daily.timer apt-daily-upgrade.timer
# K3s runs a containerd of its own; Debian's unit would take memory and /run/containerd.
mask containerd.service

# Host keys and the machine id belong to one host, not to an image of many.
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
