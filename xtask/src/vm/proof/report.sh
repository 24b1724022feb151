# Sourced: lines for the host on the second serial port, and the verdict.
stty -F /dev/ttyS1 raw -echo
count=0
failed=0
result() { echo "SNOBOX $(cut -d' ' -f1 /proc/uptime) $*" >/dev/ttyS1; }
check() {
    local name=$1 said
    shift
    count=$((count + 1))
    if said=$("$@" 2>&1); then
        result check "$name" ok
    else
        failed=1
        result check "$name" FAILED "$(tail -n 1 <<<"$said")"
        echo "$name: $said"
    fi
}
# Ends the machine: 0x10 says that all checks held, 0x11 that one did not.
end() {
    sync
    printf "\\x$1" | dd of=/dev/port bs=1 seek=244 status=none
}
finish() {
    result checks $count
    [ $failed = 0 ] || end 11
}
no_network() { [ "$(ls /sys/class/net)" = lo ] || { ls /sys/class/net; false; }; }
read_only() { ! touch /usr/probe /probe; }
firmware() { if [ "$FIRMWARE" = uefi ]; then [ -d /sys/firmware/efi ]; else [ ! -d /sys/firmware/efi ]; fi; }
partition() { [ "$(head -c 32M "$1" | sha256sum | cut -d" " -f1)" = "$KEPT_SHA256" ] || { lsblk; false; }; }
enabled() { systemctl is-active proof-enabled.service && ! systemctl is-active proof-disabled.service; }
