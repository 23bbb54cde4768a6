#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events of the sample shop, as Debezium writes them (JSON without schemas) into the topics orders, customers,
products and customer_activity: made from a seed, the same seed makes the same bytes.

They hold what the five features must stand: a snapshot first and a second one of the orders later, rows that reach
the database long after they were made, updates with before = null, corrections, cancellations, rows that are
deleted (with their tombstone) and made anew, orders of unknown customers, and events that come again after a
connector went back. Commit times never go back inside a topic partition; times of the rows do.

Bounds that make the features' results a matter of the events alone (see shop_batch.py): orders come at most 45 min
late, activity at most 3 min; only activity more than two hours old is deleted.

    shop_events.py FILE [NAME=VALUE...]    write what "kafka_dump load" reads; names are those of Shop's arguments
"""

import collections
import random
import sys

TOPICS = ("orders", "customers", "products", "customer_activity")
PARTITIONS = 3
START_MS = 1748779200000  # 2025-06-01T12:00:00Z
COUNTRIES = ("AT", "DE", "ES", "FR", "GB", "IT", "NL", "US")
TIERS = ("bronze", "bronze", "bronze", "silver", "silver", "gold", "platinum")
FIRST_NAMES = ("Léa", "Ben", "O'Neil", "Zoë", 'Jo "J"', "Łukasz", "Mei", "Ana\\Maria")
LAST_NAMES = ("Müller", "Kim", "Søren", "Rossi", "Novák", "Smith", "Patel")
CITIES = ('"Wien"', '"Lyon"', '"København"', '"Madrid"', '"Austin"', "null")
PAYMENTS = ("card", "card", "paypal", "invoice")
NEXT_STATUS = {"pending": "paid", "paid": "shipped", "shipped": "delivered"}


def murmur2(data):
    """The partitioner hash of Java clients."""
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


def partition_of(key):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


_seconds = {}


def stamp(us):
    """A timestamptz as the connector shows it: digits of the second as far as there are any."""
    second, rest = divmod(us, 1000000)
    text = _seconds.get(second)
    if text is None:
        days, time = divmod(second - START_MS // 1000 + 12 * 3600, 86400)
        text = _seconds[second] = "2025-%02d-%02dT%02d:%02d:%02d" % (
            *_month_day(days), time // 3600, time // 60 % 60, time % 60)
    if rest == 0:
        return text + "Z"
    return "%s.%sZ" % (text, ("%06d" % rest).rstrip("0"))


def _month_day(days):
    """Days since 1 June."""
    month = 6
    for length in (30, 31, 31, 30, 31, 30, 31):
        if days < 0:
            return month - 1, days + 32
        if days < length:
            break
        days -= length
        month += 1
    return month, days + 1


class Shop:
    """records: (topic, key, value or None) in the order in which a connector would write them."""

    def __init__(self, seed=1, events=200000, customers=2000, products=300, hours=6.0, mix="60,25,10,5",
                 redeliveries=5000, snapshot=True, late=0.04, creations=0.4):
        self.rand = random.Random(int(seed))
        self.records = []
        self.events = int(events)
        self.redeliveries = int(redeliveries)
        self.late = float(late)
        self.creations = float(creations)
        self.customers = int(customers)
        self.c = START_MS
        self.lsn = 100000000
        self.commit_lsn = 0
        self.tx = 700
        self.floor = 0       # redeliveries never reach behind this record
        self.order_rows = {}
        self.order_ids = []
        self.recent = collections.deque(maxlen=200)
        self.next_order = 1
        self.product_rows = {}
        self.gone_products = []
        self.next_product = 1
        self.customer_rows = {}
        self.gone_customers = []
        self.next_customer = 1
        self.visits = collections.deque(maxlen=400)
        self.old_activity = collections.deque()
        self.next_activity = 1
        weights = [float(part) for part in str(mix).split(",")]
        self.step_ms = float(hours) * 3600000 / max(self.events, 1)
        self._first_snapshot(int(products), snapshot not in (False, "0", "no"))
        self.first_event = len(self.records)
        self._stream(weights)

    # ---- records

    def event(self, topic, key, op, after, before="null"):
        if op == "r":
            source = '"snapshot":"true"', 'null,"%d"' % self.lsn, self.tx
        else:
            source = '"snapshot":"false"', '"%d","%d"' % (self.commit_lsn, self.lsn), self.tx
        value = (
            '{"before":%s,"after":%s,"source":{"version":"3.3.1.Final","connector":"postgresql","name":"inventory",'
            '"ts_ms":%d,%s,"db":"inventory","sequence":"[%s]","ts_us":%d000,"ts_ns":%d000000,"schema":"public",'
            '"table":"%s","txId":%d,"lsn":%d,"xmin":null},"transaction":null,"op":"%s","ts_ms":%d}' % (
                before, after, self.c, source[0], source[1].replace('"', '\\"'), self.c, self.c, topic, self.tx,
                self.lsn, op, self.c + 40))
        self.records.append((topic, key, value))

    def change(self, topic, number, op, after, empty=None):
        """One transaction of one change."""
        self.commit_lsn = self.lsn
        self.lsn += self.rand.randrange(8, 4000, 8)
        self.tx += 1
        key = '{"id":%d}' % number
        if op == "d":
            self.event(topic, key, op, "null", '{"id":%d,%s}' % (number, empty))
            self.records.append((topic, key, None))
        else:
            self.event(topic, key, op, after)

    # ---- rows

    def order(self, op, number, row):
        self.change("orders", number, op, self.order_json(number, row))

    def order_json(self, number, row):
        return ('{"id":%d,"customer_id":%d,"status":"%s","total_amount":"%d.%02d","payment_method":"%s",'
                '"shipping_country":"%s","order_date":"%s","created_at":"%s","updated_at":"%s"}' % (
                    number, row["customer"], row["status"], row["cents"] // 100, row["cents"] % 100, row["payment"],
                    row["country"], row["date"], row["created"], stamp(self.c * 1000)))

    def some_customer(self):
        return 1 + int(self.rand.random() ** 1.5 * self.customers * 1.02)  # the last ones nobody knows

    def new_order_row(self, lateness_ms):
        rand = self.rand
        us = (self.c - lateness_ms) * 1000 - rand.choice((0, 0, rand.randrange(1000)))
        row = {"customer": self.some_customer(), "status": "pending", "payment": rand.choice(PAYMENTS),
               "country": rand.choice(COUNTRIES), "created": stamp(us), "date": stamp(us // 1000000 * 1000000),
               "cents": int(500 + 150000 * rand.random() ** 4)}
        return row

    def lateness(self):
        r = self.rand.random()
        if r < self.late / 2:
            return self.rand.randrange(45 * 60000)
        if r < self.late * 1.5:
            return self.rand.randrange(90000)
        return self.rand.randrange(3000)

    def create_order(self):
        row = self.new_order_row(self.lateness())
        if self.recent and self.rand.random() < 0.15:  # again by who bought a moment ago
            row["customer"] = self.rand.choice(self.recent)[1]
        self.put_order("c", row)

    def put_order(self, op, row):
        number = self.next_order
        self.next_order += 1
        self.order_rows[number] = row
        self.order_ids.append(number)
        self.recent.append((number, row["customer"]))
        self.order(op, number, row)

    def change_order(self):
        rand = self.rand
        number = rand.choice(self.recent)[0] if rand.random() < 0.6 else rand.choice(self.order_ids)
        row = self.order_rows.get(number)
        if row is None:
            return self.create_order()
        r = rand.random()
        if r < 0.04:
            del self.order_rows[number]
            return self.change("orders", number, "d", None,
                               '"customer_id":null,"status":null,"total_amount":null,"payment_method":null,'
                               '"shipping_country":null,"order_date":null,"created_at":null,"updated_at":null')
        if r < 0.14:
            row["cents"] = int(500 + 150000 * rand.random() ** 4)
        elif r < 0.16:
            row["country"] = rand.choice(COUNTRIES)
        elif row["status"] == "cancelled":
            row["status"] = "pending" if r < 0.3 else "cancelled"  # or nothing changes at all
        elif row["status"] in ("pending", "paid") and r < 0.3:
            row["status"] = "cancelled"
        else:
            row["status"] = NEXT_STATUS.get(row["status"], "delivered")
        return self.order("u", number, row)

    def customer(self, op, number):
        rand = self.rand
        row = self.customer_rows.get(number)
        if row is None or op != "u":
            row = [rand.choice(FIRST_NAMES), rand.choice(LAST_NAMES), rand.choice(CITIES), rand.choice(TIERS)]
        row[rand.choice((2, 3))] = rand.choice(CITIES)
        row[3] = rand.choice(TIERS)
        self.customer_rows[number] = row
        self.change("customers", number, op, self.customer_json(number, row))

    def customer_json(self, number, row):
        now = stamp(self.c * 1000)
        return ('{"id":%d,"email":"c%d@example.com","first_name":"%s","last_name":"%s","phone":null,"city":%s,'
                '"country":"AT","customer_tier":"%s","created_at":"%s","updated_at":"%s"}' % (
                    number, number, row[0].replace("\\", "\\\\").replace('"', '\\"'), row[1], row[2], row[3], now,
                    now))

    def some_customer_change(self):
        r = self.rand.random()
        if r < 0.2 or not self.customer_rows:
            number = self.next_customer if self.next_customer <= self.customers or not self.gone_customers else \
                self.gone_customers.pop()
            self.next_customer += number == self.next_customer
            return self.customer("c", number)
        number = self.rand.randint(1, self.next_customer - 1)
        if number not in self.customer_rows:
            return self.customer("c", number)
        if r < 0.22:
            del self.customer_rows[number]
            self.gone_customers.append(number)
            return self.change("customers", number, "d", None,
                               '"email":null,"first_name":null,"last_name":null,"phone":null,"city":null,'
                               '"country":null,"customer_tier":null,"created_at":null,"updated_at":null')
        return self.customer("u", number)

    def product_json(self, number, row):
        now = stamp(self.c * 1000)
        return ('{"id":%d,"sku":"SKU-%05d","name":"Thing %d","category":"%s","price":"%d.50","stock_quantity":%d,'
                '"reorder_level":%d,"created_at":"%s","updated_at":"%s"}' % (
                    number, number, number, ("books", "home")[number % 2], number, row[0], row[1], now, now))

    def some_product_change(self):
        rand = self.rand
        r = rand.random()
        if r < 0.02 or not self.product_rows:
            again = self.gone_products and rand.random() < 0.8
            number = self.gone_products.pop(0) if again else self.next_product
            self.next_product += not again
            self.product_rows[number] = [rand.choice((0, 5, 30)), 10]
            return self.change("products", number, "c", self.product_json(number, self.product_rows[number]))
        number = rand.randint(1, self.next_product - 1)
        row = self.product_rows.get(number)
        if row is None:
            return self.some_product_change()
        if r < 0.03:
            del self.product_rows[number]
            self.gone_products.append(number)
            return self.change("products", number, "d", None,
                               '"sku":null,"name":null,"category":null,"price":null,"stock_quantity":null,'
                               '"reorder_level":null,"created_at":null,"updated_at":null')
        if r < 0.1:
            row[1] = rand.choice((5, 10, 20))
        elif row[0] <= 0:
            row[0] = rand.choice((0, 4, 10, 40))
        else:
            row[0] = rand.choice((0, max(row[0] - rand.randrange(12), 0), row[0] + rand.randrange(10)))
        return self.change("products", number, "u", self.product_json(number, row))

    def some_activity(self):
        rand = self.rand
        while self.old_activity and self.old_activity[0][1] < self.c - 2 * 3600000:
            number, _ = self.old_activity.popleft()
            if number % 20 == 0:
                return self.change("customer_activity", number, "d", None,
                                   '"customer_id":null,"activity_type":null,"page":null,"session_id":null,'
                                   '"created_at":null')
        customer = rand.choice(self.visits) if self.visits and rand.random() < 0.8 else self.some_customer()
        self.visits.append(customer)
        r = rand.random()
        lateness = rand.randrange(170000) if r < 0.1 else rand.randrange(2000)
        return self.put_activity("c", customer, lateness)

    def put_activity(self, op, customer, lateness):
        rand = self.rand
        number = self.next_activity
        self.next_activity += 1
        self.old_activity.append((number, self.c))
        kind = rand.choice(("page_view", "page_view", "page_view", "search", "add_to_cart", "checkout", "purchase"))
        page = '"/product/%d"' % rand.randrange(30) if kind == "page_view" else rand.choice(('"/cart"', "null"))
        us = (self.c - lateness) * 1000 - rand.choice((0, 0, rand.randrange(1000)))
        after = ('{"id":%d,"customer_id":%d,"activity_type":"%s","page":%s,"session_id":"s%d","created_at":"%s"}' % (
            number, customer, kind, page, rand.randrange(1000000), stamp(us)))
        return self.change("customer_activity", number, op, after)

    # ---- the whole

    def _first_snapshot(self, products, whole):
        """Most customers and products are there already, and some orders and activity."""
        rand = self.rand
        known = int(self.customers * 0.8) if whole else self.customers
        for number in range(1, known + 1):
            row = self.customer_rows[number] = [rand.choice(FIRST_NAMES), rand.choice(LAST_NAMES),
                                                rand.choice(CITIES), rand.choice(TIERS)]
            self.event("customers", '{"id":%d}' % number, "r", self.customer_json(number, row))
        self.next_customer = known + 1
        for number in range(1, products + 1):
            row = self.product_rows[number] = [rand.choice((0, 5, 10, 50)), 10]
            self.event("products", '{"id":%d}' % number, "r", self.product_json(number, row))
        self.next_product = products + 1
        if whole:
            for _ in range(min(self.events // 50, 1000)):
                row = self.new_order_row(rand.randrange(30 * 60000))
                row["status"] = rand.choice(("pending", "paid", "shipped", "delivered", "cancelled"))
                number = self.next_order
                self.next_order += 1
                self.order_rows[number] = row
                self.order_ids.append(number)
                self.recent.append((number, row["customer"]))
                self.event("orders", '{"id":%d}' % number, "r", self.order_json(number, row))
        self.floor = len(self.records)

    def second_snapshot(self):
        """Some rows of the orders once more, as a snapshot that was asked for."""
        for number, row in self.order_rows.items():
            if number % 10 == 0:
                self.commit_lsn = self.lsn
                self.lsn += 8
                self.event("orders", '{"id":%d}' % number, "r", self.order_json(number, row))
        self.floor = len(self.records)

    def redeliver(self):
        """The connector went back: its last records come again."""
        first = max(self.floor, len(self.records) - self.rand.randrange(1, 300))
        if first < len(self.records) and self.records[first][2] is None:
            first += 1  # it goes back to a change, a tombstone belongs to its own
        self.records += self.records[first:]

    def _stream(self, weights):
        rand = self.rand
        acts = (self.some_order_act, self.some_activity, self.some_product_change, self.some_customer_change)
        start = len(self.records)
        middle = self.events // 2
        due = self.redeliveries
        clock = float(self.c + 1000)
        while len(self.records) - start < self.events:
            clock += rand.expovariate(1) * self.step_ms
            self.c = int(clock)
            rand.choices(acts, weights)[0]()
            done = len(self.records) - start
            if done >= middle:
                middle = self.events * 2
                self.second_snapshot()
            if self.redeliveries and done >= due:
                due += self.redeliveries
                self.redeliver()

    def some_order_act(self):
        if self.rand.random() < self.creations or not self.order_ids:
            self.create_order()
        else:
            self.change_order()

    def finish(self, minutes=90):
        """An event in every partition of orders and customer_activity, so late that what came before is final."""
        self.c += minutes * 60000
        first = len(self.records)
        for put in (lambda: self.put_order("c", self.new_order_row(0)),
                    lambda: self.put_activity("c", self.some_customer(), 0)):
            missing = set(range(PARTITIONS))
            while missing:
                put()
                missing.discard(partition_of(self.records[-1][1]))
        return self.records[first:]


def lines(records):
    """What kafka_dump load reads."""
    return "".join(["%s\t%s\t%s\n" % (topic, key, "\\N" if value is None else value)
                    for topic, key, value in records])


def main():
    path, *settings = sys.argv[1:]
    shop = Shop(**dict(setting.split("=", 1) for setting in settings))
    shop.finish()
    with open(path, "w", encoding="utf-8") as file:
        file.write(lines(shop.records))
    print("%d records, the last committed at %d" % (len(shop.records), shop.c))


if __name__ == "__main__":
    main()
