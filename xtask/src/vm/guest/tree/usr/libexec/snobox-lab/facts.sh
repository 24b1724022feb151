# Sourced: facts of systemd and of the kernel, and the checks that both boots have in common. A check prints what it found and
# fails if that is not as it should be.

# moment UNIT PROPERTY: microseconds since power-on; 0 if it did not happen
moment() { systemctl show --property "$2" --value "$1"; }

# before OURS UNIT: snobox-OURS had come up before UNIT left its rest: so also before its ExecStartPre. And not by chance: the
# unit says so.
before() {
    local ours=snobox-$1.service unit=$2.service ready start
    for property in After "Requires --property Wants"; do
        # shellcheck disable=SC2086
        if ! systemctl show --value --property $property "$unit" | grep -qw "${ours//./\\.}"; then
            echo "${property%% *} of $unit lacks $ours"
            return 1
        fi
    done
    ready=$(moment "$ours" ActiveEnterTimestampMonotonic)
    start=$(moment "$unit" InactiveExitTimestampMonotonic)
    if [ "${start:-0}" = 0 ]; then
        # systemd forgets a unit that has ended and that nobody refers to; the journal does not.
        start=$(journalctl --boot --unit "$unit" --output=json --no-pager | jq --slurp --raw-output '.[0].__MONOTONIC_TIMESTAMP // 0')
    fi
    echo "$1 ${ready:-0} us, $unit ${start:-0} us"
    [ "${ready:-0}" -gt 0 ] && [ "${start:-0}" -gt "$ready" ]
}

# The registry answered before anybody asked it.
check_registry_before() { before registry "$1"; }

# The certificates hold before anybody takes them.
check_certs_before() { before certs "$1"; }

# The cache is on the disk before the system is written beside it.
check_disk_before() { before disk "$1"; }

check_no_network() {
    local links
    links=$(cd /sys/class/net && echo *)
    echo "$links"
    [ "$links" = lo ]
}

# No pull had to be made again: neither by a script, nor within podman or skopeo.
check_first_try() {
    local again
    again=$(cat /run/standin/retries 2>/dev/null || true)
    again+=$(journalctl --boot --no-pager --output=cat --grep='retrying in|Failed, retrying' || true)
    if [ -n "$again" ]; then
        echo "$again"
        return 1
    fi
    echo "no pull was repeated"
}

# Nobody turned to the registries behind the mirrors.
check_no_upstream() {
    local upstream
    upstream=$(cat /run/standin/upstream 2>/dev/null || true)
    upstream+=$(journalctl --boot --no-pager --output=cat --grep='dial tcp: lookup' || true)
    if [ -n "$upstream" ]; then
        echo "$upstream"
        return 1
    fi
    echo "no word to an upstream registry"
}

# The registry that answered first is the one that is there, and it answers.
check_registry_steady() {
    local pid restarts
    pid=$(systemctl show --property MainPID --value snobox-registry.service)
    restarts=$(systemctl show --property NRestarts --value snobox-registry.service)
    echo "PID $pid, first ${registry_pid:-unknown}, restarts $restarts"
    [ "$pid" -gt 0 ] && [ "$pid" = "${registry_pid:-unknown}" ] && [ "$restarts" = 0 ] && registry_answers
}

# node-image-finish asks systemd to stop all that is not of the usual target, itself included: whether it ends before that is up
# to chance, in the installer as well.
check_no_failed_unit() {
    local failed
    failed=$(systemctl list-units --state=failed --plain --no-legend --no-pager | awk '$1 != "node-image-finish.service" { print $1 }')
    echo "${failed:-none}"
    [ -z "$failed" ]
}

# Without starting a program: this is asked many times a second.
registry_answers() {
    local line=
    {
        exec 3<>/dev/tcp/127.0.0.1/22626 || return 1
        printf 'GET /v2/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
        read -r -t 2 line <&3
        exec 3>&-
    } 2>/dev/null
    [[ $line == "HTTP/1."?" 200"* ]]
}

# snobox_state COMPONENT: what it says of itself
snobox_state() { jq -r .state "/run/snobox/status/$1.json" 2>/dev/null; }
snobox_message() { jq -r '.message, .action // empty' "/run/snobox/status/$1.json" 2>/dev/null | one_line; }

# patience: seconds after power-on at which a boot is given up
patience() {
    local argument
    argument=$(grep -o 'standin.patience=[0-9]*' /proc/cmdline || true)
    echo "${argument#*=}"
}
limit=$(patience)
limit=${limit:-$usual_patience}

# phases_passed: reports each phase of the list `phases` that has been reached, and takes it off the list
phases_passed() {
    local phase remaining=()
    for phase in "${phases[@]}"; do
        if "reached_${phase//-/_}"; then
            say "phase $boot$phase"
        else
            remaining+=("$phase")
        fi
    done
    phases=("${remaining[@]}")
}

reached_registry_answers() {
    registry_answers || return 1
    registry_pid=$(systemctl show --property MainPID --value snobox-registry.service)
}

given_up() {
    local uptime
    read -r uptime _ </proc/uptime
    [ "${uptime%.*}" -ge "$limit" ]
}
