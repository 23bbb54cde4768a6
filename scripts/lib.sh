# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts and the integration tests share: messages, ports, processes by pid, waiting with
# a deadline, and a private Kafka and PostgreSQL. Source it; it starts nothing by itself.
#
# A process that a script starts is recorded in $CULVERT_STATE/run/NAME.pid as "PID START", START
# being the kernel's start time of that pid: a pid that another program got since is never signalled.

CULVERT_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The state folder, and what lies in it unless it was put elsewhere.
set_state() {
    CULVERT_STATE=$1
    case $CULVERT_STATE in /*) ;; *) CULVERT_STATE=$PWD/$CULVERT_STATE ;; esac
    CULVERT_BUILD=${build_given:-$CULVERT_STATE/build}
    export CULVERT_STATE
}
build_given=${CULVERT_BUILD:-}
set_state "${CULVERT_STATE:-$CULVERT_TOP/.culvert}"

# ---- messages

say() { printf '%s\n' "$*"; }
step() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
# logged COMMAND...: its output goes to log/setup.log; on failure the end of it is shown.
logged() {
    local log=$CULVERT_STATE/log/setup.log
    printf '$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        die "\"$*\" failed; see $log"
    }
}
# The comment block at the head of a script, from its fourth line on, is its --help.
show_help() { sed -n '4,/^[^#]/{ s/^# \{0,1\}//p }' "$0"; }
# die unless option $1 has a value; for `--port) need_value "$@"; port=$2; shift 2 ;;`
need_value() { [ $# -ge 2 ] || die "option $1 needs a value (see --help)"; }
need_number() {
    case $2 in
    '' | *[!0-9]*) die "$1 must be a whole number, not \"$2\"" ;;
    esac
}

# ---- property files

# set_property FILE KEY VALUE: the key's line, if any, goes; a new one comes last.
set_property() {
    sed -i "/^${2//./\\.}=/d" "$1"
    printf '%s=%s\n' "$2" "$3" >>"$1"
}

# ---- waiting

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# ---- ports

# port_open HOST PORT: something accepts connections there.
port_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# need_port PORT WHAT HOW: refuse a taken port and say what changes it.
need_port() {
    need_number "$3" "$1"
    if port_open 127.0.0.1 "$1"; then
        die "port $1 for $2 is taken; choose another with $3"
    fi
}

# free_ports COUNT [FIRST]: print COUNT free ports, from FIRST or a random place below the range
# that the kernel hands out for outgoing connections.
free_ports() {
    local want=$1 port=${2:-$((20000 + RANDOM % 8000))} list=""
    while [ "$want" -gt 0 ]; do
        if ! port_open 127.0.0.1 "$port"; then
            list="$list $port"
            want=$((want - 1))
        fi
        port=$((port + 1))
    done
    printf '%s\n' "${list# }"
}

# ---- processes

# When the process started, in kernel ticks; empty if there is none, or only its exit status is left.
proc_birth() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    # the command name, which may hold blanks, ends at the last parenthesis
    stat=${stat##*) }
    case $stat in
    Z*) ;;
    *) cut -d ' ' -f 20 <<<"$stat" ;;
    esac
}
proc_note() {
    mkdir -p "$CULVERT_STATE/run"
    printf '%s %s\n' "$2" "$(proc_birth "$2")" >"$CULVERT_STATE/run/$1.pid"
}
# Print the pid of NAME if it still runs.
proc_pid() {
    local pid birth
    [ -f "$CULVERT_STATE/run/$1.pid" ] || return 1
    read -r pid birth <"$CULVERT_STATE/run/$1.pid" || return 1
    [ -n "$birth" ] && [ "$(proc_birth "$pid")" = "$birth" ] || return 1
    printf '%s\n' "$pid"
}
proc_alive() { proc_pid "$1" >/dev/null; }
proc_gone() { ! proc_alive "$1"; }

# proc_start NAME COMMAND...: run it away from this terminal, output to log/NAME.log.
proc_start() {
    local name=$1
    shift
    mkdir -p "$CULVERT_STATE/log" "$CULVERT_STATE/run"
    [ ! -f "$CULVERT_STATE/log/$name.log" ] ||
        mv -f "$CULVERT_STATE/log/$name.log" "$CULVERT_STATE/log/$name.log.1"
    # exec keeps the pid: setsid forks only when it is already a group leader
    (exec setsid "$@" >"$CULVERT_STATE/log/$name.log" 2>&1 </dev/null) &
    proc_note "$name" $!
    disown $!
}

# proc_stop NAME [SECONDS]: SIGTERM, then SIGKILL when the time is over.
proc_stop() {
    local pid
    if pid=$(proc_pid "$1"); then
        kill "$pid" 2>/dev/null || true
        if ! wait_until "${2:-15}" proc_gone "$1"; then
            warn "$1 (pid $pid) did not stop within ${2:-15} s and was killed"
            kill -9 "$pid" 2>/dev/null || true
            wait_until 5 proc_gone "$1" || true
        fi
    fi
    rm -f "$CULVERT_STATE/run/$1.pid"
}

# ---- Kafka

kafka_libs() { printf '%s\n' "${CULVERT_KAFKA_LIBS:-$CULVERT_STATE/kafka/libs}"; }

# kafka_start PORT CONTROLLER_PORT [PORT2 PROXY_PORT]: start one KRaft broker; kafka_wait says when it
# serves. Clients that come by PORT2 are told that the broker is at PROXY_PORT.
kafka_start() {
    local port=$1 controller=$2 dir=$CULVERT_STATE/kafka listen=${3:+,PROXIED://127.0.0.1:$3} libs
    local advertise=${4:+,PROXIED://127.0.0.1:$4}
    libs=$(kafka_libs)
    [ -n "$(find "$libs" -maxdepth 1 -name 'kafka_2*.jar' 2>/dev/null)" ] ||
        die "no Kafka jars in $libs; run scripts/setup.sh"
    mkdir -p "$dir"
    cat >"$dir/log4j2.properties" <<PROPERTIES
appender.console.type=Console
appender.console.name=STDOUT
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRefs=stdout
rootLogger.appenderRef.stdout.ref=STDOUT
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
PROPERTIES
    cat >"$dir/broker.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller$listen
advertised.listeners=PLAINTEXT://127.0.0.1:$port$advertise
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
log.dirs=$dir/data
log.cleaner.dedupe.buffer.size=16777216
num.partitions=${CULVERT_KAFKA_PARTITIONS:-3}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=${CULVERT_KAFKA_AUTO_CREATE:-false}
PROPERTIES
    proc_start kafka "$CULVERT_TOP/scripts/kafka/run.sh" "$dir" "$libs"
}
kafka_serves() {
    grep -q 'Kafka Server started' "$CULVERT_STATE/log/kafka.log" 2>/dev/null || proc_gone kafka
}
kafka_wait() {
    if ! wait_until "${1:-60}" kafka_serves || proc_gone kafka; then
        tail -n 20 "$CULVERT_STATE/log/kafka.log" >&2
        die "Kafka did not start; its log is $CULVERT_STATE/log/kafka.log"
    fi
}
kafka_stop() { proc_stop kafka 30; }

# ---- PostgreSQL

# The newest server's programs, Debian's place first.
pg_bin() {
    local dir
    if [ -n "${PG_BIN:-}" ]; then
        printf '%s\n' "$PG_BIN"
        return
    fi
    dir=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null |
        sort -t / -k 5 -n | tail -n 1)
    [ -n "$dir" ] || dir=$(command -v initdb) || die "no PostgreSQL server found; run scripts/setup.sh"
    dirname "$dir"
}

# PostgreSQL refuses to run as root: then it runs as postgres.
as_pg() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# Where the cluster lives: in the state folder, or, when root's state folder is closed to postgres,
# under /var/tmp, by a name made from the state folder's.
pg_home() {
    local home=$CULVERT_STATE/postgres sum
    if [ "$(id -u)" = 0 ] && ! as_pg test -x "$CULVERT_STATE" 2>/dev/null; then
        sum=$(printf '%s' "$CULVERT_STATE" | sha256sum | cut -c 1-12)
        home=/var/tmp/culvert-postgres-$sum
    fi
    printf '%s\n' "$home"
}

# pg_start PORT [SETTING=VALUE...]: make the cluster if there is none, start it, wait until it serves.
# Logins of postgres are trusted, those of any other role need their password.
pg_start() {
    local port=$1 home bin setting new=no
    shift
    mkdir -p "$CULVERT_STATE/log" "$CULVERT_STATE/run"
    home=$(pg_home)
    bin=$(pg_bin)
    if [ "$(id -u)" = 0 ]; then
        install -d -m 700 -o postgres "$home"
        [ "$(stat -c %U "$home")" = postgres ] || die "$home does not belong to postgres"
    else
        mkdir -p "$home"
        chmod 700 "$home"
    fi
    if ! as_pg test -f "$home/data/culvert.ready"; then
        new=yes
        as_pg rm -rf "$home/data"
        as_pg "$bin/initdb" -D "$home/data" -U postgres -A trust -N -E UTF8 --locale=C \
            >"$CULVERT_STATE/log/initdb.log" 2>&1 ||
            die "initdb failed; see $CULVERT_STATE/log/initdb.log"
        as_pg tee "$home/data/pg_hba.conf" >/dev/null <<HBA
host all         postgres 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
host all         all      127.0.0.1/32 scram-sha-256
host replication all      127.0.0.1/32 scram-sha-256
HBA
    fi
    {
        printf '%s\n' "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" \
            "port = $port" "wal_level = logical"
        for setting; do
            printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
        done
    } | as_pg tee "$home/data/postgresql.auto.conf" >/dev/null
    if ! as_pg "$bin/pg_ctl" -D "$home/data" -s -w -t 60 -l "$home/log" start >/dev/null 2>&1; then
        as_pg tail -n 20 "$home/log" >&2 || true
        die "PostgreSQL did not start; its log is $home/log"
    fi
    proc_note postgres "$(as_pg head -n 1 "$home/data/postmaster.pid")"
    [ "$new" = no ] || as_pg touch "$home/data/culvert.ready"
}
# A fast shutdown: sessions are cut, the replication slot is kept.
pg_stop() {
    local pid
    if pid=$(proc_pid postgres); then
        kill -INT "$pid" 2>/dev/null || true
        wait_until 30 proc_gone postgres || warn "PostgreSQL (pid $pid) is still shutting down"
    fi
    rm -f "$CULVERT_STATE/run/postgres.pid"
}
pg_purge() {
    local home
    home=$(pg_home)
    case $home in
    "$CULVERT_STATE"/* | /var/tmp/culvert-postgres-*) rm -rf "$home" ;;
    esac
}

# ---- REST

# rest METHOD URL [JSON]: the body on standard output, true if the status is 2xx.
rest() {
    local method=$1 url=$2
    shift 2
    if [ $# -gt 0 ]; then
        curl -sS --max-time 95 --fail-with-body -X "$method" -H 'Content-Type: application/json' \
            --data-binary "$1" "$url"
    else
        curl -sS --max-time 95 --fail-with-body -X "$method" "$url"
    fi
}
rest_ok() { curl -sf --max-time 5 -o /dev/null "$1"; }

# ---- the sample pipeline

# Where things of the running pipeline are, kept in run/env so that every script finds them. A
# variable that the caller set wins.
run_variables=(KAFKA_BOOTSTRAP_SERVERS POSTGRES_HOST POSTGRES_PORT POSTGRES_DB POSTGRES_USER
    CULVERT_REST_PORT CULVERT_STREAMS_PORT)
save_run() {
    local name
    for name in "${run_variables[@]}"; do
        printf '%s=%s\n' "$name" "${!name}"
    done >"$CULVERT_STATE/run/env"
}
load_run() {
    local name value
    [ -f "$CULVERT_STATE/run/env" ] || return 1
    while IFS='=' read -r name value; do
        [ -n "${!name:-}" ] || export "$name=$value"
    done <"$CULVERT_STATE/run/env"
}

# psql as the role that sets up the sample database and makes its traffic.
shop_psql() {
    PGPASSWORD=${POSTGRES_PASSWORD:-} PGOPTIONS='' PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 \
        -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$POSTGRES_USER" "$@"
}
kafka_dump() { "$CULVERT_BUILD/tests/helper/kafka_dump" -b "$KAFKA_BOOTSTRAP_SERVERS" "$@"; }
