# shellcheck shell=bash disable=SC2034 # the scripts use what is set here
# SPDX-License-Identifier: Apache-2.0
#
# What the benchmarks share: private servers, the worker started and stopped, its costs read from
# /proc, results kept and their medians. Source it; it starts nothing by itself.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

# What was built and downloaded stays that of the checkout, whatever folder the servers run in.
build_given=$CULVERT_BUILD
CULVERT_KAFKA_LIBS=$(kafka_libs)
ticks_a_second=$(getconf CLK_TCK)

# ---- servers

# Boot both servers with settings of a real installation (fsync on, all tiers of Java's JIT), and make
# the database with its table and publication. They are stopped and deleted at exit.
bench_boot() {
    local ports program
    for program in programs/culvert-worker bench/drain bench/watch bench/latency \
        tests/helper/kafka_dump; do
        [ -x "$CULVERT_BUILD/$program" ] || die "$CULVERT_BUILD/$program is not built; run scripts/setup.sh" \
            "or set CULVERT_BUILD, and make programs/culvert-worker bench/drain bench/watch bench/latency" \
            "tests/helper/kafka_dump there"
    done
    set_state "$(mktemp -d "${TMPDIR:-/tmp}/culvert-bench.XXXXXX")"
    chmod 711 "$CULVERT_STATE"
    trap bench_down EXIT
    trap 'exit 130' INT TERM
    read -r -a ports <<<"$(free_ports 4 ${CULVERT_TEST_PORT:+"$CULVERT_TEST_PORT"})"
    step "starting PostgreSQL and Kafka"
    kafka_start "${ports[0]}" "${ports[1]}"
    pg_start "${ports[2]}" shared_buffers=512MB max_wal_size=16GB checkpoint_timeout=1h \
        max_replication_slots=20 max_wal_senders=20 synchronous_commit=on autovacuum=off
    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]}
    POSTGRES_HOST=127.0.0.1 POSTGRES_PORT=${ports[2]} POSTGRES_USER=postgres
    rest_port=${ports[3]} kafka_ports=("${ports[0]}" "${ports[1]}")
    rest_url=http://127.0.0.1:$rest_port
    conninfo="host=$POSTGRES_HOST port=$POSTGRES_PORT user=postgres dbname=bench"
    shop_psql -d postgres -c 'CREATE DATABASE bench'
    bench_psql -f "$CULVERT_TOP/bench/orders.sql"
    kafka_wait 60
}
bench_down() {
    worker_stop
    kafka_stop
    pg_stop
    pg_purge
    rm -rf "$CULVERT_STATE"
}
bench_psql() { shop_psql -d bench -At "$@"; }

# ---- the worker

# properties NAME: of a worker of its own group; worker_properties are those of a benchmark's own.
worker_properties=()
properties() {
    local line
    for line in "${worker_properties[@]}"; do
        printf '%s\n' "$line"
    done
    cat <<PROPERTIES
bootstrap.servers=$KAFKA_BOOTSTRAP_SERVERS
group.id=$1
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
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
# worker_boot NAME: a culvert-worker; sets worker_pid, rest_ms (exec to the first 200 of
# GET /) and health_ms (to that of GET /health: the topics are read, the group is joined).
worker_boot() {
    properties "$1" >"$CULVERT_STATE/$1.properties"
    boot "$CULVERT_BUILD/programs/culvert-worker" "$CULVERT_STATE/$1.properties"
}
# java_boot NAME PLUGIN_PATH: the same of Kafka's own Connect, of the size that Kafka's script gives it.
java_worker=(java -Xms256M -Xmx2G -XX:+UseG1GC -cp "$CULVERT_KAFKA_LIBS/*"
    org.apache.kafka.connect.cli.ConnectDistributed)
java_boot() {
    { properties "$1" && echo "plugin.path=$2"; } >"$CULVERT_STATE/$1.properties"
    boot "${java_worker[@]}" "$CULVERT_STATE/$1.properties"
}
debezium= # plugin path
# one_boot WHO NAME: a culvert-worker, or, for whoever else, Kafka's own Connect with the plugins in $debezium.
one_boot() {
    case $1 in
    culvert*) worker_boot "$2" ;;
    *) java_boot "$2" "$debezium" ;;
    esac
}
# boot COMMAND...
boot() {
    local before=${EPOCHREALTIME/./}
    proc_start worker "$@"
    # Connect's HTTP server answers 404 before its routes are there
    until answers /; do
        proc_alive worker || worker_failed "did not start"
    done
    rest_ms=$(per $((${EPOCHREALTIME/./} - before)) 1000 1)
    until answers /health; do
        proc_alive worker || worker_failed "did not become healthy"
    done
    health_ms=$(per $((${EPOCHREALTIME/./} - before)) 1000 1)
    worker_pid=$(proc_pid worker)
}
# answers PATH: whether a GET of it is answered with 200.
answers() {
    local line
    read -r line < <(first_line "$1") && [[ $line = 'HTTP/1.'[01]' 200'* ]]
}
# The status line of GET $1, nothing if nobody listens.
first_line() {
    local reply
    { exec 3<>"/dev/tcp/127.0.0.1/$rest_port"; } 2>/dev/null || return 0
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$1" >&3
    IFS= read -r -t 10 reply <&3 && printf '%s\n' "$reply"
}
worker_stop() { proc_stop worker; }
worker_failed() {
    tail -n 20 "$CULVERT_STATE/log/worker.log" >&2
    die "the worker $1"
}

