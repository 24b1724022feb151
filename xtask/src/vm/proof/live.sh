#!/bin/bash
# The live half of the machine's own proof: what snobox counts on is there, and coreos-installer keeps a partition.
. /usr/local/bin/proof-report.sh
disk=/dev/disk/by-id/virtio-SNOBOXDISK1
whole_disk() { [ "$(lsblk -dno TYPE "$(findmnt -no SOURCE /run/media/iso)")" = disk ] || { findmnt /run/media/iso; false; }; }
ignition() { [ "$(stat -c %a /etc/proof/config)" = 640 ] && grep -q "^core:.*:/var/home/core:" /etc/passwd; }
# A removable USB disk, one blank disk, one decoy.
devices() {
    [ "$(lsblk -dno TRAN,RM "$(findmnt -no SOURCE /run/media/iso)" | tr -s ' ')" = "usb 1" ] || { lsblk -o +TRAN,RM; false; }
    [ -b $disk ] && [ -b /dev/disk/by-id/virtio-DECOY ] && [ -z "$(lsblk -no PTTYPE $disk)" ]
}
prepare() {
    sgdisk --new=1:-64MiB:-32MiB --change-name=1:proof $disk && udevadm settle &&
        yes snobox | head -c $((1 << 20)) | cat - /dev/zero | head -c "$(blockdev --getsize64 $disk-part1)" | dd of=$disk-part1 bs=1M status=none
}
install_system() {
    coreos-installer install -n -i /etc/proof/installed.ign --save-partlabel proof --append-karg proof.appended=1 $disk
}
kept() { udevadm settle && [ "$(lsblk -no PARTLABEL $disk | tr -s '\n' ' ' | xargs)" = "BIOS-BOOT EFI-SYSTEM boot root proof" ] && partition /dev/disk/by-partlabel/proof; }

result phase proof-live
check no-network no_network
check read-only-system read_only
check firmware firmware
check whole-disk-mounted whole_disk
check ignition-applied ignition
check only-enabled-units enabled
check devices devices
check prepare prepare
result phase prepared
check install install_system
result phase installed
check partition-kept kept
finish
systemctl reboot
