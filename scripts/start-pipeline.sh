#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# start-pipeline.sh [OPTIONS]: set up and run the sample pipeline
#
# PostgreSQL with the shop database -> culvert-worker -> Kafka -> culvert-streams -> processed_orders,
# inventory_alerts, business_metrics, fraud_alerts, customer_behavior.
# Does all the set-up (scripts/setup.sh), starts what does not run yet, registers the connector
# "postgres-connector", and returns when the snapshot is through and every part is healthy. Running it
# again is harmless. Stop it with scripts/stop-pipeline.sh.
#
#   --kafka-port N      port of the private Kafka         (KAFKA_PORT, 9092)
#   --postgres-port N   port of the private PostgreSQL    (POSTGRES_PORT, 15432)
#   --rest-port N       REST port of the worker           (CULVERT_REST_PORT, 8083)
#   --streams-port N    REST port of the streams worker   (CULVERT_STREAMS_PORT, 8084)
#   --state DIR         all state of the run              (CULVERT_STATE, .culvert)
#   --wait SECONDS      how long the snapshot may take    (300)
#   --no-setup          do not check packages, jars and build
#   -h, --help          print this
#
# Environment, to use servers that run already instead of private ones:
#   KAFKA_BOOTSTRAP_SERVERS          brokers, host:port,...
#   POSTGRES_HOST                    a server with wal_level=logical, POSTGRES_PORT (5432) its port
#   POSTGRES_USER POSTGRES_PASSWORD  a superuser there, who makes database, tables and role (postgres)
#   POSTGRES_DB                      the database                                     (inventory)
#   CULVERT_CAPTURE_USER CULVERT_CAPTURE_PASSWORD   the connector's login       (debezium, dbz)
# and further:
#   KAFKA_CONTROLLER_PORT    second port of the private Kafka       (KAFKA_PORT + 1)
#   CULVERT_KAFKA_HEAP       its largest heap                       (384m)
#   CONNECT_LOG_LEVEL        DEBUG, INFO, WARN or ERROR of worker and streams
#   PROMETHEUS_PORT          also run Prometheus there, if it is installed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

setup=yes
patience=300
while [ $# -gt 0 ]; do
    case $1 in
    --kafka-port) need_value "$@" && KAFKA_PORT=$2 && shift 2 ;;
    --postgres-port) need_value "$@" && POSTGRES_PORT=$2 && shift 2 ;;
    --rest-port) need_value "$@" && CULVERT_REST_PORT=$2 && shift 2 ;;
    --streams-port) need_value "$@" && CULVERT_STREAMS_PORT=$2 && shift 2 ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    --wait) need_value "$@" && patience=$2 && shift 2 ;;
    --no-setup) setup=no && shift ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --wait "$patience"

tables="customers products orders order_items inventory_movements customer_activity"
results="processed_orders inventory_alerts business_metrics business_metrics_late fraud_alerts customer_behavior"
shop=$CULVERT_TOP/etc/shop
own_kafka=no
own_postgres=no

