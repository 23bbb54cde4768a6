#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/streams.md and docs/streams-sample.md against the program: the first pipeline is one, the test of the testing
# section runs, the messages of the tables are those of the source, all of them, and what is quoted of the sample stands there.
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

# Messages, one way: the longest part between names and numbers of each is in the source, its literals joined.
find "$top/streams" -name '*.c' -exec cat {} + | tr '\n' ' ' | sed 's/"[ \t]*"//g; s/\\"/"/g; s/%%/%/g' >"$tmp/source"
awk '/^## Messages and their remedies/ { on = 1 } on && /^\| / { print }' "$top/docs/streams.md" >"$tmp/table"
grep -v '^| it says' "$tmp/table" | sed 's/^| //; s/ (warning)//g; s/ (a repartition topic)//; s/ |.*//' | sed 's/; /\n/g' >"$tmp/messages"
[ "$(wc -l <"$tmp/messages")" -ge 100 ] || bad "the tables of messages were not found"
while read -r message; do
    part=$(printf '%s\n' "$message" |
        sed "s/[\"'][a-z_]*[\"']/\\n/g; s/ \\.\\.\\. */\\n/g; s/file:line/\\n/g; s/%x/\\n/g; s/\\(^\\| \\)[nmxyzk]\\([ ,:]\\|\$\\)/\\n/g" |
        awk 'length > length(best) { best = $0 } END { gsub(/^ +| +$/, "", best); print best }')
    grep -qF -- "$part" "$tmp/source" || bad "no message of the source has \"$part\" ($message)"
done <"$tmp/messages"

# The other way: each message that a person must act on is in the tables. Its first clause, the longest part again.
failing='sql_error\|sql_warn\|cv_fail([a-z]*, *\(CV_INVALID\|CV_CONFLICT\|CV_NO_MEMORY\|rc\),'
cat "$top"/streams/sql/*.c "$top"/streams/engine/*.c "$top"/streams/app.c "$top"/streams/member.c "$top"/streams/topics.c \
    "$top"/streams/reset.c "$top"/streams/store/state.c "$top"/streams/store/database.c "$top"/streams/store/changelog.c |
    tr '\n' ' ' | sed 's/\\"/\x01/g; s/"[ \t]*"//g' | sed "s/\\($failing\\)/\\n&/g" | grep "^\\($failing\\)" |
    sed -n 's/^[^";]*"\([^"]*\)".*/\1/p' | sed 's/\x01/"/g; s/%%/%/g; s/\(............\)[;:(].*/\1/' | sort -u >"$tmp/said"
[ "$(wc -l <"$tmp/said")" -ge 80 ] || bad "the messages of the source were not found"
while IFS= read -r message; do
    part=$(printf '%s\n' "$message" | sed "s/[\"']\\{0,1\\}%[.*l]*[a-z][\"']\\{0,1\\}/\\n/g" |
        awk 'length > length(best) { best = $0 } END { gsub(/^[ ,]+|[ ,]+$/, "", best); print best }')
    [ "${#part}" -lt 12 ] || grep -qF -- "$part" "$tmp/table" || bad "docs/streams.md lacks the message \"$message\" ($part)"
done <"$tmp/said"

cat "$top"/etc/shop/streams/*.sql | sed 's/^ *//' >"$tmp/sample"
grep '^    ' "$top/docs/streams-sample.md" | sed 's/^ *//' >"$tmp/quoted"
[ "$(wc -l <"$tmp/quoted")" -ge 30 ] || bad "nothing is quoted of the sample"
while IFS= read -r line; do
    grep -qxF -- "$line" "$tmp/sample" || bad "docs/streams-sample.md quotes what the sample does not have: $line"
done <"$tmp/quoted"
[ "$failures" -eq 0 ]
