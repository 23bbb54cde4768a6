INSERT INTO kept VALUES (1, 'before');
--@ sync
--@ stop
CREATE TYPE late AS ENUM ('a');
CREATE TABLE fresh(id int PRIMARY KEY, l late, la late[], v text);
INSERT INTO fresh VALUES (1, 'a', '{a}', 'x');
INSERT INTO gone VALUES (1, 'ok', 'x');
DROP TABLE fresh, gone;
DROP TYPE late, mood;
INSERT INTO kept VALUES (2, 'after');
--@ resume
