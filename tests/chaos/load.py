# SPDX-License-Identifier: Apache-2.0
"""The load: sessions that change many tables in transactions of all sizes, most small, some of thousands of changes,
with savepoints, rollbacks, COPY, deletes and changes of keys. Sessions fail with their server and begin again; what was
committed is not theirs to know: a slot read by PostgreSQL's own test_decoding tells in the end."""

import os
import random
import subprocess
import threading
import time

import harness as h

DATABASE = "chaos"
ROLE, PASSWORD = "capture", "capture"
KEYS = 150      # of each table, that sessions share
MOST = 4000     # changes of a transaction
TABLES = ["t%02d" % number for number in range(12)]
FULL = {"t03", "t07"}        # REPLICA IDENTITY FULL
TEXT_KEY = {"t04", "t08"}    # the key is text
TOAST = {"t05"}              # with a column out of line that most changes leave alone
TRUTH = "truth"
SCHEMA = """
CREATE ROLE %(role)s LOGIN REPLICATION PASSWORD '%(password)s';
GRANT USAGE ON SCHEMA public TO %(role)s;
CREATE SEQUENCE seq CACHE 1;
CREATE TABLE mark (id bigint PRIMARY KEY);
"""


def make_database():
    h.psql("CREATE DATABASE " + DATABASE)
    sql = SCHEMA % {"role": ROLE, "password": PASSWORD}
    for table in TABLES:
        sql += "CREATE TABLE %s (id %s PRIMARY KEY, seq bigint NOT NULL DEFAULT nextval('seq'), pad text%s);\n" % (
            table, "text" if table in TEXT_KEY else "bigint", ", big text" if table in TOAST else "")
        if table in FULL:
            sql += "ALTER TABLE %s REPLICA IDENTITY FULL;\n" % table
        if table in TOAST:
            sql += "ALTER TABLE %s ALTER big SET STORAGE EXTERNAL;\n" % table
        sql += "INSERT INTO %s (id) SELECT n FROM generate_series(1, %d, 2) n;\n" % (table, KEYS)
    tables = ", ".join([*TABLES, "mark"])
    sql += "GRANT SELECT ON %s TO %s;\nCREATE PUBLICATION chaos FOR TABLE %s;\n" % (tables, ROLE, tables)
    h.psql(sql, DATABASE)


def begin_truth():
    h.psql("SELECT pg_create_logical_replication_slot('%s', 'test_decoding')" % TRUTH, DATABASE)


