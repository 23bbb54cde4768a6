#!/bin/sh
# Print the version for configure: the tag of this checkout, or 0.1.0 with the commit count and the
# short commit behind it. A release tarball carries it in the file .version. --commit prints the commit.
set -u
top=$(dirname "$0")/..
if [ "${1:-}" = "--commit" ]; then
    git -C "$top" rev-parse --short=16 HEAD 2>/dev/null | tr -d '\n' || true
    exit 0
fi
if [ -f "$top/.version" ]; then
    tr -d '\n' <"$top/.version"
elif tag=$(git -C "$top" describe --tags --match 'v[0-9]*' 2>/dev/null); then
    printf '%s' "${tag#v}"
else
    count=$(git -C "$top" rev-list --count HEAD 2>/dev/null || echo 0)
    printf '0.1.0.dev%s' "$count"
fi
