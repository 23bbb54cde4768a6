#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# latency.sh [OPTIONS]: how long after its commit a row's event is in a consumer's hands
#
# Commits one row a transaction at a fixed rate (open loop, synchronous_commit and fsync on) into a
# private PostgreSQL, captured by a culvert-worker into a private Kafka, and consumes the topic: times
# in ms from when the row was due, from when its INSERT was sent, and from the commit's answer. Where its
# jars are given the same is done with Debezium on Kafka's own Connect, with its default settings and with
# poll.interval.ms=10 (tuned).
#
#   --rate N         transactions a second                (1000)
#   --seconds N      how long                             (20)
#   --warm-up N      seconds before it that do not count  (2, beside Debezium 20: Java compiles)
#   --rounds N       how often; each with its own worker  (3)
#   --writers N      connections that commit              (8)
#   --debezium DIR   plugin path with Debezium's PostgreSQL connector; Connect itself must be among
#                    Kafka's jars
#   -h, --help       print this
#
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

rate=1000
seconds=20
rounds=3
writers=8
debezium=
warm_up=
while [ $# -gt 0 ]; do
    case $1 in
    --rate) need_value "$@" && rate=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --warm-up) need_value "$@" && warm_up=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --writers) need_value "$@" && writers=$2 && shift 2 ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
[ -n "$warm_up" ] || { [ -n "$debezium" ] && warm_up=20; } || warm_up=2
need_number --warm-up "$warm_up"
need_number --rate "$rate"
need_number --seconds "$seconds"
need_number --rounds "$rounds"
need_number --writers "$writers"
if [ "$rate" -lt 1 ] || [ "$seconds" -lt 1 ] || [ "$rounds" -lt 1 ] || [ "$writers" -lt 1 ]; then
    die "--rate, --seconds, --rounds and --writers must be at least 1"
fi

# latency_round WHO ROUND [KEY VALUE]...: one worker, one run.
latency_round() {
    local who=$1 name=$1_$2 what line before round=$2
    shift 2
    bench_psql -c 'TRUNCATE public.orders' \
        -c "SELECT pg_create_logical_replication_slot('$name', 'pgoutput')" >/dev/null
    topic_create "$name"
    one_boot "$who" "$name"
    connector_create "$name" "$name" "$@"
    wait_streams "$name"
    before=$(cpu_of "$worker_pid")
    "$CULVERT_BUILD/bench/latency" --rate "$rate" --seconds "$seconds" --warm-up "$warm_up" \
        --writers "$writers" \
        "$conninfo" "$KAFKA_BOOTSTRAP_SERVERS" "$name.public.orders" >"$CULVERT_STATE/$name.out"
    keep "$who.cpu" "$(per $(($(cpu_of "$worker_pid") - before)) $(((seconds + warm_up) * 10)) 1)"
    keep "$who.rss" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    worker_stop
    bench_psql -c "SELECT pg_drop_replication_slot('$name')" >/dev/null
    while read -r what line; do
        case $what in
        *_to_consumer | commit)
            keep "$who.$what.p50" "$(field p50 "$line")"
            keep "$who.$what.p99" "$(field p99 "$line")"
            ;;
        esac
    done <"$CULVERT_STATE/$name.out"
    step "round $round of $rounds, $who: $(sed -n 's/^sent_to_consumer //p' "$CULVERT_STATE/$name.out")," \
        "load $(cut -d ' ' -f 1 /proc/loadavg)"
}

# results WHO TITLE
results() {
    say "$2"
    show "$1.sent_to_consumer.p50" "INSERT sent to event consumed, ms, p50"
    show "$1.sent_to_consumer.p99" "  p99"
    show "$1.due_to_consumer.p50" "INSERT due to event consumed, ms, p50"
    show "$1.due_to_consumer.p99" "  p99"
    show "$1.acked_to_consumer.p50" "commit answered to event consumed, ms, p50"
    show "$1.acked_to_consumer.p99" "  p99"
    show "$1.commit.p50" "the commit itself, ms, p50"
    show "$1.commit.p99" "  p99"
    show "$1.cpu" "worker, % of one core"
    show "$1.rss" "worker, peak RSS, MB"
}

bench_boot
for ((round = 1; round <= rounds; round++)); do
    latency_round culvert "$round"
    [ -z "$debezium" ] || latency_round debezium "$round"
    [ -z "$debezium" ] || latency_round tuned "$round" poll.interval.ms 10
done
say
show_machine
say "$rate transactions/s of one row for $seconds s after $warm_up s, $writers connections, synchronous_commit on;" \
    "$rounds round(s): median (least - most)"
results culvert "Culvert"
[ -z "$debezium" ] || results debezium "Debezium, default settings"
[ -z "$debezium" ] || results tuned "Debezium, poll.interval.ms=10"
