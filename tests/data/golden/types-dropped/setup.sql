CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE gone(id int PRIMARY KEY, m mood, v text);
CREATE TABLE kept(id int PRIMARY KEY, v text);
