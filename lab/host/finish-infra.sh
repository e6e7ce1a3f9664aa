#!/bin/sh
# mmdebstrap customize hook; $1 is the new root of the host that carries the lab's services.
set -eu
root=$1

for unit in getty.target console-getty.service getty@.service apt-daily.timer apt-daily-upgrade.timer \
    systemd-binfmt.service e2scrub_reap.service e2scrub_all.timer named.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
