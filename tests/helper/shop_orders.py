# SPDX-License-Identifier: Apache-2.0
"""Order and customer events in Debezium's form, and what processed_orders must hold for them: a batch
join in SQL over the same events, which shares no code with the engine. For the streams tests."""

import json
import os
import re
import shutil
import sqlite3
import time

import harness as h

CUSTOMERS = 300
STATUSES = ["pending", "paid", "shipped", "delivered"]


def output():
    return h.NAME + ".processed_orders"


def results():
    return h.read_topic(output()) if output() in h.list_topics() else []


def copy_pipeline():
    """The sample pipeline on topics of this test."""
    source = h.TOP + "/etc/shop/streams"
    target = os.path.join(h.directory(), "pipeline")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("tests"))
    for name in os.listdir(target):
        path = os.path.join(target, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = re.sub("TOPIC '([a-z_]+)'", "TOPIC '%s.\\1'" % h.NAME, text)
        text = text.replace("'shop-streams", "'%s" % h.NAME)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return target


def envelope(table, op, after, before, lsn):
    source = {"version": "3.3.1.Final", "connector": "postgresql", "name": "inventory",
              "ts_ms": 1750000000000 + lsn, "snapshot": "false", "db": "inventory",
              "sequence": json.dumps([str(lsn - 1), str(lsn)]), "ts_us": (1750000000000 + lsn) * 1000,
              "ts_ns": (1750000000000 + lsn) * 1000000, "schema": "public", "table": table, "txId": lsn,
              "lsn": lsn, "xmin": None}
    return json.dumps({"before": before, "after": after, "source": source, "transaction": None, "op": op,
                       "ts_ms": 1750000000000 + lsn}, ensure_ascii=False, separators=(",", ":"))


def stamp(n):
    return "2025-06-%02dT%02d:%02d:%02d.%06dZ" % (1 + n // 86400 % 28, n // 3600 % 24, n // 60 % 60, n % 60, n)


def customers(rand):
    for n in range(1, CUSTOMERS + 1):
        after = {"id": n, "email": "c%d@example.com" % n, "first_name": rand.choice(["Léa", "Ben", "O'Neil"]),
                 "last_name": rand.choice(["Müller", "Kim", 'Quo"te']), "phone": None,
                 "city": rand.choice(["Wien", "Lyon", None]), "country": rand.choice(["AT", "FR"]),
                 "customer_tier": rand.choice(["bronze", "silver", "gold", "platinum"]),
                 "created_at": stamp(n), "updated_at": stamp(n)}
        yield '{"id":%d}' % n, envelope("customers", "c", after, None, n)


def orders(rand, count):
    """Creations, status changes, a few deletes with their tombstones, mixed over the ids."""
    events = []
    waiting = list(range(1, count + 1))
    rows = {}
    lsn = 1000000
    while waiting or rows:
        lsn += 8
        if waiting and (len(rows) < 200 or rand.random() < 0.4):
            number = waiting.pop(0)
            # some belong to nobody that we know
            rows[number] = {"id": number, "customer_id": rand.randint(1, CUSTOMERS + 20), "status": "pending",
                            "total_amount": "%d.%02d" % (rand.randint(1, 999), rand.randint(0, 99)),
                            "payment_method": "card", "shipping_country": rand.choice(["AT", "FR", "US"]),
                            "order_date": stamp(number), "created_at": stamp(number),
                            "updated_at": stamp(number)}
            events.append(('{"id":%d}' % number, envelope("orders", "c", rows[number], None, lsn)))
            continue
        number = rand.choice(list(rows))
        row = dict(rows[number])
        if rand.random() < 0.05:
            del rows[number]
            empty = {key: None for key in row}
            empty["id"] = number
            events.append(('{"id":%d}' % number, envelope("orders", "d", None, empty, lsn)))
            events.append(('{"id":%d}' % number, None))
            continue
        if row["status"] == "delivered":
            del rows[number]
            continue
        row["status"] = STATUSES[STATUSES.index(row["status"]) + 1]
        rows[number] = row
        events.append(('{"id":%d}' % number, envelope("orders", "u", row, None, lsn)))
    return events


def batch_join(customer_records, order_records):
    """{order id: [result or None for a tombstone, in order]}, by SQL over all events at once."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, first TEXT, last TEXT, email TEXT, tier TEXT,"
               " city TEXT)")
    db.execute("CREATE TABLE change (id INTEGER, lsn INTEGER, op TEXT, customer_id INTEGER, status TEXT,"
               " total TEXT, country TEXT, payment_method TEXT, created_at TEXT)")
    for record in customer_records:
        row = json.loads(record["value"])["after"]
        db.execute("INSERT INTO customer VALUES (?,?,?,?,?,?)",
                   [row[k] for k in ("id", "first_name", "last_name", "email", "customer_tier", "city")])
    for record in order_records:
        if record["value"] is None:
            continue
        event = json.loads(record["value"])
        row = event["after"] or {"id": event["before"]["id"]}
        db.execute("INSERT INTO change VALUES (?,?,?,?,?,?,?,?,?)",
                   [row["id"], event["source"]["lsn"], event["op"]] +
                   [row.get(k) for k in ("customer_id", "status", "total_amount", "shipping_country",
                                         "payment_method", "created_at")])
    joined = db.execute("""
        SELECT o.id, o.op, o.status, lag(o.status) OVER (PARTITION BY o.id ORDER BY o.lsn), o.total, o.country,
               o.payment_method, o.created_at, o.customer_id, c.first || ' ' || c.last, c.email,
               coalesce(c.tier, 'unknown'), c.city,
               CASE WHEN c.tier IN ('gold', 'platinum') AND CAST(o.total AS REAL) >= 500
                    THEN 'high' ELSE 'normal' END
          FROM change o LEFT JOIN customer c ON c.id = o.customer_id ORDER BY o.lsn""")
    expected = {}
    for (number, op, status, previous, total, country, payment, created, customer, name, email, tier, city,
         priority) in joined:
        expected.setdefault(number, []).append(None if op == "d" else {
            "order_id": number, "status": status, "previous_status": previous, "total": total,
            "country": country, "payment_method": payment, "created_at": normal_time(created), "change": op,
            "customer": {"id": customer, "name": name, "email": email, "tier": tier, "city": city},
            "priority": priority})
    return expected


def results_by_order():
    """{order id: [result or None, in order]}, of the output topic."""
    got = {}
    for record in results():
        (number,) = json.loads(record["key"])  # canonical: a JSON array of the key's columns
        value = None if record["value"] is None else json.loads(record["value"])
        if value is not None:
            value["created_at"] = normal_time(value["created_at"])
        got.setdefault(number, []).append(value)
    return got


def compare(expected):
    got = results_by_order()
    h.equal(sorted(set(got) - set(expected)), [], "orders that nobody made")
    for number, values in expected.items():
        h.equal(got.get(number), values, "results of order %d" % number)


def normal_time(text):
    """ISO 8601 UTC down to the millisecond, which is what the streams keep."""
    head, _, fraction = text.rstrip("Z").partition(".")
    return "%s.%sZ" % (head, (fraction + "000")[:3])


def wait_and_compare(seconds=90):
    """Wait until processed_orders holds as many records as the events in the topics call for; then compare."""
    expected = batch_join(h.read_topic(h.shop_topic("customers")), h.read_topic(h.shop_topic("orders")))
    total = sum(map(len, expected.values()))
    h.note("%d results expected" % total)
    h.wait_for(lambda: len(results()) >= total, "all results are there", seconds, 0.5)
    time.sleep(1)  # what would come twice has time to come
    compare(expected)
