#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# generate-test-data.sh [OPTIONS]: make traffic in the shop database
#
# New customers, orders with items, status changes, stock movements, customer activity, deletions, one
# commit each, evenly paced. The same seed on the same database makes the same changes, but for times.
#
#   --rate N        transactions a second     (20)
#   --seconds N     for how long              (60)
#   --seed N        which traffic             (1)
#   --state DIR     the run's state folder    (CULVERT_STATE, .culvert)
#   -h, --help      print this
#
# The running pipeline says where the database is; POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB,
# POSTGRES_USER and POSTGRES_PASSWORD override that.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

rate=20
seconds=60
seed=1
while [ $# -gt 0 ]; do
    case $1 in
    --rate) need_value "$@" && rate=$2 && shift 2 ;;
    --seconds) need_value "$@" && seconds=$2 && shift 2 ;;
    --seed) need_value "$@" && seed=$2 && shift 2 ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done
need_number --rate "$rate"
need_number --seconds "$seconds"
need_number --seed "$seed"
[ "$rate" -gt 0 ] || die "--rate must be at least 1"

load_run || [ -n "${POSTGRES_HOST:-}" ] ||
    die "no pipeline runs; start it with scripts/start-pipeline.sh, or set POSTGRES_HOST"
POSTGRES_PORT=${POSTGRES_PORT:-5432}
POSTGRES_DB=${POSTGRES_DB:-inventory}
POSTGRES_USER=${POSTGRES_USER:-postgres}
step "$rate transactions a second for $seconds s, seed $seed, on $POSTGRES_HOST:$POSTGRES_PORT/$POSTGRES_DB"
shop_psql -d "$POSTGRES_DB" -f "$CULVERT_TOP/etc/shop/traffic.sql" \
    -c "CALL shop.traffic(rate => $rate, seconds => $seconds, seed => $seed)" 2>&1 |
    sed -u 's/^INFO: *//'
