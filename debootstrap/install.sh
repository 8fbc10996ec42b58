#!/bin/sh
# install.sh DESTDIR FETCH: puts the OS definition where Debian has it; FETCH is
# the built fetch helper. Settings that are already there stay as they are.
set -e

here=$(dirname "$0")
dest=$1
fetch=$2
os=$dest/usr/share/ganeti/os/debootstrap
etc=$dest/etc/ganeti/instance-debootstrap
doc=$dest/usr/share/doc/ganeti-instance-debootstrap/examples

# setting FROM TO
setting() {
  [ -e "$2" ] || install -m 644 "$1" "$2"
}

install -d "$os" "$etc/hooks" "$etc/variants" "$doc" "$dest/etc/default" \
  "$dest/usr/lib/ganeti/instance-debootstrap" \
  "$dest/var/cache/ganeti-instance-debootstrap"
cd "$here"
install -m 755 create import export rename verify install restore relabel "$os"
install -m 644 ganeti_api_version parameters.list wgetrc "$os"
for part in common run disk base image system hooks target; do
  install -m 644 "$part.sh" "$os"
done
ln -sf /etc/ganeti/instance-debootstrap/variants.list "$os/variants.list"
setting defaults "$dest/etc/default/ganeti-instance-debootstrap"
setting variants.list "$etc/variants.list"
for variant in variants/*.conf; do
  setting "$variant" "$etc/$variant"
done
install -m 644 examples/* "$doc"
if [ -n "$fetch" ]; then
  install -m 755 "$fetch" "$dest/usr/lib/ganeti/instance-debootstrap/fetch"
fi
