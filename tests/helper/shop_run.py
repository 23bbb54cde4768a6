# SPDX-License-Identifier: Apache-2.0
"""The sample pipeline on events of shop_events.py: its SQL moved to topics and folders of the test, events loaded while
it runs, what it writes followed, and all of it compared with the batch."""

import collections
import glob
import json
import os
import re
import sqlite3
import subprocess
import threading
import time

import harness as h
import shop_batch
import shop_compare
import shop_events

OUTPUTS = ("processed_orders", "inventory_alerts", "business_metrics", "business_metrics_late", "fraud_alerts",
           "customer_behavior")


def topic(name):
    return "%s.%s" % (h.NAME, name)


class Pipeline:
    """A copy of etc/shop/streams of the test's own. changes: (pattern, replacement) in its text."""

    def __init__(self, *changes):
        self.directory = os.path.join(h.directory(), "pipeline")
        self.files = os.path.join(h.directory(), "files")
        os.makedirs(self.directory)
        os.makedirs(self.files)
        texts = []
        for path in sorted(glob.glob(os.path.join(h.TOP, "etc", "shop", "streams", "*.sql"))):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            text = re.sub(r"\bTOPIC '([^']+)'", lambda match: "TOPIC '%s'" % topic(match.group(1)), text)
            text = re.sub(r"\bFILE '([^']*/)?([^'/]+)'",
                          lambda match: "FILE '%s'" % os.path.join(self.files, match.group(2)), text)
            text = text.replace("'shop-streams", "'" + h.NAME)
            # The events are of a day long gone: time must not go on to the present when the test takes a breath.
            text = text.replace("IDLE TIMEOUT 30 SECONDS", "IDLE TIMEOUT 10 MINUTES")
            for pattern, replacement in changes:
                text = re.sub(pattern, replacement, text)
            texts.append(text)
            with open(os.path.join(self.directory, os.path.basename(path)), "w", encoding="utf-8") as file:
                file.write(text)
        self.has_files = any(" TO FILE '" in text for text in texts)
        self.outputs = [name for name in OUTPUTS if "TO TOPIC '%s'" % topic(name) in "\n".join(texts)]

    def create_topics(self):
        have = h.list_topics()
        for name in shop_events.TOPICS:
            if topic(name) not in have:
                h.create_topic(topic(name))


def load(records):
    h.kafka_dump("load", stdin=shop_events.lines([(topic(name), key, value) for name, key, value in records]))


class Loader:
    """Writes as it is told, in the background."""

    def __init__(self):
        self.process = subprocess.Popen([h.BUILD + "/tests/helper/kafka_dump", "load"], stdin=subprocess.PIPE)
        h._cleanups.append(self.process.kill)

    def load(self, records):
        self.process.stdin.write(shop_events.lines(
            [(topic(name), key, value) for name, key, value in records]).encode())
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        h.equal(self.process.wait(30), 0, "exit code of the loader")


class Follower:
    """What comes to the outputs, read committed, as it comes."""

    def __init__(self, names):
        wanted = [topic(name) for name in names]
        h.wait_for(lambda: set(wanted) <= h.list_topics().keys(), "the outputs are made")
        self.process = subprocess.Popen([h.BUILD + "/tests/helper/kafka_dump", "--follow", "read", *wanted],
                                        stdout=subprocess.PIPE)
        h._cleanups.append(self.process.kill)
        self.lines = {name: [] for name in names}
        self.times = collections.defaultdict(list)  # of processed_orders: partition of the order -> when it came
        self.parsed = {name: [] for name in names}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        start = len('{"topic":"' + h.NAME + ".")
        for line in self.process.stdout:
            name = line[start:line.index(b'"', start)].decode()
            self.lines[name].append((time.monotonic(), line))

    def count(self, name):
        return len(self.lines[name])

    def records(self, name):
        lines, parsed = self.lines[name], self.parsed[name]
        for i in range(len(parsed), len(lines)):
            parsed.append(json.loads(lines[i][1]))
        return parsed

    def wait(self, batch, seconds=120):
        """Until there is as much as the batch says that there must be."""
        least = {
            "processed_orders": sum(map(len, batch.processed.values())),
            "inventory_alerts": sum(map(len, batch.alerts.values())),
            "business_metrics": sum(map(batch.must_be_closed, batch.cells)),
            "business_metrics_late": 1 if batch.late else 0,
            "fraud_alerts": len(batch.velocity()) + len(batch.reorders()),
            "customer_behavior": sum(map(batch.must_be_over, batch.sessions)),
        }

        def missing():
            return {name: "%d of %d" % (self.count(name), least[name]) for name in self.lines
                    if self.count(name) < least[name]}
        deadline = time.monotonic() + seconds
        while missing() and time.monotonic() < deadline:
            time.sleep(0.05)
        if missing():
            h.note("after %d s there is less than there must be: %s" % (seconds, missing()))

    def compare(self, batch, known=None, seconds=0):
        """The outputs are the batch's. seconds: for so long they may still be on their way, since how many corrections
        and alerts there must be, wait() cannot tell."""
        deadline = time.monotonic() + seconds
        while True:
            wrong = shop_compare.compare(batch, {name: self.records(name) for name in self.lines}, known)
            if not wrong or time.monotonic() >= deadline:
                return differences(wrong)
            time.sleep(0.2)


