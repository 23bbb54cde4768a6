TEST 'a cancelled order leaves its cell, a crash in between changes nothing';
AT '2026-01-01T10:00:05Z';
INSERT INTO orders VALUES (1, 7, 'pending', '12.00', 'card', 'NO', '2026-01-01T10:00:05Z');
INSERT INTO orders VALUES (2, 7, 'pending', '8.01', 'card', 'NO', '2026-01-01T10:00:06Z');
COMMIT;
UPDATE orders SET status = 'cancelled' WHERE id = 2;
CRASH AFTER 'kafka-commit';
EXPECT business_metrics NONE;
ADVANCE WATERMARK TO '2026-01-01T10:01:00Z';
EXPECT business_metrics (window_start, status, country, orders, revenue, avg_order_value) ROWS
  ('2026-01-01T10:00:00.000Z', 'pending',   'NO', 1, '12.00', '12.00'),
  ('2026-01-01T10:00:00.000Z', 'cancelled', 'NO', 1, '8.01',  '8.01');
EXPECT business_metrics_late NONE;
EXPECT TABLE minute_cells SELECT count(*) FROM minute_cells ROWS (0);

TEST 'a change that comes after its window was closed is a correction';
AT '2026-01-01T10:00:05Z';
INSERT INTO orders VALUES (1, 7, 'paid', '900.00', 'card', 'NO', '2026-01-01T10:00:05Z');
ADVANCE WATERMARK TO '2026-01-01T10:01:00Z';
EXPECT business_metrics (orders, revenue) ROWS (1, '900.00');
AT '2026-01-01T10:02:00Z';
UPDATE orders SET total_amount = '950.00' WHERE id = 1;
CRASH AFTER 'process';
EXPECT business_metrics NONE;
EXPECT business_metrics_late (window_start, orders, revenue) ROWS ('2026-01-01T10:00:00.000Z', 0, '50.00');

TEST 'without traffic the last window closes by itself';
AT '2026-01-01T10:00:05Z';
INSERT INTO orders VALUES (1, 7, 'paid', '1.00', 'card', 'NO', '2026-01-01T10:00:05Z');
COMMIT;
WAIT 2 MINUTES;
WAIT 1 MINUTE;
EXPECT business_metrics (orders) ROWS (1);
