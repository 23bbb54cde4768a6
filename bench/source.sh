#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# source.sh [OPTIONS]: how fast a backlog of changes gets from PostgreSQL into Kafka
#
# Writes one workload (table orders of 13 columns; 50 % inserts, 40 % updates, 10 % deletes) into a
# private PostgreSQL, then lets readers drain the same WAL in turn, each from its own copy of one slot:
# bench/drain, which only counts (the limit of the walsender), pg_recvlogical into /dev/null, a new
# culvert-worker, which sends every event to a private Kafka, and, where its jars are given, Debezium on
# Kafka's own Connect, in a new process (cold) and once more in the same one (warm). Prints medians with
# least and most. All on this machine.
#
#   --changes N         changes in the workload                 (1000000)
#   --per-tx N          changes in a transaction                (100)
#   --rounds N          rounds, each reader once a round        (5)
#   --partitions N      partitions of the topic                 (1)
#   --compression NAME  of the worker's producer: none, lz4 ... (none)
#   --schemas           embed the schema in every event
#   --exactly-once      one more culvert-worker a round, in transactions of 100 ms
#   --debezium DIR      plugin path with Debezium's PostgreSQL connector; Connect itself must be among
#                       Kafka's jars
#   --profile FILE      perf's samples of the last round's worker; see perf report -i FILE
#   -h, --help          print this
#
# Rates count from the start of the walsender's connection to the last change read (drain), or to the
# last event in the topic (Culvert, Debezium). Deletes send no tombstone, so events are as many as changes.
# A round of Culvert goes before all, for the broker's compiler, and is not counted.
# What Culvert and Debezium wrote in the last round is compared, record by record, but for what must differ
# (times of processing, the version's name).
# Environment: CULVERT_BUILD (where the programs are built), CULVERT_KAFKA_LIBS (folder with Kafka's
# jars), CULVERT_TEST_PORT (first port to try).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

changes=1000000
per_tx=100
rounds=5
partitions=1
compression=none
schemas=false
exactly_once=
debezium=
profile=
while [ $# -gt 0 ]; do
    case $1 in
    --changes) need_value "$@" && changes=$2 && shift 2 ;;
    --per-tx) need_value "$@" && per_tx=$2 && shift 2 ;;
    --rounds) need_value "$@" && rounds=$2 && shift 2 ;;
    --partitions) need_value "$@" && partitions=$2 && shift 2 ;;
    --compression) need_value "$@" && compression=$2 && shift 2 ;;
    --schemas) schemas=true && shift ;;
    --exactly-once) exactly_once=yes && shift ;;
    --debezium) need_value "$@" && debezium=$2 && shift 2 ;;
    --profile) need_value "$@" && profile=$2 && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
[ "$schemas" = false ] || event_bytes=5000
need_number --changes "$changes"
need_number --per-tx "$per_tx"
need_number --rounds "$rounds"
need_number --partitions "$partitions"
if [ "$changes" -lt 1 ] || [ "$per_tx" -lt 1 ] || [ "$rounds" -lt 1 ] || [ "$partitions" -lt 1 ]; then
    die "--changes, --per-tx, --rounds and --partitions must be at least 1"
fi

write_workload() {
    bench_psql -c "SELECT pg_create_logical_replication_slot('origin', 'pgoutput')" >/dev/null
    step "writing $changes changes, $per_tx a transaction"
    bench_psql -c "SET synchronous_commit = off" -c "CALL bench_load($changes, $per_tx)" -c CHECKPOINT
    end_lsn=$(bench_psql -c "SELECT pg_current_wal_lsn()")
}

drain_round() {
    local line
    copy_slot "drain_$1"
    line=$("$CULVERT_BUILD/bench/drain" "$conninfo" "drain_$1" bench "$changes")
    drop_slot "drain_$1"
    drain_rate=$(per "$changes" "$(field seconds "$line")" 0)
    keep drain_rate "$drain_rate"
    keep drain_reader "$(in_millions "$(field cpu "$line")" "$changes")"
    keep drain_walsender "$(in_millions "$(field walsender_cpu "$line")" "$changes")"
    keep drain_bytes "$(per "$(field bytes "$line")" "$changes" 0)"
}

