#!/usr/bin/env bash
# Runs the static pods of bootstrap.
exec /usr/bin/kubelet --anonymous-auth=false --pod-manifest-path=/etc/kubernetes/manifests --cgroup-driver=systemd \
    --container-runtime-endpoint=/var/run/crio/crio.sock --pod-infra-container-image="$MACHINE_CONFIG_INFRA_IMAGE"
