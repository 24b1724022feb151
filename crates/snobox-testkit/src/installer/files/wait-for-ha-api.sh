#!/usr/bin/env bash
# Waits for the API behind its public name, and does not insist.
for _ in $(seq 60); do
    curl --silent --insecure --fail https://@API@:6443/readyz >/dev/null && exit 0
    sleep 5
done
echo "https://@API@:6443 does not answer yet, going on" >&2
