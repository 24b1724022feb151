#!/usr/bin/env bash
# Second boot: waits for the API of the installed system, then clears away what bootstrap left.
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/bootstrap-secrets/kubeconfig

until oc get csr >/dev/null 2>&1; do
    sleep 5
done
until oc patch clusterversion version --type=merge --patch-file=/opt/openshift/original_cvo_overrides.patch; do
    sleep 10
done
until oc wait clusterversion version --for=condition=Available --timeout=300s; do
    oc get csr -o name | xargs --no-run-if-empty oc adm certificate approve || true
    sleep 10
done
rm -rf /etc/kubernetes/bootstrap-secrets /etc/kubernetes/bootstrap-configs /opt/openshift
systemctl disable bootkube.service
