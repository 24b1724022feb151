#!/usr/bin/env bash
# Tells the cluster that bootstrap is complete.
export KUBECONFIG=$1
until [ -f /opt/openshift/.bootkube.done ]; do
    sleep 5
done
until oc create configmap bootstrap --namespace kube-system --from-literal status=complete; do
    sleep 5
done
