# SPDX-License-Identifier: Apache-2.0
"""Records of a golden case (tests/data/golden) made comparable: what differs from run to run becomes a mark, all
else stays as it is, byte for byte. The README there lists the places.

Marks of LSNs, transactions and commit times are numbered by first appearance in a topic partition: what was equal in
the recording must be equal now, and what was not must not be.
"""

import collections
import json
import re

SHOWN = 3  # differences of a case

EVENT = {("source", "version"): "version", ("source", "ts_ms"): "commit_time", ("source", "ts_us"): "commit_time",
         ("source", "ts_ns"): "commit_time", ("source", "sequence"): "sequence", ("source", "txId"): "txid",
         ("source", "lsn"): "lsn", ("source", "xmin"): "int", ("source", "origin_lsn"): "int",
         ("ts_ms",): "now", ("ts_us",): "now", ("ts_ns",): "now", ("transaction", "id"): "txlsn"}
HEARTBEAT = {("ts_ms",): "now"}
BOUNDARY = {("id",): "txlsn", ("ts_ms",): "now"}
NOTIFICATION = {("id",): "uuid", ("timestamp",): "now", ("additional_data",): "map"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[a-z]+)?")
LSN_TEXT = re.compile(r"\b[0-9A-F]{1,8}/[0-9A-F]{1,8}\b")

_decoder = json.JSONDecoder()


def find(text, wanted):
    """Where the values of the wanted paths stand in compact JSON: (path, start, end)."""
    above = {path[:n] for path in wanted for n in range(len(path))}
    found = []

    def visit(at, path):
        if path in wanted or path not in above or text[at] != "{":
            end = _decoder.raw_decode(text, at)[1]
            if path in wanted:
                found.append((path, at, end))
            return end
        at += 1
        while text[at] != "}":
            name, at = json.decoder.scanstring(text, at + (2 if text[at] == "," else 1))
            at = visit(at + 1, path + (name,))
        return at + 1
    visit(0, ())
    return found


def parse(text):
    """(document, what stands before a path in it), or (None, ()) of what is no JSON object."""
    if text is None or not text.startswith("{"):
        return None, ()
    try:
        document = json.loads(text)
    except ValueError:
        return None, ()
    if set(document) == {"schema", "payload"}:
        return document["payload"], ("payload",)
    return document, ()


