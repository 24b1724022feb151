#!/usr/bin/env bash
# CRI-O takes the pause image of the release.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
. /usr/local/bin/release-image.sh

mkdir -p /etc/crio/crio.conf.d
printf '[crio.image]\npause_image = "%s"\npause_command = "/usr/bin/pod"\n' "$(image_for pod)" \
    >/etc/crio/crio.conf.d/50-bootstrap-override.conf
