# SPDX-License-Identifier: Apache-2.0
"""What must hold in the end. Truth is what test_decoding, PostgreSQL's own plug-in, reads from a second slot: each
change has a table, a key, an operation and an LSN, by which it is told from every other. Then: every change is there,
none that was not committed; per key they come in the order of their commits, going back at most to begin again; the
topic, folded, is the table. What came again is laid at the door of the fault in whose time Kafka took it."""

import bisect
import collections
import json
import re

import harness as h
import load

LINE = re.compile(r"table public\.(\w+): (INSERT|UPDATE|DELETE): (.*)", re.S)
OLD_KEY = re.compile(r"old-key: id\[\w+\]:('[^']*'|\d+)")
NEW = re.compile(r"(?:^|new-tuple: )id\[\w+\]:('[^']*'|\d+)(?: seq\[bigint\]:(\d+))?")


class Truth:
    """(table, key) -> its changes in order: (op, lsn, seq)."""

    def __init__(self):
        self.changes = collections.defaultdict(list)
        self.transactions = self.count = 0
        for lsn, data in h.psql("SELECT lsn - '0/0', data FROM pg_logical_slot_get_changes('%s', NULL, NULL)"
                                % load.TRUTH, load.DATABASE):
            self.line(int(lsn), data)

    def line(self, lsn, data):
        self.transactions += data.startswith("BEGIN")
        found = LINE.match(data)
        if not found or found.group(1) not in load.TABLES:
            return
        table, operation, tuple_text = found.groups()
        new = NEW.search(tuple_text)
        h.check(new, "a line of test_decoding is understood: " + data)
        key, seq = new.group(1).strip("'"), int(new.group(2) or 0)
        old = OLD_KEY.search(tuple_text)
        old = old.group(1).strip("'") if old else key
        if operation == "UPDATE" and old != key:
            self.add(table, old, "d", lsn, None)
            self.add(table, key, "c", lsn, seq)
        else:
            self.add(table, key, operation[0].translate(str.maketrans("IUD", "cud")), lsn,
                     None if operation == "DELETE" else seq)

    def add(self, table, key, op, lsn, seq):
        self.changes[table, key].append((op, lsn, seq))
        self.count += 1


class Repeats:
    """Which change came again, by the time at which Kafka wrote it down."""

    def __init__(self):
        self.times = []

    def by_fault(self, faults):
        """faults: (begin in ms of the wall clock, name) in order; a Counter by index."""
        begins = [begin for begin, _ in faults]
        counts = collections.Counter()
        for when in self.times:
            counts[bisect.bisect_right(begins, when) - 1] += 1
        return counts


class Topics:
    """What the topics hold: fold and order, checked against the truth."""

    def __init__(self, prefix, truth, once):
        self.truth = truth
        self.once = once
        self.repeats = Repeats()
        self.rows = collections.defaultdict(dict)
        self.at = {}       # (table, key) -> index of the change that came last
        self.most = {}     # (table, key) -> the highest index that came
        self.place = {}    # (table, key) -> its partition
        self.index = {key: {(op, lsn): i for i, (op, lsn, _) in enumerate(changes)}
                      for key, changes in truth.changes.items()}
        self.problems = []
        self.records = 0
        for table in load.TABLES:
            for record in h.read_topic(prefix + table):
                self.record(table, record)
        for unit, changes in truth.changes.items():
            got = self.most.get(unit, -1) + 1
            if got != len(changes):
                self.problem("%s %s: %d of %d changes came, the next is %s" % (*unit, got, len(changes), changes[got]))
        h.check(not self.problems, "%d problems:\n%s" % (len(self.problems), "\n".join(self.problems[:20])))

    def problem(self, text):
        self.problems.append(text)

    def record(self, table, record):
        key = str(json.loads(record["key"])["id"])
        unit = table, key
        where = "%(topic)s/%(partition)d@%(offset)d" % record
        self.records += 1
        if self.place.setdefault(unit, record["partition"]) != record["partition"]:
            self.problem("%s: key %s was in partition %d before" % (where, key, self.place[unit]))
        if record["value"] is None:
            return
        event = json.loads(record["value"])
        after = event["after"]
        if event["op"] != "r":
            self.change(unit, event, record, where)
        if after is None:
            self.rows[table].pop(key, None)
            return
        if after.get("big") == "__debezium_unavailable_value":
            after["big"] = self.rows[table].get(key, {}).get("big", "unknown before " + where)
        self.rows[table][key] = after

    def change(self, unit, event, record, where):
        change = event["op"], event["source"]["lsn"]
        index = self.index.get(unit, {}).get(change)
        if index is None:
            self.problem("%s: %s %s was never committed" % (where, unit, change))
            return
        seq = self.truth.changes[unit][index][2]
        if seq is not None and seq != 0 and event["after"]["seq"] != seq:
            self.problem("%s: %s %s has seq %s, not %d" % (where, unit, change, event["after"]["seq"], seq))
        before, most = self.at.get(unit, -1), self.most.get(unit, -1)
        if index > before + 1 or (self.once and index != before + 1):
            self.problem("%s: %s: change %d (%s) came behind change %d" % (where, unit, index, change, before))
        if index <= most:
            self.repeats.times.append(record["timestamp"])
        self.at[unit] = index
        self.most[unit] = max(most, index)

    def compare_tables(self):
        for table in load.TABLES:
            expected = {str(row["id"]): row for row in (
                json.loads(text) for (text,) in h.psql("SELECT to_json(t) FROM %s t" % table, load.DATABASE))}
            got = self.rows[table]
            for key in expected.keys() | got.keys():
                h.check(got.get(key) == expected.get(key), "folded: %s %s is %.300s, must be %.300s" % (
                    table, key, got.get(key), expected.get(key)))
