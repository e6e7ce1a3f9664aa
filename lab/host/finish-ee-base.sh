#!/bin/sh
# mmdebstrap customize hook; $1 is the new root of the base of execution environments. The machine's own settings stay out of the image.
set -eu
root=$1

rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
