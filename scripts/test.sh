#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [OPTIONS] [STAGE...]: install what the tests need and run them
#
# Stages, all by default:
#   shell         shellcheck on every shell script
#   unit          unit tests and replayed fuzz inputs (gcc, warnings are errors)
#   integration   tests on a private PostgreSQL and Kafka
#   conformance   recordings of Apache Kafka Connect replayed against the worker
#   sanitize      the unit stage again with clang, address and undefined sanitizers; what has threads with
#                 the thread sanitizer
#   dist          make distcheck: the tarball builds, tests, installs and uninstalls
#
#   --no-setup    do not check packages and jars
#   --state DIR   jars and builds go there    (CULVERT_STATE, .culvert)
#   -h, --help    print this
#
# The last line is "N passed, N failed" over everything: each cmocka test, integration test, recorded
# scenario, script and other test program counts as one; what was skipped is counted in the line before.
# Logs are in the build folders. CULVERT_TEST_SEED repeats the random moments of a run.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

setup=yes
stages=()
while [ $# -gt 0 ]; do
    case $1 in
    --no-setup) setup=no && shift ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    -h | --help) show_help && exit ;;
    shell | unit | integration | conformance | sanitize | dist) stages+=("$1") && shift ;;
    *) die "unknown option or stage \"$1\" (see --help)" ;;
    esac
done
[ ${#stages[@]} -gt 0 ] || stages=(shell unit integration conformance sanitize dist)

passed=0
failed=0
skipped=0
builds=$CULVERT_STATE/test
# servers of the environment are the pipeline's business; tests boot their own
unset KAFKA_BOOTSTRAP_SERVERS POSTGRES_HOST POSTGRES_PORT POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    say "FAILED: $*"
}

# build NAME CONFIGURE_ARGUMENT...: an out-of-tree build in its own folder.
build() {
    local dir=$builds/$1
    shift
    if [ ! -x "$CULVERT_TOP/configure" ]; then
        (cd "$CULVERT_TOP" && logged autoreconf -fi) || return
    fi
    mkdir -p "$dir"
    if [ ! -f "$dir/Makefile" ]; then
        (cd "$dir" && logged "$CULVERT_TOP/configure" -q --enable-werror "$@") || return
    fi
    step "building in $dir"
    (logged make -s -C "$dir" -j "$(nproc)" all)
}
compiler() { if command -v ccache >/dev/null; then echo "ccache $1"; else echo "$1"; fi; }

# tally DIR: add up what the test programs of a build reported. Automake's .trs files hold each one's
# result; a cmocka log holds the numbers of its tests.
tally() {
    local trs name results numbers
    while read -r trs; do
        name=${trs#"$1"/}
        name=${name%.trs}
        results=$(sed -n 's/^:test-result: //p' "$trs")
        numbers=$(awk '/^\[  PASSED  \]/ { p += $4 } /^\[  SKIPPED \].*test\(s\), listed/ { s += $4 }
            /^\[  FAILED  \].*test\(s\), listed/ { f += $4 } END { if (p + f) print p, f + 0, s + 0 }' \
            "${trs%.trs}.log" 2>/dev/null)
        if [ -n "$numbers" ]; then
            read -r p f s <<<"$numbers"
            # it says that all passed, and yet did not end well (a leak, a crash at exit)
            [ "$f" -gt 0 ] || [ "$results" = PASS ] || f=1
            passed=$((passed + p))
            skipped=$((skipped + s))
            if [ "$f" -gt 0 ]; then
                failed=$((failed + f))
                say "FAILED: $name (${trs%.trs}.log)"
                grep -E '^\[  FAILED  \]|ERROR|error:' "${trs%.trs}.log" | head -n 20
            fi
            continue
        fi
        while read -r result name_of_part; do
            case $result in
            PASS | XFAIL) pass ;;
            SKIP) skipped=$((skipped + 1)) && say "skipped: $name $name_of_part" ;;
            *) fail "$name $name_of_part (${trs%.trs}.log)" && tail -n 30 "${trs%.trs}.log" ;;
            esac
        done <<<"$results"
    done < <(find "$1" -name '*.trs' | sort)
}

