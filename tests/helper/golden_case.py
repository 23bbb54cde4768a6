# SPDX-License-Identifier: Apache-2.0
"""One golden case (tests/data/golden): its database, its connector, the directives of its script.

All cases of a run share one worker, one reader of Kafka (Records) and one session for questions to the server; each
has a database, a slot and topics of its own.
"""

import json
import os
import re
import subprocess
import threading
import time

import golden
import harness as h

ERROR_SECONDS = 30    # until what a script waits for counts as missing
PENDING_SECONDS = 8   # the same of a case that is known not to pass
SETTLE_SECONDS = 0.4  # without a record: nothing follows


class Session:
    """A psql that stays open, so that its transactions do. Locked: one statement at a time."""

    def __init__(self, database):
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", os.environ["POSTGRES_HOST"],
             "-p", os.environ["POSTGRES_PORT"], "-U", "postgres", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PGOPTIONS": "-c statement_timeout=60s", "PGCLIENTENCODING": "UTF8"})

    def run(self, sql):
        """The lines that it prints."""
        with self.lock:
            try:
                self.process.stdin.write(sql + "\n\\echo @@done\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                pass
            lines = []
            for line in self.process.stdout:
                if line == "@@done\n":
                    return lines
                lines.append(line.rstrip("\n"))
        raise h.Failure("psql ended: %s" % " / ".join(lines[-5:]))

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Feed:
    """The records of one case, as they come."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern)
        self.changed = threading.Condition()
        self.records = []
        self.last = time.monotonic()

    def add(self, record):
        with self.changed:
            self.records.append(record)
            self.last = time.monotonic()
            self.changed.notify_all()

    def wait(self, count, text, seconds, alive):
        """Until count records have the text in topic, key or value; alive() raises when that is hopeless."""
        deadline = time.monotonic() + seconds
        seen = found = 0
        while True:
            with self.changed:
                for record in self.records[seen:]:
                    found += any(text in (record[part] or "") for part in ("topic", "key", "value"))
                seen = len(self.records)
                if found >= count:
                    return
                h.check(time.monotonic() < deadline,
                        "waited in vain for %d records with %r, have %d" % (count, text, found))
                self.changed.wait(0.5)
            alive()

    def idle(self, seconds):
        """Until nothing came for so long; heartbeats never end, so at most five times that."""
        start = time.monotonic()
        while time.monotonic() - max(start, self.last) < seconds and time.monotonic() - start < 5 * seconds:
            time.sleep(0.05)


class Records:
    """Reads every topic of the feeds with one kafka_dump and hands each record to its feed."""

    def __init__(self, feeds):
        self.feeds = feeds
        self.of_topic = {}
        pattern = "|".join(feed.pattern.pattern for feed in feeds)
        self.process = subprocess.Popen([h.BUILD + "/tests/helper/kafka_dump", "watch", pattern],
                                        stdout=subprocess.PIPE, text=True, encoding="utf-8")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            record = json.loads(line)
            topic = record["topic"]
            if topic not in self.of_topic:
                self.of_topic[topic] = next(feed for feed in self.feeds if feed.pattern.search(topic))
            self.of_topic[topic].add({
                "topic": topic, "partition": record["partition"], "key": as_text(record["key"]),
                "value": as_text(record["value"]), "timestamp": record["timestamp"],
                "headers": [[name, as_text(value)] for name, value in record.get("headers", [])]})

    def close(self):
        self.process.kill()
        self.process.wait()


def as_text(value):
    return "hex:" + value["hex"] if isinstance(value, dict) else value


class Case:
    def __init__(self, folder, pending):
        self.folder = folder
        self.name = os.path.basename(folder)
        self.spec = json.loads(self.read("case.json"))
        self.seconds = PENDING_SECONDS if pending else ERROR_SECONDS
        identifier = "g_" + re.sub(r"\W", "_", self.name)
        self.database = identifier
        # offsets outlive a connector: another run on the same servers must not find these
        self.connector = "golden-%s-%x" % (self.name, time.time_ns() // 1000000)
        self.places = {"PGHOST": os.environ["POSTGRES_HOST"], "PGPORT": os.environ["POSTGRES_PORT"],
                       "PGUSER": "postgres", "PGPASSWORD": "", "DB": identifier, "SLOT": identifier,
                       "KAFKA": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
        # topics that the worker makes itself have what it was told; the records were made with one partition
        self.config = {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1"}
        self.configure(self.spec["config"])
        prefix = re.escape(self.config["topic.prefix"]).replace(r"\-", "-")
        self.feed = Feed("|".join([r"^(__debezium-heartbeat\.)?%s(\..*)?$" % prefix] + self.spec.get("topics", [])))
        self.said = []  # pseudo records: what queries, offsets and failures said
        self.sessions = {}
        self.session = "main"
        self.markers = 0

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def configure(self, config):
        for key, value in config.items():
            self.config[key] = re.sub(r"\$\{(\w+)\}", lambda found: self.places.get(found[1], found[0]), value)

    # ---- the run

    def missing_extension(self, admin):
        for name in self.spec.get("requires", []):
            if not admin.run("SELECT 1 FROM pg_available_extensions WHERE name = '%s';" % name):
                return name
        return None

    def replay(self, worker, admin):
        """Run it; the number of records compared."""
        self.worker, self.admin = worker, admin
        h.drop_database(self.database)
        h.psql('CREATE DATABASE "%s" TEMPLATE template0 ENCODING \'UTF8\' LC_COLLATE \'C.UTF-8\''
               ' LC_CTYPE \'C.UTF-8\'' % self.database)
        try:
            self.script("CREATE TABLE public.zz_end(id int PRIMARY KEY, note text);\n" + self.read("setup.sql"))
            self.start(self.spec.get("start", "slot"))
            self.script(self.read("stream.sql"))
            end = self.spec.get("end", "marker")
            if end == "marker":
                self.sync()
            self.feed.idle(float(end[5:]) if end.startswith("idle ") else SETTLE_SECONDS)
            return self.compare()
        finally:
            worker.rest("DELETE", "/connectors/" + self.connector)
            for session in self.sessions.values():
                session.close()
            h.drop_database(self.database)

    def start(self, how):
        if how == "refused":
            status, answer = self.put()
            h.equal(status, 400, "PUT of the configuration")
            self.say("#refused", golden.LSN_TEXT.sub("#lsn", answer["message"]))
            return
        status, answer = self.put()
        h.check(status in (200, 201), "the configuration: HTTP %s %s" % (status, answer))
        if how.startswith("idle "):
            self.wait_state("RUNNING")
            self.feed.wait(1, "", self.seconds, self.alive)
            self.feed.idle(float(how[5:]))
        else:
            self.directive(how)

    def compare(self):
        expected = [json.loads(line) for line in self.read("expected.jsonl").split("\n")[:-1]]
        stamped = self.spec.get("compare_timestamp")
        records = 0 if self.spec.get("collapse") else sum(record["topic"][0] != "#" for record in expected)
        deadline, left = time.monotonic() + self.seconds, 3
        while left > 0:  # a machine with much to do brings the rest late, or another topic's behind the last record
            got = [dict(record) for record in self.feed.records] + self.said
            for record in got:
                if not stamped or not re.search(stamped, record["topic"]):
                    record.pop("timestamp", None)
            found = golden.differences(self.spec, expected, got)
            if not found:
                return len(expected)
            if len(self.feed.records) >= records or time.monotonic() > deadline:
                left -= 1
            self.feed.idle(2 * SETTLE_SECONDS)
        raise h.Failure("\n  ".join(["%d differences" % len(found)] + found[:golden.SHOWN]))

    # ---- the connector

    def rest(self, method, tail, body=None):
        """(status, answer), asked again while the group is in a round."""
        deadline = time.monotonic() + 40
        while True:
            status, answer = self.worker.rest(method, "/connectors/" + self.connector + tail, body)
            if status not in (409, 500, 503) or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.2)

    def put(self):
        return self.rest("PUT", "/config", self.config)

    def alive(self):
        self.worker.states(self.connector)

    def wait_state(self, state):
        """Of the connector and all of its tasks; a stopped one has none."""
        def probe():
            status = self.worker.status(self.connector) if state == "FAILED" else None
            if status:
                return status["tasks"] and all(task["state"] == state for task in status["tasks"]) and status
            states = self.worker.states(self.connector)
            return set(states) == {state} and (len(states) > 1) != (state == "STOPPED")
        return h.wait_for(probe, "%s is %s" % (self.connector, state), self.seconds, every=0.05)

    def slot(self):
        return self.config.get("slot.name", "debezium")

    def streaming(self):
        """The pid of the walsender that streams from the slot; a slot is active while it is being made, too."""
        return self.admin.run("SELECT s.pid FROM pg_replication_slots r JOIN pg_stat_replication s"
                              " ON s.pid = r.active_pid WHERE r.slot_name = '%s'"
                              " AND s.state IN ('catchup', 'streaming');" % self.slot())

    def wait_slot(self, other_than=None):
        def probe():
            self.alive()
            pid = self.streaming()
            return pid if pid != other_than else None
        h.wait_for(probe, "the slot streams", self.seconds, every=0.05)

    def wait_slot_idle(self):
        h.wait_for(lambda: not self.admin.run("SELECT 1 FROM pg_replication_slots WHERE slot_name = '%s' AND active;"
                                              % self.slot()), "the slot is free", self.seconds, every=0.05)

    # ---- the script

    def sql(self, text, session):
        if session not in self.sessions:
            self.sessions[session] = Session(self.database)
        return self.sessions[session].run(text)

    def script(self, text):
        self.session, lines = "main", []
        for line in text.split("\n") + ["--@ session main"]:
            if not line.startswith("--@ "):
                lines.append(line)
                continue
            if "".join(lines).strip():
                self.sql("\n".join(lines), self.session)
            lines = []
            self.directive(line[4:].strip())

    def say(self, topic, text):
        self.said.append({"topic": topic, "partition": 0, "key": None, "value": text, "headers": []})

    def directive(self, line):
        word, _, rest = line.partition(" ")
        handler = getattr(self, "do_" + word.replace("-", "_"), None)
        h.check(handler is not None, "%s: unknown directive %r" % (self.name, line))
        handler(rest.strip())

    def do_session(self, name):
        self.session = name

    def sync(self):
        self.markers += 1
        marker = "golden-end-%d" % self.markers
        self.sql("INSERT INTO public.zz_end VALUES (%d, '%s');" % (self.markers, marker), "_end")
        self.feed.wait(1, marker, self.seconds, self.alive)

    def do_sync(self, _):
        self.sync()

    def do_wait(self, rest):
        count, _, text = rest.partition(" ")
        self.feed.wait(int(count), text, self.seconds, self.alive)

    def do_idle(self, seconds):
        self.feed.idle(float(seconds))

    @staticmethod
    def do_sleep(seconds):
        time.sleep(float(seconds))

    def do_stop(self, _):
        self.rest("PUT", "/stop")
        self.wait_state("STOPPED")
        self.wait_slot_idle()

    def do_pause(self, _):
        self.rest("PUT", "/pause")
        self.wait_state("PAUSED")

    def do_resume(self, how):
        self.rest("PUT", "/resume")
        self.wait_state("RUNNING")
        if how != "noslot":
            self.wait_slot()

    def do_resume_any(self, _):
        self.rest("PUT", "/resume")

    def do_restart(self, _):
        before = self.streaming()
        self.rest("POST", "/restart?includeTasks=true&onlyFailed=false")
        self.wait_slot(other_than=before)
        self.wait_state("RUNNING")

    def do_config(self, changes):
        self.configure(json.loads(changes))
        self.put()

    def do_state(self, state):
        status = self.wait_state(state)
        if state == "FAILED":
            self.say("#failed", golden.failure_text(status["tasks"][0]["trace"]))

    def do_slot(self, state):
        if state == "inactive":
            self.wait_slot_idle()
        else:
            self.wait_slot()

    def do_noslot(self, _):
        h.wait_for(lambda: not self.admin.run("SELECT 1 FROM pg_replication_slots WHERE slot_name = '%s';" % self.slot()),
                   "the slot is gone", self.seconds, every=0.05)

    def do_query(self, rest):
        label, _, sql = rest.partition(" ")
        self.say("#query/" + label, "\n".join(self.sql(sql, "_query")))

    def do_offsets(self, label):
        self.say("#offsets/" + label, golden.offsets_text(self.rest("GET", "/offsets")[1]))