# What runs already keeps its ports; what does not gets the ones asked for, if they are free.
choose_ports() {
    local rest_port=${CULVERT_REST_PORT:-8083} streams_port=${CULVERT_STREAMS_PORT:-8084}

    if [ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
        own_kafka=yes
        KAFKA_PORT=${KAFKA_PORT:-9092}
        need_number --kafka-port "$KAFKA_PORT"
        KAFKA_CONTROLLER_PORT=${KAFKA_CONTROLLER_PORT:-$((KAFKA_PORT + 1))}
        if proc_gone kafka; then
            need_port "$KAFKA_PORT" Kafka "--kafka-port or KAFKA_PORT"
            need_port "$KAFKA_CONTROLLER_PORT" "Kafka's controller" KAFKA_CONTROLLER_PORT
        fi
    fi
    if [ -z "${POSTGRES_HOST:-}" ]; then
        own_postgres=yes
        POSTGRES_PORT=${POSTGRES_PORT:-15432}
        if proc_gone postgres; then
            need_port "$POSTGRES_PORT" PostgreSQL "--postgres-port or POSTGRES_PORT"
        fi
    fi
    if proc_gone worker; then
        need_port "$rest_port" "the worker's REST API" "--rest-port or CULVERT_REST_PORT"
    fi
    if proc_gone streams; then
        need_port "$streams_port" "the streams worker" "--streams-port or CULVERT_STREAMS_PORT"
    fi
    if proc_alive kafka || proc_alive postgres || proc_alive worker || proc_alive streams; then
        load_run || true
    fi
    KAFKA_BOOTSTRAP_SERVERS=${KAFKA_BOOTSTRAP_SERVERS:-127.0.0.1:$KAFKA_PORT}
    POSTGRES_HOST=${POSTGRES_HOST:-127.0.0.1}
    POSTGRES_PORT=${POSTGRES_PORT:-5432}
    POSTGRES_DB=${POSTGRES_DB:-inventory}
    POSTGRES_USER=${POSTGRES_USER:-postgres}
    CULVERT_REST_PORT=${CULVERT_REST_PORT:-8083}
    CULVERT_STREAMS_PORT=${CULVERT_STREAMS_PORT:-8084}
    rest_url=http://127.0.0.1:$CULVERT_REST_PORT
    streams_url=http://127.0.0.1:$CULVERT_STREAMS_PORT
}

start_servers() {
    local broker

    if [ $own_kafka = yes ] && proc_gone kafka; then
        step "starting Kafka on port $KAFKA_PORT"
        kafka_start "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT"
    fi
    if [ $own_postgres = yes ] && proc_gone postgres; then
        step "starting PostgreSQL on port $POSTGRES_PORT"
        pg_start "$POSTGRES_PORT" max_replication_slots=4 max_wal_senders=4
    fi
    make_database
    if [ $own_kafka = yes ]; then
        kafka_wait 60
    else
        broker=${KAFKA_BOOTSTRAP_SERVERS%%,*}
        port_open "${broker%:*}" "${broker##*:}" || die "no Kafka answers at $broker;" \
            "mend or unset KAFKA_BOOTSTRAP_SERVERS (unset, a private Kafka is started)"
    fi
}

# Database, tables and seed, each only if it is not there.
make_database() {
    local level

    level=$(shop_psql -d postgres -Atc 'SHOW wal_level') ||
        die "could not log in to PostgreSQL at $POSTGRES_HOST:$POSTGRES_PORT as $POSTGRES_USER;" \
            "see POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER and POSTGRES_PASSWORD"
    [ "$level" = logical ] || die "PostgreSQL at $POSTGRES_HOST:$POSTGRES_PORT has" \
        "wal_level=$level; set wal_level=logical in its configuration and restart it"
    if [ -z "$(shop_psql -d postgres -Atv db="$POSTGRES_DB" \
        <<<"SELECT 1 FROM pg_database WHERE datname = :'db'")" ]; then
        step "making database $POSTGRES_DB"
        shop_psql -d postgres -v db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
    fi
    if [ -z "$(shop_psql -d "$POSTGRES_DB" -Atc "SELECT to_regclass('public.customer_activity')")" ]; then
        shop_psql -d "$POSTGRES_DB" -f "$shop/schema.sql"
    fi
    if [ -z "$(shop_psql -d "$POSTGRES_DB" -Atc "SELECT to_regproc('shop.rand')")" ]; then
        step "filling it with 1,000 customers, 200 products and 5,000 orders"
        shop_psql -d "$POSTGRES_DB" -f "$shop/seed.sql"
    fi
}

start_worker() {
    local file=$CULVERT_STATE/etc/worker.properties

    proc_gone worker || return 0
    step "starting the worker on port $CULVERT_REST_PORT"
    mkdir -p "$CULVERT_STATE/etc"
    cp "$CULVERT_TOP/etc/culvert-worker.properties" "$file"
    set_property "$file" bootstrap.servers "$KAFKA_BOOTSTRAP_SERVERS"
    set_property "$file" listeners "http://127.0.0.1:$CULVERT_REST_PORT"
    proc_start worker "$CULVERT_BUILD/programs/culvert-worker" "$file"
    await worker "$rest_url/health"
}

# await NAME URL: until the program answers there with success, or is gone.
await() {
    # shellcheck disable=SC2317 # called by wait_until
    settled() { rest_ok "$2" || proc_gone "$1"; }
    if ! wait_until 60 settled "$@" || proc_gone "$1"; then
        tail -n 20 "$CULVERT_STATE/log/$1.log" >&2
        die "the $1 did not become healthy; its log is $CULVERT_STATE/log/$1.log"
    fi
}

# The sample file with this run's addresses in it.
connector_config() {
    jq --arg host "$POSTGRES_HOST" --arg port "$POSTGRES_PORT" --arg db "$POSTGRES_DB" \
        --arg user "${CULVERT_CAPTURE_USER:-debezium}" \
        --arg password "${CULVERT_CAPTURE_PASSWORD:-dbz}" \
        '."database.hostname" = $host | ."database.port" = $port | ."database.dbname" = $db |
         ."database.user" = $user | ."database.password" = $password' "$shop/postgres-connector.json"
}

register_connector() {
    local answer

    step "registering postgres-connector"
    answer=$(rest PUT "$rest_url/connectors/postgres-connector/config" "$(connector_config)") ||
        die "the worker refused the connector: $(jq -r '.message // .' <<<"$answer" 2>/dev/null)"
}

# True once the task runs, its slot streams and every topic has at least its table's rows.
# shellcheck disable=SC2317 # called by wait_until
snapshot_through() {
    local status seen

    status=$(rest GET "$rest_url/connectors/postgres-connector/status" 2>/dev/null) || return 1
    if jq -e '[.connector, .tasks[]] | any(.state == "FAILED")' <<<"$status" >/dev/null; then
        die "postgres-connector failed: $(jq -r '[.connector, .tasks[]] | map(.trace // empty) | first' \
            <<<"$status" | head -n 1)"
    fi
    # shellcheck disable=SC2086 # a list of topics
    seen=$(kafka_dump ends $tables 2>/dev/null | awk '{ n += $2 } END { print n + 0 }')
    if [ "$seen" -lt "$rows" ] && [ $((SECONDS - told)) -ge 2 ]; then
        step "snapshot: $seen of $rows rows"
        told=$SECONDS
    fi
    [ "$seen" -ge "$rows" ] &&
        jq -e '.tasks | length > 0 and all(.state == "RUNNING")' <<<"$status" >/dev/null &&
        [ "$(shop_psql -d "$POSTGRES_DB" -Atc \
            "SELECT active FROM pg_replication_slots WHERE slot_name = 'debezium'")" = t ]
}

wait_for_snapshot() {
    rows=$(shop_psql -d "$POSTGRES_DB" -Atc "$(for table in $tables; do
        printf '%s SELECT count(*) AS n FROM public.%s' "${plus:-SELECT sum(n) FROM (}" "$table"
        plus=" UNION ALL"
    done)) t")
    # a connector that ran before is past its snapshot, whatever its topics still hold
    [ "$snapshot_done" = no ] || rows=0
    told=$SECONDS
    wait_until "$patience" snapshot_through || die "the snapshot was not through after $patience s" \
        "(--wait); see $rest_url/connectors/postgres-connector/status" \
        "and $CULVERT_STATE/log/worker.log"
    [ "$snapshot_done" = yes ] || step "snapshot: all $rows rows are in Kafka"
    touch "$CULVERT_STATE/run/snapshot.done"
}

