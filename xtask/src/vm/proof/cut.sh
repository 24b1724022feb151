#!/bin/bash
# The proof that power can be cut in the middle of a write: the first boot writes slowly, the second one finds a part of it.
. /usr/local/bin/proof-report.sh
disk=/dev/disk/by-id/virtio-SNOBOXDISK1
written() { [ "$(head -c 7 $disk)" = snobox ] && [ "$(tail -c 7 $disk | tr -d '\0')" = "" ]; }
clock() { [ "$(date -u +%Y-%m-%d)" = 2031-05-06 ] || { date; false; }; }

check no-network no_network
if [ "$(head -c 6 $disk)" != snobox ]; then
    result phase writing
    yes snobox | head -c 1G | dd of=$disk bs=1M iflag=fullblock oflag=direct
    result phase written
    finish
    end 11
fi
check written-before-the-cut written
check clock clock
finish
end 10
