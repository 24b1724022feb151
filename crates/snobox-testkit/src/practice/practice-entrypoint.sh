#!/bin/sh
# Entrypoint of the images of the practice release. The first word is the image's own name, the others are the caller's.
set -eu
name=$1
shift
references=/release-manifests/image-references

# The pull spec of a component, as `cluster-version-operator image NAME` prints it.
image() {
    awk -F '"' -v wanted="$1" '
        $2 == "name" && $4 ~ /@sha256:/ { spec = $4 }
        $2 == "name" && $4 !~ /@/ { tag = $4 }
        $2 == "referencePolicy" && tag == wanted { print spec; found = 1 }
        END { exit !found }
    ' "$references" || {
        echo "error: no image tag \"$1\" exists in the release image" >&2
        exit 1
    }
}

# Makes the installed system's Ignition config: here the cluster's own, as it is.
bootstrap_in_place() {
    assets=
    output=
    while [ $# -gt 1 ]; do
        case $1 in
            --asset-dir) assets=$2 ;;
            --input)
                if [ ! -r "$2" ]; then
                    echo "error: cannot read $2" >&2
                    exit 1
                fi
                ;;
            --output) output=$2 ;;
            *)
                echo "error: unknown option $1" >&2
                exit 1
                ;;
        esac
        shift 2
    done
    cp "$assets/original-master.ign" "$output"
}

case $name:${1-} in
    cluster-version-operator:image)
        if [ -f "$references" ]; then
            image "$2"
            exit
        fi
        ;;
    cluster-bootstrap:bootstrap-in-place)
        shift
        bootstrap_in_place "$@"
        exit
        ;;
esac
echo "ran $name"
