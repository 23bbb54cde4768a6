INSERT INTO g SELECT id + 10, a, b, c FROM g;
