TEST 'logical messages are a stream of their own';
INSERT INTO notes VALUES ('audit', 'aGVsbG8=');
INSERT INTO notes VALUES ('noise', 'eA==');
CRASH AFTER 'process';
EXPECT heard (_key, content, kind) ROWS ('["audit"]', 'hello', 'm');
EXPECT con (prefix, content) ROWS ('audit', 'hello');
EXPECT con NONE;

TEST 'a batch runs once a commit, over all changes';
INSERT INTO accounts VALUES (1, 'ann', '10.00');
UPDATE accounts SET balance = '12.50' WHERE id = 1;
UPDATE accounts SET balance = '13.00' WHERE id = 1;
EXPECT moved (owner, by, images) ROWS ('ann', '13.00', 5);
UPDATE accounts SET owner = 'bob' WHERE id = 1;
CRASH AFTER 'offsets';
EXPECT moved (owner, by, images) ROWS ('ann', '-13.00', 1), ('bob', '13.00', 1);

TEST 'changes of a state table leave as change events';
INSERT INTO accounts VALUES (1, 'ann', '1.00');
EXPECT owner_events (_key, before, after, op) ROWS
  ('{"owner":"ann"}', NULL, '{"owner":"ann","accounts":1}', 'c');
INSERT INTO accounts VALUES (2, 'ann', '1.00');
COMMIT;
DELETE FROM accounts WHERE id = 1;
EXPECT owner_events (before, after, op) ROWS
  ('{"owner":"ann","accounts":1}', '{"owner":"ann","accounts":2}', 'u'),
  ('{"owner":"ann","accounts":2}', '{"owner":"ann","accounts":1}', 'u');
LOSE STATE;
DELETE FROM accounts WHERE id = 2;
EXPECT owner_events (before, after, op) ROWS ('{"owner":"ann","accounts":1}', NULL, 'd');

TEST 'windows in memory outlive crashes and lost files';
AT '2026-01-01T10:00:05Z';
INSERT INTO accounts VALUES (1, 'ann', '1.00');
COMMIT;
CRASH AFTER 'process';
INSERT INTO accounts VALUES (2, 'ann', '1.00');
LOSE STATE;
UPDATE accounts SET balance = '3.00' WHERE id = 2;
CRASH AFTER 'kafka-commit';
EXPECT busy_minutes NONE;
ADVANCE WATERMARK TO '2026-01-01T10:01:10Z';
EXPECT busy_minutes (minute, owner, changes) ROWS ('2026-01-01T10:00:00.000Z', 'ann', 3);
AT '2026-01-01T10:00:30Z';
UPDATE accounts SET balance = '4.00' WHERE id = 2;
EXPECT busy_late (owner, changes) ROWS ('ann', 1);
CRASH AFTER 'sqlite-commit';
ADVANCE WATERMARK TO '2026-01-01T10:20:00Z';
EXPECT busy_minutes NONE;
