#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# worker.sh [OPTIONS]: what a worker costs that has little to do, beside Kafka's own Connect
#
# Boots a private Kafka. In each round a culvert-worker and a Java worker start in turn with a group and
# topics of their own: time from exec to the first 200 of GET /, which asks Kafka nothing, and of GET
# /health, for which topics are made and read and the group is joined; memory without connectors; then
# each gets FileStreamSource connectors that wait for lines, and is measured while nothing happens, from
# half a minute on (what was used to create them has ended by then): memory, and the CPU time of its
# process. Prints medians with least and most.
#
#   --connectors N   connectors of one task                        (50)
#   --seconds N      how long nothing happens                      (20)
#   --rounds N       rounds, each worker once a round              (3)
#   --no-java        measure culvert-worker only
#   -h, --help       print this
#
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with the jars of
# Kafka and of connect-file), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

connectors=50
seconds=20
rounds=3
kinds=(culvert java)
while [ $# -gt 0 ]; do
    case $1 in
    --connectors) need_value "$@" && connectors=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --no-java) kinds=(culvert) && shift ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --connectors "$connectors"
need_number --seconds "$seconds"
need_number --rounds "$rounds"
if [ "$connectors" -lt 1 ] || [ "$seconds" -lt 1 ] || [ "$rounds" -lt 1 ]; then
    die "--connectors, --seconds and --rounds must be at least 1"
fi

create_all() {
    local i
    for ((i = 0; i < connectors; i++)); do
        : >"$CULVERT_STATE/idle-$i.txt"
        rest PUT "$rest_url/connectors/idle-$i/config" "{
            \"connector.class\": \"org.apache.kafka.connect.file.FileStreamSourceConnector\",
            \"file\": \"$CULVERT_STATE/idle-$i.txt\", \"topic\": \"idle\"}" >/dev/null ||
            worker_failed "refused connector idle-$i"
    done
}
# shellcheck disable=SC2317 # called by wait_until
all_run() {
    [ "$(rest GET "$rest_url/connectors?expand=status" 2>/dev/null |
        jq '[.[].status | select(.connector.state == "RUNNING" and [.tasks[].state] == ["RUNNING"])] | length')" \
        = "$connectors" ]
}

# worker_round KIND ROUND
worker_round() {
    local kind=$1 before
    case $kind in
    culvert) worker_boot "$kind$2" ;;
    java) java_boot "$kind$2" "$CULVERT_STATE/plugins" ;; # all is on the class path
    esac
    keep "$kind.rest_ms" "$rest_ms"
    keep "$kind.health_ms" "$health_ms"
    sleep 3
    keep "$kind.rss_empty" "$(rss_of "$worker_pid")"
    create_all
    wait_until 120 all_run || worker_failed "does not run all connectors"
    sleep 35
    before=$(cpu_of "$worker_pid")
    sleep "$seconds"
    keep "$kind.cpu" "$(per $(($(cpu_of "$worker_pid") - before)) $((seconds * 10)) 2)"
    keep "$kind.rss" "$(rss_of "$worker_pid")"
    worker_stop
    step "round $2 of $rounds, $kind: $(tail -n 1 "$CULVERT_STATE/result.$kind.rest_ms") ms," \
        "$(tail -n 1 "$CULVERT_STATE/result.$kind.rss_empty") and $(tail -n 1 "$CULVERT_STATE/result.$kind.rss") MB," \
        "load $(cut -d ' ' -f 1 /proc/loadavg)"
}

bench_boot
mkdir "$CULVERT_STATE/plugins"
kafka_dump --partitions 1 create idle >/dev/null
for ((round = 1; round <= rounds; round++)); do
    for kind in "${kinds[@]}"; do
        worker_round "$kind" "$round"
    done
done
say
show_machine
say "$connectors connectors, $seconds s of nothing; $rounds round(s): median (least - most)"
for kind in "${kinds[@]}"; do
    say "$kind"
    show "$kind.rest_ms" "exec to first 200 of GET /, ms"
    show "$kind.health_ms" "exec to first 200 of GET /health, ms"
    show "$kind.rss_empty" "memory without connectors, MB"
    show "$kind.rss" "memory with $connectors connectors, MB"
    show "$kind.cpu" "CPU with them, % of one core"
done
