INSERT INTO add_column VALUES (2, 'y');
--@ sync
--@ stop
INSERT INTO add_column VALUES (3, 'before'); ALTER TABLE add_column ADD COLUMN b int NOT NULL DEFAULT 7; INSERT INTO add_column VALUES (4, 'after', 8); UPDATE add_column SET a = 'u' WHERE id = 1;
INSERT INTO drop_column VALUES (3, 'before', 3, 3); ALTER TABLE drop_column DROP COLUMN b, DROP COLUMN a; INSERT INTO drop_column VALUES (4, 4);
INSERT INTO new_type VALUES (3, 3, 'b', 2.25); ALTER TABLE new_type ALTER COLUMN a TYPE bigint, ALTER COLUMN b TYPE varchar(20), ALTER COLUMN n TYPE numeric(8,3); INSERT INTO new_type VALUES (4, 6000000000, 'after that', 2.125);
INSERT INTO new_name VALUES (3, 'before'); ALTER TABLE new_name RENAME COLUMN a TO aa; INSERT INTO new_name VALUES (4, 'after');
INSERT INTO new_key VALUES (3, 30, 'before'); UPDATE new_key SET id = 33 WHERE id = 3; DELETE FROM new_key WHERE id = 33; ALTER TABLE new_key DROP CONSTRAINT new_key_pkey, ADD PRIMARY KEY (k); INSERT INTO new_key VALUES (4, 40, 'after'); UPDATE new_key SET k = 44 WHERE k = 40; DELETE FROM new_key WHERE k = 44;
INSERT INTO no_key VALUES (3, 'before'); ALTER TABLE no_key DROP CONSTRAINT no_key_pkey; INSERT INTO no_key VALUES (4, 'after'); DELETE FROM no_key WHERE id = 4;
INSERT INTO new_null VALUES (3, NULL, NULL); DELETE FROM new_null WHERE id = 3; ALTER TABLE new_null ALTER COLUMN a SET NOT NULL, ALTER COLUMN b SET DEFAULT 5; INSERT INTO new_null(id, a) VALUES (4, 'after'); UPDATE new_null SET b = NULL WHERE id = 4;
INSERT INTO renamed VALUES (3, 'before'); ALTER TABLE renamed RENAME TO other_name; INSERT INTO other_name VALUES (4, 'after');
INSERT INTO dropped VALUES (3, 'before'); DELETE FROM dropped WHERE id = 3; DROP TABLE dropped;
INSERT INTO made_again VALUES (3, 'before'); DROP TABLE made_again; CREATE TABLE made_again(id bigint PRIMARY KEY, z date NOT NULL DEFAULT '2024-01-01'); INSERT INTO made_again VALUES (4);
INSERT INTO new_label VALUES (3, 'sad'); ALTER TYPE mood ADD VALUE 'later' BEFORE 'ok'; INSERT INTO new_label VALUES (4, 'later');
--@ resume
--@ sync
INSERT INTO add_column(id) VALUES (5);
INSERT INTO new_key VALUES (5, 50, 'z');