# shellcheck disable=SC2317 # called by wait_until
recvlogical_done() {
    [ "$(bench_psql -c "SELECT count(*) FROM pg_stat_replication WHERE pid = $1 AND sent_lsn >= '$end_lsn'")" = 1 ]
}
# PostgreSQL's own reader, from its copy of the slot.
recvlogical_round() {
    local name=recvlogical_$1 sender
    copy_slot "$name"
    proc_start recvlogical "$(pg_bin)/pg_recvlogical" -d "$conninfo" -S "$name" --start -f /dev/null \
        -o proto_version=1 -o publication_names=bench
    wait_until 30 streams "$name" || die "pg_recvlogical does not stream"
    sender=$(bench_psql -c "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$name'")
    wait_until 300 recvlogical_done "$sender" || die "pg_recvlogical does not come to the end"
    keep recvlogical_walsender "$(in_millions "$(per "$(cpu_of "$sender")" 1000 3)" "$changes")"
    keep recvlogical_reader "$(in_millions "$(per "$(cpu_of "$(proc_pid recvlogical)")" 1000 3)" "$changes")"
    proc_stop recvlogical
    drop_slot "$name"
}

# What Connect calls the same for both. The topic is that of the connector's name, and its slot too.
create() {
    connector_create "$1" "$1" transaction.boundary interval transaction.boundary.interval.ms 100 \
        producer.override.compression.type "$compression" \
        key.converter org.apache.kafka.connect.json.JsonConverter \
        key.converter.schemas.enable "$schemas" \
        value.converter org.apache.kafka.connect.json.JsonConverter \
        value.converter.schemas.enable "$schemas"
}

