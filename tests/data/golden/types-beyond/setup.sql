CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN mood_domain AS mood;
CREATE DOMAIN mood_nested AS mood_domain NOT NULL;
CREATE DOMAIN ints AS int[];
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('x', 'y');
CREATE TABLE t(id int PRIMARY KEY, dm mood_domain, dn mood_nested, om other.mood, em mood[] NOT NULL, tz timetz NOT NULL, tza timetz[], ta time[], n numeric(10,2), nn numeric, na numeric(4,1)[], ng numeric(5,-2), vb varbit(1), nm name NOT NULL, di ints, fr floatrange, ba bit(3)[], b1a bit(1)[], tv tsvector[], d date, ts timestamp, m money, ov oidvector, i2 int2vector, txt text[]);
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES
 (1, 'ok', 'sad', 'y', '{sad,NULL}', '01:02:03+15:59:59', '{01:02:03.456-12:34:56,NULL}', '{12:34:56.789012,NULL}', 'NaN', 'Infinity', '{1.5,NaN}', 12300, B'', 'n', '{1,NULL}', '[1.5,2)', '{101,NULL}', '{1,0}', ARRAY['a:1'::tsvector, NULL], '4713-01-01 BC', '0001-01-01 BC', '-92233720368547758.08', '1 2', '', '{{a,NULL},{"b c","\""}}'),
 (2, NULL, 'ok', NULL, '{}', '24:00:00+00', '{}', '{}', 1, 1.500, '{}', -50, B'1', '', '{}', 'empty', '{}', '{}', '{}', '1582-10-10', 'infinity', '0.05', '', '-1', '{}'),
 (3, 'sad', 'ok', 'x', '{ok}', '00:00:00-00:00:01', NULL, NULL, NULL, NULL, NULL, NULL, B'0', 'Ä', NULL, NULL, NULL, NULL, NULL, '-infinity', '-infinity', NULL, NULL, NULL, NULL);
CREATE TABLE required(id int PRIMARY KEY, n numeric(4,1) NOT NULL DEFAULT 1);
INSERT INTO required VALUES (1, 'NaN');