class Masks:
    """Of one topic partition. rules: "mask" of case.json."""

    def __init__(self, topic, rules):
        self.topic = topic
        self.labels = collections.defaultdict(dict)
        self.rules = {"key": {}, "value": {}, "headers": {}}
        for rule in rules:
            if re.search(rule.get("topic", ""), topic):
                path = rule["path"]
                if rule["part"] != "headers" and isinstance(path, str):
                    path = path.split(".")
                self.rules[rule["part"]][path if rule["part"] == "headers" else tuple(path)] = rule["as"]

    def record(self, record):
        headers = [(name, self.header(name, value)) for name, value in record.get("headers", [])]
        masked = {"key": self.part("key", record["key"]), "value": self.part("value", record["value"]),
                  "headers": headers}
        if masked["value"]:  # identities of Java's objects
            masked["value"] = re.sub(r"(\[Ljava\.lang\.\w+;@)[0-9a-f]+", r"\1#", masked["value"])
        if "timestamp" in record:
            masked["timestamp"] = record["timestamp"]
        return masked

    def header(self, name, value):
        kind = "uuid" if name == "__debezium.context.runId" else self.rules["headers"].get(name)
        if kind is None or value is None:
            return value
        bare = value[:1] != '"' and not re.fullmatch(r"-?\d+", value)
        return self.scalar(kind, json.dumps(value) if bare else value, {})

    def kinds(self, part, body):
        """Path -> kind, by the shape of what is inside."""
        if not isinstance(body, dict):
            return {}
        members = set(body)
        if part == "value" and isinstance(body.get("source"), dict) and "op" in body:
            return EVENT
        if part == "value" and members == {"ts_ms"}:
            return HEARTBEAT
        if self.topic.endswith(".transaction") and (members == {"id"} or {"status", "id", "event_count"} <= members):
            return BOUNDARY
        if {"aggregate_type", "additional_data", "timestamp"} <= members or (members == {"id"} and "notif" in self.topic):
            return NOTIFICATION
        return {}

    def part(self, part, text):
        body, above = parse(text)
        kinds = {above + path: kind for path, kind in self.kinds(part, body).items()}
        for path, kind in self.rules[part].items():
            kinds[path] = kinds[above + path] = kind
        if not isinstance(body, dict) or not kinds:
            return text
        out, at = [], 0
        for path, start, end in find(text, kinds):
            out += [text[at:start], self.scalar(kinds[path], text[start:end], body)]
            at = end
        return "".join(out) + text[at:]

    def label(self, space, value):
        known = self.labels[space]
        return "#%s%d" % (space, known.setdefault(value, len(known) + 1))

    def scalar(self, kind, raw, body):
        """The mark for a value's JSON text; the text itself if it is nothing of that kind."""
        if raw == "null":
            return raw
        if kind == "any":
            return '"#any"'
        if raw[0] in "{[":
            return json.dumps(json.loads(raw), sort_keys=True, ensure_ascii=False) if kind == "map" else raw
        value = json.loads(raw)
        if isinstance(value, int) and not isinstance(value, bool):
            return self.number(kind, value, raw, body)
        return self.text(kind, value, raw, body) if isinstance(value, str) else raw

    def number(self, kind, value, raw, body):
        if kind == "int":
            return "#int"
        if kind == "lsn":
            return self.label("lsn", value)
        if kind == "txid":
            return self.label("tx", value)
        if kind not in ("now", "commit_time"):
            return raw
        block = body.get("source", {}) if kind == "commit_time" else body
        wrong = "" if self.times_agree(block) and (value == 0 or value > 1.5e12) else "!" + raw
        incremental = kind == "commit_time" and block.get("snapshot") == "incremental"
        if kind == "now" or incremental or value == 0:
            return "#time" + wrong
        return self.label("time", block.get("ts_us") or value) + wrong

    @staticmethod
    def times_agree(block):
        """One time in three units, of which some may be missing."""
        ms, us, ns = (block.get(name) for name in ("ts_ms", "ts_us", "ts_ns"))
        return (ms is None or us is None or us // 1000 == ms) and (us is None or ns is None or ns // 1000 == us)

    def text(self, kind, value, raw, body):
        lsn = str(body.get("source", {}).get("lsn")) if isinstance(body.get("source"), dict) else "None"
        if kind == "version":
            return '"#version"'
        if kind == "uuid":
            return '"#uuid"' if UUID.fullmatch(value) else raw
        if kind == "sequence":
            found = re.fullmatch(r'\[(?:"(\d+)"|null),(?:"(\d+)"|null)\]', value)
            if not found:
                return raw
            commit = self.label("commit", found[1]) if found[1] else "null"
            own = "null" if not found[2] else "=lsn" if found[2] == lsn else "?" + self.label("lsn", int(found[2]))
            return '"[%s,%s]"' % (commit, own)
        if kind == "txlsn":
            found = re.fullmatch(r"(\d+)(?::(\d+))?", value)
            if not found:
                return raw
            place = "" if not found[2] else ":=lsn" if found[2] == lsn else ":#pos"
            return '"%s%s"' % (self.label("tx", int(found[1])), place)
        return raw


# ---- whole cases


def by_place(records, case):
    """(topic, partition) -> masked records, as the case wants them compared."""
    places = collections.defaultdict(list)
    for record in records:
        places[record["topic"], record["partition"]].append(record)
    out = {}
    for place, members in places.items():
        topic = place[0]
        if matches(case.get("ignore"), topic):
            continue
        masks = Masks(topic, case.get("mask", []))
        masked = [masks.record(record) for record in members]
        if matches(case.get("collapse"), topic):
            masked = [record for n, record in enumerate(masked) if n == 0 or record != masked[n - 1]]
        out[place] = masked
    return out


def matches(patterns, topic):
    """Of a list of patterns, or of one."""
    if isinstance(patterns, str):
        patterns = [patterns]
    return any(re.search(pattern, topic) for pattern in patterns or [])


def differences(case, expected, got):
    """What is not as expected, in words; an empty list if all is."""
    wanted, came = by_place(expected, case), by_place(got, case)
    found = []
    for place in sorted(set(wanted) | set(came)):
        ours, theirs = came.get(place, []), wanted.get(place, [])
        if len(ours) != len(theirs):
            found.append("%s/%d: %d records instead of %d" % (*place, len(ours), len(theirs)))
        for number, (one, other) in enumerate(zip(ours, theirs)):
            for part in ("key", "value", "headers", "timestamp"):
                if one.get(part) != other.get(part):
                    found.append("%s/%d record %d, %s:\n    got      %s\n    expected %s" % (
                        *place, number, part, *first_difference(str(one.get(part)), str(other.get(part)))))
    return found


def first_difference(one, other):
    """Both texts from shortly before where they part."""
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    return one[max(0, at - 100):at + 160], other[max(0, at - 100):at + 160]


def failure_text(trace):
    """What a task's trace says, without the class in front; positions are marked."""
    causes = re.findall(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): (.*)$", trace, re.M)
    return LSN_TEXT.sub("#lsn", causes[-1] if causes else trace.split("\n")[0])


def offsets_text(offsets):
    """GET /connectors/x/offsets: the order of the members counts, positions and ids do not, nor do our own members."""
    text = json.dumps(offsets, separators=(",", ":"), ensure_ascii=False)
    text = re.sub(r',"culvert_\w+":("\d+"|\d+)', "", text)
    text = re.sub(r'("(?:lsn|lsn_proc|lsn_commit|txId|ts_usec|xmin)":)\d+', r'\1"#int"', text)
    return re.sub(r'("transaction_id":)"\d+(:\d+)?"', r'\1"#id"', text)