# connector_create NAME SLOT [KEY VALUE]...: capture table orders from SLOT into NAME.public.orders.
connector_create() {
    local name=$1 slot=$2 config answer
    shift 2
    config=$(jq -n --arg port "$POSTGRES_PORT" --arg prefix "$name" --arg slot "$slot" '
        {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
         "database.hostname": "127.0.0.1", "database.port": $port, "database.user": "postgres",
         "database.dbname": "bench", "topic.prefix": $prefix, "plugin.name": "pgoutput",
         "slot.name": $slot, "publication.name": "bench", "publication.autocreate.mode": "disabled",
         "table.include.list": "public.orders", "snapshot.mode": "no_data",
         "tombstones.on.delete": "false", "topic.creation.default.partitions": "1",
         "topic.creation.default.replication.factor": "1"}
        + ([range(0; $ARGS.positional | length; 2) as $i |
            {($ARGS.positional[$i]): $ARGS.positional[$i + 1]}] | add // {})' --args "$@")
    answer=$(rest PUT "$rest_url/connectors/$name/config" "$config") ||
        die "the worker refused the connector: $(jq -r '.message // .' <<<"$answer" 2>/dev/null)"
}
connector_delete() { rest DELETE "$rest_url/connectors/$1" >/dev/null || die "the worker did not delete $1"; }
# The first line of a failed task's trace.
connector_trace() {
    rest GET "$rest_url/connectors/$1/status" 2>/dev/null |
        jq -r '[.connector, .tasks[]] | map(.trace // empty) | first // empty' | head -n 1
}


# ---- slots and topics

# copy_slot NAME: of the slot "origin", which stays where the workload begins.
copy_slot() {
    bench_psql -c "SELECT pg_copy_logical_replication_slot('origin', '$1')" >/dev/null
}
# shellcheck disable=SC2317 # called by wait_until
slot_free() {
    [ "$(bench_psql -c "SELECT active FROM pg_replication_slots WHERE slot_name = '$1'")" = f ]
}
drop_slot() {
    wait_until 30 slot_free "$1" || die "slot $1 is still in use"
    bench_psql -c "SELECT pg_drop_replication_slot('$1')" >/dev/null
}
# shellcheck disable=SC2317 # called by wait_until
streams() {
    [ "$(bench_psql -c "SELECT active FROM pg_replication_slots WHERE slot_name = '$1'")" = t ]
}
# wait_streams NAME: the connector reads its slot, which has its name.
wait_streams() {
    wait_until 120 streams "$1" || worker_failed "does not stream; its task: $(connector_trace "$1")"
}
# Of the table that is looked at.
bench_table=orders
topic_create() { kafka_dump --partitions "${2:-1}" create "$1.public.$bench_table" >/dev/null; }
topic_delete() { kafka_dump delete "$1.public.$bench_table" >/dev/null; }
# watch_topic [OPTION...] NAME COUNT: what bench/watch prints when the topic holds so many messages.
watch_topic() {
    local count=${*: -1} name=${*: -2:1}
    "$CULVERT_BUILD/bench/watch" "${@:1:$#-2}" "$KAFKA_BOOTSTRAP_SERVERS" "$name.public.$bench_table" "$count" ||
        worker_failed "did not send everything; its task: $(connector_trace "$name")"
}
# normal NAME [SED_EXPRESSION]: key and value of each record, without what no two runs share.
normal() {
    kafka_dump --format key-value read "$1.public.orders" | sed -E -e "s/\\b$1\\b/NAME/g" \
        -e 's/"version":"[^"]*"/"version":""/' \
        -e 's/("op":"[a-z]"),"ts_ms":[0-9]+,"ts_us":[0-9]+,"ts_ns":[0-9]+/\1/' ${2:+-e "$2"}
}
# compare NAME NAME [SED_EXPRESSION]: both must have written the same records.
compare() {
    step "comparing the records of $1 and $2"
    cmp -s <(normal "$1" "${3:-}") <(normal "$2" "${3:-}") && return
    diff <(normal "$1" "${3:-}") <(normal "$2" "${3:-}") | head -n 6 >&2 || true
    die "$1 and $2 wrote different records"
}

# ---- what a process costs

# cpu_of PID: its CPU time so far, in ms.
cpu_of() {
    local stat fields
    stat=$(<"/proc/$1/stat")
    # the command name, which may hold blanks, ends at the last parenthesis
    read -r -a fields <<<"${stat##*) }"
    printf '%s\n' $(((fields[11] + fields[12]) * 1000 / ticks_a_second))
}
# in_millions SECONDS COUNT: CPU seconds a million.
in_millions() { awk -v s="$1" -v n="$2" 'BEGIN { printf "%.2f\n", s * 1000000 / n }'; }
# rss_of PID: its memory now, in MB.
rss_of() { per "$(awk '/^VmRSS:/ { print $2 }' "/proc/$1/status")" 1024 1; }
# peak_rss_of PID: the most memory it had, in kB.
peak_rss_of() { awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"; }

# ---- results

# per A B [DIGITS]: A / B.
per() { awk -v a="$1" -v b="$2" -v n="${3:-2}" 'BEGIN { printf "%.*f\n", n, a / b }'; }

# keep NAME VALUE: one more value of a result.
keep() { printf '%s\n' "$2" >>"$CULVERT_STATE/result.$1"; }

# warm_memory EVENTS: have the host give the memory that so many events will take in the broker's page cache, twice. What
# was free for some seconds a virtual machine's host takes back, and the next use pays for it.
warm_memory() {
    local mib=$(($1 * ${event_bytes:-800} * 2 / 1048576 + 64))
    head -c "$((mib < 8192 ? mib : 8192))M" /dev/zero >"$CULVERT_STATE/warm"
    rm "$CULVERT_STATE/warm"
}

# warm_up_broker COMMAND...: a round that is not counted. Kafka's JVM compiles what a round needs for some seconds, in
# which it takes the CPU from whoever comes first.
warm_up_broker() {
    step "a round for the broker's compiler, not counted"
    "$@"
    rm -f "$CULVERT_STATE"/result.*
}

# middle NAME: the median of its values.
middle() {
    sort -n "$CULVERT_STATE/result.$1" | awk '{ v[NR] = $1 }
        END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
# show NAME LABEL: its median, least and most.
show() {
    local low high
    low=$(sort -n "$CULVERT_STATE/result.$1" | head -n 1)
    high=$(sort -n "$CULVERT_STATE/result.$1" | tail -n 1)
    printf '  %-44s %10s   (%s - %s)\n' "$2" "$(middle "$1")" "$low" "$high"
}
# field NAME LINE: the value of NAME=VALUE in a line of such.
field() {
    local word
    for word in $2; do
        [ "${word%%=*}" != "$1" ] || printf '%s\n' "${word#*=}"
    done
}
show_machine() {
    say "machine: $(nproc) cores ($(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo))," \
        "load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
    say "$("$CULVERT_BUILD/programs/culvert-worker" --version)," \
        "PostgreSQL $(bench_psql -c 'SHOW server_version')"
}
