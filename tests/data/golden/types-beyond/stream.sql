INSERT INTO t SELECT id + 10, dm, dn, om, em, tz, tza, ta, n, nn, na, ng, vb, nm, di, fr, ba, b1a, tv, d, ts, m, ov, i2, txt FROM t ORDER BY id;
DELETE FROM t WHERE id > 10;
INSERT INTO required VALUES (2, 'NaN');
--@ sync
ALTER TYPE mood ADD VALUE 'fine';
INSERT INTO t(id, dn, em, tz, nm) VALUES (20, 'fine', '{fine}', '00:00+00', 'n');
