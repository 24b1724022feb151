# Sourced: says whether the two names of the API resolve. Never fails.
check_api_names() {
    local name
    for name in @API@ @API_INT@; do
        getent hosts "$name" >/dev/null || echo "$name does not resolve" >&2
    done
    return 0
}
