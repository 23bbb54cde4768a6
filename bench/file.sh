#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# file.sh [OPTIONS]: lines of a file into Kafka and back into a file, beside Kafka's own Connect
#
# Boots a private Kafka. In each round a Java worker and a culvert-worker do the same in turn: FileStreamSource
# reads a file of lines into a topic of one partition, then FileStreamSink writes that topic into another file,
# which must have the same contents. Both have StringConverter, their clients' defaults, and run the same two
# connectors once before they are measured. What counts is the CPU time of the worker's process, from the
# connector's creation until the last line is there. Prints medians with least and most.
#
#   --lines N           lines of the file                       (1000000)
#   --bytes N           bytes of a line                         (100)
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

lines=1000000
bytes=100
rounds=3
connect_libs=${CULVERT_CONNECT_LIBS:-}
while [ $# -gt 0 ]; do
    case $1 in
    --lines) need_value "$@" && lines=$2 && shift 2 ;;
    --bytes) need_value "$@" && bytes=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --connect-libs) need_value "$@" && connect_libs=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --lines "$lines"
need_number --bytes "$bytes"
need_number --rounds "$rounds"
if [ "$lines" -lt 1000 ] || [ "$bytes" -lt 20 ] || [ "$rounds" -lt 1 ]; then
    die "--lines must be at least 1000, --bytes 20 and --rounds 1"
fi
warm_lines=$((lines / 5))

boot() {
    local ports program
    for program in programs/culvert-worker tests/helper/kafka_dump; do
        [ -x "$CULVERT_BUILD/$program" ] || die "$CULVERT_BUILD/$program is not built; run scripts/setup.sh" \
            "or set CULVERT_BUILD, and make programs/culvert-worker tests/helper/kafka_dump there"
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
}
down() {
    worker_stop
    kafka_stop
    rm -rf "$CULVERT_STATE"
}

make_file() {
    awk -v n="$2" -v len="$bytes" 'BEGIN {
        for (i = 0; i < n; i++) {
            line = sprintf("%012d The quick brown fox jumps over the lazy dog ", i)
            while (length(line) < len) line = line line
            print substr(line, 1, len)
        }
    }' >"$1"
}

# ---- the two workers

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
offset.flush.interval.ms=1000
listeners=$rest_url
PROPERTIES
}
boot_worker() {
    local file=$CULVERT_STATE/$2.properties
    properties "$2" >"$file"
    case $1 in
    culvert) proc_start worker "$CULVERT_BUILD/programs/culvert-worker" "$file" ;;
    java)
        # a worker of the size that Kafka's own script gives it
        proc_start worker java -Xms256M -Xmx2G -XX:+UseG1GC -cp "$connect_libs/*" \
            org.apache.kafka.connect.cli.ConnectDistributed "$file"
        ;;
    esac
    wait_until 120 rest_ok "$rest_url/health" || worker_failed "did not become healthy"
    worker_pid=$(proc_pid worker)
}
create() {
    rest PUT "$rest_url/connectors/$1/config" "$2" >/dev/null || worker_failed "refused connector $1"
}

# ---- one way and back

# shellcheck disable=SC2317 # called by wait_until
topic_has() { [ "$(kafka_dump ends "$1" | cut -f 2 -d ' ')" -ge "$2" ]; }
# shellcheck disable=SC2317
file_has() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

# measure KEEP WHO KIND COUNT COMMAND...: the CPU seconds until the command is true.
measure() {
    local keep=$1 who=$2 kind=$3 count=$4 before start cpu_ms
    shift 4
    before=$cpu_before start=${EPOCHREALTIME/./}
    wait_until 600 "$@" || worker_failed "did not finish; its task: $(connector_trace "$kind")"
    cpu_ms=$(($(cpu_of "$worker_pid") - before))
    [ "$keep" = true ] || return 0
    keep "${who}_${kind}_cpu" "$(per "${count}000" "$cpu_ms" 0)"
    keep "${who}_${kind}_rate" "$(per "${count}000000" $((${EPOCHREALTIME/./} - start)) 0)"
}

# there_and_back WHO ROUND KEEP FILE COUNT
there_and_back() {
    local who=$1 topic=$1-$2-$3 out=$CULVERT_STATE/$1.out
    rm -f "$out"
    kafka_dump --partitions 1 create "$topic" >/dev/null
    cpu_before=$(cpu_of "$worker_pid")
    create source "{\"connector.class\":\"FileStreamSource\",\"file\":\"$4\",\"topic\":\"$topic\"}"
    measure "$3" "$who" source "$5" topic_has "$topic" "$5"
    rest DELETE "$rest_url/connectors/source" >/dev/null
    cpu_before=$(cpu_of "$worker_pid")
    create sink "{\"connector.class\":\"FileStreamSink\",\"file\":\"$out\",\"topics\":\"$topic\",
        \"consumer.override.auto.offset.reset\":\"earliest\"}"
    measure "$3" "$who" sink "$5" file_has "$out" "$(stat -c %s "$4")"
    cmp -s "$4" "$out" || die "$who: the file that came out differs from the one that went in"
    rest DELETE "$rest_url/connectors/sink" >/dev/null
    kafka_dump delete "$topic" >/dev/null
}
run_worker() {
    boot_worker "$1" "$1-$2"
    # a file of its own: the offsets of the source are those of the file
    there_and_back "$1" "$2" false "$CULVERT_STATE/warm.txt" "$warm_lines"
    there_and_back "$1" "$2" true "$CULVERT_STATE/in.txt" "$lines"
    keep "$1_rss" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    worker_stop
}

boot
step "writing $lines lines of $bytes bytes"
make_file "$CULVERT_STATE/in.txt" "$lines"
make_file "$CULVERT_STATE/warm.txt" "$warm_lines"
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
say "$lines lines of $bytes bytes, $rounds round(s): median (least - most)"
for who in java culvert; do
    [ -f "$CULVERT_STATE/result.${who}_rss" ] || continue
    show "${who}_source_cpu" "$who FileStreamSource, records per CPU second"
    show "${who}_source_rate" "  records per second"
    show "${who}_sink_cpu" "$who FileStreamSink, records per CPU second"
    show "${who}_sink_rate" "  records per second"
    show "${who}_rss" "  worker, peak RSS, MB"
done
if [ -n "$connect_libs" ]; then
    say "source: $(per "$(middle culvert_source_cpu)" "$(middle java_source_cpu)" 1) times Java's records per CPU second;" \
        "sink: $(per "$(middle culvert_sink_cpu)" "$(middle java_sink_cpu)" 1) times"
fi
