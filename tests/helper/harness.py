# SPDX-License-Identifier: Apache-2.0
"""What the integration tests (tests/integration/*.int) are written with.

A test runs against the servers of tests/helper/servers.sh, named by KAFKA_BOOTSTRAP_SERVERS and
POSTGRES_*; without them it is skipped (exit 77). It starts its own worker or streams program, with a
group id, topics, slot and database of its own, all named by the test, so that tests share servers but
no state. Whatever it started is stopped when it ends, and on failure the end of each program's log is
shown. Standard library only; Kafka is reached through tests/helper/kafka_dump, PostgreSQL through psql.
"""

import atexit
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("CULVERT_BUILD") or os.path.join(TOP, ".culvert", "build")
NAME = os.path.splitext(os.path.basename(sys.argv[0]))[0]
TABLES = ["customers", "products", "orders", "order_items", "inventory_movements", "customer_activity"]

_programs = []
_cleanups = []


class Failure(Exception):
    """A test found something wrong."""


def need_servers():
    """Skip the test when no servers were booted for it."""
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or not os.environ.get("POSTGRES_PORT"):
        print("skipped: no servers; run it through tests/integration/run.tap")
        sys.exit(77)


def note(text):
    print("[%6.1f] %s" % (time.monotonic() - _started, text), flush=True)


_started = time.monotonic()


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, expected, what):
    if got != expected:
        raise Failure("%s: got %r, expected %r" % (what, got, expected))


def wait_for(probe, what, seconds=30, every=0.1):
    """The first true value that probe() gives; a Failure names its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("waited %g s in vain until %s; last seen: %r" % (seconds, what, value))
        time.sleep(every)


def free_port():
    """Below the range that connections take theirs from, so that none has it when the program binds it."""
    while True:
        port = random.SystemRandom().randint(12000, 19999)  # the test may have seeded the other
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def main(test):
    """Run test() as the program: exit 0, or 1 with the reason and the programs' logs."""
    need_servers()
    try:
        test()
        for program in _programs:
            program.check_sanitizer()
        note("passed")
    except Exception as error:  # the one place that reports
        for program in _programs:
            program.show_log()
        if isinstance(error, Failure):  # behind the logs: where only the end is shown, this is in it
            print("FAILED: %s" % error)
        else:
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
        _clean_up()
        os._exit(1)


def _clean_up():
    for program in _programs:
        program.kill()
    while _cleanups:
        try:
            _cleanups.pop()()
        except Exception as error:
            print("clean-up: %s" % error)


atexit.register(_clean_up)

# ---- PostgreSQL


