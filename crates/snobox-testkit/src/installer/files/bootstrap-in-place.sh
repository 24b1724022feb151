#!/usr/bin/env bash
# Makes the Ignition config of the installed system out of the cluster's own and master-update.fcc.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
CLUSTER_BOOTSTRAP_IMAGE=$1

# The state of etcd goes to the disk, so it must not change any more.
record_service_stage_start "stop-etcd"
if [ -f /etc/kubernetes/manifests/etcd-member-pod.yaml ]; then
    mv /etc/kubernetes/manifests/etcd-member-pod.yaml /etc/kubernetes/
fi
until crictl ps --state running -o json |
    jq --exit-status '[.containers[] | select(.metadata.name == "etcd-member")] == []' >/dev/null; do
    sleep 2
done
record_service_stage_success

record_service_stage_start "master-ignition"
curl --silent --show-error --fail --header 'Accept: application/vnd.coreos.ignition+json;version=3.2.0' \
    --output /opt/openshift/original-master.ign http://localhost:22624/config/master
podman run --quiet --net=host --rm --privileged --volume "$PWD:/assets:z" "$CLUSTER_BOOTSTRAP_IMAGE" \
    bootstrap-in-place --asset-dir /assets --input /assets/bootstrap-in-place/master-update.fcc \
    --output /assets/master.ign
record_service_stage_success
