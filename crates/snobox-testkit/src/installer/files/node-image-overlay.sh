#!/bin/bash
# Puts the fetched operating system over the live one.
set -euo pipefail
ostree_checkout=/var/ostree-container/checkout

mount -o bind,ro /usr/lib/modules "$ostree_checkout/usr/lib/modules"
mount -o rbind,ro "$ostree_checkout/usr" /usr
rsync -a "$ostree_checkout/usr/etc/" /etc
