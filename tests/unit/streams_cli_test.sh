#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line of culvert-streams: exit codes, and what it says about wrong pipelines and properties.
# Run by make check in the build folder.
set -u
program=programs/culvert-streams
shop=${srcdir:-.}/etc/shop/streams
[ -x "$program" ] || exit 77
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0

# try CODE TEXT ARGUMENT...: the program must end with CODE and say TEXT.
try() {
    want=$1 text=$2
    shift 2
    "$program" "$@" >"$tmp/out" 2>&1
    code=$?
    if [ "$code" -ne "$want" ] || ! grep -qF -- "$text" "$tmp/out"; then
        echo "culvert-streams $*: exit $code, wanted $want and \"$text\"; it said:"
        cat "$tmp/out"
        failures=$((failures + 1))
    fi
}

try 0 "usage: culvert-streams run FILE.properties" --help
try 0 "culvert-streams " --version
try 0 "sqlite " --version --deps
try 2 "usage:"
try 2 "usage:" walk
try 2 "usage:" run
try 0 "pipeline shop is fine: 7 sources, 15 queries, 9 sinks, 6 task groups" check "$shop"
try 0 "task group orders" explain "$shop"
try 0 '"application_id":"shop-streams"' explain --json "$shop"
try 0 'CREATE TABLE "orders"' explain --sqlite "$shop"
try 0 "digraph pipeline" explain --dot "$shop"
# the sample's own tests, and what one that does not hold looks like
try 0 "1..10" test "$shop"
try 0 "1..4" test "${srcdir:-.}/tests/data/streams"
mkdir -p "$tmp/tested/tests"
cp "$shop"/*.sql "$tmp/tested"
try 1 "there are no tests in" test "$tmp/tested"
cat >"$tmp/tested/tests/a.test.sql" <<END
TEST 'wrong on purpose';
INSERT INTO products VALUES (1, 'S1', 'lamp', 'light', 3, 10);
EXPECT inventory_alerts (alert) ROWS ('RESTOCKED');
END
try 1 "a.test.sql:3:1: inventory_alerts lacks the row ('RESTOCKED')" test "$tmp/tested"
try 1 "not ok 1 - wrong on purpose" test "$tmp/tested"
echo "EXPECT something;" >"$tmp/tested/tests/a.test.sql"
try 1 "a.test.sql:1:17: error: expected ROWS or NONE" test "$tmp/tested"
printf "TEST 'x';\nCRASH AFTER 'lunch';\n" >"$tmp/tested/tests/a.test.sql"
try 1 "CRASH AFTER 'lunch' is not known" test "$tmp/tested"
printf "TEST 'x';\nAT 'noon';\n" >"$tmp/tested/tests/a.test.sql"
try 1 "a.test.sql:2:4: error: 'noon' is no ISO 8601 time" test "$tmp/tested"
# What a changed pipeline means for the state that is there.
changed() {
    rm -rf "$tmp/changed"
    mkdir "$tmp/changed"
    cp "$shop"/*.sql "$tmp/changed"
    sed -i "$1" "$tmp/changed"/*.sql
}
changed ''
try 0 "changed: the state goes on" plan "$shop" "$tmp/changed"
changed 's/payment_method   TEXT NOT NULL,/payment_method TEXT,/'
try 0 "rebuild: table \"orders\" is written otherwise" plan "$shop" "$tmp/changed"
changed "s/FROM TOPIC 'orders'/FROM TOPIC 'orders2'/"
try 1 "reset: source \"orders\" reads another topic, 'orders2' instead of 'orders'" plan "$shop" "$tmp/changed"
changed "s/FROM TOPIC 'customers'/FROM TOPIC 'customers2'/"
try 0 "rebuild: source \"customers\" reads another topic" plan "$shop" "$tmp/changed"
changed 's/stock_quantity INTEGER/stock_quantity TEXT/'
try 1 "reset: table \"products\" has other columns" plan "$shop" "$tmp/changed"
changed "s/application_id *= *'[^']*'/application_id = 'other'/"
try 0 "compatible: the application_id is another one, 'other'" plan "$shop" "$tmp/changed"
changed 's/CREATE QUERY amount/CREATE QUERY amounts/'
try 0 "compatible: query \"amounts\" is new" plan "$shop" "$tmp/changed"
# Functions of a library are known while planning.
mkdir "$tmp/extended"
cat >"$tmp/extended/1.sql" <<END
CREATE PIPELINE p WITH (application_id = 'a', extension = '$tmp/score.so');
CREATE SOURCE STREAM s (id INTEGER) FROM TOPIC 's';
CREATE SINK o TO CONSOLE;
CREATE QUERY q ON s INTO o AS SELECT score(id) AS score FROM s_changes;
END
try 1 "1.sql:1:47: error: could not load the extension" check "$tmp/extended"
cat >"$tmp/score.c" <<END
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1
static void score(sqlite3_context *c, int n, sqlite3_value **v) { sqlite3_result_int(c, n + sqlite3_value_int(v[0])); }
int sqlite3_extension_init(sqlite3 *db, char **e, const sqlite3_api_routines *api) {
    (void)e;
    SQLITE_EXTENSION_INIT2(api);
    return sqlite3_create_function(db, "score", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, 0, score, 0, 0);
}
END
if cc -shared -fPIC -o "$tmp/score.so" "$tmp/score.c" 2>/dev/null; then
    try 0 "pipeline p is fine" check "$tmp/extended"
fi
try 1 "could not read the pipeline directory" check "$tmp/nowhere"
mkdir "$tmp/empty" "$tmp/wrong"
try 1 "has no *.sql files" check "$tmp/empty"
printf "CREATE PIPELINE p WITH (application_id = 'a');\nCREATE SINK s TO PLACE 'x';\n" >"$tmp/wrong/1.sql"
try 1 "1.sql:2:18: error: expected TOPIC, FILE or CONSOLE, found \"PLACE\"" check "$tmp/wrong"

try 1 "nowhere.properties" run "$tmp/nowhere.properties"
echo "num.threads=many" >"$tmp/a.properties"
try 1 "num.threads" run "$tmp/a.properties"
try 1 "bootstrap.servers" run "$tmp/a.properties"
try 1 "pipeline.directory" run "$tmp/a.properties"
cat >"$tmp/b.properties" <<END
bootstrap.servers=127.0.0.1:1
pipeline.directory=$tmp/wrong
state.dir=$tmp/state
END
try 1 "expected TOPIC, FILE or CONSOLE" run "$tmp/b.properties"
cat >"$tmp/c.properties" <<END
bootstrap.servers=127.0.0.1:1
pipeline.directory=$shop
state.dir=$tmp/state
listeners=gopher://x:1
END
try 1 "listeners" run "$tmp/c.properties"
echo "plugin.library.paths=/tmp/x.so" >>"$tmp/c.properties"
try 1 "plugin.library.paths" run "$tmp/c.properties"
printf 'bootstrap.servers=127.0.0.1:1\npipeline.directory=%s\nstate.dir=%s/state\n' "$shop" "$tmp" >"$tmp/d.properties"
try 1 'there is no state table "nothing" in use; there are: ' reset "$tmp/d.properties" --table nothing
try 1 '"orders" is a source' reset "$tmp/d.properties" --table orders
try 2 "usage:" reset "$tmp/d.properties" --rows spending
[ "$failures" -eq 0 ]
