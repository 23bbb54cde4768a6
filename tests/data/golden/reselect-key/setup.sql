CREATE FUNCTION big(n int, seed int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT string_agg(md5((seed * 100000 + i)::text), '' ORDER BY i) FROM generate_series(1, n) i $$;
CREATE TABLE r(id int PRIMARY KEY, g int NOT NULL, k int NOT NULL, n int, a text, b text, c text); ALTER TABLE r ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO r VALUES (1, 7, 11, 0, big(80, 1), big(80, 2), NULL), (2, 7, 12, 0, big(80, 3), big(80, 4), NULL);
