# SPDX-License-Identifier: Apache-2.0
"""What the five features of the sample shop must hold for given events, computed in one go over all of them. It
shares no code and no method with the engine: whole histories in memory, no windows, no watermark but for saying which
cells and sessions must be there.

Times are ms since 1970, money is cents; c is the time of the commit (source.ts_ms). Every rule depends on the order of
events inside their topic partition at most, with two exceptions: which version of a customer is seen, and the order in
which a customer's orders are counted for AMOUNT. For those the expectation is the set of what is possible."""

import bisect
import calendar
import collections
import json
import re
import time

from shop_events import partition_of

MINUTE = 60000
LATE_MS = 10000            # an order counts in its minute if committed before its end and this
VELOCITY_MS, VELOCITY_ORDERS = 300000, 4
REORDER_MS = 600000
GAP_MS = 30 * MINUTE
FUTURE_MS = 5 * MINUTE     # a clock may be ahead so much
SESSION_GRACE_MS = 3 * MINUTE

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z$")
_seconds = {}


def millis(text):
    """ISO 8601 UTC, digits beyond the ms are cut off."""
    second = _seconds.get(text[:19])
    if second is None:
        match = _TIME.match(text)
        if not match:
            raise ValueError("not ISO 8601 in UTC: %r" % text)
        hour, minute, sec = match.group(4).split(":")
        second = _seconds[text[:19]] = calendar.timegm(
            (int(match.group(1)), int(match.group(2)), int(match.group(3)), int(hour), int(minute), int(sec))) * 1000
    if len(text) == 20 and text[19] == "Z":
        return second
    match = _TIME.match(text)
    if not match:
        raise ValueError("not ISO 8601 in UTC: %r" % text)
    return second + int((match.group(5) + "00")[:3])


def cents(text):
    """Exact money: a string with two decimals."""
    if not isinstance(text, str) or text[-3:-2] != "." or text.strip() != text:
        raise ValueError("not money with two decimals: %r" % (text,))
    value = int(text[:-3].lstrip("-") + text[-2:])
    return -value if text[0] == "-" else value


Order = collections.namedtuple("Order", "customer status cents payment country created")
Customer = collections.namedtuple("Customer", "name email tier city")
UNKNOWN = Customer(None, None, "unknown", None)


class Partition:
    """Tells new events of one topic partition from those that come again."""

    def __init__(self):
        self.lsn = 0
        self.snapshot = {}  # keys seen at the LSN of the snapshot

    def is_new(self, event, key):
        lsn = event["source"]["lsn"]
        if lsn < self.lsn:
            return False
        if lsn > self.lsn:
            self.lsn = lsn
            self.snapshot = {key} if event["op"] == "r" else None
            return True
        if self.snapshot is None or key in self.snapshot:
            return False
        self.snapshot.add(key)  # rows of a snapshot share one LSN
        return True


def changes(records, high=None):
    """(partition, id, op, c, after) of each event that is new. high: takes the greatest c of each partition, but for
    those that lie in the future."""
    future = time.time() * 1000 + FUTURE_MS
    partitions = collections.defaultdict(Partition)
    place = {}
    for key, value in records:
        if value is None:
            continue  # a tombstone follows its delete and says nothing
        part = place.get(key)
        if part is None:
            part = place[key] = partition_of(key)
        event = json.loads(value)
        c = event["source"]["ts_ms"]
        if high is not None and c <= future:
            high[part] = max(high.get(part, 0), c)
        if partitions[part].is_new(event, key):
            yield part, int(key[6:-1]), event["op"], c, event["after"]


