-- Options of the language that the sample does not need, each with a test in tests/.
CREATE PIPELINE options WITH (application_id = 'options', on_error = 'dlq', max_task_idle_ms = 100);

CREATE SOURCE TABLE accounts (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance DECIMAL(12,2) NOT NULL
) FROM TOPIC 'accounts' WITH (dedupe = 'row');

-- pg_logical_emit_message: rows of no table, in the order of the log.
CREATE SOURCE STREAM notes (
  prefix TEXT, content BLOB
) FROM TOPIC 'message' WITH (op = 'm');

CREATE SINK heard TO TOPIC 'heard' KEY (prefix);
CREATE SINK con   TO CONSOLE;

CREATE QUERY hear ON notes WHEN (prefix <> 'noise') INTO heard, con AS
  SELECT prefix, CAST(content AS TEXT) AS content, _op AS kind FROM notes_changes;

-- Once a commit with all changes: however many there are, one record an owner.
CREATE SINK moved TO TOPIC 'moved' KEY (owner);

CREATE QUERY move ON accounts INTO moved WITH (batch = 1) AS
  SELECT owner, dec(sum(_w * balance), 2) AS by, count(*) AS images FROM accounts_delta GROUP BY owner;

CREATE REPARTITION STREAM by_owner FROM accounts BY owner;

-- A state table as a topic of change events, to be read as a source by others.
CREATE STATE TABLE owners (
  owner TEXT PRIMARY KEY, accounts INTEGER NOT NULL
) WITH (bounded = 1);
CREATE SINK owner_events TO TOPIC 'owner_events' KEY (owner) WITH (format = 'debezium-json', key_format = 'debezium');

CREATE QUERY count_accounts ON by_owner AS
BEGIN
  INSERT INTO owners SELECT owner, _w FROM by_owner_delta WHERE true
    ON CONFLICT (owner) DO UPDATE SET accounts = accounts + excluded.accounts;
  DELETE FROM owners WHERE accounts = 0 AND owner IN (SELECT owner FROM by_owner_delta);
END;

CREATE QUERY tell ON CHANGE OF owners INTO owner_events AS
  SELECT owner, accounts, old_owner, old_accounts, _op FROM owners_changes;

-- Short-lived windows in memory: no page of a file is written for them; the changelog brings them back.
CREATE STATE TABLE busy (
  minute TIMESTAMP, until TIMESTAMP, owner TEXT, changes INTEGER NOT NULL, PRIMARY KEY (minute, owner)
) WITHOUT ROWID WINDOW (minute, until) GRACE 10 SECONDS RETAIN 1 MINUTE WITH (storage = 'memory');
CREATE SINK busy_minutes TO TOPIC 'busy_minutes' KEY (minute, owner);
CREATE SINK busy_late    TO TOPIC 'busy_late';

CREATE QUERY note ON by_owner LATE INTO busy_late AS
  INSERT INTO busy SELECT tumble(_commit_ts, 60000), tumble(_commit_ts, 60000) + 60000, owner, 1
    FROM by_owner_changes WHERE true
  ON CONFLICT (minute, owner) DO UPDATE SET changes = changes + 1;
CREATE QUERY close ON CLOSE OF busy INTO busy_minutes AS
  SELECT iso(minute) AS minute, owner, changes FROM busy_closed;
