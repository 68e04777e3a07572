-- A lending library: a database as a newcomer brings it, with a little of everything that
-- pg_dump has to carry. Written for these tests; loaded into a database called `library`.
\set ON_ERROR_STOP on

CREATE ROLE librarian NOLOGIN;
CREATE ROLE reader NOLOGIN;

CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION "uuid-ossp";
CREATE EXTENSION postgres_fdw;

CREATE SCHEMA lending;
COMMENT ON SCHEMA lending IS 'who has what, and until when';

-- Types
CREATE TYPE lending.medium AS ENUM ('book', 'journal', 'map', 'record');
CREATE DOMAIN lending.isbn AS text CHECK (VALUE ~ '^[0-9]{9}[0-9X]$|^97[89][0-9]{10}$');
CREATE DOMAIN lending.email AS citext CHECK (VALUE ~ '@');
CREATE TYPE lending.shelf_mark AS (room smallint, shelf char(1), place integer);
CREATE TYPE lending.temperature AS RANGE (subtype = float8, subtype_diff = float8mi);

-- Functions, an operator and an aggregate
CREATE FUNCTION lending.check_digit(digits text) RETURNS integer
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT sum((11 - i) * substr(digits, i, 1)::int)::int % 11 FROM generate_series(1, 9) AS i $$;
CREATE FUNCTION lending.mark_text(lending.shelf_mark) RETURNS text
  LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN RETURN format('%s-%s-%s', $1.room, $1.shelf, lpad($1.place::text, 4, '0')); END $$;
CREATE FUNCTION lending.longer(text, text) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN length($1) >= length($2) THEN $1 ELSE $2 END $$;
CREATE AGGREGATE lending.longest(text) (SFUNC = lending.longer, STYPE = text, INITCOND = '');
CREATE FUNCTION lending.near(text, text) RETURNS boolean
  LANGUAGE sql IMMUTABLE AS $$ SELECT public.similarity($1, $2) > 0.3 $$;
CREATE OPERATOR lending.~~> (LEFTARG = text, RIGHTARG = text, FUNCTION = lending.near);

-- Tables
CREATE SEQUENCE lending.card_number START 1000 INCREMENT 7 CACHE 3;
CREATE TABLE lending.member (
  id      uuid PRIMARY KEY DEFAULT public.uuid_generate_v5(public.uuid_ns_url(), random()::text),
  card    integer NOT NULL UNIQUE DEFAULT nextval('lending.card_number'),
  name    text NOT NULL,
  email   lending.email UNIQUE,
  joined  date NOT NULL DEFAULT current_date,
  traits  public.hstore NOT NULL DEFAULT '',
  address jsonb NOT NULL DEFAULT '{}'
);
ALTER SEQUENCE lending.card_number OWNED BY lending.member.card;
CREATE TABLE lending.title (
  id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  isbn     lending.isbn UNIQUE,
  kind     lending.medium NOT NULL,
  name     text NOT NULL,
  words    tsvector GENERATED ALWAYS AS (to_tsvector('english', name)) STORED,
  tags     text[] NOT NULL DEFAULT '{}',
  kept_at  lending.temperature,
  mark     lending.shelf_mark,
  cover    bytea
);
CREATE INDEX title_words ON lending.title USING gin (words);
CREATE INDEX title_name ON lending.title USING gin (name public.gin_trgm_ops);
CREATE INDEX title_kind ON lending.title (kind, lower(name)) WHERE kind <> 'map';
CREATE INDEX title_tags ON lending.title USING gin (tags);
CREATE STATISTICS lending.title_kind_tags ON kind, tags FROM lending.title;

CREATE TABLE lending.loan (
  title   integer NOT NULL REFERENCES lending.title,
  member  uuid NOT NULL REFERENCES lending.member ON UPDATE CASCADE ON DELETE RESTRICT,
  during  daterange NOT NULL,
  fee     numeric(8, 2) NOT NULL DEFAULT 0 CHECK (fee >= 0)
);
ALTER TABLE lending.loan ADD CONSTRAINT lent_once EXCLUDE USING gist (title WITH =, during WITH &&)
  DEFERRABLE INITIALLY IMMEDIATE;

CREATE TABLE lending.visit (at timestamptz NOT NULL, member uuid, door text NOT NULL)
  PARTITION BY RANGE (at);
CREATE TABLE lending.visit_2024 PARTITION OF lending.visit
  FOR VALUES FROM ('2024-01-01 00:00Z') TO ('2025-01-01 00:00Z') PARTITION BY LIST (door);
CREATE TABLE lending.visit_2024_main PARTITION OF lending.visit_2024 FOR VALUES IN ('main');
CREATE TABLE lending.visit_2024_other PARTITION OF lending.visit_2024 DEFAULT;
CREATE TABLE lending.visit_rest PARTITION OF lending.visit DEFAULT;
CREATE INDEX ON lending.visit (at, door);

