#!/usr/bin/env bash
# Kubelet takes the pause image of the release.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
. /usr/local/bin/release-image.sh

echo "MACHINE_CONFIG_INFRA_IMAGE=$(image_for pod)" >/etc/kubernetes/kubelet-pause-image-override
