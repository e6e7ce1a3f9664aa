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

# A fresh server has none of these packages, and K3s brings their programs itself: so does the stand-in, from here.
borrowed="containernetworking-plugins ipset iptables"
own=$root/usr/lib/k3s-stand-in
mkdir "$own"
cp -r "$root"/usr/lib/cni/* "$root"/usr/lib/*/xtables "$own"
cp "$root/usr/sbin/ipset" "$root/usr/sbin/xtables-legacy-multi" "$root/usr/sbin/xtables-nft-multi" "$own"
# shellcheck disable=SC2016,SC2086
libraries=$(chroot "$root" dpkg-query --show --showformat '${Depends}, ' $borrowed | tr ',' '\n' | awk '/^ *lib/ {print $1}' | sort -u)
# shellcheck disable=SC2086
chroot "$root" apt-mark manual $libraries
# shellcheck disable=SC2086
chroot "$root" dpkg --purge $borrowed

# Host keys and the machine id belong to one host, not to an image of many.
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
