TEST 'an alert for each line that is crossed, none for what stays on its side';
AT '2026-01-01T10:00:00Z';
INSERT INTO products VALUES (1, 'S1', 'lamp', 'light', 50, 10);
UPDATE products SET stock_quantity = 9 WHERE id = 1;
UPDATE products SET stock_quantity = 8 WHERE id = 1;
UPDATE products SET stock_quantity = 0 WHERE id = 1;
CRASH AFTER 'kafka-commit';
UPDATE products SET stock_quantity = 40 WHERE id = 1;
INSERT INTO products VALUES (2, 'S2', 'bulb', 'light', 3, 10);
EXPECT inventory_alerts (product_id, alert, stock_quantity, previous_quantity, at) ROWS
  (1, 'LOW_STOCK',    9,  50,   '2026-01-01T10:00:00.000Z'),
  (1, 'OUT_OF_STOCK', 0,  8,    '2026-01-01T10:00:00.000Z'),
  (1, 'RESTOCKED',    40, 0,    '2026-01-01T10:00:00.000Z'),
  (2, 'LOW_STOCK',    3,  NULL, '2026-01-01T10:00:00.000Z');
EXPECT stock_console (product_id, alert, stock_quantity, previous_quantity, at) ROWS
  (1, 'LOW_STOCK',    9,  50,   '2026-01-01T10:00:00.000Z'),
  (1, 'OUT_OF_STOCK', 0,  8,    '2026-01-01T10:00:00.000Z'),
  (1, 'RESTOCKED',    40, 0,    '2026-01-01T10:00:00.000Z'),
  (2, 'LOW_STOCK',    3,  NULL, '2026-01-01T10:00:00.000Z');
