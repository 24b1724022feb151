# Sourced by the bootstrap scripts: one line of JSON per stage in /var/log/openshift, for whoever looks afterwards.
SERVICE_RECORDS=/var/log/openshift
SERVICE_STAGE=

record_service_line() {
    mkdir -p "$SERVICE_RECORDS"
    printf '{"timestamp":"%s","service":"%s","stage":"%s","result":"%s"}\n' \
        "$(date -u +%FT%TZ)" "$(basename "$0" .sh)" "$SERVICE_STAGE" "$1" >>"$SERVICE_RECORDS/$(basename "$0" .sh).json"
}

record_service_stage_start() {
    SERVICE_STAGE=$1
    record_service_line started
}

record_service_stage_success() { record_service_line success; }
record_service_stage_failure() { record_service_line failure; }

# What a rehearsal looks at afterwards: pulls that had to be repeated, and images that ran.
REHEARSAL=/run/standin

record_retry() {
    mkdir -p "$REHEARSAL"
    echo "$(basename "$0" .sh): $*" >>"$REHEARSAL/retries"
}

record_ran() {
    mkdir -p "$REHEARSAL"
    echo "$1" >>"$REHEARSAL/ran"
}