start_streams() {
    local file=$CULVERT_STATE/etc/streams.properties

    proc_gone streams || return 0
    step "starting the streams worker on port $CULVERT_STREAMS_PORT"
    cp "$CULVERT_TOP/etc/culvert-streams.properties" "$file"
    set_property "$file" bootstrap.servers "$KAFKA_BOOTSTRAP_SERVERS"
    set_property "$file" pipeline.directory "$shop/streams"
    set_property "$file" state.dir "$CULVERT_STATE/streams"
    set_property "$file" listeners "http://127.0.0.1:$CULVERT_STREAMS_PORT"
    proc_start streams "$CULVERT_BUILD/programs/culvert-streams" run "$file"
    await streams "$streams_url/ready"
}

start_prometheus() {
    [ -n "${PROMETHEUS_PORT:-}" ] && proc_gone prometheus || return 0
    if ! command -v prometheus >/dev/null; then
        warn "PROMETHEUS_PORT is set, but there is no prometheus program; go on without"
        return 0
    fi
    need_port "$PROMETHEUS_PORT" Prometheus PROMETHEUS_PORT
    step "starting Prometheus on port $PROMETHEUS_PORT"
    cat >"$CULVERT_STATE/etc/prometheus.yml" <<YAML
global: { scrape_interval: 5s }
scrape_configs:
  - job_name: culvert-worker
    static_configs: [{ targets: ["127.0.0.1:$CULVERT_REST_PORT"] }]
  - job_name: culvert-streams
    static_configs: [{ targets: ["127.0.0.1:$CULVERT_STREAMS_PORT"] }]
YAML
    proc_start prometheus prometheus --config.file="$CULVERT_STATE/etc/prometheus.yml" \
        --storage.tsdb.path="$CULVERT_STATE/prometheus" \
        --web.listen-address="127.0.0.1:$PROMETHEUS_PORT"
}

