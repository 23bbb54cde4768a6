# SPDX-License-Identifier: Apache-2.0
"""What a program wrote for the sample shop beside what the batch (shop_batch.py) says. Each function takes the records
of one output topic, each partition in order (kafka_dump read), and returns its differences as sentences.

final=False is for a program that writes a window's row at each change of it: its last one counts, and rows that ended
as empty count as none."""

import collections
import datetime
import json

from shop_batch import MINUTE, UNKNOWN, cents, millis

SHOWN = 5  # of each kind of difference


class Differences:
    def __init__(self, topic):
        self.topic = topic
        self.kinds = collections.defaultdict(list)

    def add(self, kind, text, *args):
        self.kinds[kind].append(text % args)

    def sentences(self):
        out = []
        for kind, texts in self.kinds.items():
            out.append("%s: %d %s: %s%s" % (self.topic, len(texts), kind, "; ".join(texts[:SHOWN]),
                                            "; ..." if len(texts) > SHOWN else ""))
        return out


def iso(ms):
    days, rest = divmod(ms, 86400000)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days)
    return "%sT%02d:%02d:%02d.%03dZ" % (day, rest // 3600000, rest // 60000 % 60, rest // 1000 % 60, rest % 1000)


def rows_of(records, diff, *key):
    """(row or None, key columns) of each record whose key is the JSON array of the row's key columns."""
    for record in records:
        where = "%(partition)d@%(offset)d" % record
        try:
            columns = json.loads(record["key"])
            row = None if record["value"] is None else json.loads(record["value"])
        except (TypeError, ValueError) as error:
            diff.add("unreadable records", "%s: %s", where, error)
            continue
        if row is not None and columns != [row.get(name) for name in key]:
            diff.add("keys that are not their rows'", "%s: %s", where, columns)
            continue
        yield row, columns


def fields(row, names, diff, what):
    """The row's values read as the batch writes them; None, and a difference, if they do not read so."""
    values = []
    for name, read in names:
        try:
            values.append(read(row[name]))
        except (KeyError, TypeError, ValueError) as error:
            diff.add("rows with a bad field", "%s: %s: %s", what, name, repr(error))
            return None
    return tuple(values)


def same(value):
    return value


def whole(value):
    if type(value) is not int:
        raise ValueError("not a whole number: %r" % (value,))
    return value


def truth(value):
    if value not in (0, 1) or isinstance(value, float):
        raise ValueError("neither true nor false: %r" % (value,))
    return bool(value)


# ---- processed_orders

PROCESSED = [("change", same), ("previous_status", same), ("status", same), ("total", cents), ("country", same),
             ("payment_method", same), ("created_at", millis)]


def processed_orders(batch, records, known=None):
    """known: a Batch of what was there before the program started, which it cannot have missed."""
    diff = Differences("processed_orders")
    got = collections.defaultdict(list)
    for row, (number,) in rows_of(records, diff, "order_id"):
        got[number].append(row)
    for number in got.keys() - batch.processed.keys():
        diff.add("orders that nobody made", "%d", number)
    for number, expected in batch.processed.items():
        rows = got.get(number, [])
        if len(rows) != len(expected):
            diff.add("orders with other than their changes", "%d has %s, batch %s", number,
                     [row and row.get("status") for row in rows], [want and want[2].status for want in expected])
            continue
        for i, (row, want) in enumerate(zip(rows, expected)):
            if row is None or want is None:
                if row is not want:
                    diff.add("tombstones out of place", "%d, change %d", number, i)
                continue
            compare_processed(batch, known, number, i, row, want, diff)
    return diff.sentences()


def compare_processed(batch, known, number, i, row, want, diff):
    op, previous, order = want
    what = "%d, change %d" % (number, i)
    values = fields(row, PROCESSED, diff, what)
    if values is None:
        return
    expected = (op, previous, order.status, order.cents, order.country, order.payment, order.created)
    if values != expected:
        diff.add("wrong changes", "%s is %s, batch %s", what, values, expected)
    customer = row.get("customer")
    if not isinstance(customer, dict):
        diff.add("customers that are no object", "%s has %s", what, customer)
        return
    seen = tuple(customer.get(name) for name in ("name", "email", "tier", "city"))
    versions = batch.versions.get(order.customer, [UNKNOWN])
    if known is not None:
        versions = versions[len(known.versions.get(order.customer, [UNKNOWN])) - 1:]
    if customer.get("id") != order.customer or seen not in versions:
        diff.add("customers as they never were", "%s has %s, possible %s", what, customer, versions)
    high = seen[2] in ("gold", "platinum") and order.cents >= 50000
    if row.get("priority") != ("high" if high else "normal"):
        diff.add("wrong priorities", "%s: %s for %s and %d cents", what, row.get("priority"), seen[2], order.cents)


# ---- inventory_alerts

ALERT = [("alert", same), ("stock_quantity", same), ("reorder_level", same), ("previous_quantity", same),
         ("at", millis), ("sku", same), ("name", same), ("category", same)]


def inventory_alerts(batch, records):
    diff = Differences("inventory_alerts")
    got = collections.defaultdict(list)
    for row, (number,) in rows_of(records, diff, "product_id"):
        got[number].append(row and fields(row, ALERT, diff, "product %d" % number))
    for number in got.keys() | batch.alerts.keys():
        rows, expected = got.get(number, []), batch.alerts.get(number, [])
        if rows != expected:
            first = next((i for i, pair in enumerate(zip(rows, expected)) if pair[0] != pair[1]),
                         min(len(rows), len(expected)))
            diff.add("products with other alerts", "%d has %d, batch %d; number %d is %s, batch %s", number, len(rows),
                     len(expected), first, rows[first:first + 1], expected[first:first + 1])
    return diff.sentences()


# ---- business_metrics

METRICS = [("window_end", millis), ("orders", whole), ("revenue", cents), ("avg_order_value", cents)]


def cell_name(cell):
    return "%s %s %s" % (iso(cell[0])[:16], cell[1], cell[2])


def business_metrics(batch, rows, final=True, topic="business_metrics"):
    """rows: of metric_rows(), or of the files."""
    diff = Differences(topic)
    got = {}
    for row in rows:
        cell = fields(row, [("window_start", millis), ("status", same), ("country", same)], diff, str(row))
        values = cell and fields(row, METRICS, diff, cell_name(cell))
        if values is None:
            continue
        if final and cell in got:
            diff.add("cells that came again", "%s", cell_name(cell))
        got[cell] = values
    if not final:
        got = {cell: values for cell, values in got.items() if values[1] > 0}
    for cell in got.keys() - batch.cells.keys():
        diff.add("cells that are empty", "%s has %s", cell_name(cell), got[cell])
    for cell, (orders, revenue) in batch.cells.items():
        expected = (cell[0] + MINUTE, orders, revenue, revenue // orders)
        if cell not in got:
            if batch.must_be_closed(cell):
                diff.add("cells missing", "%s: %s", cell_name(cell), expected)
        elif got[cell] != expected:
            diff.add("wrong cells", "%s has %s, batch %s", cell_name(cell), got[cell], expected)
    return diff.sentences()


def metric_rows(records):
    diff = Differences("business_metrics")
    rows = [row for row, _ in rows_of(records, diff, "window_start", "status", "country") if row is not None]
    return rows, diff.sentences()


def business_metrics_late(batch, records):
    """Corrections of one cell add up, however many records bring them."""
    diff = Differences("business_metrics_late")
    got = collections.defaultdict(lambda: [0, 0])
    for row, key in rows_of(records, diff, "window_start", "status", "country"):
        values = fields(row, [("window_start", millis), ("status", same), ("country", same), ("orders", whole),
                              ("revenue", cents)], diff, str(key))
        if values is not None:
            sums = got[values[:3]]
            sums[0] += values[3]
            sums[1] += values[4]
    got = {cell: tuple(sums) for cell, sums in got.items() if sums != [0, 0]}
    for cell in got.keys() | batch.late.keys():
        if got.get(cell) != batch.late.get(cell):
            diff.add("wrong corrections", "%s: %s, batch %s", cell_name(cell), got.get(cell), batch.late.get(cell))
    return diff.sentences()


# ---- fraud_alerts

def fraud_alerts(batch, records):
    diff = Differences("fraud_alerts")
    got = {"VELOCITY": collections.Counter(), "AMOUNT": collections.Counter(), "CANCEL_REORDER": collections.Counter()}
    for row, (customer,) in rows_of(records, diff, "customer_id"):
        if row is None or row.get("pattern") not in got:
            diff.add("unknown patterns", "%s", row)
            continue
        if fields(row, [("at", millis)], diff, str(row)) is None:
            continue
        alert = (customer, row.get("order_id"))
        if row["pattern"] == "CANCEL_REORDER":
            alert += (row.get("cancelled_order_id"),)
        got[row["pattern"]][alert] += 1
    for pattern, alerts in got.items():
        for alert, count in alerts.items():
            if count > 1:
                diff.add("%s alerts that came again" % pattern, "%s %d times", alert, count)
    for pattern, expected in (("VELOCITY", batch.velocity()), ("CANCEL_REORDER", batch.reorders())):
        for alert in sorted(expected - got[pattern].keys()):
            diff.add("%s alerts missing" % pattern, "%s", alert)
        for alert in sorted(got[pattern].keys() - expected):
            diff.add("%s alerts for nothing" % pattern, "%s", alert)
    amounts = collections.defaultdict(set)
    for customer, number in got["AMOUNT"]:
        amounts[customer].add(number)
    for customer in batch.created.keys() | amounts.keys():
        alerts = amounts.get(customer, set())
        strange = alerts - {order[1] for order in batch.created.get(customer, ())}
        if strange or not batch.amount_possible(customer, alerts):
            diff.add("customers whose AMOUNT alerts no order of events gives", "%d: %s of %s", customer, sorted(alerts),
                     [(order[1], order[2], order[3]) for order in batch.created.get(customer, ())][:12])
    return diff.sentences()


# ---- customer_behavior

SESSION = [("session_end", millis), ("events", whole), ("page_views", whole), ("pages", whole), ("converted", truth)]


def customer_behavior(batch, records, final=True):
    diff = Differences("customer_behavior")
    got = {}
    for row, columns in rows_of(records, diff, "customer_id", "session_start"):
        session = columns[0], millis(columns[1])
        name = "%d %s" % (session[0], columns[1])
        if row is None:
            if final:
                diff.add("tombstones", "%s", name)
            got.pop(session, None)
            continue
        values = fields(row, SESSION, diff, name)
        if values is None:
            continue
        if final and session in got:
            diff.add("sessions that came again", "%s", name)
        got[session] = values
        if row.get("duration_s") != (values[0] - session[1]) // 1000:
            diff.add("wrong durations", "%s: %s", name, row.get("duration_s"))
        if row.get("tier") not in {version.tier for version in batch.versions.get(session[0], [UNKNOWN])}:
            diff.add("tiers that the customer never had", "%s: %s", name, row.get("tier"))
        if not row.get("segment"):
            diff.add("sessions without a segment", "%s", name)
    for session in got.keys() - batch.sessions.keys():
        diff.add("sessions that never were", "%d %s: %s", session[0], iso(session[1]), got[session])
    for session, expected in batch.sessions.items():
        if session not in got:
            if batch.must_be_over(session):
                diff.add("sessions missing", "%d %s: %s", session[0], iso(session[1]), expected)
        elif got[session] != expected:
            diff.add("wrong sessions", "%d %s has %s, batch %s", session[0], iso(session[1]), got[session], expected)
    return diff.sentences()


# ---- all of it

def compare(batch, outputs, known=None, final=True):
    """outputs: name of the output -> its records; only those given are compared."""
    wrong = []
    if "processed_orders" in outputs:
        wrong += processed_orders(batch, outputs["processed_orders"], known)
    if "inventory_alerts" in outputs:
        wrong += inventory_alerts(batch, outputs["inventory_alerts"])
    if "business_metrics" in outputs:
        rows, unreadable = metric_rows(outputs["business_metrics"])
        wrong += unreadable + business_metrics(batch, rows, final)
    if "business_metrics_late" in outputs:
        wrong += business_metrics_late(batch, outputs["business_metrics_late"])
    if "fraud_alerts" in outputs:
        wrong += fraud_alerts(batch, outputs["fraud_alerts"])
    if "customer_behavior" in outputs:
        wrong += customer_behavior(batch, outputs["customer_behavior"], final)
    return wrong