class _Statements:
    """Random SQL; keys are given in order of their number, so that sessions seldom lock each other out."""

    def __init__(self, rand, session):
        self.rand = rand
        self.session = session
        self.copied = 0

    def key(self, table, number):
        return "'%d'" % number if table in TEXT_KEY else "%d" % number

    def pad(self):
        return "repeat(md5(random()::text), %d)" % self.rand.choice((0, 1, 1, 2, 8))

    def one(self, table):
        rand, number = self.rand, self.rand.randint(1, KEYS)
        key = self.key(table, number)
        kind = rand.random()
        if kind < 0.5:
            return ("INSERT INTO %s (id, pad) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET seq = nextval('seq'),"
                    " pad = excluded.pad;" % (table, key, self.pad()))
        if kind < 0.7:
            return "UPDATE %s SET seq = nextval('seq') WHERE id = %s;" % (table, key)
        if kind < 0.82:
            return "DELETE FROM %s WHERE id = %s;" % (table, key)
        if kind < 0.92:
            other = self.key(table, number % KEYS + 1)
            # with its value out of line: what is not sent with the new key is known under the old one only
            more = ", big = big || ''" if table in TOAST else ""
            return ("UPDATE %s SET id = %s, seq = nextval('seq')%s WHERE id = %s AND NOT EXISTS"
                    " (SELECT FROM %s WHERE id = %s);" % (table, other, more, key, table, other))
        if table in TOAST:
            return "UPDATE %s SET big = repeat(md5(random()::text), 150), seq = nextval('seq') WHERE id = %s;" % (
                table, key)
        return "UPDATE %s SET pad = NULL, seq = nextval('seq') WHERE id = %s;" % (table, key)

    def copy(self, table, count):
        """Rows of one COPY share an LSN. Keys of their own, deleted by a later statement."""
        first = 1000000 * (self.session + 1) + self.copied
        self.copied += count
        rows = "".join("%d\tcopied\n" % number for number in range(first, first + count))
        return "COPY %s (id, pad) FROM stdin;\n%s\\.\n" % (table, rows)

    def many(self, table, count):
        rand = self.rand
        if rand.random() < 0.3:
            return self.copy(table, count)
        if rand.random() < 0.5:
            return "DELETE FROM %s WHERE ctid IN (SELECT ctid FROM %s WHERE %s >= 1000000 LIMIT %d);" % (
                table, table, "id::bigint" if table in TEXT_KEY else "id", count)
        first = 1000000 * (self.session + 1) + self.copied
        self.copied += count
        return "INSERT INTO %s (id, pad) SELECT n, 'many' FROM generate_series(%d, %d) n;" % (
            table, first, first + count - 1)

    def transaction(self):
        rand = self.rand
        size = min(int(rand.paretovariate(0.9)), MOST)
        lines = ["BEGIN;"]
        if size > 30:
            lines.append(self.many(rand.choice(TABLES), size))
            size = rand.randint(0, 5)
        for _ in range(size):
            table = rand.choice(TABLES)
            if rand.random() < 0.06:
                lines += ["SAVEPOINT s;", self.one(table),
                          rand.choice(("ROLLBACK TO s;", "RELEASE s;"))]
            else:
                lines.append(self.one(table))
        lines.append("ROLLBACK;" if rand.random() < 0.05 else "COMMIT;")
        return "\n".join(lines) + "\n"


class Session(threading.Thread):
    """One psql that is fed; begun anew whenever it or its server ended."""

    def __init__(self, number, seed, rate):
        super().__init__(daemon=True)
        self.rand = random.Random(seed)
        self.statements = _Statements(self.rand, number)
        self.rate = rate
        self.done = threading.Event()
        self.transactions = self.starts = 0

    def run(self):
        while not self.done.is_set():
            self.starts += 1
            try:
                self.feed(subprocess.Popen(
                    ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", os.environ["POSTGRES_PORT"], "-U", "postgres",
                     "-d", DATABASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    text=True))
            except OSError:
                pass
            self.done.wait(0.2)

    def feed(self, psql):
        try:
            while not self.done.is_set():
                psql.stdin.write(self.statements.transaction() + "\\echo done\n")
                psql.stdin.flush()
                if psql.stdout.readline() != "done\n":
                    break
                self.transactions += 1
                self.done.wait(self.rand.expovariate(self.rate))
        finally:
            psql.kill()
            psql.wait()


class Load:
    def __init__(self, seed, sessions=3, rate=15):
        self.sessions = [Session(number, seed * 100 + number, rate) for number in range(sessions)]

    def start(self):
        for session in self.sessions:
            session.start()
        return self

    def stop(self):
        for session in self.sessions:
            session.done.set()
        for session in self.sessions:
            session.join(30)
            h.check(not session.is_alive(), "a session of the load ends")
        return sum(session.transactions for session in self.sessions)


class Marks:
    """Rows of the table mark, and when each arrived in Kafka, as a reader of committed records sees it."""

    def __init__(self, topic):
        self.topic = topic
        self.arrived = {}
        self.last = 0
        self.process = None
        self.done = False
        h._cleanups.insert(0, self.stop)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while not self.done:
            self.process = subprocess.Popen([h.BUILD + "/tests/helper/kafka_dump", "--follow", "--format", "key-value",
                                             "read", self.topic], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                            text=True)
            for line in self.process.stdout:
                number = h.json.loads(line.split("\t")[0])["id"]
                self.arrived.setdefault(number, time.monotonic())
            self.process.wait()
            time.sleep(0.1)

    def send(self):
        """A new row, committed; PostgreSQL must be there."""
        self.last += 1
        h.psql("INSERT INTO mark VALUES (%d)" % self.last, DATABASE)
        return self.last

    def stop(self):
        self.done = True
        if self.process:
            self.process.kill()
