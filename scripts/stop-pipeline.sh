#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# stop-pipeline.sh [OPTIONS]: stop what start-pipeline.sh started, by pid, and nothing else
#
#   --purge        also delete the data: topics, database, stores, logs; build and jars are kept
#   --state DIR    the run's state folder    (CULVERT_STATE, .culvert)
#   -h, --help     print this
#
# Servers that were running before (KAFKA_BOOTSTRAP_SERVERS, POSTGRES_HOST) are left alone, and so is
# what the pipeline made in them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

purge=no
while [ $# -gt 0 ]; do
    case $1 in
    --purge) purge=yes && shift ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done

stopped=0
stop() {
    proc_alive "$1" || return 0
    step "stopping $1"
    "${@:2}"
    stopped=$((stopped + 1))
}
given_postgres=no
if load_run && ! proc_alive postgres && [ ! -d "$(pg_home)" ]; then
    given_postgres=yes
fi
stop prometheus proc_stop prometheus
stop streams proc_stop streams 30
stop worker proc_stop worker 30
stop postgres pg_stop
stop kafka kafka_stop
[ $stopped -gt 0 ] || say "nothing of $CULVERT_STATE was running"

if [ $purge = yes ]; then
    pg_purge
    rm -rf "${CULVERT_STATE:?}"/{kafka/data,run,etc,log,streams,prometheus}
    say "deleted the data of $CULVERT_STATE"
    if [ $given_postgres = yes ]; then
        warn "the slot \"debezium\" on $POSTGRES_HOST:$POSTGRES_PORT keeps WAL there until you run" \
            "SELECT pg_drop_replication_slot('debezium')"
    fi
fi
