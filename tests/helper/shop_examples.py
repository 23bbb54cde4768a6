# SPDX-License-Identifier: Apache-2.0
"""The judge judged: the batch on histories worked out by hand, at the edges of each rule; and the comparer on outputs
that are right, and then wrong in one place. streams_shop.int begins with it."""

import json

import harness as h
import shop_batch
import shop_compare
import shop_events
from shop_compare import iso

T = shop_events.START_MS  # a whole minute
S, M = 1000, 60000


class History:
    """Few events, each with its own LSN unless said otherwise."""

    def __init__(self):
        self.records = []
        self.lsn = 100

    def event(self, topic, number, op, c, row, lsn=None):
        self.lsn += lsn is None
        source = {"ts_ms": c, "lsn": lsn or self.lsn}
        self.records.append((topic, '{"id":%d}' % number, json.dumps({"op": op, "after": row, "source": source})))

    def order(self, number, op, c, created, status="pending", cents=1000, customer=7, lsn=None):
        self.event("orders", number, op, c, None if op == "d" else {
            "id": number, "customer_id": customer, "status": status, "total_amount": "%d.%02d" % divmod(cents, 100),
            "payment_method": "card", "shipping_country": "AT", "created_at": iso(created)}, lsn)

    def visit(self, number, created, kind="page_view", page="/a"):
        self.event("customer_activity", number, "c", created, {
            "customer_id": 7, "activity_type": kind, "page": page, "created_at": iso(created)})

    def product(self, op, quantity, level, c=T):
        self.event("products", 1, op, c, None if op == "d" else {
            "sku": "A", "name": "a", "category": "x", "stock_quantity": quantity, "reorder_level": level})

    def batch(self):
        return shop_batch.Batch(self.records)


def velocity():
    for times, expected in (
            ((1, 100, 200, 300), {4}),            # 300 s hold four
            ((0, 100, 200, 300), set()),          # the first is 300 s old: no longer
            ((300, 200, 100, 1), {1}),            # the straggler comes last
            ((5, 5, 5, 5), {1, 2, 3, 4})):        # at once: each counts for all
        history = History()
        for i, second in enumerate(times):
            history.order(i + 1, "c", T + 400 * S, T + second * S)
        history.order(9, "r", T + 400 * S, T + 300 * S)  # a snapshot's row is no order
        h.equal({alert[1] for alert in history.batch().velocity()}, expected, "VELOCITY at %s" % (times,))


def reorders():
    for created, expected in ((0, set()), (1, {(7, 2, 1)}), (600000, {(7, 2, 1)}), (600001, set())):
        history = History()
        history.order(1, "c", T, T)
        history.order(2, "c", T + created, T + 10 * S + created)
        history.order(1, "u", T + 10 * S, T, "cancelled")
        history.order(1, "u", T + 11 * S, T, "cancelled")  # it was already
        got = history.batch().reorders()
        h.equal(got, expected, "CANCEL_REORDER %d ms later" % created)


def amounts():
    history = History()
    for number, value in ((1, 100), (2, 100), (3, 100), (4, 301), (5, 450)):
        history.order(number, "c", T, T, cents=value)
    batch = history.batch()
    h.check(not batch.amount_possible(7, {1, 2}), "the first three of all are alerted at no time")
    batch.created[7] = [(created, number, value, 0) for created, number, value, _ in batch.created[7]]  # one partition
    h.check(batch.amount_possible(7, {4}), "3 * 301 is more than 3 * 300, 4 * 450 is no more than 3 * 601")
    for alerts in (set(), {5}, {4, 5}):
        h.check(not batch.amount_possible(7, alerts), "nothing else is possible, but %s" % alerts)


def cells():
    history = History()
    late = T + M + 10 * S
    history.order(1, "c", T, T, cents=1000)
    history.order(2, "c", late - 1, T + M - 1, cents=501)  # just in time
    history.order(3, "c", late, T, cents=900)              # just late
    history.order(1, "u", late, T, "paid", cents=1000)     # its cell stays
    history.order(2, "d", late + 1, T)
    history.order(1, "u", late, T, "shipped", lsn=102)     # comes again: nothing
    batch = history.batch()
    h.equal(batch.cells, {(T, "pending", "AT"): (2, 1501)}, "cells")
    h.equal(batch.late, {(T, "pending", "AT"): (-1, 900 - 1000 - 501), (T, "paid", "AT"): (1, 1000)}, "corrections")


def sessions():
    history = History()
    for number, at in enumerate((60 * M, 0, 95 * M, 30 * M, 125 * M + 1)):  # 30 min between are one, 1 ms more is not
        history.visit(number + 1, T + at, "purchase" if at == 95 * M else "page_view", None if at == 0 else "/a")
    h.equal(history.batch().sessions, {
        (7, T): (T + 60 * M, 3, 3, 1, False), (7, T + 95 * M): (T + 95 * M, 1, 0, 1, True),
        (7, T + 125 * M + 1): (T + 125 * M + 1, 1, 1, 1, False)}, "sessions")


