#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/streams.md and docs/streams-sample.md against the program: the first pipeline is one, the test of the testing
# section runs, messages of the table are messages of the source, and what is quoted of the sample stands there.
set -u
program=programs/culvert-streams
top=${srcdir:-.}
[ -x "$program" ] || exit 77
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0

bad() {
    echo "$*"
    failures=$((failures + 1))
}

# The indented block behind the line that matches, without its indent.
block() {
    awk -v start="$2" '
        found && /^    / { print substr($0, 5); shown = 1; next }
        found && shown && !/^$/ { exit }
        found && shown { print "" }
        $0 ~ start { found = 1 }' "$1"
}

mkdir "$tmp/first" "$tmp/shop" "$tmp/shop/tests"
block "$top/docs/streams.md" "^# culvert-streams" >"$tmp/first/1.sql"
"$program" check "$tmp/first" >"$tmp/out" 2>&1 || bad "the first pipeline: $(cat "$tmp/out")"
cp "$top"/etc/shop/streams/*.sql "$tmp/shop"
block "$top/docs/streams.md" "^## Testing" >"$tmp/shop/tests/doc.test.sql"
"$program" test "$tmp/shop" >"$tmp/out" 2>&1 || bad "the test of the testing section: $(cat "$tmp/out")"
grep -q "^ok 1" "$tmp/out" || bad "no test ran: $(cat "$tmp/out")"

# Messages: the longest part between names and numbers must be in the source, its literals joined.
find "$top/streams" -name '*.c' -exec cat {} + | tr -d '\n' | sed 's/"[ \t]*"//g; s/\\"/"/g' >"$tmp/source"
awk '/^## Messages and their remedies/ { on = 1 } on && /^\| / { print }' "$top/docs/streams.md" |
    sed '1d; s/^| //; s/ (warning)//; s/ (a repartition topic)//; s/ |.*//' >"$tmp/messages"
[ "$(wc -l <"$tmp/messages")" -ge 20 ] || bad "the table of messages was not found"
while read -r message; do
    part=$(printf '%s\n' "$message" | sed 's/"[a-z_]*"/\n/g; s/ \.\.\. */\n/g; s/ [nmxyk]\([ ,]\|$\)/\n/g' |
        awk 'length > length(best) { best = $0 } END { gsub(/^ +| +$/, "", best); print best }')
    grep -qF -- "$part" "$tmp/source" || bad "no message of the source has \"$part\" ($message)"
done <"$tmp/messages"

cat "$top"/etc/shop/streams/*.sql | sed 's/^ *//' >"$tmp/sample"
grep '^    ' "$top/docs/streams-sample.md" | sed 's/^ *//' >"$tmp/quoted"
[ "$(wc -l <"$tmp/quoted")" -ge 30 ] || bad "nothing is quoted of the sample"
while IFS= read -r line; do
    grep -qxF -- "$line" "$tmp/sample" || bad "docs/streams-sample.md quotes what the sample does not have: $line"
done <"$tmp/quoted"
[ "$failures" -eq 0 ]