def differences(wrong):
    for sentence in wrong:
        print("DIFFERENCE " + sentence, flush=True)
    h.check(not wrong, "%d kinds of differences with the batch, the first: %s" % (len(wrong), (wrong or [""])[0][:600]))


def compare_tables(batch, state):
    """The rows of orders and products in the state files of a worker that has all tasks and has stopped."""
    got = {"orders": {}, "products": {}}
    for path in glob.glob(os.path.join(state, "*", "task.db")):
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "orders" in tables:
            for number, *row in db.execute("SELECT id, customer_id, status, total_amount, payment_method,"
                                           " shipping_country, created_at FROM orders"):
                h.check(number not in got["orders"], "order %d is in two state files" % number)
                got["orders"][number] = shop_batch.Order(*row)
        if "products" in tables:
            for number, *row in db.execute("SELECT id, stock_quantity, reorder_level FROM products"):
                got["products"][number] = tuple(row)
        db.close()
    for table, expected in (("orders", batch.order_rows), ("products", batch.product_rows)):
        if got[table] or table == "orders":
            wrong = sorted(number for number in got[table].keys() | expected.keys()
                           if got[table].get(number) != expected.get(number))
            h.check(not wrong, "table %s: %d rows differ: %s" % (table, len(wrong), [
                (number, got[table].get(number), expected.get(number)) for number in wrong[:3]]))


def file_rows(directory):
    rows = []
    for path in sorted(glob.glob(os.path.join(directory, "*.jsonl"))):
        with open(path, encoding="utf-8") as file:
            rows += [json.loads(line) for line in file]
    return rows


def compare_files(batch, pipeline, seconds=30):
    """The files hold what business_metrics holds, each cell once."""
    least = sum(map(batch.must_be_closed, batch.cells))
    h.wait_for(lambda: len(file_rows(pipeline.files)) >= least, "%d cells are in files" % least, seconds, 0.5)
    differences(shop_compare.business_metrics(batch, file_rows(pipeline.files), topic="files"))
    h.note("files: %d cells in %d" % (least, len(os.listdir(pipeline.files))))


def compare_console(follower, streams, seconds=10):
    """A program that was not killed has printed each alert of the topics, which are compared with the batch, once."""
    for sink, output in (("stock_console", "inventory_alerts"), ("fraud_console", "fraud_alerts")):
        wanted = collections.Counter(record["value"] for record in follower.records(output))

        def printed():
            return collections.Counter(line[len(sink) + 1:] for line in streams.read_log().splitlines()
                                       if line.startswith(sink + " "))
        h.check(wanted, "%s has no alerts" % output)
        h.wait_for(lambda: sum(printed().values()) >= sum(wanted.values()), "%s has printed all" % sink, seconds)
        wrong = (printed() - wanted) + (wanted - printed())
        h.check(not wrong, "%s differs from %s: %s" % (sink, output, wrong.most_common(3)))
        h.note("%s: %d lines" % (sink, sum(wanted.values())))


def open_transactions():
    """The test's topics whose committed end is before their end: {topic: records that hang}."""
    names = [name for name in h.list_topics() if name.startswith(h.NAME)]
    both = [{name: int(count) for name, count in
             (line.split() for line in h.kafka_dump(*options, "ends", *names).splitlines())}
            for options in ((), ("--uncommitted",))]
    return {name: both[1][name] - both[0][name] for name in names if both[0][name] != both[1][name]}
