# Sourced by others, after bootstrap-service-record.sh: image_for NAME prints the pull spec of a component of the release.

# The digest that was really pulled; the pinned pull spec if podman does not know one.
RELEASE_IMAGE_DIGEST=$(podman inspect @RELEASE_IMAGE@ --format json |
    jq -r 'first(.[] | .Digest as $digest | .RepoDigests[] | select(endswith($digest)))') || RELEASE_IMAGE_DIGEST=
if [ -z "$RELEASE_IMAGE_DIGEST" ]; then
    RELEASE_IMAGE_DIGEST="@RELEASE_IMAGE@"
fi

image_for() {
    if ! podman run --quiet --rm --net=none "$RELEASE_IMAGE_DIGEST" image "$1"; then
        record_retry "image_for $1"
        return 1
    fi
}
