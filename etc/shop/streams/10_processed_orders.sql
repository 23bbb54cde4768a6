-- orders + customers -> processed_orders: one record for each change of an order, a tombstone when it goes.
CREATE SINK processed_orders TO TOPIC 'processed_orders' KEY (order_id)
  WITH (json_columns = 'customer',          -- an object in the record, not a string
        partitions = 3, retention_ms = 604800000, compression = 'snappy');

CREATE QUERY enrich_orders ON orders WHEN (_op <> 'd') INTO processed_orders AS
  SELECT o.id                                  AS order_id,
         o.status                              AS status,
         o.old_status                          AS previous_status,
         dec(o.total_amount, 2)                AS total,
         o.shipping_country                    AS country,
         o.payment_method                      AS payment_method,
         iso(o.created_at)                     AS created_at,
         o._op                                 AS change,
         json_object('id',    o.customer_id,
                     'name',  c.first_name || ' ' || c.last_name,
                     'email', c.email,
                     'tier',  coalesce(c.customer_tier, 'unknown'),
                     'city',  c.city)          AS customer,
         CASE WHEN c.customer_tier IN ('gold', 'platinum') AND o.total_amount >= 50000
              THEN 'high' ELSE 'normal' END    AS priority
    FROM orders_changes o LEFT JOIN customers c ON c.id = o.customer_id;

CREATE QUERY forget_orders ON orders WHEN (_op = 'd') INTO processed_orders AS
  SELECT id AS order_id, NULL AS _value FROM orders_changes;
