#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# servers.sh: one private PostgreSQL and one private Kafka for a run of integration tests
#
#   tests/helper/servers.sh run COMMAND...   boot both, run the command with the variables below set,
#                                            stop both; the exit code is the command's
#   eval "$(tests/helper/servers.sh start DIR)"   boot both under DIR and leave them running
#   tests/helper/servers.sh stop DIR         stop what start left running, and delete DIR
#
# Both listen on free ports of 127.0.0.1. The command sees
#   KAFKA_BOOTSTRAP_SERVERS                  127.0.0.1:PORT
#   POSTGRES_HOST POSTGRES_PORT              and POSTGRES_USER=postgres (superuser, no password)
#   CULVERT_TEST_DIR                         a folder for the tests' own files
# CULVERT_KAFKA_LIBS names a folder with Kafka's jars (default: kafka/libs of the state folder),
# CULVERT_TEST_PORT the first port to try. With CULVERT_TEST_POSTGRES=no there is no PostgreSQL, with
# CULVERT_KAFKA_AUTO_CREATE=true Kafka creates topics that clients ask for, with
# CULVERT_KAFKA_PARTITIONS (3) partitions.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"
# the jars are those of the checkout's own state folder, whatever folder the servers run in
CULVERT_KAFKA_LIBS=$(kafka_libs)
export CULVERT_KAFKA_LIBS

boot() {
    local ports
    read -r -a ports <<<"$(free_ports 3 ${CULVERT_TEST_PORT:+"$CULVERT_TEST_PORT"})"
    mkdir -p "$CULVERT_STATE/tests"
    chmod 711 "$CULVERT_STATE"
    CULVERT_KAFKA_TIER=1 kafka_start "${ports[0]}" "${ports[1]}"
    [ "${CULVERT_TEST_POSTGRES:-yes}" = no ] || pg_start "${ports[2]}" fsync=off full_page_writes=off max_replication_slots=20 \
        max_wal_senders=20 max_prepared_transactions=10 max_connections=100 wal_sender_timeout=60s
    kafka_wait 60
    export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]}
    export POSTGRES_HOST=127.0.0.1 POSTGRES_PORT=${ports[2]} POSTGRES_USER=postgres
    export CULVERT_TEST_DIR=$CULVERT_STATE/tests
}
down() {
    kafka_stop
    pg_stop
    pg_purge
    rm -rf "$CULVERT_STATE"
}

case ${1:-} in
run)
    shift
    [ $# -gt 0 ] || die "run needs a command (see --help)"
    set_state "$(mktemp -d "${TMPDIR:-/tmp}/culvert-test.XXXXXX")"
    trap down EXIT
    trap 'exit 130' INT TERM
    boot
    "$@"
    ;;
start)
    [ $# -eq 2 ] || die "start needs a folder (see --help)"
    set_state "$2"
    if proc_alive kafka || proc_alive postgres; then
        die "servers run in $CULVERT_STATE already; stop them first"
    fi
    boot >&2
    for name in KAFKA_BOOTSTRAP_SERVERS POSTGRES_HOST POSTGRES_PORT POSTGRES_USER CULVERT_TEST_DIR; do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
    ;;
stop)
    [ $# -eq 2 ] || die "stop needs a folder (see --help)"
    set_state "$2"
    [ -d "$CULVERT_STATE/run" ] || die "no servers were started in $CULVERT_STATE"
    down
    ;;
-h | --help) show_help ;;
*) die "unknown command \"${1:-}\" (see --help)" ;;
esac
