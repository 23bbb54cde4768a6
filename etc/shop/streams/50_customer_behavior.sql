-- sessions of customers -> customer_behavior: 30 minutes without activity end one.
CREATE REPARTITION STREAM activity ON customer_activity BY customer_id PARTITIONS 3 AS
  SELECT customer_id, id, created_at, activity_type, page
    FROM customer_activity_changes WHERE _op <> 'd';

CREATE STATE TABLE visits (
  customer_id INTEGER, created_at INTEGER, id INTEGER, activity_type TEXT, page TEXT,
  PRIMARY KEY (customer_id, created_at, id)
) WITHOUT ROWID EXPIRE created_at AFTER 2 DAYS;

-- The watermark follows the commit times; an activity may be 3 minutes older than its commit.
CREATE STATE TABLE sessions (
  customer_id INTEGER, session_start INTEGER, session_end INTEGER,
  PRIMARY KEY (customer_id, session_start)
) WITHOUT ROWID
  WINDOW (session_start, session_end) GAP 30 MINUTES GRACE 3 MINUTES;

CREATE SINK customer_behavior TO TOPIC 'customer_behavior' KEY (customer_id, session_start)
  WITH (json_columns = 'converted', partitions = 3, retention_ms = 604800000, compression = 'snappy');

CREATE QUERY grow_sessions ON activity AS
BEGIN
  -- the activity and the sessions that it touches become one session ...
  INSERT INTO sessions
    SELECT c.customer_id, min(c.created_at, coalesce(min(s.session_start), c.created_at)),
                          max(c.created_at, coalesce(max(s.session_end), c.created_at))
      FROM activity_changes c
      LEFT JOIN sessions s ON s.customer_id = c.customer_id
                          AND s.session_start <= c.created_at + 1800000
                          AND s.session_end >= c.created_at - 1800000
     GROUP BY c.customer_id, c.created_at
  ON CONFLICT DO UPDATE SET session_end = excluded.session_end;

  -- ... and those that now lie inside it are gone.
  DELETE FROM sessions WHERE (customer_id, session_start) IN (
    SELECT inside.customer_id, inside.session_start
      FROM activity_changes c
      JOIN sessions whole ON whole.customer_id = c.customer_id
                         AND whole.session_start <= c.created_at AND whole.session_end >= c.created_at
      JOIN sessions inside ON inside.customer_id = c.customer_id
                          AND inside.session_start > whole.session_start
                          AND inside.session_start <= whole.session_end);

  INSERT INTO visits
    SELECT customer_id, created_at, id, activity_type, page FROM activity_changes WHERE true
  ON CONFLICT DO NOTHING;
END;

CREATE QUERY emit_sessions ON CLOSE OF sessions INTO customer_behavior AS
BEGIN
  WITH closed AS (
    SELECT s.customer_id, s.session_start, s.session_end, count(*) AS events,
           sum(v.activity_type = 'page_view') AS page_views, count(DISTINCT v.page) AS pages,
           max(v.activity_type = 'purchase') AS converted
      FROM sessions_closed s
      JOIN visits v ON v.customer_id = s.customer_id
                   AND v.created_at BETWEEN s.session_start AND s.session_end
     GROUP BY s.customer_id, s.session_start)
  SELECT x.customer_id, iso(x.session_start) AS session_start, iso(x.session_end) AS session_end,
         (x.session_end - x.session_start) / 1000 AS duration_s, x.events, x.page_views, x.pages,
         CASE WHEN x.converted THEN 'true' ELSE 'false' END AS converted,
         coalesce(c.customer_tier, 'unknown') AS tier,
         CASE WHEN x.converted THEN 'buyer' WHEN x.page_views >= 5 THEN 'browser'
              ELSE 'visitor' END AS segment
    FROM closed x LEFT JOIN customers c ON c.id = x.customer_id;

  DELETE FROM visits WHERE (customer_id, created_at, id) IN (
    SELECT v.customer_id, v.created_at, v.id
      FROM sessions_closed s
      JOIN visits v ON v.customer_id = s.customer_id
                   AND v.created_at BETWEEN s.session_start AND s.session_end);
END;
