#!/usr/bin/env bash
# Collects the journals of the installed system.
GATHER=${1:-/tmp/masters-gather}
mkdir -p "$GATHER"
for unit in crio kubelet bootkube machine-config-daemon-firstboot; do
    journalctl --boot --no-pager --output=short --unit="$unit" >"$GATHER/$unit.log" || true
done
