#!/bin/bash
# The installed half of the machine's own proof.
. /usr/local/bin/proof-report.sh
root_grown() {
    local disk sectors
    disk=/dev/$(lsblk -no PKNAME /dev/disk/by-partlabel/root)
    # No gap of a MiB or more between root and the kept partition, and the file system fills it.
    sectors=$(sfdisk -J "$disk" | jq '[.partitiontable.partitions[] | {(.name): .}] | add | .proof.start - (.root.start + .root.size)')
    [ "$sectors" -lt 2048 ] && [ "$(df --output=size -m /var | tail -n 1)" -gt 1500 ] || { sfdisk -l "$disk"; df -m /var; false; }
}
appended() { grep -qw proof.appended=1 /proc/cmdline || { cat /proc/cmdline; false; }; }
first_boot() { grep -qw ignition.firstboot /proc/cmdline && [ ! -e /boot/ignition.firstboot ]; }
ignition() { [ "$(cat /etc/proof/config)" = installed ]; }
containers() { [ "$(podman info --format '{{.Store.GraphDriverName}}')" = overlay ]; }
kept() { partition /dev/disk/by-partlabel/proof; }

no_ignition() { ! grep -qw ignition.firstboot /proc/cmdline; }
var() { [ "$(cat /var/lib/proof-was-here)" = yes ]; }

if [ -e /var/lib/proof-was-here ]; then
    result phase proof-again
    check again-no-network no_network
    check again-no-ignition no_ignition
    check again-kept-var var
    check again-partition-kept kept
    finish
    end 10
    exit
fi
echo yes >/var/lib/proof-was-here
result phase proof-installed
check installed-no-network no_network
check installed-firmware firmware
check installed-ignition ignition
check installed-enabled enabled
check installed-first-boot first_boot
check installed-kernel-argument appended
check installed-root-grown root_grown
check installed-partition-kept kept
check installed-containers containers
finish
end 10