def psql(sql, database="postgres", check_errors=True, env=None):
    """Run SQL; rows as lists of text (None for null)."""
    command = ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-P", "null=\x1e", "-v", "ON_ERROR_STOP=1",
               "-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"],
               "-U", os.environ.get("POSTGRES_USER", "postgres"), "-d", database]
    done = subprocess.run(command, input=sql, text=True, capture_output=True, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0 and check_errors:
        raise Failure("psql: %s" % done.stderr.strip())
    return [[None if field == "\x1e" else field for field in line.split("\x1f")]
            for line in done.stdout.split("\n")[:-1]]


def psql_file(path, database):
    with open(path, encoding="utf-8") as file:
        psql(file.read(), database)


def make_database(seed=True):
    """The sample database under the test's own name, dropped with its slots at the end."""
    database = "t_" + NAME
    drop_database(database)
    psql('CREATE DATABASE "%s"' % database)
    _cleanups.append(lambda: drop_database(database))
    psql_file(TOP + "/etc/shop/schema.sql", database)
    if seed:
        psql_file(TOP + "/etc/shop/seed.sql", database)
        psql_file(TOP + "/etc/shop/traffic.sql", database)
    return database


def drop_database(database):
    for (slot, pid) in psql("SELECT slot_name, active_pid FROM pg_replication_slots"
                            " WHERE database = '%s'" % database):
        if pid is not None:
            psql("SELECT pg_terminate_backend(%s)" % pid)
        wait_for(lambda slot=slot: psql("SELECT 1 FROM pg_replication_slots WHERE slot_name = '%s'"
                                        " AND NOT active" % slot), "slot %s is free" % slot)
        psql("SELECT pg_drop_replication_slot('%s')" % slot)
    psql('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % database)


def start_traffic(database, rate, seconds, seed=1):
    """Traffic in the background: a Popen of psql."""
    call = "CALL shop.traffic(rate => %g, seconds => %g, seed => %d)" % (rate, seconds, seed)
    return subprocess.Popen(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", os.environ["POSTGRES_HOST"],
                             "-p", os.environ["POSTGRES_PORT"], "-U", "postgres", "-d", database, "-c", call],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- Kafka


def kafka_dump(*arguments, stdin=None, check_errors=True):
    done = subprocess.run([BUILD + "/tests/helper/kafka_dump", *arguments], input=stdin, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0 and check_errors:
        raise Failure("kafka_dump %s: %s" % (" ".join(arguments), done.stderr.strip()))
    return done.stdout


def read_topic(*topics, uncommitted=False):
    """All committed records, each partition in order: dicts of topic, partition, offset, timestamp,
    key, value, headers (if any)."""
    options = ["--uncommitted"] if uncommitted else []
    return [json.loads(line) for line in kafka_dump(*options, "read", *topics).split("\n")[:-1]]


def topic_ends(*topics):
    """How many offsets each topic holds; 0 for one that is not there."""
    return {name: int(count) for name, count in
            (line.split() for line in kafka_dump("ends", *topics).splitlines())}


def list_topics():
    return {name: int(count) for name, count in
            (line.split() for line in kafka_dump("list").splitlines())}


def create_topic(name, partitions=3, **settings):
    options = []
    for key, value in settings.items():
        options += ["--config", "%s=%s" % (key.replace("_", "."), value)]
    kafka_dump("--partitions", str(partitions), *options, "create", name)


def write_topic(name, records):
    """records: (key, value) texts; value None is a tombstone."""
    kafka_dump("write", name, stdin="".join(
        "%s\t%s\n" % (key, "\\N" if value is None else value) for key, value in records))


def murmur2(data):
    """The partitioner hash of Java clients, for a check that is not ours."""
    mask, m, length = 0xFFFFFFFF, 0x5BD1E995, len(data)
    h = (0x9747B28C ^ length) & mask
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    tail = data[length - length % 4:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def java_partition(key, partitions):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


# ---- programs


class Program:
    """One of our programs: started, stopped, killed, asked over REST, its log kept."""

    def __init__(self, name, command, port):
        self.name = name
        self.command = command
        self.url = "http://127.0.0.1:%d" % port
        self.log = os.path.join(directory(), name + ".log")
        self.process = None
        _programs.append(self)

    def start(self, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(env or {})})
        return self

    def stop(self, seconds=30):
        """SIGTERM, as an operator does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not stop within %d s of SIGTERM" % (self.name, seconds)) from None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def wait_healthy(self, seconds=60, path="/health"):
        def probe():
            check(self.alive(), "%s ended with %s" % (self.name, self.process.returncode))
            try:
                return self.rest("GET", path)[0] == 200
            except OSError:
                return False
        wait_for(probe, "%s is healthy" % self.name, seconds, every=0.02)
        return self

    def rest(self, method, path, body=None):
        """(status, parsed JSON or text)"""
        request = urllib.request.Request(self.url + path, method=method)
        data = None
        if body is not None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=95) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check_sanitizer(self):
        found = re.search(r".*(ERROR: \w+Sanitizer|runtime error:).*", self.read_log())
        check(not found, "%s: %s" % (self.name, found.group(0) if found else ""))

    def show_log(self, lines=40):
        print("---- end of %s" % self.log)
        print("\n".join([line for line in self.read_log().split("\n") if ".access " not in line][-lines:]))


def directory():
    path = os.path.join(os.environ["CULVERT_TEST_DIR"], NAME)
    os.makedirs(path, exist_ok=True)
    return path


def write_properties(name, properties):
    path = os.path.join(directory(), name + ".properties")
    with open(path, "w", encoding="utf-8") as file:
        for key, value in properties.items():
            file.write("%s=%s\n" % (key, str(value).replace("\\", "\\\\")))
    return path


class Worker(Program):
    """A culvert-worker with a group and internal topics of its own."""

    ROUND = r"assignment received generation=(\d+) leader=(http\S+)"  # generation and leader of a round, in its log

    def __init__(self, name="worker", **more):
        port = free_port()
        properties = {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "g-" + NAME,
            "config.storage.topic": NAME + "-configs",
            "offset.storage.topic": NAME + "-offsets",
            "status.storage.topic": NAME + "-status",
            "config.storage.replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "offset.storage.partitions": 3,
            "status.storage.replication.factor": 1,
            "status.storage.partitions": 1,
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter.schemas.enable": "false",
            "offset.flush.interval.ms": 200,
            # a killed worker must not hold its group for long
            "session.timeout.ms": 2000,
            "heartbeat.interval.ms": 500,
            "scheduled.rebalance.max.delay.ms": 0,
            "listeners": "http://127.0.0.1:%d" % port,
        }
        properties.update({key.replace("__", "."): value for key, value in more.items()})
        super().__init__(name, self.command_of(write_properties(name, properties)), port)

    def command_of(self, properties):
        return [BUILD + "/programs/culvert-worker", properties]

    def create(self, name, config, status=201):
        got, body = self.rest("POST", "/connectors", {"name": name, "config": config})
        equal(got, status, "POST /connectors (%s)" % json.dumps(body))
        return body

    def status(self, name):
        status, body = self.rest("GET", "/connectors/%s/status" % name)
        return body if status == 200 else {}

    def states(self, name):
        """States of the connector and its tasks, the connector's first; a Failure if one failed."""
        body = self.status(name)
        parts = [body["connector"], *body["tasks"]] if body else []
        for part in parts:
            check(part["state"] != "FAILED", "%s failed: %s" % (name, part.get("trace")))
        return [part["state"] for part in parts]

    def wait_running(self, name, seconds=60):
        def probe():
            try:
                states = self.states(name)
            except OSError:
                return False
            return len(states) > 1 and set(states) == {"RUNNING"}
        wait_for(probe, "%s and its task run" % name, seconds)


class JavaWorker(Worker):
    """The same of Apache Kafka's own Connect, which is among Kafka's jars."""

    ROUND = r"joined group at generation (\d+) .* leaderUrl='(http[^']+)'"

    def stop(self, seconds=30):
        """As any program's; what its threads do when it does not end goes into its log."""
        try:
            return super().stop(seconds)
        except Failure:
            self.process.send_signal(signal.SIGQUIT)
            time.sleep(1)
            raise

    def command_of(self, properties):
        libs = os.environ["CULVERT_KAFKA_LIBS"]
        if not any(name.startswith("connect-runtime-") for name in os.listdir(libs)):
            print("skipped: no connect-runtime among Kafka's jars in %s" % libs)
            sys.exit(77)
        logging = os.path.join(directory(), "log4j2.properties")
        with open(logging, "w", encoding="utf-8") as file:
            file.write("appender.out.type=Console\nappender.out.name=out\nappender.out.layout.type=PatternLayout\n"
                       "appender.out.layout.pattern=[%d] %p %m (%c)%n\nrootLogger.level=INFO\n"
                       "rootLogger.appenderRef.out.ref=out\n")
        return ["java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dlog4j2.configurationFile=" + logging, "-cp", libs + "/*",
                "org.apache.kafka.connect.cli.ConnectDistributed", properties]


class Streams(Program):
    """A culvert-streams running the SQL files of a folder."""

    def __init__(self, pipeline, name="streams", **more):
        port = free_port()
        properties = {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "pipeline.directory": pipeline,
            "state.dir": os.path.join(directory(), "state"),
            "listeners": "http://127.0.0.1:%d" % port,
        }
        properties.update({key.replace("__", "."): value for key, value in more.items()})
        path = write_properties(name, properties)
        super().__init__(name, [BUILD + "/programs/culvert-streams", "run", path], port)


# ---- the sample connector and what it makes


def shop_connector(database, **more):
    """The sample's connector config for a test: own slot, topics named TEST.TABLE."""
    with open(TOP + "/etc/shop/postgres-connector.json", encoding="utf-8") as file:
        config = json.load(file)
    config.update({
        "database.hostname": os.environ["POSTGRES_HOST"],
        "database.port": os.environ["POSTGRES_PORT"],
        "database.dbname": database,
        "slot.name": "s_" + NAME,
        "transforms.route.replacement": NAME + ".$1",
    })
    config.update({key.replace("__", "."): value for key, value in more.items()})
    return config


def shop_topic(table):
    return "%s.%s" % (NAME, table)


def slot_active(slot=None):
    return bool(psql("SELECT 1 FROM pg_replication_slots WHERE slot_name = '%s' AND active"
                     % (slot or "s_" + NAME)))


def wait_snapshot(worker, connector, database, seconds=60):
    """Until the task runs, its slot streams, and every topic has its table's rows."""
    rows = table_counts(database)

    def probe():
        ends = topic_ends(*[shop_topic(table) for table in TABLES])
        missing = {table: "%d of %d" % (ends[shop_topic(table)], count) for table, count in rows.items()
                   if ends[shop_topic(table)] < count}
        worker.states(connector)
        return not missing and slot_active()
    worker.wait_running(connector, seconds)
    wait_for(probe, "the snapshot is through", seconds)
    return rows


def table_counts(database):
    return {table: int(psql("SELECT count(*) FROM public.%s" % table, database)[0][0]) for table in TABLES}


def table_rows(database, table):
    """The rows as the connector must show them: id -> after, numbers exact, times as ISO text."""
    columns = psql("SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'public.%s'::regclass"
                   " AND attnum > 0 AND NOT attisdropped ORDER BY attnum" % table, database)
    shown = {
        "numeric": "%s::text",
        "timestamp with time zone": "to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    }
    fields = ", ".join("'%s', %s" % (name, shown.get(kind, "%s") % name) for name, kind in columns)
    rows = psql("SELECT json_build_object(%s) FROM public.%s" % (fields, table), database)
    return {row["id"]: row for row in (json.loads(text) for (text,) in rows)}


def fold(records, killed=False):
    """What the events of one topic leave: id -> last row. Checks each event's shape on the way. After
    kills, what comes again changes nothing, and a tombstone may be late."""
    rows = {}
    seen = set()
    deleted = {}
    for record in records:
        where = "%(topic)s/%(partition)d@%(offset)d" % record
        key = json.loads(record["key"])["id"]
        before = deleted.pop(record["partition"], None)
        if not killed:
            equal(key if record["value"] is None else None, before, where + ": tombstone of the deleted key")
        if record["value"] is None:
            continue
        event = json.loads(record["value"])
        op = event["op"]
        check(op in ("r", "c", "u", "d"), "%s: op %s" % (where, op))
        if op == "d":
            deleted[record["partition"]] = key
        if op != "r":
            # a change's place in the WAL tells it from every other
            change = (key, op, event["source"]["lsn"])
            if change in seen:
                check(killed, "%s came before" % where)
                continue
            seen.add(change)
        if op == "d":
            check(event["after"] is None, "%s: after in a delete" % where)
            rows.pop(key, None)
        else:
            equal(event["after"]["id"], key, where + " id")
            rows[key] = event["after"]
    check(killed or not deleted, "a tombstone is missing at the end")
    return rows


def wait_caught_up(worker, database, seconds=60):
    """Until a row inserted now is in its topic: all that was committed before is in Kafka."""
    mark = "mark %d" % time.monotonic_ns()
    psql("INSERT INTO customer_activity (customer_id, activity_type, page)"
         " SELECT min(id), 'search', '%s' FROM customers" % mark, database)

    def probe():
        check(worker.alive(), "the worker ended")
        return mark in kafka_dump("read", shop_topic("customer_activity"))
    wait_for(probe, "the last change is in Kafka", seconds, every=0.2)


def compare_tables(database, killed=False):
    """Every topic, folded, must equal its table."""
    for table in TABLES:
        got = fold(read_topic(shop_topic(table)), killed)
        expected = table_rows(database, table)
        equal(len(got), len(expected), table + ": rows")
        for key, row in expected.items():
            equal(got.get(key), row, "%s %s" % (table, key))