stage_shell() {
    local file
    while read -r file; do
        if (cd "$CULVERT_TOP" && shellcheck -x "$file"); then pass; else fail "shellcheck $file"; fi
    done < <(cd "$CULVERT_TOP" && git ls-files --cached --others --exclude-standard | while read -r file; do
        head -n 1 "$file" 2>/dev/null | grep -aqE '^#!.*\b(ba)?sh\b|shellcheck shell=' && echo "$file"
    done)
}

# unit NAME CONFIGURE_ARGUMENT...
unit() {
    if ! build "$@"; then
        fail "build of $1"
        return
    fi
    find "$builds/$1" -name '*.trs' -delete
    if ! make -s -C "$builds/$1" -k -j "$(nproc)" check >"$CULVERT_STATE/log/check-$1.log" 2>&1; then
        # a test that does not even compile has no .trs of its own
        grep -E 'error:|Error [0-9]+$' "$CULVERT_STATE/log/check-$1.log" | head -n 20
        grep -qE '^make.*(\.o|_test)\] Error' "$CULVERT_STATE/log/check-$1.log" && fail "make check in $1"
    fi
    tally "$builds/$1"
}
stage_unit() { unit gcc "CC=$(compiler gcc)"; }
stage_sanitize() {
    UBSAN_OPTIONS=print_stacktrace=1 unit clang-asan --enable-asan "CC=$(compiler clang)"
    threads
}

# threads: the tests in which threads meet, under the thread sanitizer.
threads() {
    local test tests="thread log metrics http_server http_client kafka_producer tunnel oauth transport member sink_task source_task"
    if ! build gcc-tsan --enable-tsan "CC=$(compiler gcc)"; then
        fail "build of gcc-tsan"
        return
    fi
    for test in $tests; do
        if (cd "$builds/gcc-tsan" && make -s "tests/unit/${test}_test" && TSAN_OPTIONS=exitcode=66 "tests/unit/${test}_test") \
            >"$CULVERT_STATE/log/tsan-$test.log" 2>&1; then
            pass
        else
            fail "${test}_test under the thread sanitizer ($CULVERT_STATE/log/tsan-$test.log)"
        fi
    done
}

# tap SCRIPT WHAT: build, run what reports in TAP, and count what it says.
tap() {
    local line plan=0 seen=0
    if ! build gcc "CC=$(compiler gcc)" ||
        ! (logged make -s -C "$builds/gcc" -j "$(nproc)" check TESTS=); then
        fail "build of the $2"
        return
    fi
    while IFS= read -r line; do
        case $line in "ok "* | "not ok "*) seen=$((seen + 1)) ;; esac
        case $line in
        "ok "*"# SKIP"* | "not ok "*"# TODO"*) skipped=$((skipped + 1)) && say "skipped: ${line#*ok }" ;;
        "ok "*) pass && step "${line#* - }" ;;
        "not ok "*) fail "${line#not ok }" ;;
        1..*) plan=${line#1..} ;;
        *) say "$line" ;;
        esac
    done < <(CULVERT_BUILD=$builds/gcc "$CULVERT_TOP/$1" 2>&1)
    # zero of zero: the servers did not even start
    if [ "$seen" -eq 0 ] || [ "$seen" != "$plan" ]; then
        fail "$2: $plan planned, $seen reported"
    fi
}
stage_integration() { tap tests/integration/run.tap "integration tests"; }
stage_conformance() { tap tests/conformance/run.tap "recorded scenarios"; }

stage_dist() {
    if ! build gcc "CC=$(compiler gcc)"; then
        fail "build of the tarball"
    elif (logged make -s -C "$builds/gcc" -j "$(nproc)" distcheck \
        DISTCHECK_CONFIGURE_FLAGS="CC='$(compiler gcc)'"); then
        pass
    else
        fail "make distcheck"
    fi
}

[ $setup = no ] || "$CULVERT_TOP/scripts/setup.sh" --tests --no-build ||
    die "the set-up failed: nothing was tested"
mkdir -p "$builds" "$CULVERT_STATE/log"
for stage in "${stages[@]}"; do
    step "$stage"
    "stage_$stage"
done
step "done"
[ "$skipped" -eq 0 ] || say "$skipped skipped"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
