-- Where the data comes from: the topics that the PostgreSQL connector writes, one a table.
CREATE PIPELINE shop WITH (
  application_id     = 'shop-streams',  -- consumer group, transactional ids and internal topics begin so
  commit_interval_ms = 100,             -- a Kafka transaction is at most so long: so is what an enriched order waits
  state_commit_ms    = 1000,            -- SQLite commits, and from then on sees newer customers
  on_error           = 'dlq',           -- records that cannot be read go to a topic of their own
  dlq_topic          = 'shop-streams.dlq'
);

-- One row an order, kept up to date from the topic. The watermark stays 10 s behind the commit times:
-- "no order that was committed earlier than that is still to come".
CREATE SOURCE TABLE orders (
  id               INTEGER PRIMARY KEY,
  customer_id      INTEGER NOT NULL,
  status           TEXT NOT NULL,
  total_amount     DECIMAL(12,2) NOT NULL,   -- kept as an exact integer: 1234 is 12.34
  payment_method   TEXT NOT NULL,
  shipping_country TEXT NOT NULL,
  created_at       TIMESTAMP NOT NULL        -- kept as ms since 1970
) FROM TOPIC 'orders'
  EVENT TIME created_at CLOCK COMMIT WATERMARK DELAY 10 SECONDS IDLE TIMEOUT 30 SECONDS;

CREATE SOURCE TABLE products (
  id             INTEGER PRIMARY KEY,
  sku            TEXT,
  name           TEXT,
  category       TEXT,
  stock_quantity INTEGER NOT NULL,
  reorder_level  INTEGER NOT NULL
) FROM TOPIC 'products';

-- Activity is only ever added, so no table of it is kept.
CREATE SOURCE STREAM customer_activity (
  id            INTEGER PRIMARY KEY,
  customer_id   INTEGER NOT NULL,
  activity_type TEXT NOT NULL,
  page          TEXT,
  created_at    TIMESTAMP NOT NULL
) FROM TOPIC 'customer_activity' EVENT TIME created_at IDLE TIMEOUT 30 SECONDS;

-- Small tables are copied in full to every worker, so that any order finds its customer.
CREATE GLOBAL SOURCE TABLE customers (
  id            INTEGER PRIMARY KEY,
  email         TEXT,
  first_name    TEXT,
  last_name     TEXT,
  city          TEXT,
  customer_tier TEXT
) FROM TOPIC 'customers';
