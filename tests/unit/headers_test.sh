#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, without a warning, and twice: it includes what it needs and is guarded. Make
# gives the compiler and its flags; the flags' paths are relative to the build folder, where tests run.
# By hand: srcdir=. TEST_CC=gcc TEST_CPPFLAGS="-I. -Iinclude" tests/unit/headers_test.sh
set -u
: "${TEST_CC:?the compiler, which make check sets}"
: "${TEST_CPPFLAGS:?the preprocessor flags, which make check sets}"
export TEST_CC TEST_CPPFLAGS
export TEST_CFLAGS="${TEST_CFLAGS-}"
srcdir=${srcdir:-.}

# shellcheck disable=SC2016 # expanded by the inner shell, one header at a time
compile='
    printf "#include \"%s\"\n#include \"%s\"\n" "$1" "$1" |
        $TEST_CC $TEST_CPPFLAGS $TEST_CFLAGS -Werror -fsyntax-only -x c - ||
        { echo "header $1 does not compile alone"; exit 1; }'

# The test itself: a header that needs another one must not pass.
incomplete=${TMPDIR:-/tmp}/culvert-headers-test.$$.h
trap 'rm -f "$incomplete"' EXIT
trap 'exit 1' HUP INT TERM
echo 'void incomplete(struct nowhere *arg, size_t len);' >"$incomplete"
if sh -c "$compile" sh "$incomplete" >/dev/null 2>&1; then
    echo "a header that cannot stand alone compiles: $TEST_CC $TEST_CPPFLAGS $TEST_CFLAGS"
    exit 1
fi

headers=$(cd "$srcdir" && find include common data converters transforms connectors worker rest streams \
    programs -name '*.h' | sed 's,^include/,,' | sort)
if [ "$(echo "$headers" | wc -l)" -lt 20 ]; then
    echo "found no headers to compile in $srcdir"
    exit 1
fi
echo "$headers" | xargs -P 2 -n 1 sh -c "$compile" sh || exit 1
