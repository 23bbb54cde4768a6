#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# snapshot.sh [OPTIONS]: how fast the rows of a table get into Kafka by the first snapshot
#
# Fills table orders of 13 columns in a private PostgreSQL. In each round it is read by a plain COPY into
# /dev/null (the limit), by a new culvert-worker and, where its jars are given, by Debezium on Kafka's own
# Connect in a new process, each with a slot and a topic of its own. Prints medians with least and most.
#
#   --rows N            rows of the table                   (1000000)
#   --rounds N          rounds, each reader once a round    (3)
#   --threads N         snapshot.max.threads                (1)
#   --compression NAME  of the producer: none, lz4 ...      (none)
#   --schemas           embed the schema in every event
#   --resume            Culvert twice a round: the second time with snapshot.resume=true
#   --debezium DIR      plugin path with Debezium's PostgreSQL connector; Connect itself must be among
#                       Kafka's jars
#   -h, --help          print this
#
# Rates count from the request that creates the connector to the last row in the topic. What Culvert and
# Debezium wrote in the last round is compared, record by record, but for what must differ.
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

rows=1000000
rounds=3
threads=1
compression=none
schemas=false
resume=false
while [ $# -gt 0 ]; do
    case $1 in
    --rows) need_value "$@" && rows=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --threads) need_value "$@" && threads=$2 && shift 2 ;;
    --compression) need_value "$@" && compression=$2 && shift 2 ;;
    --schemas) schemas=true && shift ;;
    --resume) resume=true && shift ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
[ "$schemas" = false ] || event_bytes=5000
need_number --rows "$rows"
need_number --rounds "$rounds"
need_number --threads "$threads"
if [ "$rows" -lt 1 ] || [ "$rounds" -lt 1 ] || [ "$threads" -lt 1 ]; then
    die "--rows, --rounds and --threads must be at least 1"
fi

write_rows() {
    step "writing $rows rows"
    bench_psql -c "SET synchronous_commit = off" \
        -c "INSERT INTO public.orders SELECT o.* FROM generate_series(1, $rows) n, bench_order(n) o" \
        -c "VACUUM ANALYZE public.orders" -c CHECKPOINT
}

copy_round() {
    local before=${EPOCHREALTIME/./}
    bench_psql -c "COPY public.orders TO STDOUT" >/dev/null
    copy_rate=$(per "${rows}000000" $((${EPOCHREALTIME/./} - before)) 0)
    keep copy_rate "$copy_rate"
}

# snapshot_round WHO ROUND: sets rate.
snapshot_round() {
    local who=$1 name=$1_$2 line put before more=()
    [ "$who" != culvert_resume ] || more=(snapshot.resume true)
    one_boot "$who" "$name"
    topic_create "$name"
    warm_memory "$rows"
    before=$(cpu_of "$worker_pid")
    put=${EPOCHREALTIME/./}
    connector_create "$name" "$name" snapshot.mode initial snapshot.max.threads "$threads" \
        producer.override.compression.type "$compression" \
        key.converter org.apache.kafka.connect.json.JsonConverter key.converter.schemas.enable "$schemas" \
        value.converter org.apache.kafka.connect.json.JsonConverter value.converter.schemas.enable "$schemas" "${more[@]}"
    line=$(watch_topic "$name" "$rows") || exit
    rate=$(per "${rows}000000" $(($(field last_us "$line") - put)) 0)
    keep "${who}_rate" "$rate"
    keep "${who}_first_ms" "$(per $(($(field first_us "$line") - put)) 1000 0)"
    keep "${who}_cpu" "$(in_millions "$(per $(($(cpu_of "$worker_pid") - before)) 1000 3)" "$rows")"
    keep "${who}_rss" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    worker_stop
    drop_slot "$name"
}

resume_round() {
    snapshot_round culvert_resume "$round"
    resume_rate=$rate
    keep culvert_resume_share "$(per "$rate" "$copy_rate")"
    step "round $round of $rounds: snapshot.resume $rate rows/s"
    topic_delete "culvert_resume_$round"
}

# results WHO TITLE
results() {
    show "$1_rate" "$2, rows/s"
    show "$1_share" "  / COPY"
    show "$1_first_ms" "  created to first row in Kafka, ms"
    show "$1_cpu" "  worker, CPU s per million rows"
    show "$1_rss" "  worker, peak RSS, MB"
}

bench_boot
write_rows
warm_up_broker snapshot_round culvert 0
topic_delete culvert_0
for ((round = 1; round <= rounds; round++)); do
    copy_round
    # in turn first and second: the second finds a broker that has just worked
    [ "$resume" = false ] || [ $((round % 2)) = 0 ] || resume_round
    snapshot_round culvert "$round"
    culvert_rate=$rate
    keep culvert_share "$(per "$rate" "$copy_rate")"
    step "round $round of $rounds: COPY $copy_rate, Culvert $rate rows/s, load $(cut -d ' ' -f 1 /proc/loadavg)"
    [ "$resume" = false ] || [ $((round % 2)) = 1 ] || resume_round
    [ "$resume" = false ] || keep resume_ratio "$(per "$resume_rate" "$culvert_rate" 3)"
    if [ -n "$debezium" ]; then
        snapshot_round debezium "$round"
        keep debezium_share "$(per "$rate" "$copy_rate")"
        keep ratio "$(per "$culvert_rate" "$rate" 1)"
        step "round $round of $rounds: Debezium $rate rows/s"
        # each is at a WAL position, a transaction and a time of its own; the last row is told from others
        [ "$round" -lt "$rounds" ] || compare "culvert_$round" "debezium_$round" \
            's/"source":\{[^{}]*\}/"source":{}/'
        topic_delete "debezium_$round"
    fi
    topic_delete "culvert_$round"
done
say
show_machine
say "$rows rows, snapshot.max.threads $threads, compression $compression, schemas $schemas;" \
    "$rounds round(s): median (least - most)"
show copy_rate "COPY into /dev/null, rows/s"
results culvert "Culvert"
if [ "$resume" = true ]; then
    results culvert_resume "Culvert, snapshot.resume"
    show resume_ratio "  / without it"
fi
[ -n "$debezium" ] || exit 0
results debezium "Debezium"
show ratio "Culvert / Debezium"
say "Every record of Culvert's last round is Debezium's too, but for source, version and times of processing."
