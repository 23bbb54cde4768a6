#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# outage.sh [OPTIONS]: a worker's memory under load, and while the broker is away
#
# pgbench changes rows of table orders at a fixed rate, ten a transaction, in a private PostgreSQL, captured
# by a new worker into a private Kafka; then the broker is stopped for a while, under the same load, and
# started again; then the worker catches up. Memory is the process's RSS, looked at each half second. Where
# its jars are given the same is done with Debezium on Kafka's own Connect.
#
#   --rate N         transactions a second of ten changes    (1000)
#   --seconds N      how long before the broker stops        (15)
#   --stop N         how many seconds the broker is away     (60)
#   --rounds N       rounds, each worker once a round        (3)
#   --debezium DIR   plugin path with Debezium's PostgreSQL connector; Connect itself must be among
#                    Kafka's jars
#   -h, --help       print this
#
# At the end the topic must hold at least as many events as changes were committed.
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

rate=1000
seconds=15
away=60
rounds=3
patience=150 # seconds to catch up; whoever has not is shown with as many
while [ $# -gt 0 ]; do
    case $1 in
    --rate) need_value "$@" && rate=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --stop) need_value "$@" && away=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --rate "$rate"
need_number --seconds "$seconds"
need_number --stop "$away"
need_number --rounds "$rounds"
if [ "$rate" -lt 1 ] || [ "$seconds" -lt 1 ] || [ "$away" -lt 1 ] || [ "$rounds" -lt 1 ]; then
    die "--rate, --seconds, --stop and --rounds must be at least 1"
fi

# peak_for SECONDS: sets peak to the most memory the worker has meanwhile, in MB.
peak_for() {
    local until=$((SECONDS + $1)) now
    peak=0
    while [ "$SECONDS" -lt "$until" ]; do
        proc_alive worker || worker_failed "died"
        now=$(rss_of "$worker_pid")
        peak=$(awk -v a="$peak" -v b="$now" 'BEGIN { print (a > b ? a : b) }')
        sleep 0.5
    done
}

outage_round() {
    local who=$1 name=$1_$2 changed back line
    one_boot "$who" "$name"
    topic_create "$name"
    connector_create "$name" "$name"
    wait_streams "$name"
    proc_start load "$(pg_bin)/pgbench" -n -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$POSTGRES_USER" -c 4 \
        -R "$rate" -T $((seconds + away)) -f "$CULVERT_TOP/bench/orders_change.sql" bench
    peak_for "$seconds"
    keep "$who.load" "$peak"
    kafka_stop
    peak_for "$away"
    keep "$who.away" "$peak"
    kafka_start "${kafka_ports[@]}"
    kafka_wait 60
    back=${EPOCHREALTIME/./}
    wait_until 30 proc_gone load || die "pgbench goes on"
    grep -q '^tps' "$CULVERT_STATE/log/load.log" || die "pgbench failed; see $CULVERT_STATE/log/load.log"
    changed=$(awk -F ': ' '/^number of transactions actually processed/ { print $2 * 10 }' "$CULVERT_STATE/log/load.log")
    [ "$changed" -gt 0 ] || die "pgbench changed nothing"
    if line=$(watch_topic --timeout "$patience" "$name" "$changed"); then
        keep "$who.catch_up" "$(per $(($(field last_us "$line") - back)) 1000000 1)"
    else
        [ "$who" != culvert ] || exit 1
        keep "$who.catch_up" "$patience"
    fi
    keep "$who.after" "$(rss_of "$worker_pid")"
    keep "$who.peak" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    worker_stop
    drop_slot "$name"
    topic_delete "$name"
    step "round $2 of $rounds, $who: $(tail -n 1 "$CULVERT_STATE/result.$who.load"), away" \
        "$(tail -n 1 "$CULVERT_STATE/result.$who.away") MB; $changed changes, load $(cut -d ' ' -f 1 /proc/loadavg)"
}

# results WHO TITLE
results() {
    say "$2"
    show "$1.load" "most memory under load, MB"
    show "$1.away" "most while the broker was away, MB"
    show "$1.peak" "most of all, MB"
    show "$1.after" "when it had caught up, MB"
    show "$1.catch_up" "broker back to all caught up, s ($patience: not by then)"
}

kinds=(culvert)
bench_boot
[ -z "$debezium" ] || kinds+=(debezium)
bench_psql -c "INSERT INTO public.orders SELECT o.* FROM generate_series(1, 100000) n, bench_order(n) o"
for ((round = 1; round <= rounds; round++)); do
    for kind in "${kinds[@]}"; do
        outage_round "$kind" "$round"
    done
done
say
show_machine
say "$rate transactions/s of ten changes, the broker away for $away s; $rounds round(s): median (least - most)"
results culvert "Culvert"
[ -z "$debezium" ] || results debezium "Debezium, default settings"
