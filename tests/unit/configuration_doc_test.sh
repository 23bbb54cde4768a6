#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/configuration.md is what the programs say of their options.
set -u
srcdir=${srcdir:-.}
made=${TMPDIR:-/tmp}/culvert-configuration.$$.md
trap 'rm -f "$made"' EXIT
trap 'exit 1' HUP INT TERM

{ programs/culvert-worker --print-options && programs/culvert-streams --print-options; } >"$made" || exit 1
if [ "$(grep -c '^| `' "$made")" -lt 200 ]; then
    echo "the programs print hardly any options"
    exit 1
fi
if ! diff -u "$srcdir/docs/configuration.md" "$made"; then
    echo "docs/configuration.md is out of date: run make docs, and commit it with the change of the options"
    exit 1
fi
