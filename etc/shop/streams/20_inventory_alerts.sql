-- stock that runs low, runs out, comes back -> inventory_alerts, once each time a line is crossed.
CREATE SINK inventory_alerts TO TOPIC 'inventory_alerts' KEY (product_id)
  WITH (partitions = 3, retention_ms = 604800000, compression = 'snappy');
CREATE SINK stock_console TO CONSOLE;

CREATE QUERY stock_alert ON products WHEN (_op <> 'd') INTO inventory_alerts, stock_console AS
  WITH crossed AS (
    SELECT *, CASE
      WHEN stock_quantity <= 0
           AND (old_stock_quantity IS NULL OR old_stock_quantity > 0)              THEN 'OUT_OF_STOCK'
      WHEN stock_quantity > 0 AND stock_quantity <= reorder_level
           AND (old_stock_quantity IS NULL OR old_stock_quantity > old_reorder_level) THEN 'LOW_STOCK'
      WHEN stock_quantity > reorder_level
           AND old_stock_quantity <= old_reorder_level                             THEN 'RESTOCKED'
    END AS alert FROM products_changes)
  SELECT id AS product_id, sku, name, category, alert, stock_quantity, reorder_level,
         old_stock_quantity AS previous_quantity, iso(_commit_ts) AS at
    FROM crossed WHERE alert IS NOT NULL;