class Batch:
    """Fed with the records of the four topics, each topic's in the order in which they were written."""

    def __init__(self, records):
        topics = collections.defaultdict(list)
        for topic, key, value in records:
            topics[topic].append((key, value))
        self._customers(topics["customers"])
        self._orders(topics["orders"])
        self._products(topics["products"])
        self._activity(topics["customer_activity"])

    # ---- customers

    def _customers(self, records):
        self.versions = collections.defaultdict(lambda: [UNKNOWN])  # id -> as of each change
        for _, number, op, _, row in changes(records):
            self.versions[number].append(UNKNOWN if op == "d" else Customer(
                row["first_name"] + " " + row["last_name"], row["email"], row["customer_tier"], row["city"]))

    # ---- orders: processed_orders, business_metrics, fraud_alerts

    def _orders(self, records):
        self.order_rows = {}     # as they are in the end
        self.processed = collections.defaultdict(list)  # id -> of each change (op, status before, Order) or None
        self.cells = collections.defaultdict(lambda: [0, 0])  # (minute, status, country) -> [orders, cents]
        self.late = collections.defaultdict(lambda: [0, 0])
        self.created = collections.defaultdict(list)    # customer -> [(created, id, cents, partition)]
        self.cancelled = collections.defaultdict(list)  # customer -> [(c, id)]
        high = {}
        for part, number, op, c, row in changes(records, high):
            old = self.order_rows.get(number)
            if op == "d":
                if old is None:
                    continue
                del self.order_rows[number]
                self.processed[number].append(None)
                self._count(old, -1, c)
                continue
            new = Order(row["customer_id"], row["status"], cents(row["total_amount"]), row["payment_method"],
                        row["shipping_country"], millis(row["created_at"]))
            self.order_rows[number] = new
            self.processed[number].append((op, old.status if old else None, new))
            if old:
                self._count(old, -1, c)
            self._count(new, 1, c)
            if op == "c":
                self.created[new.customer].append((new.created, number, new.cents, part))
            elif op == "u" and new.status == "cancelled" and old and old.status != "cancelled":
                self.cancelled[new.customer].append((c, number))
        self.cells = {cell: tuple(sums) for cell, sums in self.cells.items() if sums[0] > 0}
        self.late = {cell: tuple(sums) for cell, sums in self.late.items() if sums != [0, 0]}
        self.orders_watermark = min(high.values(), default=0) - LATE_MS

    def _count(self, order, sign, c):
        minute = order.created // MINUTE * MINUTE
        cells = self.cells if c < minute + MINUTE + LATE_MS else self.late
        sums = cells[minute, order.status, order.country]
        sums[0] += sign
        sums[1] += sign * order.cents

    def must_be_closed(self, cell):
        return cell[0] + MINUTE <= self.orders_watermark

    def velocity(self):
        """{(customer, order)}"""
        found = set()
        for customer, orders in self.created.items():
            times = sorted(order[0] for order in orders)
            for created, number, _, _ in orders:
                if bisect.bisect_right(times, created) - bisect.bisect_right(times, created - VELOCITY_MS) \
                        >= VELOCITY_ORDERS:
                    found.add((customer, number))
        return found

    def reorders(self):
        """{(customer, order, cancelled order)}"""
        found = set()
        for customer, cancels in self.cancelled.items():
            orders = sorted(self.created.get(customer, ()))
            for c, cancelled in cancels:
                for created, number, _, _ in orders[bisect.bisect_right(orders, (c + 1,)):]:
                    if created > c + REORDER_MS:
                        break
                    if number != cancelled:
                        found.add((customer, number, cancelled))
        return found

    def amount_possible(self, customer, alerts):
        """Is there a way to interleave the partitions in which exactly these orders of the customer are alerted?"""
        lanes = collections.defaultdict(list)
        for _, number, value, part in self.created[customer]:
            lanes[part].append((number, value))
        lanes = list(lanes.values())
        sums = []
        for lane in lanes:
            sums.append([0])
            for _, value in lane:
                sums[-1].append(sums[-1][-1] + value)
        end = tuple(map(len, lanes))
        reached, seen = [tuple(0 for _ in lanes)], set()
        while reached:
            at = reached.pop()
            if at == end:
                return True
            k = sum(at)
            total = sum(sums[i][n] for i, n in enumerate(at))
            for i, n in enumerate(at):
                if n == end[i]:
                    continue
                number, value = lanes[i][n]
                if (k >= 3 and value * k > 3 * total) == (number in alerts):
                    after = at[:i] + (n + 1,) + at[i + 1:]
                    if after not in seen:
                        seen.add(after)
                        reached.append(after)
        return False

    # ---- products: inventory_alerts

    def _products(self, records):
        self.product_rows = {}
        self.alerts = collections.defaultdict(list)  # id -> [(alert, quantity, level, previous quantity, c, sku, ...)]
        for _, number, op, c, row in changes(records):
            old = self.product_rows.pop(number, None)
            if op == "d":
                continue
            quantity, level = row["stock_quantity"], row["reorder_level"]
            self.product_rows[number] = quantity, level
            if quantity <= 0 and (old is None or old[0] > 0):
                alert = "OUT_OF_STOCK"
            elif 0 < quantity <= level and (old is None or old[0] > old[1]):
                alert = "LOW_STOCK"
            elif quantity > level and old is not None and old[0] <= old[1]:
                alert = "RESTOCKED"
            else:
                continue
            self.alerts[number].append((alert, quantity, level, old[0] if old else None, c, row["sku"], row["name"],
                                        row["category"]))

    # ---- customer_activity: customer_behavior

    def _activity(self, records):
        visits = collections.defaultdict(list)
        high = {}
        for _, _, op, _, row in changes(records, high):
            if op != "d":
                visits[row["customer_id"]].append((millis(row["created_at"]), row["activity_type"], row["page"]))
        self.activity_watermark = min(high.values(), default=0) - LATE_MS
        self.sessions = {}  # (customer, start) -> (end, events, page views, pages, converted)
        for customer, acts in visits.items():
            acts.sort(key=lambda act: act[0])
            first = 0
            for i in range(1, len(acts) + 1):
                if i == len(acts) or acts[i][0] - acts[i - 1][0] > GAP_MS:
                    part = acts[first:i]
                    self.sessions[customer, part[0][0]] = (
                        part[-1][0], len(part), sum(act[1] == "page_view" for act in part),
                        len({act[2] for act in part if act[2] is not None}),
                        any(act[1] == "purchase" for act in part))
                    first = i

    def must_be_over(self, session):
        return self.sessions[session][0] + GAP_MS + SESSION_GRACE_MS < self.activity_watermark
