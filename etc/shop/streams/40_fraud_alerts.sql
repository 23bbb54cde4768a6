-- three patterns over the orders of one customer -> fraud_alerts, each alert once.
-- Only what the patterns need goes on: new orders as they were created, and cancellations.
CREATE REPARTITION STREAM order_events ON orders BY customer_id PARTITIONS 3 AS
  SELECT customer_id, id AS order_id, _op AS op, total_amount, created_at, _commit_ts AS at
    FROM orders_changes
   WHERE _op = 'c' OR (_op = 'u' AND status = 'cancelled' AND old_status IS NOT 'cancelled');

-- In a catch-up the partitions are far apart, so both are kept much longer than a pattern spans.
CREATE STATE TABLE recent_orders (
  customer_id INTEGER, created_at INTEGER, order_id INTEGER, alerted INTEGER NOT NULL,
  PRIMARY KEY (customer_id, created_at, order_id)
) WITHOUT ROWID EXPIRE created_at AFTER 2 HOURS;

CREATE STATE TABLE recent_cancellations (
  customer_id INTEGER, at INTEGER, order_id INTEGER,
  PRIMARY KEY (customer_id, at, order_id)
) WITHOUT ROWID EXPIRE at AFTER 2 HOURS;

CREATE STATE TABLE spending (customer_id INTEGER PRIMARY KEY, orders INTEGER, total INTEGER);

CREATE SINK fraud_alerts TO TOPIC 'fraud_alerts' KEY (customer_id)
  WITH (partitions = 3, retention_ms = 604800000, compression = 'snappy');
CREATE SINK fraud_console TO CONSOLE;

-- VELOCITY: the fourth and every further order within five minutes. An order that comes late may
-- complete the count of those after it, so each of the next five minutes is counted again.
CREATE VIEW rapid_orders AS
  SELECT r.customer_id, r.created_at, r.order_id
    FROM order_events_changes e
    JOIN recent_orders r ON r.customer_id = e.customer_id
                        AND r.created_at >= e.created_at AND r.created_at < e.created_at + 300000
   WHERE r.alerted = 0
     AND 4 <= (SELECT count(*) FROM recent_orders x
                WHERE x.customer_id = r.customer_id
                  AND x.created_at > r.created_at - 300000 AND x.created_at <= r.created_at);

CREATE QUERY velocity ON order_events WHEN (op = 'c') INTO fraud_alerts, fraud_console AS
BEGIN
  INSERT INTO recent_orders
    SELECT customer_id, created_at, order_id, 0 FROM order_events_changes WHERE true
  ON CONFLICT DO NOTHING;
  SELECT 'VELOCITY' AS pattern, customer_id, order_id, iso(created_at) AS at FROM rapid_orders;
  UPDATE recent_orders SET alerted = 1
   WHERE (customer_id, created_at, order_id) IN (SELECT * FROM rapid_orders);
END;

-- AMOUNT: more than three times the mean of the customer's earlier orders, from the fourth on.
CREATE QUERY amount ON order_events WHEN (op = 'c') INTO fraud_alerts, fraud_console AS
BEGIN
  SELECT 'AMOUNT' AS pattern, e.customer_id, e.order_id, iso(e.created_at) AS at,
         dec(e.total_amount, 2) AS total, dec(s.total / s.orders, 2) AS usual
    FROM order_events_changes e JOIN spending s ON s.customer_id = e.customer_id
   WHERE s.orders >= 3 AND e.total_amount * s.orders > 3 * s.total;
  INSERT INTO spending
    SELECT customer_id, 1, total_amount FROM order_events_changes WHERE true
  ON CONFLICT DO UPDATE SET orders = orders + 1, total = total + excluded.total;
END;

-- CANCEL_REORDER: an order is cancelled, another one made within ten minutes; either may come first.
-- Who is cancelled, restored and cancelled again is still one pair with an order behind both.
CREATE QUERY reordered ON order_events WHEN (op = 'c') INTO fraud_alerts, fraud_console AS
  SELECT DISTINCT 'CANCEL_REORDER' AS pattern, e.customer_id, e.order_id, iso(e.created_at) AS at,
         k.order_id AS cancelled_order_id
    FROM order_events_changes e
    JOIN recent_cancellations k ON k.customer_id = e.customer_id
     AND k.at >= e.created_at - 600000 AND k.at < e.created_at AND k.order_id <> e.order_id;

CREATE QUERY cancelled ON order_events WHEN (op = 'u') INTO fraud_alerts, fraud_console AS
BEGIN
  SELECT 'CANCEL_REORDER' AS pattern, e.customer_id, o.order_id, iso(o.created_at) AS at,
         e.order_id AS cancelled_order_id
    FROM order_events_changes e
    JOIN recent_orders o ON o.customer_id = e.customer_id
     AND o.created_at > e.at AND o.created_at <= e.at + 600000 AND o.order_id <> e.order_id
   WHERE NOT EXISTS (SELECT 1 FROM recent_cancellations k
                      WHERE k.customer_id = e.customer_id AND k.order_id = e.order_id
                        AND k.at >= o.created_at - 600000 AND k.at < o.created_at);
  INSERT INTO recent_cancellations
    SELECT customer_id, at, order_id FROM order_events_changes WHERE true ON CONFLICT DO NOTHING;
END;
