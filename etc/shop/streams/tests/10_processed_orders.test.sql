-- Tests of 10_processed_orders.sql: culvert-streams test etc/shop/streams
TEST 'an order finds its customer, each change is one record, a deleted order is a tombstone';
AT '2026-01-01T10:00:00Z';
INSERT INTO customers VALUES (7, 'ann@example.com', 'Ann', 'Lee', 'Oslo', 'gold');
COMMIT;
INSERT INTO orders VALUES (1, 7, 'pending', '500.00', 'card', 'NO', '2026-01-01T10:00:00Z');
INSERT INTO orders VALUES (2, 8, 'pending', '900.00', 'card', 'NO', '2026-01-01T10:00:00Z');
UPDATE orders SET status = 'paid' WHERE id = 1;
EXPECT processed_orders (order_id, status, previous_status, total, change, priority) ROWS
  (1, 'pending', NULL,      '500.00', 'c', 'high'),
  (2, 'pending', NULL,      '900.00', 'c', 'normal'),
  (1, 'paid',    'pending', '500.00', 'u', 'high');
DELETE FROM orders WHERE id = 1;
EXPECT processed_orders (_key, _value) ROWS ('[1]', NULL);

TEST 'a crash at any step of a commit repeats and loses nothing';
INSERT INTO orders VALUES (1, 7, 'pending', '1.00', 'card', 'NO', '2026-01-01T10:00:00Z');
CRASH AFTER 'process';
INSERT INTO orders VALUES (2, 7, 'pending', '1.00', 'card', 'NO', '2026-01-01T10:00:00Z');
CRASH AFTER 'flush';
INSERT INTO orders VALUES (3, 7, 'pending', '1.00', 'card', 'NO', '2026-01-01T10:00:00Z');
CRASH AFTER 'offsets';
INSERT INTO orders VALUES (4, 7, 'pending', '1.00', 'card', 'NO', '2026-01-01T10:00:00Z');
CRASH AFTER 'kafka-commit';
INSERT INTO orders VALUES (5, 7, 'pending', '1.00', 'card', 'NO', '2026-01-01T10:00:00Z');
CRASH AFTER 'sqlite-commit';
LOSE STATE;
UPDATE orders SET status = 'paid' WHERE id < 4;
EXPECT processed_orders (order_id, previous_status) ROWS
  (1, NULL), (2, NULL), (3, NULL), (4, NULL), (5, NULL), (1, 'pending'), (2, 'pending'), (3, 'pending');
