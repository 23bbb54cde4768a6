#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [OPTIONS]: install what Culvert needs and build it. Quick when all is there already.
#
# Debian packages (only those that are missing; as root, or through sudo), Kafka's jars (through
# Maven, for a private broker), then autoreconf, configure and make, all out of tree.
#
#   --tests        also what only the tests need (shellcheck, clang, python3 ...)
#   --no-build     packages and jars only
#   --state DIR    where jars, build and all else go     (CULVERT_STATE, default .culvert)
#   -h, --help     print this
#
# Environment:
#   CULVERT_BUILD        build folder                    (default build in the state folder)
#   CULVERT_KAFKA_LIBS   a folder with Kafka's jars, to use instead of fetching them
#   CC, CFLAGS           as for configure
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

tests=no
build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --tests) tests=yes && shift ;;
    --no-build) build=no && shift ;;
    --state) need_value "$@" && set_state "$2" && shift 2 ;;
    -h | --help) show_help && exit ;;
    *) die "unknown option \"$1\" (see --help)" ;;
    esac
done

install_packages() {
    local wanted missing=() sudo=() package

    wanted=(build-essential autoconf automake pkg-config git ca-certificates curl jq xz-utils
        librdkafka-dev libpq-dev libmicrohttpd-dev libjson-c-dev libsqlite3-dev libpcre2-dev
        libcurl4-openssl-dev libssl-dev zlib1g-dev liblz4-dev libzstd-dev libsnappy-dev libcmocka-dev
        postgresql postgresql-client)
    command -v java >/dev/null || wanted+=(openjdk-17-jre-headless)
    [ -n "${CULVERT_KAFKA_LIBS:-}" ] || command -v mvn >/dev/null || wanted+=(maven)
    [ $tests = no ] || wanted+=(clang shellcheck python3)
    if ! command -v dpkg-query >/dev/null; then
        warn "this is no Debian: install what these packages hold yourself: ${wanted[*]}"
        return
    fi
    for package in "${wanted[@]}"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing and there is no sudo;" \
            "as root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    step "installing Debian packages: ${missing[*]}"
    logged "${sudo[@]}" apt-get update -q
    logged "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

fetch_kafka() {
    local dir=$CULVERT_STATE/kafka pom=$CULVERT_TOP/scripts/kafka/pom.xml

    [ -z "${CULVERT_KAFKA_LIBS:-}" ] || return 0
    if cmp -s "$pom" "$dir/libs/pom.xml"; then
        return
    fi
    step "fetching Kafka's jars"
    rm -rf "$dir/libs" "$dir/libs.new"
    mkdir -p "$dir/libs.new"
    logged mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$dir/libs.new"
    # last, so that only a complete folder has it
    cp "$pom" "$dir/libs.new/pom.xml"
    mv "$dir/libs.new" "$dir/libs"
}

compile() {
    local dir=$CULVERT_BUILD cc=${CC:-}

    if [ -z "$cc" ] && command -v ccache >/dev/null; then
        cc="ccache gcc"
    fi
    if [ ! -x "$CULVERT_TOP/configure" ]; then
        step "making configure"
        (cd "$CULVERT_TOP" && logged autoreconf -fi)
    fi
    mkdir -p "$dir"
    if [ ! -f "$dir/Makefile" ]; then
        step "configuring in $dir"
        (cd "$dir" && logged "$CULVERT_TOP/configure" ${cc:+"CC=$cc"})
    fi
    [ -f "$dir/programs/culvert-worker" ] || step "building in $dir"
    logged make -s -C "$dir" -j "$(nproc)" all tests/helper/kafka_dump
}

mkdir -p "$CULVERT_STATE/log"
exec 9>"$CULVERT_STATE/setup.lock"
flock 9
install_packages
fetch_kafka
[ $build = no ] || compile
