#!/usr/bin/env bash
# Makes the Ignition config of the installed system out of the cluster's own and master-update.fcc.
set -euo pipefail
CLUSTER_BOOTSTRAP_IMAGE=$1

curl --silent --show-error --header 'Accept: application/vnd.coreos.ignition+json;version=3.2.0' \
    --output /opt/openshift/original-master.ign http://localhost:22624/config/master
podman run --quiet --net=host --rm --privileged --volume "$PWD:/assets:z" "$CLUSTER_BOOTSTRAP_IMAGE" \
    bootstrap-in-place --asset-dir /assets --input /assets/bootstrap-in-place/master-update.fcc \
    --output /assets/master.ign
