#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/metrics.md is what the worker says of its metrics.
set -u
srcdir=${srcdir:-.}
made=${TMPDIR:-/tmp}/culvert-metrics.$$.md
trap 'rm -f "$made"' EXIT
trap 'exit 1' HUP INT TERM

programs/culvert-worker --print-metrics >"$made" || exit 1
if [ "$(grep -c '^| `' "$made")" -lt 90 ]; then
    echo "the worker prints hardly any metrics"
    exit 1
fi
if ! diff -u "$srcdir/docs/metrics.md" "$made"; then
    echo "docs/metrics.md is out of date: run make docs, and commit it with the change of the metrics"
    exit 1
fi
