#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# streams.sh [OPTIONS]: the sample shop on culvert-streams, beside the same on Kafka Streams
#
# Boots a private Kafka and loads the same events for both: orders, customers, products and activity with all that
# tests/helper/shop_events.py makes. In turn culvert-streams (etc/shop/streams) and a Java application on Kafka Streams
# (bench/kafka-streams, RocksDB, exactly_once_v2) take that backlog: orders enriched with customers; with metrics of the
# minute too; all five features. One thread each, transactions of 100 ms. What each wrote is compared with the batch of
# the tests. Kafka Streams emits each change of a window, for its final results lose rows in a catch-up.
# Then: append to output at a steady rate, and the way back after the disk was lost.
#
#   --events N         events of orders; a tenth as many of activity, a fiftieth of products   (1000000)
#   --customers N      customers                                                             (200000)
#   --restore N        orders whose rows are restored, 0: not measured                       (1000000)
#   --seconds N        how long records come at a rate of 1000 a second, 0: not measured     (30)
#   --rounds N         rounds of the backlog, each program once a round                      (1)
#   --work LIST        of enrichment,metrics,all                                             (all three)
#   --small            50000 events, 5000 customers, 50000 restored, 10 seconds
#   --no-java          measure culvert-streams only
#   -h, --help         print this
#
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (Kafka's jars), CULVERT_STREAMS_LIBS
# (those of Kafka Streams; default: fetched by Maven into kafka-streams/libs of the state folder), JAVA_HEAP (-Xmx of
# the application, 1g), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

events=1000000
customers=200000
restore=1000000
seconds=30
rounds=1
works=enrichment,metrics,all
kinds=(culvert java)
rate=1000
while [ $# -gt 0 ]; do
    case $1 in
    --events) need_value "$@" && events=$2 && shift 2 ;;
    --customers) need_value "$@" && customers=$2 && shift 2 ;;
    --restore) need_value "$@" && restore=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --work) need_value "$@" && works=$2 && shift 2 ;;
    --small) events=50000 customers=5000 restore=50000 seconds=10 && shift ;;
    --no-java) kinds=(culvert) && shift ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --events "$events"
need_number --customers "$customers"
need_number --restore "$restore"
need_number --seconds "$seconds"
need_number --rounds "$rounds"
[ "$events" -ge 10000 ] || die "--events must be at least 10000"
[ "$rounds" -ge 1 ] || die "--rounds must be at least 1"
IFS=, read -r -a works <<<"$works"
for work in "${works[@]}"; do
    case $work in enrichment | metrics | all) ;; *) die "--work: unknown work \"$work\" (see --help)" ;; esac
done

# ---- servers and programs

