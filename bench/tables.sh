#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tables.sh [OPTIONS]: what many captured tables cost
#
# Makes tables like orders, 13 columns, in a private PostgreSQL, all of them captured by one connector of a
# new worker into topics of their own in a private Kafka. Measures the time from the request that creates
# the connector to the first event in Kafka; then each table is changed once, and the worker makes its
# topic. Memory is what the worker has beyond that of a worker whose connector captures one table, divided
# by the tables: at the first event, and when each table's event is in Kafka. Where its jars are given the
# same is done with Debezium on Kafka's own Connect.
#
#   --tables N       captured tables                         (1000)
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

tables=1000
rounds=3
while [ $# -gt 0 ]; do
    case $1 in
    --tables) need_value "$@" && tables=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --tables "$tables"
need_number --rounds "$rounds"
if [ "$tables" -lt 2 ] || [ "$rounds" -lt 1 ]; then
    die "--tables must be at least 2, --rounds at least 1"
fi

make_tables() {
    step "making $tables tables"
    bench_psql >/dev/null <<SQL
SELECT format('CREATE TABLE many_%s (LIKE orders INCLUDING ALL)', n) FROM generate_series(1, $tables) n \gexec
CREATE PUBLICATION many FOR ALL TABLES;
SQL
}
# change_tables FIRST LAST: a row into each, in one transaction.
change_tables() {
    bench_psql <<SQL
DO \$\$ BEGIN FOR i IN $1 .. $2 LOOP
    EXECUTE format('INSERT INTO many_%s SELECT o.* FROM bench_order((SELECT count(*) + 1 FROM many_%s)) o', i, i);
END LOOP; END \$\$;
SQL
}
# topics_of NAME: those that its worker made.
topics_of() { kafka_dump list | awk -v of="$1.public." 'index($1, of) == 1 { print $1 }'; }
# shellcheck disable=SC2317 # called by wait_until
all_sent() {
    local topics
    mapfile -t topics < <(topics_of "$1")
    [ "${#topics[@]}" = "$2" ] && [ "$(kafka_dump ends "${topics[@]}" | awk '$2 > 0' | wc -l)" = "$2" ]
}
memory_now() { awk '/^VmRSS:/ { print $2 }' "/proc/$worker_pid/status"; }

# tables_run WHO ROUND TABLES: one worker; sets start_ms, all_s, and memory in KB: streaming and at the end.
tables_run() {
    local who=$1 name=$1_$2_$3 put line topics include="public.many_.*"
    [ "$3" = "$tables" ] || include=public.many_1
    one_boot "$who" "$name"
    topic_create "$name"
    copy_slot "$name"
    put=${EPOCHREALTIME/./}
    connector_create "$name" "$name" table.include.list "$include" publication.name many
    line=$(watch_topic --interval 2 "$name" 1) || exit
    start_ms=$(per $(($(field first_us "$line") - put)) 1000 0)
    memory=$(memory_now)
    put=${EPOCHREALTIME/./}
    change_tables 1 "$3"
    wait_until 300 all_sent "$name" "$3" || worker_failed "did not send each table's row; $(connector_trace "$name")"
    all_s=$(per $((${EPOCHREALTIME/./} - put)) 1000000 1)
    memory_end=$(memory_now)
    worker_stop
    drop_slot "$name"
    mapfile -t topics < <(topics_of "$name")
    kafka_dump delete "${topics[@]}"
}

tables_round() {
    local who=$1 one one_end
    tables_run "$who" "$2" 1
    one=$memory one_end=$memory_end
    keep "$who.start_one" "$start_ms"
    tables_run "$who" "$2" "$tables"
    keep "$who.start" "$start_ms"
    keep "$who.all" "$all_s"
    keep "$who.kb" "$(per $((memory - one)) $((tables - 1)) 1)"
    keep "$who.kb_end" "$(per $((memory_end - one_end)) $((tables - 1)) 1)"
    keep "$who.rss" "$(per "$memory_end" 1024 1)"
    step "round $2 of $rounds, $who: $start_ms ms, $(tail -n 1 "$CULVERT_STATE/result.$who.kb") and" \
        "$(tail -n 1 "$CULVERT_STATE/result.$who.kb_end") KB a table, load $(cut -d ' ' -f 1 /proc/loadavg)"
}

# results WHO TITLE
results() {
    say "$2"
    show "$1.start" "connector created to first event, ms"
    show "$1.start_one" "  with one table, ms"
    show "$1.kb" "memory a table, first event sent, KB"
    show "$1.kb_end" "memory a table, each has sent, KB"
    show "$1.rss" "memory of all, MB"
    show "$1.all" "changed to each table's event in a new topic, s"
}

kinds=(culvert)
bench_table=many_1
bench_boot
[ -z "$debezium" ] || kinds+=(debezium)
make_tables
bench_psql -c "SELECT pg_create_logical_replication_slot('origin', 'pgoutput')" >/dev/null
change_tables 1 1
for ((round = 1; round <= rounds; round++)); do
    for kind in "${kinds[@]}"; do
        tables_round "$kind" "$round"
    done
done
say
show_machine
say "$tables captured tables of 13 columns; $rounds round(s): median (least - most)"
results culvert "Culvert"
[ -z "$debezium" ] || results debezium "Debezium, default settings"
