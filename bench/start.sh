#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# start.sh [OPTIONS]: how soon a worker that starts sends its next event
#
# A row is committed every few milliseconds into table orders of a private PostgreSQL, and a worker of one
# connector sends it into a private Kafka. The time is taken from exec to the next event in the topic:
# behind an orderly stop, and, from the signal on, behind kill -9. Then the dead worker is a member of its
# group until the broker gives it up: a new one cannot join before session.timeout.ms is over, counted from
# the last heartbeat. Where its jars are given the same is done with Debezium on Kafka's own Connect.
#
#   --session N      session.timeout.ms                      (2000)
#   --rounds N       rounds, each worker once a round        (3)
#   --debezium DIR   plugin path with Debezium's PostgreSQL connector; Connect itself must be among
#                    Kafka's jars
#   -h, --help       print this
#
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

session=2000
heartbeat=200
rounds=3
while [ $# -gt 0 ]; do
    case $1 in
    --session) need_value "$@" && session=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --session "$session"
need_number --rounds "$rounds"
if [ "$session" -lt 1000 ] || [ "$rounds" -lt 1 ]; then
    die "--session must be at least 1000, --rounds at least 1"
fi
worker_properties=("session.timeout.ms=$session" "heartbeat.interval.ms=$heartbeat")

# messages NAME: how many its topic has.
messages() { kafka_dump ends "$1.public.orders" | cut -d ' ' -f 2; }

# next_event NAME COUNT FROM: sets took, the ms from FROM until the topic has more than COUNT messages.
next_event() {
    local line
    line=$(watch_topic --interval 2 "$1" $(($2 + 1))) || exit
    took=$(per $(($(field last_us "$line") - $3)) 1000 0)
}

# A restart: nothing but what the program itself and its servers need. boot would ask it meanwhile.
restart() {
    case $1 in
    culvert*) proc_start worker "$CULVERT_BUILD/programs/culvert-worker" "$CULVERT_STATE/$2.properties" ;;
    *) proc_start worker "${java_worker[@]}" "$CULVERT_STATE/$2.properties" ;;
    esac
}

start_round() {
    local who=$1 name=$1_$2 had begin
    one_boot "$who" "$name"
    keep "$who.rest" "$rest_ms"
    topic_create "$name"
    connector_create "$name" "$name"
    wait_streams "$name"
    watch_topic "$name" 1000 >/dev/null || exit

    worker_stop
    had=$(messages "$name")
    begin=${EPOCHREALTIME/./}
    restart "$who" "$name"
    next_event "$name" "$had" "$begin"
    keep "$who.stopped" "$took"
    sleep 3

    begin=${EPOCHREALTIME/./}
    kill -9 "$(proc_pid worker)"
    wait_until 5 proc_gone worker || die "the worker outlives kill -9"
    restart "$who" "$name"
    # what was on its way when it died
    sleep 0.1
    had=$(messages "$name")
    next_event "$name" "$had" "$begin"
    keep "$who.killed" "$took"
    keep "$who.beyond" "$((took - session + heartbeat))"
    worker_stop
    drop_slot "$name"
    topic_delete "$name"
    step "round $2 of $rounds, $who: $(tail -n 1 "$CULVERT_STATE/result.$who.stopped") ms, behind kill -9 $took ms," \
        "load $(cut -d ' ' -f 1 /proc/loadavg)"
}

# results WHO TITLE
results() {
    say "$2"
    show "$1.rest" "exec to first 200 of GET /, new group, ms"
    show "$1.stopped" "exec to first event, ms"
    show "$1.killed" "kill -9 to next event, ms"
    show "$1.beyond" "  beyond session.timeout.ms - heartbeat.interval.ms"
}

kinds=(culvert)
bench_boot
[ -z "$debezium" ] || kinds+=(debezium)
bench_psql -c "INSERT INTO public.orders SELECT o.* FROM generate_series(1, 100000) n, bench_order(n) o"
proc_start load "$(pg_bin)/pgbench" -n -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$POSTGRES_USER" -R 300 -T 86400 \
    -f "$CULVERT_TOP/bench/orders_change.sql" bench
for ((round = 1; round <= rounds; round++)); do
    for kind in "${kinds[@]}"; do
        start_round "$kind" "$round"
    done
done
proc_stop load
say
show_machine
say "session.timeout.ms $session, heartbeat.interval.ms $heartbeat; $rounds round(s): median (least - most)"
results culvert "Culvert"
[ -z "$debezium" ] || results debezium "Debezium, default settings"
