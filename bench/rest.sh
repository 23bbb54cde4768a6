#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rest.sh [OPTIONS]: REST answers for 50 connectors, beside Kafka's own Connect
#
# Boots a private Kafka. In each round a Java worker and a culvert-worker, one after the other, get the same idle
# FileStreamSource connectors; when all of them and their tasks are RUNNING, the same GET is sent again and again,
# the next one when the answer is there: /connectors with expand=status, and with expand=status&expand=info, on one
# connection and on eight. Both workers are warmed up before each measurement. Prints medians with least and most.
#
#   --connectors N      (50)
#   --seconds S         of each measurement                     (5)
#   --warm S            before the first measurement of a worker, and a quarter of it before the others (12)
#   --rounds N          rounds, each worker once a round        (3)
#   --connect-libs DIR  Apache Kafka Connect's jars, connect-runtime and connect-file among them
#                       (CULVERT_CONNECT_LIBS); without it only culvert-worker is measured
#   -h, --help          print this
#
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

connectors=50
seconds=5
warm=12
rounds=3
connect_libs=${CULVERT_CONNECT_LIBS:-}
while [ $# -gt 0 ]; do
    case $1 in
    --connectors) need_value "$@" && connectors=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --warm) need_value "$@" && warm=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --connect-libs) need_value "$@" && connect_libs=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --connectors "$connectors"
need_number --seconds "$seconds"
need_number --warm "$warm"
need_number --rounds "$rounds"
if [ "$connectors" -lt 1 ] || [ "$seconds" -lt 1 ] || [ "$rounds" -lt 1 ]; then
    die "--connectors, --seconds and --rounds must be at least 1"
fi

boot() {
    local ports program
    for program in programs/culvert-worker bench/ask; do
        [ -x "$CULVERT_BUILD/$program" ] || die "$CULVERT_BUILD/$program is not built; run scripts/setup.sh" \
            "or set CULVERT_BUILD, and make programs/culvert-worker bench/ask there"
    done
    if [ -n "$connect_libs" ] && [ -z "$(find "$connect_libs/" -name 'connect-file-*.jar' 2>/dev/null)" ]; then
        die "no connect-file-*.jar in $connect_libs"
    fi
    set_state "$(mktemp -d "${TMPDIR:-/tmp}/culvert-bench.XXXXXX")"
    trap down EXIT
    trap 'exit 130' INT TERM
    read -r -a ports <<<"$(free_ports 3 ${CULVERT_TEST_PORT:+"$CULVERT_TEST_PORT"})"
    step "starting Kafka"
    kafka_start "${ports[0]}" "${ports[1]}"
    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]}
    rest_port=${ports[2]}
    rest_url=http://127.0.0.1:$rest_port
    kafka_wait 60
    : >"$CULVERT_STATE/empty.txt"
}
down() {
    worker_stop
    kafka_stop
    rm -rf "$CULVERT_STATE"
}

properties() {
    cat <<PROPERTIES
bootstrap.servers=$KAFKA_BOOTSTRAP_SERVERS
group.id=$1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=$1-configs
config.storage.replication.factor=1
offset.storage.topic=$1-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=$1-status
status.storage.replication.factor=1
status.storage.partitions=1
listeners=$rest_url
PROPERTIES
}
boot_worker() {
    local file=$CULVERT_STATE/$2.properties
    properties "$2" >"$file"
    case $1 in
    culvert) proc_start worker "$CULVERT_BUILD/programs/culvert-worker" "$file" ;;
    java)
        # a worker of the size that Kafka's own script gives it; no line of log for each request
        proc_start worker java -Xms256M -Xmx2G -XX:+UseG1GC -cp "$connect_libs/*" \
            org.apache.kafka.connect.cli.ConnectDistributed "$file"
        ;;
    esac
    wait_until 120 rest_ok "$rest_url/health" || worker_failed "did not become healthy"
    worker_pid=$(proc_pid worker)
}

# shellcheck disable=SC2317 # called by wait_until
all_run() {
    [ "$(rest GET "$rest_url/connectors?expand=status" | jq '[.[].status |
        select(.connector.state == "RUNNING" and [.tasks[].state] == ["RUNNING"])] | length')" = "$connectors" ]
}
create_all() {
    local i
    for ((i = 1; i <= connectors; i++)); do
        rest PUT "$rest_url/connectors/source-$i/config" "{\"connector.class\":\"FileStreamSource\",
            \"tasks.max\":\"1\",\"file\":\"$CULVERT_STATE/empty.txt\",\"topic\":\"topic-$i\"}" >/dev/null ||
            worker_failed "refused connector source-$i"
    done
    wait_until 180 all_run || worker_failed "does not run all connectors"
}

# measure WHO NAME WARM CONNECTIONS PATH
measure() {
    local line before
    before=$(cpu_of "$worker_pid")
    line=$("$CULVERT_BUILD/bench/ask" --connections "$4" --seconds "$seconds" --warm "$3" "$rest_port" "$5")
    keep "$1_$2_rate" "$(field per_s "$line")"
    keep "$1_$2_p50" "$(per "$(field p50_us "$line")" 1000 3)"
    keep "$1_$2_p99" "$(per "$(field p99_us "$line")" 1000 3)"
    keep "$1_$2_cpu" "$(per $(($(cpu_of "$worker_pid") - before)) "$(((seconds + $3) * 10))" 0)"
    keep "$1_$2_bytes" "$(field answer_bytes "$line")"
}
run_worker() {
    boot_worker "$1" "$1-$2"
    create_all
    measure "$1" status_1 "$warm" 1 '/connectors?expand=status'
    measure "$1" status_8 $((warm / 4)) 8 '/connectors?expand=status'
    measure "$1" both_1 $((warm / 4)) 1 '/connectors?expand=status&expand=info'
    measure "$1" both_8 $((warm / 4)) 8 '/connectors?expand=status&expand=info'
    keep "$1_rss" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    worker_stop
}

boot
for ((round = 1; round <= rounds; round++)); do
    if [ -n "$connect_libs" ]; then
        run_worker java "$round"
    fi
    run_worker culvert "$round"
    step "round $round of $rounds, load $(cut -d ' ' -f 1 /proc/loadavg)"
done
say
say "machine: $(nproc) cores ($(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo))," \
    "load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
say "$("$CULVERT_BUILD/programs/culvert-worker" --version)"
say "$connectors connectors of one task, $rounds round(s) of $seconds s: median (least - most)"
for who in java culvert; do
    [ -f "$CULVERT_STATE/result.${who}_rss" ] || continue
    for case in status_1 status_8 both_1 both_8; do
        case $case in
        status_*) what="expand=status" ;;
        *) what="expand=status&expand=info" ;;
        esac
        show "${who}_${case}_rate" "$who $what, ${case#*_} connection(s), requests/s"
        show "${who}_${case}_p50" "  p50, ms"
        show "${who}_${case}_p99" "  p99, ms"
        show "${who}_${case}_cpu" "  worker, % of a core"
        show "${who}_${case}_bytes" "  bytes of an answer"
    done
    show "${who}_rss" "  worker, peak RSS, MB"
done
if [ -n "$connect_libs" ]; then
    for case in status_1 status_8 both_1 both_8; do
        say "$case: $(per "$(middle "culvert_${case}_rate")" "$(middle "java_${case}_rate")" 1) times Java's requests per second"
    done
fi
