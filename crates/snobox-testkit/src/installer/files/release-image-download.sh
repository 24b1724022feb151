#!/usr/bin/env bash
# Brings the release image into container storage. Never gives up: the unit is a oneshot, which systemd does not restart.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh

RELEASE_IMAGE=@RELEASE_IMAGE@

record_service_stage_start "pull-release-image"
if ! podman image exists "$RELEASE_IMAGE"; then
    until podman pull --quiet "$RELEASE_IMAGE"; do
        record_service_stage_failure
        record_retry "$RELEASE_IMAGE"
        echo "release image not pulled yet, trying again in 5 s" >&2
        sleep 5
    done
fi
record_service_stage_success
