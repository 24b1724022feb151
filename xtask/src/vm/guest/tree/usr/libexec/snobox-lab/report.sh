# Sourced: results for the host, on the second serial port, a line each:
#
#   SNOBOX <seconds since power-on> <key> <value…>
#
# and the machine's end, by a value that the host's QEMU leaves with (2 * value + 1).
RESULTS=/dev/ttyS1
CONSOLE=/dev/ttyS0
# All checks held.
PASSED='\020'
# A check failed, or there was no end in sight.
FAILED='\021'
# snobox itself stopped the installation, as it should in some rehearsals.
STOPPED='\022'

say() {
    local uptime
    read -r uptime _ </proc/uptime
    printf 'SNOBOX %s %s\n' "$uptime" "$*" >"$RESULTS"
}

# one_line: standard input as one line
one_line() { tr -s '\n\t ' ' '; }

finish() {
    sync
    if [ "$1" != "$PASSED" ]; then
        {
            systemctl list-jobs --no-pager
            journalctl --boot --no-pager --output=short-monotonic | tail -n 200
        } >"$CONSOLE" 2>&1 || true
        sleep 2
    fi
    printf "$1" | dd of=/dev/port bs=1 seek=244 conv=notrunc status=none
}

# What the names of phases and checks begin with, so that a run over two boots tells them apart.
boot=

# run_checks CHECK…: each is a function and its words, as in "ordered crio". Every one is reported, held or not, and then
# their number, so that the host can miss one. Fails if one did not hold.
run_checks() {
    local check detail result held=0 number=0
    for check in "$@"; do
        # shellcheck disable=SC2086
        set -- $check
        if detail=$("check_${1//-/_}" "${@:2}" 2>&1); then
            result=ok
        else
            result=FAILED held=1
        fi
        say "check $boot${check// /-} $result $(one_line <<<"$detail")"
        number=$((number + 1))
    done
    say "checks $number"
    return "$held"
}
