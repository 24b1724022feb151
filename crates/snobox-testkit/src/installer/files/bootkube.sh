#!/usr/bin/env bash
# Practice bootkube: asks for the images that the real one asks for, fetches them and marks itself done. It renders
# nothing: there is no cluster behind a practice release.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
. /usr/local/bin/release-image.sh

record_service_stage_start "images"
BOOTSTRAP_IMAGE=$(image_for cluster-bootstrap)
IMAGES=(
    "$(image_for machine-config-operator)"
    "$(image_for etcd)"
    "$(image_for pod)"
    "$(image_for cluster-etcd-operator)"
    "$(image_for cluster-config-api)"
    "$(image_for cluster-config-operator)"
    "$(image_for cluster-kube-apiserver-operator)"
    "$(image_for cluster-kube-controller-manager-operator)"
    "$(image_for cluster-kube-scheduler-operator)"
    "$(image_for cluster-ingress-operator)"
    "$(image_for cluster-node-tuning-operator)"
    "$(image_for cluster-authentication-operator)"
    "$(image_for cloud-credential-operator)"
    "$(image_for hyperkube)"
    "$(image_for cluster-policy-controller)"
    "$BOOTSTRAP_IMAGE"
)
for image in "${IMAGES[@]}"; do
    podman pull --quiet "$image"
done
record_service_stage_success

# oc does not read registries.conf; a mirror reaches it only through this flag.
MIRROR_FLAG=
if [ -f manifests/image-content-source-policy.yaml ]; then
    MIRROR_FLAG=--icsp-file=manifests/image-content-source-policy.yaml
elif [ -f manifests/image-digest-mirror-set.yaml ]; then
    MIRROR_FLAG=--idms-file=manifests/image-digest-mirror-set.yaml
fi
record_service_stage_start "release-info"
VERSION=$(oc adm release info -o 'jsonpath={.metadata.version}' $MIRROR_FLAG "$RELEASE_IMAGE_DIGEST")
KUBERNETES_VERSION=$(oc adm release info -o 'jsonpath={.displayVersions.kubernetes.Version}' $MIRROR_FLAG "$RELEASE_IMAGE_DIGEST")
record_service_stage_success

# The manifests of the user, where the machine config server of the bootstrap reads them.
mkdir -p /etc/mcc/bootstrap
cp openshift/* manifests/
cp manifests/* /etc/mcc/bootstrap/

echo "would render $VERSION with Kubernetes $KUBERNETES_VERSION"

/usr/local/bin/bootstrap-in-place.sh "$BOOTSTRAP_IMAGE"
touch /opt/openshift/.bootkube.done