# drained WHO NAME [OPTION...]: let the worker that runs send everything; sets rate and keeps what it cost. Options are
# bench/watch's.
drained() {
    local who=$1 name=$2 line put before sender
    shift 2
    copy_slot "$name"
    topic_create "$name" "$partitions"
    warm_memory "$changes"
    before=$(cpu_of "$worker_pid")
    put=${EPOCHREALTIME/./}
    create "$name"
    line=$(watch_topic "$@" "$name" "$changes") || exit
    IFS='|' read -r -a sender <<<"$(bench_psql -c "SELECT pid,
        (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity
        JOIN pg_replication_slots ON active_pid = pid WHERE slot_name = '$name'")"
    rate=$(per "${changes}000000" $(($(field last_us "$line") - sender[1])) 0)
    keep "${who}_rate" "$rate"
    keep "${who}_second_half" "$(per "$((changes - changes / 2))000000" \
        $(($(field last_us "$line") - $(field half_us "$line"))) 0)"
    keep "${who}_cpu" "$(in_millions "$(per $(($(cpu_of "$worker_pid") - before)) 1000 3)" "$changes")"
    keep "${who}_walsender" "$(in_millions "$(per "$(cpu_of "${sender[0]}")" 1000 3)" "$changes")"
    keep "${who}_rss" "$(per "$(peak_rss_of "$worker_pid")" 1024 1)"
    keep "${who}_first_event_ms" "$(per $(($(field first_us "$line") - put)) 1000 0)"
}

culvert_round() {
    local name=culvert_$1 sampler=''
    worker_boot "$name"
    keep rest_ms "$rest_ms"
    if [ -n "$profile" ] && [ "$1" = "$rounds" ]; then
        perf record -q -F 499 -g -o "$profile" -p "$worker_pid" >/dev/null 2>&1 &
        sampler=$!
    fi
    drained culvert "$name"
    culvert_rate=$rate
    [ -z "$sampler" ] || kill -INT "$sampler"
    worker_stop
    [ -z "$sampler" ] || wait "$sampler" || true
    drop_slot "$name"
}

# Each transaction leaves a mark of its own in the topic, so the end is where no more comes.
once_round() {
    local name=once_$1 worker_properties=(exactly.once.source.support=enabled)
    worker_boot "$name"
    drained once "$name" --quiet 1500
    worker_stop
    [ "$(kafka_dump --format key-value read "$name.public.orders" | wc -l)" = "$changes" ] ||
        die "the topic of exactly once has not each change once"
    keep once_ratio "$(per "$rate" "$culvert_rate")"
    drop_slot "$name"
    topic_delete "$name"
}

# The process of the cold round goes on with the warm one: another connector, another slot, the same WAL.
debezium_round() {
    local temper name
    java_boot "debezium_$1" "$debezium"
    keep debezium_rest_ms "$rest_ms"
    for temper in cold warm; do
        name=debezium_${temper}_$1
        drained "debezium_$temper" "$name"
        keep "ratio_$temper" "$(per "$culvert_rate" "$rate" 1)"
        connector_delete "$name"
        drop_slot "$name"
        step "round $1 of $rounds: Debezium $temper $rate events/s"
        [ $temper = cold ] || break
        topic_delete "$name"
    done
    worker_stop
}

bench_boot
write_workload
warm_up_broker culvert_round 0
[ -z "$exactly_once" ] || warm_up_broker once_round 0
topic_delete culvert_0
for ((round = 1; round <= rounds; round++)); do
    drain_round "$round"
    recvlogical_round "$round"
    culvert_round "$round"
    keep ratio "$(per "$culvert_rate" "$drain_rate")"
    step "round $round of $rounds: drain $drain_rate, Culvert $culvert_rate events/s," \
        "load $(cut -d ' ' -f 1 /proc/loadavg)"
    [ -z "$exactly_once" ] || once_round "$round"
    if [ -n "$debezium" ]; then
        debezium_round "$round"
        [ "$round" -lt "$rounds" ] || compare "culvert_$round" "debezium_warm_$round"
        topic_delete "debezium_warm_$round"
    fi
    topic_delete "culvert_$round"
done
say
show_machine
say "$changes changes, $per_tx a transaction, $partitions partition(s), compression $compression," \
    "schemas $schemas; $rounds round(s): median (least - most)"
show drain_rate "drain limit, changes/s"
show culvert_rate "Culvert into Kafka, events/s"
show culvert_second_half "  its second half, events/s"
show ratio "Culvert / drain limit"
show culvert_cpu "worker, CPU s per million events"
show drain_reader "drain's reader, CPU s per million changes"
show drain_walsender "walsender under drain, CPU s per million"
show recvlogical_walsender "walsender under pg_recvlogical, CPU s per million"
show recvlogical_reader "pg_recvlogical, CPU s per million changes"
show culvert_walsender "walsender under Culvert, CPU s per million"
show drain_bytes "bytes from the walsender per change"
show culvert_rss "worker, peak RSS, MB"
show rest_ms "worker, exec to first REST answer, ms"
show culvert_first_event_ms "connector created to first event in Kafka, ms"
if [ -n "$exactly_once" ]; then
    show once_rate "Culvert exactly once, events/s"
    show once_ratio "  / Culvert at least once"
    show once_cpu "worker, CPU s per million events"
    show once_rss "worker, peak RSS, MB"
fi
[ -n "$debezium" ] || exit 0
for temper in cold warm; do
    show "debezium_${temper}_rate" "Debezium $temper into Kafka, events/s"
    show "ratio_$temper" "Culvert / Debezium $temper"
    show "debezium_${temper}_cpu" "Debezium $temper, CPU s per million events"
    show "debezium_${temper}_walsender" "walsender under it, CPU s per million"
    show "debezium_${temper}_rss" "its peak RSS, MB"
    show "debezium_${temper}_first_event_ms" "connector created to first event in Kafka, ms"
done
show debezium_rest_ms "Kafka Connect, exec to first REST answer, ms"
say "Every record of Culvert's last round is Debezium's too, byte for byte but for version and times of processing."
