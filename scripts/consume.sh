#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# consume.sh TOPIC... [OPTIONS]: show the records of topics as they arrive, until interrupted
#
#   --from earliest|latest   where to start            (KAFKA_AUTO_OFFSET_RESET, earliest)
#   --count N                stop after N records
#   --seconds N              stop after N seconds
#   --end                    stop at the present end
#   --format FORMAT          value, key-value, or json with partition, offset and headers  (value)
#   --state DIR              the run's state folder    (CULVERT_STATE, .culvert)
#   -h, --help               print this
#
# The sample's results are in processed_orders, inventory_alerts, business_metrics, business_metrics_late,
# fraud_alerts and customer_behavior. Only committed records are shown; a null value prints as null. The running pipeline says where Kafka
# is; KAFKA_BOOTSTRAP_SERVERS overrides that.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

from=${KAFKA_AUTO_OFFSET_RESET:-earliest}
follow=--follow
topics=()
options=()
format=value
while [ $# -gt 0 ]; do
    case $1 in
    --from) need_value "$@" && from=$2 && shift 2 ;;
    --count) need_value "$@" && need_number "$1" "$2" && options+=(--count "$2") && shift 2 ;;
    --seconds) need_value "$@" && need_number "$1" "$2" && options+=(--timeout "$2") && shift 2 ;;
    --end) follow="" && shift ;;
    --format) need_value "$@" && format=$2 && shift 2 ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    -h | --help) show_help && exit ;;
    -*) die "unknown option \"$1\" (see --help)" ;;
    *) topics+=("$1") && shift ;;
    esac
done
case $from in
earliest) ;;
latest) options+=(--from-end) ;;
*) die "--from (KAFKA_AUTO_OFFSET_RESET) must be earliest or latest, not \"$from\"" ;;
esac
[ ${#topics[@]} -gt 0 ] || die "name a topic, for example processed_orders (see --help)"
load_run || [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ] ||
    die "no pipeline runs; start it with scripts/start-pipeline.sh, or set KAFKA_BOOTSTRAP_SERVERS"
[ -x "$CULVERT_BUILD/tests/helper/kafka_dump" ] || die "nothing is built yet; run scripts/setup.sh"
exec "$CULVERT_BUILD/tests/helper/kafka_dump" -b "$KAFKA_BOOTSTRAP_SERVERS" ${follow:+"$follow"} \
    --format "$format" "${options[@]}" read "${topics[@]}"
