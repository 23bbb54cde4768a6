CREATE EXTENSION postgis; CREATE TABLE g(id int PRIMARY KEY, a geometry[], b geography[], c geometry(Point, 4326)[]);
INSERT INTO g VALUES (1, ARRAY['POINT(1 2)'::geometry, NULL, 'SRID=4326;POLYGON((0 0,1 0,1 1,0 0))'], ARRAY['POINT(1 2)'::geography, 'POINT(3 4)'], ARRAY['SRID=4326;POINT(1 2)'::geometry, 'SRID=4326;POINT(3 4)']), (2, '{}', '{NULL}', NULL);
