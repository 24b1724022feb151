#!/bin/bash
# Fetches the node's operating system image: the live system has neither kubelet nor oc before it is overlaid.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
. /usr/local/bin/release-image.sh

until COREOS_IMAGE=$(image_for rhel-coreos); do
    sleep 10
done
echo "running $(rpm-ostree status --json | jq -r '.deployments[0].version'), fetching $COREOS_IMAGE"

ostree_repo=/var/ostree-container/repo
ostree_checkout=/var/ostree-container/checkout
mkdir -p "$ostree_repo"
ostree init --mode=bare --repo="$ostree_repo"
until ostree container image pull --authfile "/root/.docker/config.json" \
    "$ostree_repo" ostree-unverified-image:docker://"$COREOS_IMAGE"; do
    record_retry "$COREOS_IMAGE"
    sleep 10
done
ref=$(ostree refs --repo "$ostree_repo" | grep ^ostree/container/image/docker)
ostree checkout --repo "$ostree_repo" "$ref" "$ostree_checkout"
# The checkout is all that is needed, and the live system keeps both in memory.
rm -rf "$ostree_repo"
