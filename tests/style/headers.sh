#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# headers.sh: each header compiles alone, and is guarded. CULVERT_CPP is the compiler with the build's
# flags; the build sets it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

[ -n "${CULVERT_CPP:-}" ] || {
    echo "CULVERT_CPP is not set; run it through make check"
    exit 77
}
one=$(mktemp "${TMPDIR:-/tmp}/culvert-header.XXXXXX.c")
trap 'rm -f "$one"' EXIT
failed=0
while read -r header; do
    # twice: the second time its guard must hold
    printf '#include <config.h>\n#include "%s"\n#include "%s"\nextern int dummy;\n' "$header" "$header" >"$one"
    # shellcheck disable=SC2086 # a command line
    $CULVERT_CPP -fsyntax-only "$one" || {
        echo "$header does not compile alone"
        failed=1
    }
done < <(find include common data converters transforms connectors worker rest streams programs \
    -name '*.h' | sort)
exit $failed
