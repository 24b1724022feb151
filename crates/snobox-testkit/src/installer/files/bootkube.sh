#!/usr/bin/env bash
# Practice bootkube: asks for the images that the real one asks for, runs those that it runs, and leaves to the kubelet
# what it leaves to the kubelet. There is no cluster behind a practice release: what is rendered are the static pods.
set -euo pipefail
. /usr/local/bin/bootstrap-service-record.sh
. /usr/local/bin/release-image.sh

PODS=/etc/kubernetes/manifests

MACHINE_CONFIG_OPERATOR_IMAGE=$(image_for machine-config-operator)
ETCD_IMAGE=$(image_for etcd)
PAUSE_IMAGE=$(image_for pod)
ETCD_OPERATOR_IMAGE=$(image_for cluster-etcd-operator)
API_IMAGE=$(image_for cluster-config-api)
CONFIG_OPERATOR_IMAGE=$(image_for cluster-config-operator)
KUBE_APISERVER_OPERATOR_IMAGE=$(image_for cluster-kube-apiserver-operator)
KUBE_CONTROLLER_MANAGER_OPERATOR_IMAGE=$(image_for cluster-kube-controller-manager-operator)
KUBE_SCHEDULER_OPERATOR_IMAGE=$(image_for cluster-kube-scheduler-operator)
INGRESS_OPERATOR_IMAGE=$(image_for cluster-ingress-operator)
NODE_TUNING_OPERATOR_IMAGE=$(image_for cluster-node-tuning-operator)
AUTHENTICATION_OPERATOR_IMAGE=$(image_for cluster-authentication-operator)
CLOUD_CREDENTIAL_OPERATOR_IMAGE=$(image_for cloud-credential-operator)
HYPERKUBE_IMAGE=$(image_for hyperkube)
POLICY_CONTROLLER_IMAGE=$(image_for cluster-policy-controller)
BOOTSTRAP_IMAGE=$(image_for cluster-bootstrap)

# stage NAME COMMAND…: once, also when the unit is started again after a failure.
stage() {
    local name=$1
    shift
    if [ ! -f "$name.done" ]; then
        record_service_stage_start "$name"
        "$@"
        touch "$name.done"
        record_service_stage_success
    fi
}

# run IMAGE WORD…: in the network of the host, so that no address of a site is taken.
run() {
    local image=$1
    shift
    if ! podman run --quiet --rm --net=host --volume "$PWD:/assets:z" "$image" "$@"; then
        record_retry "run $image"
        return 1
    fi
    record_ran "$image"
}

# static_pod NAME IMAGE…: for the kubelet.
static_pod() {
    local name=$1 image
    shift
    {
        printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n' "$name"
        for image in "$@"; do
            printf '  - image: %s\n' "$image"
        done
    } >"$PODS/$name-pod.yaml"
}

version_render() {
    run "$RELEASE_IMAGE_DIGEST" render --output-dir=/assets/cvo-bootstrap --release-image="$RELEASE_IMAGE_DIGEST"
}

machine_config_render() {
    podman run --quiet --rm --net=none --entrypoint=cat "$RELEASE_IMAGE_DIGEST" \
        /release-manifests/image-references >image-references
    run "$MACHINE_CONFIG_OPERATOR_IMAGE" bootstrap --dest-dir=/assets/mco-bootstrap \
        --image-references=/assets/image-references --release-image="$RELEASE_IMAGE_DIGEST" --payload-version="$VERSION"
    # The manifests of the user, where the machine config server of the bootstrap reads them.
    mkdir -p /etc/mcc/bootstrap
    cp manifests/* /etc/mcc/bootstrap/
    static_pod machine-config-server "$MACHINE_CONFIG_OPERATOR_IMAGE"
}

# The control plane comes up as static pods; the kubelet fetches their images.
control_plane() {
    static_pod etcd-member "$ETCD_IMAGE"
    static_pod kube-apiserver "$HYPERKUBE_IMAGE"
    static_pod kube-controller-manager "$HYPERKUBE_IMAGE" "$POLICY_CONTROLLER_IMAGE"
    until [ "$(crictl ps --state running -o json | jq '.containers | length')" -ge 4 ]; do
        sleep 2
    done
    run "$ETCD_IMAGE" endpoint health
    run "$BOOTSTRAP_IMAGE" start --asset-dir=/assets --required-pods=
}

mkdir -p "$PODS" /etc/kubernetes/bootstrap-configs manifests
cp openshift/* manifests/

# oc does not read registries.conf; a mirror reaches it only through this flag.
MIRROR_FLAG=
if [ -f manifests/image-content-source-policy.yaml ]; then
    MIRROR_FLAG=--icsp-file=$PWD/manifests/image-content-source-policy.yaml
elif [ -f manifests/image-digest-mirror-set.yaml ]; then
    MIRROR_FLAG=--idms-file=$PWD/manifests/image-digest-mirror-set.yaml
fi
VERSION=$(oc adm release info -o 'jsonpath={.metadata.version}' $MIRROR_FLAG "$RELEASE_IMAGE_DIGEST")
KUBERNETES_VERSION=$(oc adm release info -o 'jsonpath={.displayVersions.kubernetes.Version}' $MIRROR_FLAG "$RELEASE_IMAGE_DIGEST")
echo "release $VERSION with Kubernetes $KUBERNETES_VERSION, pause image $PAUSE_IMAGE"

stage api-bootstrap run "$API_IMAGE" /usr/bin/render --payload-version="$VERSION"
stage auth-api-bootstrap run "$AUTHENTICATION_OPERATOR_IMAGE" render --payload-version="$VERSION"
stage config-bootstrap run "$CONFIG_OPERATOR_IMAGE" /usr/bin/cluster-config-operator render --payload-version="$VERSION"
stage cvo-bootstrap version_render
stage etcd-bootstrap run "$ETCD_OPERATOR_IMAGE" /usr/bin/cluster-etcd-operator render --etcd-image="$ETCD_IMAGE"
stage kube-apiserver-bootstrap run "$KUBE_APISERVER_OPERATOR_IMAGE" /usr/bin/cluster-kube-apiserver-operator render \
    --manifest-image="$HYPERKUBE_IMAGE" --operand-kubernetes-version="$KUBERNETES_VERSION"
stage kube-controller-manager-bootstrap run "$KUBE_CONTROLLER_MANAGER_OPERATOR_IMAGE" \
    /usr/bin/cluster-kube-controller-manager-operator render --cluster-policy-controller-image="$POLICY_CONTROLLER_IMAGE"
stage kube-scheduler-bootstrap run "$KUBE_SCHEDULER_OPERATOR_IMAGE" /usr/bin/cluster-kube-scheduler-operator render
stage ingress-operator-bootstrap run "$INGRESS_OPERATOR_IMAGE" render --prefix=cluster-ingress-
stage node-tuning-bootstrap run "$NODE_TUNING_OPERATOR_IMAGE" render --asset-input-dir=/assets/manifests
stage mco-bootstrap machine_config_render
stage cco-bootstrap run "$CLOUD_CREDENTIAL_OPERATOR_IMAGE" render --dest-dir=/assets/cco-bootstrap
stage cb-bootstrap control_plane

/usr/local/bin/bootstrap-in-place.sh "$BOOTSTRAP_IMAGE"
touch /opt/openshift/.bootkube.done