home=$CULVERT_STATE
fetch_peer() {
    streams_libs=${CULVERT_STREAMS_LIBS:-$home/kafka-streams/libs}
    if [ -z "$(find "$streams_libs" -name 'kafka-streams-*.jar' 2>/dev/null)" ]; then
        [ -z "${CULVERT_STREAMS_LIBS:-}" ] || die "no kafka-streams jar in $streams_libs"
        step "fetching the jars of Kafka Streams"
        mvn -q -B -f "$CULVERT_TOP/bench/kafka-streams/pom.xml" dependency:copy-dependencies \
            -DoutputDirectory="$streams_libs" >&2
    fi
    mkdir "$CULVERT_STATE/classes"
    javac -d "$CULVERT_STATE/classes" -cp "$streams_libs/*" "$CULVERT_TOP"/bench/kafka-streams/shop/*.java
}
down() {
    proc_stop app
    kafka_stop
    rm -rf "$CULVERT_STATE"
}
boot_all() {
    local ports program
    for program in programs/culvert-streams bench/outputs bench/pace tests/helper/kafka_dump; do
        [ -x "$CULVERT_BUILD/$program" ] || die "$CULVERT_BUILD/$program is not built; run scripts/setup.sh" \
            "or set CULVERT_BUILD, and make programs/culvert-streams bench/outputs bench/pace tests/helper/kafka_dump there"
    done
    export CULVERT_BUILD PYTHONDONTWRITEBYTECODE=1
    set_state "$(mktemp -d "${TMPDIR:-/tmp}/culvert-bench.XXXXXX")"
    trap down EXIT
    trap 'exit 130' INT TERM
    case " ${kinds[*]} " in *" java "*) fetch_peer ;; esac
    read -r -a ports <<<"$(free_ports 3 ${CULVERT_TEST_PORT:+"$CULVERT_TEST_PORT"})"
    step "starting Kafka"
    CULVERT_KAFKA_HEAP=768m kafka_start "${ports[0]}" "${ports[1]}"
    export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]}
    rest_port=${ports[2]}
    kafka_wait 60
}

inputs=(orders customers products customer_activity)
outputs_of() {
    case $1 in
    enrichment) say processed_orders ;;
    metrics) say processed_orders business_metrics business_metrics_late ;;
    all) say processed_orders business_metrics business_metrics_late fraud_alerts inventory_alerts customer_behavior ;;
    esac
}
# create_topics PREFIX NAME...: nothing in them grows old, for Kafka Streams gives records the time of their event
create_topics() {
    local prefix=$1 name
    shift
    for name; do
        kafka_dump --partitions 3 --config retention.ms=-1 create "$prefix$name" >/dev/null
    done
}
shop() { "$CULVERT_TOP/bench/streams_shop.py" "$@"; }
# events_make NAME PREFIX SETTING...: into NAME.tsv, and its topics are made; prints what shop make does.
events_make() {
    local name=$1 prefix=$2
    shift 2
    create_topics "$prefix" "${inputs[@]}"
    shop make "$CULVERT_STATE/$name.tsv" "$prefix" "$@"
}

# app_start KIND WORK IN OUT: sets app_pid and app_begin. Its state is kept in the folder state/OUT.
app_start() {
    local kind=$1 work=$2 in=$3 out=$4 dir=$CULVERT_STATE/app/$4
    mkdir -p "$dir" "$CULVERT_STATE/state"
    case $kind in
    culvert)
        [ -d "$dir/sql" ] || { mkdir "$dir/sql" && shop pipeline "$dir/sql" "$work" "$in" "$out" "app-${out%.}"; }
        cat >"$dir/properties" <<PROPERTIES
bootstrap.servers=$KAFKA_BOOTSTRAP_SERVERS
pipeline.directory=$dir/sql
state.dir=$CULVERT_STATE/state/$out
listeners=http://127.0.0.1:$rest_port
num.threads=1
PROPERTIES
        app_begin=${EPOCHREALTIME/./}
        proc_start app "$CULVERT_BUILD/programs/culvert-streams" run "$dir/properties"
        ;;
    java)
        cat >"$dir/properties" <<PROPERTIES
bootstrap.servers=$KAFKA_BOOTSTRAP_SERVERS
application.id=app-${out%.}
state.dir=$CULVERT_STATE/state/$out
num.stream.threads=1
commit.interval.ms=100
auto.offset.reset=earliest
PROPERTIES
        app_begin=${EPOCHREALTIME/./}
        proc_start app java -Xms256m "-Xmx${JAVA_HEAP:-1g}" \
            "-Dlog4j2.configurationFile=$CULVERT_STATE/kafka/log4j2.properties" \
            -cp "$CULVERT_STATE/classes:$streams_libs/*" shop.ShopStreams "$dir/properties" "$work" "$in" "$out"
        ;;
    esac
    app_pid=$(proc_pid app) || app_failed "did not start"
}
app_failed() {
    tail -n 20 "$CULVERT_STATE/log/app.log" >&2
    die "the application $1"
}

# ---- what is measured

# backlog KIND WORK ROUND: all events that are there, from the start of the program to its last output.
backlog() {
    local kind=$1 work=$2 out=$1-$2-$3. line topics=() name counts
    read -r -a topics <<<"$(outputs_of "$work")"
    create_topics "$out" "${topics[@]}"
    app_start "$kind" "$work" in. "$out"
    line=$("$CULVERT_BUILD/bench/outputs" --timeout 1800 "$KAFKA_BOOTSTRAP_SERVERS" "$app_pid" "$orders" \
        "${topics[@]/#/$out}") || app_failed "did not come to its end"
    name=$kind.$work
    keep "$name.first" "$(per $(($(field first_us "$line") - app_begin)) 1000000 2)"
    keep "$name.wall" "$(per $(($(field last_us "$line") - app_begin)) 1000000 1)"
    keep "$name.overall" "$(per $((orders * 1000000)) $(($(field last_us "$line") - app_begin)) 0)"
    keep "$name.steady" "$(per $((orders * 700000)) $(($(field ninety_us "$line") - $(field fifth_us "$line"))) 0)"
    keep "$name.cpu" "$(awk -v c="$(field cpu_last "$line")" -v n="$orders" 'BEGIN { printf "%.1f", c * 1e6 / n }')"
    keep "$name.rss" "$(per "$(peak_rss_of "$app_pid")" 1024 0)"
    proc_stop app 60
    keep "$name.disk" "$(per "$(du -sk "$CULVERT_STATE/state/$out" | cut -f 1)" 1024 0)"
    counts=$(shop compare "$CULVERT_STATE/in.tsv" "$out" "$work" "$([ "$kind" = culvert ] && say final || say changes)") ||
        die "$kind: the outputs of $work are not those of the batch"
    step "$kind $work, round $3: $(tail -n 1 "$CULVERT_STATE/result.$name.overall") events/s with the start," \
        "$(tail -n 1 "$CULVERT_STATE/result.$name.steady") steady; right: $counts; load $(cut -d ' ' -f 1 /proc/loadavg)"
    rm -rf "$CULVERT_STATE/state/$out"
    # shellcheck disable=SC2086 # one topic a word
    kafka_dump delete "${topics[@]/#/$out}"
}

# lines_of TOPIC FIRST COUNT: lines of that topic of its events.
lines_of() {
    awk -v topic="$1" -v first="$2" -v count="$3" -F '\t' '$1 == topic && ++n >= first && n < first + count' \
        "$CULVERT_STATE/${1%.*}.tsv"
}

# latency KIND FIRST: lines from FIRST on of the file, at a steady rate, after a backlog that warms the program up.
latency() {
    local kind=$1 out=$1-pace. line
    create_topics "$out" processed_orders
    app_start "$kind" enrichment pace. "$out"
    "$CULVERT_BUILD/bench/outputs" "$KAFKA_BOOTSTRAP_SERVERS" "$app_pid" "$(($2 - 1))" "${out}processed_orders" \
        >/dev/null || app_failed "did not take the backlog"
    line=$(lines_of pace.orders "$2" $((seconds * rate)) | cut -f 2- |
        "$CULVERT_BUILD/bench/pace" --rate "$rate" "$KAFKA_BOOTSTRAP_SERVERS" pace.orders "${out}processed_orders") ||
        app_failed "did not keep the pace"
    keep "$kind.p50" "$(per "$(field p50_us "$line")" 1000 1)"
    keep "$kind.p99" "$(per "$(field p99_us "$line")" 1000 1)"
    proc_stop app 60
    step "$kind, append to output: $line"
}

# disk_loss KIND: rows of all orders are restored, until the next order comes out.
disk_loss() {
    local kind=$1 out=$1-restore. reader
    create_topics "$out" processed_orders
    app_start "$kind" enrichment restore. "$out"
    "$CULVERT_BUILD/bench/outputs" --timeout 1800 "$KAFKA_BOOTSTRAP_SERVERS" "$app_pid" "$restored" \
        "${out}processed_orders" >/dev/null || app_failed "did not take the backlog"
    proc_stop app 60
    rm -rf "${CULVERT_STATE:?}/state/$out"
    kafka_dump --from-end --follow --count 1 --timeout 900 read "${out}processed_orders" >/dev/null &
    reader=$!
    sleep 2
    app_start "$kind" enrichment restore. "$out"
    lines_of restore.orders $((restored + 1)) 1 | kafka_dump load
    restored=$((restored + 1))
    wait "$reader" || app_failed "did not come back"
    keep "$kind.restore" "$(per $((${EPOCHREALTIME/./} - app_begin)) 1000000 1)"
    proc_stop app 60
    step "$kind, back after $(tail -n 1 "$CULVERT_STATE/result.$kind.restore") s"
}

# ---- the run

# row NAME LABEL: medians of both, and the first as a multiple of the second.
row() {
    local ours theirs=- ratio=-
    ours=$(middle "culvert.$1")
    if [ -f "$CULVERT_STATE/result.java.$1" ]; then
        theirs=$(middle "java.$1")
        ratio=$(per "$ours" "$theirs" 2)
    fi
    printf '| %s | %s | %s | %s |\n' "$2" "$theirs" "$ours" "$ratio"
}

boot_all
step "making events"
line=$(events_make in in. seed=1 events=$((events * 112 / 100)) customers="$customers" products=1000 hours="$(per "$events" 83333)" \
    mix=100,10,2,0.4)
orders=$(field orders "$line")
kafka_dump load <"$CULVERT_STATE/in.tsv"
step "$(field records "$line") records, $orders changes of orders"
for ((round = 1; round <= rounds; round++)); do
    for work in "${works[@]}"; do
        for kind in "${kinds[@]}"; do
            backlog "$kind" "$work" "$round"
        done
    done
done
if [ "$seconds" -gt 0 ]; then
    warm=100000
    events_make pace pace. events=$((warm + 2 * seconds * rate)) creations=1 mix=1,0,0,0 customers=10000 late=0 \
        redeliveries=0 snapshot=no >/dev/null
    lines_of pace.customers 1 "$events" | kafka_dump load
    lines_of pace.orders 1 "$warm" | kafka_dump load
    next=$((warm + 1))
    for kind in "${kinds[@]}"; do
        latency "$kind" "$next"
        next=$((next + seconds * rate))
    done
fi
if [ "$restore" -gt 0 ]; then
    events_make restore restore. events="$restore" creations=1 mix=1,0,0,0 customers=10000 late=0 redeliveries=0 \
        snapshot=no >/dev/null
    restored=$restore # some more are made at the end: one for each program
    lines_of restore.customers 1 "$events" | kafka_dump load
    lines_of restore.orders 1 "$restored" | kafka_dump load
    for kind in "${kinds[@]}"; do
        disk_loss "$kind"
    done
fi

say
say "machine: $(nproc) cores ($(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo))," \
    "load average $(cut -d ' ' -f 1-3 /proc/loadavg), $(date -u +%Y-%m-%d)"
say "$("$CULVERT_BUILD/programs/culvert-streams" --version), $orders changes of orders, $customers customers," \
    "3 partitions, one thread, $rounds round(s)"
say
say "| | Kafka Streams | culvert-streams | ratio |"
say "| --- | --- | --- | --- |"
for work in "${works[@]}"; do
    row "$work.wall" "$work: seconds from start to last output"
    row "$work.overall" "$work: events/s, start included"
    row "$work.steady" "$work: events/s, steady"
    row "$work.cpu" "$work: CPU seconds per million events"
    row "$work.rss" "$work: peak RSS, MB"
    row "$work.disk" "$work: state on disk, MB"
    row "$work.first" "$work: seconds to first output"
done
if [ "$seconds" -gt 0 ]; then
    row p50 "append to output at $rate/s, p50, ms"
    row p99 "append to output at $rate/s, p99, ms"
fi
[ "$restore" -eq 0 ] || row restore "back after losing the disk, $restore keys, seconds"