tell() {
    local state="" data=""

    if [ $own_postgres = yes ]; then
        case $(pg_home) in
        "$CULVERT_STATE"/*) ;;
        # postgres may not enter the state folder
        *) data="
              data in $(pg_home)" ;;
        esac
    fi
    # scripts that find the state folder by themselves need no variable
    [ "$CULVERT_STATE" = "$CULVERT_TOP/.culvert" ] || state="CULVERT_STATE=$CULVERT_STATE "
    cat <<TEXT

The pipeline runs.
  worker      $rest_url/connectors/postgres-connector/status
  streams     $streams_url/pipelines
  PostgreSQL  psql -h $POSTGRES_HOST -p $POSTGRES_PORT -U $POSTGRES_USER $POSTGRES_DB$data
  Kafka       $KAFKA_BOOTSTRAP_SERVERS
  topics      $tables
  results     $results
  files       $CULVERT_STATE/streams/shop-streams/files (metrics by the hour)
  logs        $CULVERT_STATE/log (streams.log has the alerts, too)

Try next:
  ${state}./scripts/consume.sh processed_orders          enriched orders as they arrive
  ${state}./scripts/consume.sh inventory_alerts fraud_alerts  alerts
  ${state}./scripts/generate-test-data.sh --rate 20      shop traffic, in a second terminal
  ${state}./scripts/stop-pipeline.sh                     stop it (--purge: forget everything)
TEXT
}

[ $setup = no ] || CULVERT_STATE=$CULVERT_STATE "$CULVERT_TOP/scripts/setup.sh"
for program in programs/culvert-worker programs/culvert-streams tests/helper/kafka_dump; do
    [ -x "$CULVERT_BUILD/$program" ] || die "$CULVERT_BUILD/$program is not built; run scripts/setup.sh"
done
mkdir -p "$CULVERT_STATE/run" "$CULVERT_STATE/etc"
snapshot_done=no
[ ! -f "$CULVERT_STATE/run/snapshot.done" ] || snapshot_done=yes
choose_ports
save_run
start_servers
start_worker
register_connector
wait_for_snapshot
start_streams
start_prometheus
tell
