# Sourced by disk: what must hold at the end of the first boot from the disk, and of a later one. These lists are the whole of it.
CHECKS=(
    "no-network"
    "registry-before machine-config-daemon-pull"
    "registry-before machine-config-daemon-firstboot"
    "registry-before rpm-ostreed"
    "registry-before nodeip-configuration"
    "registry-before crio"
    "registry-before kubelet"
    "registry-steady"
    "first-try"
    "no-upstream"
    "release-complete"
    "system-image"
    "image-by-tag"
    "cache-from-disk"
    "medium-untouched"
    "no-failed-unit"
)
AGAIN_CHECKS=(
    "no-network"
    "registry-before crio"
    "registry-before kubelet"
    "registry-steady"
    "first-try"
    "no-upstream"
    "cache-from-disk"
    "medium-untouched"
    "no-failed-unit"
)

# Every image of the release was fetched by somebody.
check_release_complete() {
    local name spec absent='' count=0
    while read -r name spec; do
        grep -q " $spec\$" /run/standin/pulled || absent+=" $name"
        count=$((count + 1))
    done </etc/standin/release-images
    echo "$count images${absent:+, absent:$absent}"
    [ "$count" -ge 20 ] && [ -z "$absent" ]
}

check_system_image() {
    local spec
    spec=$(awk '$1 == "rhel-coreos" { print $2 }' /etc/standin/release-images)
    echo "$spec"
    [ -n "$spec" ] && grep -qx "rpm-ostreed $spec" /run/standin/pulled
}

check_image_by_tag() {
    local tag
    tag=$(cat /etc/standin/release-tag)
    echo "$tag"
    grep -qx "podman $tag" /run/standin/pulled
}

# The cache is a partition of the disk that holds the system.
check_cache_from_disk() {
    local source disk boot
    source=$(findmnt --noheadings --output SOURCE /var/mnt/snobox)
    disk=$(lsblk --noheadings --raw --output PKNAME "$source")
    boot=$(lsblk --noheadings --raw --output PKNAME "$(findmnt --noheadings --output SOURCE /boot)")
    echo "$source $(lsblk --noheadings --raw --output PARTLABEL,PARTUUID "$source"), system on $boot"
    [ -n "$disk" ] && [ "$disk" = "$boot" ]
}

# A stick that is still there has no part in this boot.
check_medium_untouched() {
    local mounted stick sticks
    sticks=$(lsblk --noheadings --raw --nodeps --output TRAN,NAME | awk '$1 == "usb" { print $2 }')
    echo "sticks: ${sticks:-none}"
    for stick in $sticks; do
        mounted=$(lsblk --noheadings --raw --output MOUNTPOINT "/dev/$stick" | one_line)
        mounted+=$(losetup --noheadings --raw --output BACK-FILE | grep "/dev/$stick" || true)
        if [ -n "${mounted// /}" ]; then
            echo "in use: $mounted"
            return 1
        fi
    done
    [ ! -e /run/snobox/cache-device ]
}
