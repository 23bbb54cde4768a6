-- Where the data comes from: the topics that the PostgreSQL connector writes, one a table.
CREATE PIPELINE shop WITH (
  application_id     = 'shop-streams',  -- consumer group, transactional ids and internal topics begin so
  commit_interval_ms = 100,             -- length of a Kafka transaction: an enriched order waits this long
  state_commit_ms    = 200,             -- SQLite commits, and from then on sees newer customers
  on_error           = 'dlq',           -- records that cannot be read go to a topic of their own
  dlq_topic          = 'shop-streams.dlq'
);

-- One row an order, kept up to date from the topic.
CREATE SOURCE TABLE orders (
  id               INTEGER PRIMARY KEY,
  customer_id      INTEGER NOT NULL,
  status           TEXT NOT NULL,
  total_amount     DECIMAL(12,2) NOT NULL,   -- kept as an exact integer: 1234 is 12.34
  payment_method   TEXT NOT NULL,
  shipping_country TEXT NOT NULL,
  order_date       TIMESTAMP NOT NULL,       -- kept as ms since 1970
  created_at       TIMESTAMP NOT NULL
) FROM TOPIC 'orders' EVENT TIME created_at;

-- Small tables are copied in full to every worker, so that any order finds its customer.
CREATE GLOBAL SOURCE TABLE customers (
  id            INTEGER PRIMARY KEY,
  email         TEXT,
  first_name    TEXT,
  last_name     TEXT,
  city          TEXT,
  customer_tier TEXT
) FROM TOPIC 'customers';
