-- orders and revenue by minute, status and country -> business_metrics: one final record a cell.
--
-- Step 1, beside the orders: orders_delta has the row that came (_w = 1) and the one that went
-- (_w = -1), so a changed, cancelled or deleted order is subtracted from its cell again. What a
-- transaction changed is added up first, then sent on by country. A change that was committed 10 s
-- after its minute had ended no longer counts (in_time = 0): it becomes a correction.
CREATE REPARTITION STREAM order_cells ON orders BY country PARTITIONS 3 AS
  SELECT tumble(created_at, 60000)                                        AS window_start,
         status                                                           AS status,
         shipping_country                                                 AS country,
         _commit_ts < tumble(created_at, 60000) + 60000 + 10000           AS in_time,
         sum(_w)                                                          AS orders,
         sum(_w * total_amount)                                           AS revenue
    FROM orders_delta
   GROUP BY 1, 2, 3, 4
  HAVING sum(_w) <> 0 OR sum(_w * total_amount) <> 0;

-- Step 2: the cells. A window is closed when the watermark has passed its end.
CREATE STATE TABLE minute_cells (
  window_start TIMESTAMP NOT NULL,
  window_end   TIMESTAMP NOT NULL,
  status       TEXT NOT NULL,
  country      TEXT NOT NULL,
  orders       INTEGER NOT NULL,
  revenue      DECIMAL(18,2) NOT NULL,
  PRIMARY KEY (window_start, status, country)
) WITHOUT ROWID WINDOW (window_start, window_end);

CREATE SINK business_metrics TO TOPIC 'business_metrics' KEY (window_start, status, country)
  WITH (partitions = 3, retention_ms = 604800000, compression = 'snappy');
CREATE SINK metrics_files TO FILE 'metrics-%Y%m%d-%H.jsonl' WITH (roll = '1 hour');
CREATE SINK business_metrics_late TO TOPIC 'business_metrics_late' KEY (window_start, status, country)
  WITH (partitions = 3, retention_ms = 604800000, compression = 'snappy');

CREATE QUERY fill_cells ON order_cells WHEN (in_time) LATE INTO business_metrics_late AS
  INSERT INTO minute_cells
  SELECT window_start, window_start + 60000, status, country, orders, revenue
    FROM order_cells_changes WHERE true
  ON CONFLICT DO UPDATE SET orders  = orders  + excluded.orders,
                            revenue = revenue + excluded.revenue;

CREATE QUERY correct_cells ON order_cells WHEN (NOT in_time) INTO business_metrics_late AS
  SELECT iso(window_start) AS window_start, iso(window_start + 60000) AS window_end,
         status, country, orders, dec(revenue, 2) AS revenue
    FROM order_cells_changes;

CREATE QUERY emit_cells ON CLOSE OF minute_cells INTO business_metrics, metrics_files AS
  SELECT iso(window_start) AS window_start, iso(window_end) AS window_end, status, country,
         orders, dec(revenue, 2) AS revenue, dec(revenue / orders, 2) AS avg_order_value
    FROM minute_cells_closed WHERE orders > 0;
