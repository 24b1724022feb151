#!/usr/bin/env bash
# Collects the journals of bootstrap.
TAR_FILE=${TAR_FILE:-log-bundle-bootstrap.tar.gz}
GATHER=$(mktemp -d)
for unit in release-image crio-configure crio kubelet bootkube install-to-disk; do
    journalctl --boot --no-pager --output=short --unit="$unit" >"$GATHER/$unit.log" || true
done
tar --create --gzip --file "$TAR_FILE" --directory "$GATHER" .