CREATE TABLE lending.note (written timestamptz NOT NULL DEFAULT now(), text text);
CREATE TABLE lending.complaint (about uuid) INHERITS (lending.note);
CREATE UNLOGGED TABLE lending.session (id integer, data text);
CREATE TABLE lending.history (
  n bigserial, what text, old jsonb, new jsonb, PRIMARY KEY (n)
) WITH (fillfactor = 70, autovacuum_enabled = off);

-- Triggers and rules
CREATE FUNCTION lending.remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lending.history (what, old, new)
    VALUES (TG_OP || ' ' || TG_TABLE_NAME,
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
            CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON lending.loan
  FOR EACH ROW EXECUTE FUNCTION lending.remember();
CREATE FUNCTION lending.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lending.history (what, new)
    SELECT 'statement ' || TG_TABLE_NAME, jsonb_build_object('rows', count(*)) FROM fresh;
  RETURN NULL;
END $$;
CREATE TRIGGER count_rows AFTER INSERT ON lending.visit REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION lending.count_rows();
CREATE RULE no_forgetting AS ON DELETE TO lending.history DO INSTEAD NOTHING;

-- Views
CREATE VIEW lending.lent_now WITH (security_barrier) AS
  SELECT t.name AS title, m.name AS member, upper(l.during) AS until
  FROM lending.loan l JOIN lending.title t ON t.id = l.title JOIN lending.member m ON m.id = l.member
  WHERE l.during @> date '2024-06-15';
CREATE MATERIALIZED VIEW lending.popular AS
  SELECT t.id, t.name, count(*) AS loans FROM lending.loan l JOIN lending.title t ON t.id = l.title
  GROUP BY t.id, t.name;
CREATE UNIQUE INDEX ON lending.popular (id);
CREATE RECURSIVE VIEW lending.countdown (n) AS
  VALUES (5) UNION ALL SELECT n - 1 FROM countdown WHERE n > 1;

-- Who may what
ALTER TABLE lending.loan ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON lending.loan TO librarian USING (true);
CREATE POLICY recent ON lending.loan FOR SELECT TO reader USING (upper(during) > '2024-03-01');
GRANT USAGE ON SCHEMA lending TO librarian, reader;
GRANT SELECT ON lending.loan, lending.lent_now TO reader;
GRANT SELECT (id, name) ON lending.member TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA lending GRANT SELECT ON TABLES TO librarian;

-- Another server's table: this very server's, so that there is one.
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'library');
CREATE FOREIGN TABLE lending.far_title (id integer, name text)
  SERVER elsewhere OPTIONS (schema_name 'lending', table_name 'title');

-- Data, the same each time
SELECT setseed(0.42);
INSERT INTO lending.member (id, name, email, joined, traits, address)
  SELECT public.uuid_generate_v5(public.uuid_ns_url(), i::text), 'Member ' || i,
         ('M' || i || '@Example.org')::public.citext, date '2020-01-01' + i,
         public.hstore('left_handed', (i % 9 = 0)::text),
         jsonb_build_object('town', (ARRAY['Ulm', 'Åbo', '京都'])[i % 3 + 1], 'no', i)
  FROM generate_series(1, 500) AS i;
INSERT INTO lending.title (isbn, kind, name, tags, kept_at, mark, cover)
  SELECT lpad(i::text, 9, '0') ||
           replace(((11 - lending.check_digit(lpad(i::text, 9, '0'))) % 11)::text, '10', 'X'),
         (enum_range(NULL::lending.medium))[i % 4 + 1],
         'The ' || (ARRAY['history', 'physics', 'music', 'cooking'])[i % 4 + 1] || ' of ' ||
           (ARRAY['rivers', 'engines', 'small towns'])[i % 3 + 1] || ', volume ' || i,
         ARRAY['tag' || i % 5, 'tag' || i % 7], lending.temperature(i % 10, i % 10 + 8.5),
         ROW(i % 4, chr(65 + i % 20), i)::lending.shelf_mark, decode(md5(i::text), 'hex')
  FROM generate_series(1, 2000) AS i;
INSERT INTO lending.loan (title, member, during, fee)
  SELECT i % 2000 + 1, public.uuid_generate_v5(public.uuid_ns_url(), (i % 500 + 1)::text),
         daterange(date '2024-01-01' + i / 2000 * 30, date '2024-01-01' + i / 2000 * 30 + 20),
         (i % 100) / 7.0
  FROM generate_series(0, 19999) AS i;
INSERT INTO lending.visit
  SELECT timestamptz '2023-12-01 00:00Z' + i * interval '1 hour',
         public.uuid_generate_v5(public.uuid_ns_url(), (i % 500 + 1)::text),
         CASE WHEN i % 3 = 0 THEN 'main' ELSE 'side' END
  FROM generate_series(1, 12000) AS i;
INSERT INTO lending.complaint (written, text, about)
  SELECT timestamptz '2024-02-02 02:02Z', 'too loud', id FROM lending.member WHERE card % 100 = 0;
SELECT lo_from_bytea(424242, 'a large object');
REFRESH MATERIALIZED VIEW lending.popular;