def stock():
    history = History()
    for op, quantity, level in (("r", 5, 10), ("u", 4, 10), ("u", 0, 10), ("u", 0, 10), ("u", 3, 10), ("u", 11, 10),
                                ("u", 11, 20), ("d", 0, 0), ("c", 0, 5)):
        history.product(op, quantity, level)
    # 3 after 0 is none, for 0 was not above the level; 11 of 20 is one, for 11 was above 10
    h.equal([alert[:4:3] for alert in history.batch().alerts[1]],
            [("LOW_STOCK", None), ("OUT_OF_STOCK", 4), ("RESTOCKED", 3), ("LOW_STOCK", 11), ("OUT_OF_STOCK", None)],
            "alerts")


# ---- the comparer

def money(value):
    return "%s%d.%02d" % ("-" if value < 0 else "", *divmod(abs(value), 100))


def right(batch):
    """Outputs as they must be, made from the batch."""
    out = {name: [] for name in ("processed_orders", "inventory_alerts", "business_metrics", "business_metrics_late",
                                 "fraud_alerts", "customer_behavior")}

    def put(name, key, row):
        out[name].append({"partition": 0, "offset": len(out[name]), "key": json.dumps(key),
                          "value": None if row is None else json.dumps(row)})
    for number, changes in batch.processed.items():
        for change in changes:
            if change is None:
                put("processed_orders", [number], None)
                continue
            op, previous, order = change
            who = batch.versions.get(order.customer, [shop_batch.UNKNOWN])[-1]
            put("processed_orders", [number], {
                "order_id": number, "change": op, "previous_status": previous, "status": order.status,
                "total": money(order.cents), "country": order.country, "payment_method": order.payment,
                "created_at": iso(order.created), "customer": {"id": order.customer, **who._asdict()},
                "priority": "high" if who.tier in ("gold", "platinum") and order.cents >= 50000 else "normal"})
    for number, alerts in batch.alerts.items():
        for alert, quantity, level, previous, c, sku, name, category in alerts:
            put("inventory_alerts", [number], {
                "product_id": number, "alert": alert, "stock_quantity": quantity, "reorder_level": level, "sku": sku,
                "previous_quantity": previous, "at": iso(c), "name": name, "category": category})
    for name, cells_of in (("business_metrics", batch.cells), ("business_metrics_late", batch.late)):
        for (start, status, country), (orders, revenue) in cells_of.items():
            put(name, [iso(start), status, country], {
                "window_start": iso(start), "window_end": iso(start + M), "status": status, "country": country,
                "orders": orders, "revenue": money(revenue),
                "avg_order_value": money(revenue // orders if orders > 0 else 0)})
    for pattern, alerts in (("VELOCITY", batch.velocity()), ("CANCEL_REORDER", batch.reorders())):
        for customer, number, *cancelled in alerts:
            put("fraud_alerts", [customer], {"pattern": pattern, "customer_id": customer, "order_id": number,
                                             "cancelled_order_id": (cancelled or [None])[0], "at": iso(T)})
    for (customer, start), (end, events, views, pages, converted) in batch.sessions.items():
        put("customer_behavior", [customer, iso(start)], {
            "customer_id": customer, "session_start": iso(start), "session_end": iso(end), "events": events,
            "page_views": views, "pages": pages, "converted": converted, "duration_s": (end - start) // 1000,
            "tier": batch.versions[customer][-1].tier if customer in batch.versions else "unknown", "segment": "x"})
    return out


def comparer():
    shop = shop_events.Shop(seed=9, events=2500, customers=50, products=20, hours=2, redeliveries=300)
    shop.finish()
    batch = shop_batch.Batch(shop.records)
    batch.amount_possible = lambda customer, alerts: not alerts  # there are none in these outputs
    outputs = right(batch)
    h.equal(shop_compare.compare(batch, outputs), [], "differences of what is right")
    for name, records in outputs.items():
        middle = next(i for i in range(len(records) // 2, len(records)) if records[i]["value"])
        record = records[middle]
        row = json.loads(record["value"])
        for what, wrong in (("missing", records[:middle] + records[middle + 1:]),
                            ("twice", records + [record]),
                            ("unreadable", records[:middle] + [{**record, "value": "{"}] + records[middle + 1:])):
            h.check(shop_compare.compare(batch, {**outputs, name: wrong}), "%s: one %s is not seen" % (name, what))
        for field in row:
            if field in ("at", "segment", "window_end", "avg_order_value") and name != "business_metrics":
                continue
            if (name, row.get("pattern"), field) == ("fraud_alerts", "VELOCITY", "cancelled_order_id"):
                continue
            other = [{**record, "value": json.dumps({**row, field: "2"})}]
            wrong = records[:middle] + other + records[middle + 1:]
            h.check(shop_compare.compare(batch, {**outputs, name: wrong}),
                    "%s: another %s is not seen" % (name, field))


def check():
    for part in (velocity, reorders, amounts, cells, sessions, stock, comparer):
        part()
