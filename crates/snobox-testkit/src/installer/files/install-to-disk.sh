#!/usr/bin/env bash
# Writes the installed system when bootstrap has finished, and reboots into it.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh

record_service_stage_start "wait-for-bootkube"
until [ -f /opt/openshift/.bootkube.done ]; do
    sleep 5
done
record_service_stage_success

if [ ! -f coreos-installer.done ]; then
    record_service_stage_start "coreos-installer"
    echo "writing the installed system, target: @INSTALLATION_DISK@"
    coreos-installer install -n -i /opt/openshift/master.ign @INSTALLATION_DISK@
    touch coreos-installer.done
    record_service_stage_success
fi

record_service_stage_start "reboot"
echo "the system is on the disk, rebooting in a minute"
shutdown -r +1 "The system is on the disk; rebooting into it."
touch /opt/openshift/.install-to-disk.done
record_service_stage_success
