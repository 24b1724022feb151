# Sourced: collects what the cluster says about itself into a folder.
cluster_gather() {
    mkdir -p "$1"
    oc get nodes,clusteroperators,pods --all-namespaces -o wide >"$1/overview.txt" 2>&1 || true
}
