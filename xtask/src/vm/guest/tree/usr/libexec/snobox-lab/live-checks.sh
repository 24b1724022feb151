# Sourced by live: what must hold at the end of the live boot. This list is the whole of it.
CHECKS=(
    "no-network"
    "registry-before release-image"
    "registry-before crio"
    "registry-before kubelet"
    "registry-before bootkube"
    "certs-before bootkube"
    "disk-before install-to-disk"
    "registry-steady"
    "first-try"
    "no-upstream"
    "oc-asked-mirror"
    "bootstrap-images"
    "certificates"
    "cache-kept"
    "system-written"
    "no-failed-unit"
)
# From 4.19 on, where the live system lacks the OpenShift clients.
NODELESS_CHECKS=(
    "registry-before node-image-pull"
    "overlaid"
)
# Where snobox stopped the installation.
STOPPED_CHECKS=(
    "nothing-installed"
)

check_oc_asked_mirror() {
    one_line </run/standin/oc
    [ -s /run/standin/oc ] && ! grep -vq '^http://127\.0\.0\.1:22626/' /run/standin/oc
}

# Every component that a script of the installer asks for was fetched by digest: run, or what is not run, pulled. The names are
# read off the scripts that Ignition brought, the digests off the release.
check_bootstrap_images() {
    local name spec names absent='' count=0
    declare -A specs
    while read -r name spec; do
        specs[$name]=$spec
    done < <(jq -r '.spec.tags[] | "\(.name) \(.from.name)"' /opt/openshift/image-references)
    names=$(sed -n 's/.*(image_for \([a-z0-9-]*\)).*/\1/p' /usr/local/bin/bootkube.sh /usr/local/bin/crio-configure.sh | sort -u)
    grep -qw standin.nodeless /proc/cmdline && names+=' rhel-coreos'
    for name in $names; do
        spec=${specs[$name]-none}
        case $name in
            pod | rhel-coreos) grep -q " $spec\$" /run/standin/pulled || absent+=" $name" ;;
            *) grep -qx "$spec" /run/standin/ran || absent+=" $name" ;;
        esac
        count=$((count + 1))
    done
    echo "$count names${absent:+, absent:$absent}"
    [ "$count" -ge 15 ] && [ -z "$absent" ]
}

# Every certificate that the cluster starts with holds now, and for some time. In two calls: each start of openssl takes an
# emulated machine half a second.
check_certificates() {
    local files=(/opt/openshift/tls/*.crt) all=/run/standin/certificates.pem now at said
    cat "${files[@]}" >"$all"
    now=$(date +%s)
    for at in "$now" $((now + 7200)); do
        if ! said=$(openssl verify -partial_chain -trusted "$all" -attime "$at" "${files[@]}" 2>&1); then
            echo "at $(date --utc --iso-8601=seconds --date "@$at"): $(grep '^error' <<<"$said")"
            return 1
        fi
    done
    echo "${#files[@]} at $(date --utc --iso-8601=seconds --date "@$now")"
    [ "${#files[@]}" -ge 20 ]
}

# The partition that the pins name is on the installation disk, and the only one of its kind.
check_cache_kept() {
    local uuid label disk found
    uuid=$(jq -r '.installation.partition.uuid | ascii_downcase' /etc/snobox/image.json)
    label=$(jq -r .installation.partition.label /etc/snobox/image.json)
    disk=$(readlink -f /run/snobox/installation-disk)
    udevadm settle
    found=$(lsblk --noheadings --raw --output NAME,PARTUUID,PARTLABEL "$disk" | awk -v uuid="$uuid" 'tolower($2) == uuid')
    echo "$disk: ${found:-no partition $uuid}"
    [ "$(wc -l <<<"$found")" = 1 ] && [[ $found == *" $label" ]]
}

check_system_written() {
    local disk labels
    disk=$(readlink -f /run/snobox/installation-disk)
    labels=$(lsblk --noheadings --raw --output PARTLABEL "$disk" | sort | one_line)
    echo "$labels"
    [ -f /opt/openshift/coreos-installer.done ] && [[ " $labels" == *" boot "* ]] && [[ " $labels" == *" root "* ]]
}

# The live system first went to the overlay's target, and then isolated the usual one.
check_overlaid() {
    local target
    target=$(systemctl get-default)
    echo "default $target, multi-user $(systemctl is-active multi-user.target), overlay $(findmnt --noheadings --output TARGET /usr)"
    [ "$target" = node-image-overlay.target ] && systemctl is-active --quiet multi-user.target && mountpoint -q /usr &&
        [ -f /etc/standin-node-image ]
}

check_nothing_installed() {
    local started
    started=$(moment install-to-disk.service InactiveExitTimestampMonotonic)
    echo "install-to-disk ${started:-0} us"
    [ "${started:-0}" = 0 ] && [ ! -e /opt/openshift/coreos-installer.done ]
}
