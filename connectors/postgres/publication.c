/* SPDX-License-Identifier: Apache-2.0 */
/* Publications. Names are quoted: a name in mixed case is the one that was written. */
#include "connectors/postgres/publication.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"

#define SQL_MAX ((size_t)4 << 20)

#define COUNT_TABLES(where)                                                                                        \
    " SELECT count(*), string_agg(x.oid::regclass::text, ', ') FILTER (WHERE x.at <= 10) FROM (SELECT c.oid,"      \
    " row_number() OVER () AS at FROM pg_class c" where ") x"

enum cv_rc
publication_exists(PGconn *conn, const char *name, bool *ret, bool *ret_all, struct cv_err *err)
{
    const char *values[1] = { name };
    PGresult *res = pg_exec(conn, "SELECT puballtables FROM pg_publication WHERE pubname = $1", 1, values);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        rc = pg_fail(err, conn, res, "could not read publication \"%s\"", name);
    } else {
        *ret = PQntuples(res) > 0;
        *ret_all = *ret && PQgetvalue(res, 0, 0)[0] == 't';
    }
    PQclear(res);
    return rc;
}

size_t
publication_tables(const struct pg_tables *tables)
{
    size_t count = 0;

    for (size_t i = 0; i < tables->count; i++)
        count += tables->items[i]->logged;
    return count;
}

static void
add_tables(struct cv_buf *sql, const struct pg_tables *tables)
{
    const char *before = " TABLE ";

    for (size_t i = 0; i < tables->count; i++) {
        if (!tables->items[i]->logged)
            continue;
        cv_buf_str(sql, before);
        before = ", ";
        cv_buf_sql_ident(sql, tables->items[i]->schema);
        cv_buf_char(sql, '.');
        cv_buf_sql_ident(sql, tables->items[i]->name);
    }
}

static enum cv_rc
run(PGconn *conn, struct cv_buf *sql, const char *what, struct cv_err *err)
{
    enum cv_rc rc = cv_buf_check(sql, err);

    if (rc == CV_OK)
        rc = pg_command(conn, cv_buf_cstr(sql), what, err);
    cv_buf_free(sql);
    return rc;
}

static enum cv_rc
create(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);

    if (config->publication_autocreate == PG_AUTOCREATE_FILTERED && publication_tables(tables) == 0)
        return cv_fail(err, CV_INVALID,
                       "no table is captured (unlogged ones do not count), so publication \"%s\" cannot be made with "
                       "publication.autocreate.mode=filtered; check table.include.list and schema.include.list",
                       config->publication_name);
    cv_buf_str(&sql, "CREATE PUBLICATION ");
    cv_buf_sql_ident(&sql, config->publication_name);
    if (config->publication_autocreate == PG_AUTOCREATE_ALL)
        cv_buf_str(&sql, " FOR ALL TABLES");
    if (config->publication_autocreate == PG_AUTOCREATE_FILTERED) {
        cv_buf_str(&sql, " FOR");
        add_tables(&sql, tables);
    }
    if (config->publish_via_partition_root)
        cv_buf_str(&sql, " WITH (publish_via_partition_root = true)");
    if (run(conn, &sql, "could not create the publication", err) != CV_OK)
        return cv_err_context(err,
                              "publication.name \"%s\" (publication.autocreate.mode; or have its owner make it "
                              "and set the mode to disabled)",
                              config->publication_name);
    return CV_OK;
}

/* Whether the publication's tables are exactly the captured ones. */
static enum cv_rc
same_tables(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables, bool *ret,
            struct cv_err *err)
{
    const char *values[1] = { config->publication_name };
    PGresult *res = pg_exec(conn,
                            "SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid"
                            " WHERE p.pubname = $1",
                            1, values);
    enum cv_rc rc = CV_OK;
    size_t found = 0;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        rc = pg_fail(err, conn, res, "could not read the tables of publication \"%s\"",
                     config->publication_name);
        goto out;
    }
    for (int row = 0; row < PQntuples(res); row++) {
        uint32_t oid = (uint32_t)strtoul(PQgetvalue(res, row, 0), NULL, 10);

        for (size_t i = 0; i < tables->count; i++)
            found += tables->items[i]->oid == oid;
    }
    *ret = found == publication_tables(tables) && found == (size_t)PQntuples(res);
out:
    PQclear(res);
    return rc;
}

static enum cv_rc
alter(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    bool same = false;

    if (same_tables(conn, config, tables, &same, err) != CV_OK)
        return err->rc;
    if (same || publication_tables(tables) == 0)
        return CV_OK;
    cv_buf_str(&sql, "ALTER PUBLICATION ");
    cv_buf_sql_ident(&sql, config->publication_name);
    cv_buf_str(&sql, " SET");
    add_tables(&sql, tables);
    if (run(conn, &sql, "could not alter the publication", err) != CV_OK)
        return cv_err_context(err, "publication.name \"%s\"", config->publication_name);
    return CV_OK;
}

enum cv_rc
publication_ensure(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables,
                   struct cv_err *err)
{
    bool exists = false, all = false;

    if (publication_exists(conn, config->publication_name, &exists, &all, err) != CV_OK)
        return err->rc;
    if (!exists && config->publication_autocreate == PG_AUTOCREATE_DISABLED)
        return cv_fail(err, CV_INVALID,
                       "publication \"%s\" does not exist in database \"%s\" and publication.autocreate.mode is "
                       "disabled: create it (CREATE PUBLICATION ... FOR TABLE ...) and restart the connector",
                       config->publication_name, config->dbname);
    if (!exists)
        return create(conn, config, tables, err);
    if (config->publication_autocreate != PG_AUTOCREATE_FILTERED)
        return CV_OK;
    if (all)
        return cv_fail(err, CV_INVALID,
                       "publication \"%s\" is FOR ALL TABLES, so it cannot be narrowed by "
                       "publication.autocreate.mode=filtered; drop it or use another mode",
                       config->publication_name);
    return alter(conn, config, tables, err);
}

/* Of captured tables ($2) of publication $1 those that ...; each query gives their number, and some names. */
static const struct {
    const char *sql;
    const char *warning;
} missing[] = {
    /* a partition is published with its root, and a root by its partitions */
    {   "WITH given AS (SELECT c.oid FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE t.pubname = $1),"
        " published AS (SELECT oid FROM given UNION SELECT a.relid FROM given, pg_partition_ancestors(given.oid) a"
        " UNION SELECT p.relid FROM given, pg_partition_tree(given.oid) p)"
        COUNT_TABLES(" WHERE c.oid = ANY($2::oid[]) AND c.relpersistence = 'p' AND c.oid NOT IN (SELECT oid FROM "
                     "published)"),
        "captured tables are not in the publication, their changes will not come: add them (ALTER PUBLICATION ... ADD "
        "TABLE ...) or leave them out (table.include.list)" },
    {   COUNT_TABLES(" WHERE c.oid = ANY($2::oid[]) AND c.relpersistence = 'u' AND $1::text IS NOT NULL"),
        "captured tables are unlogged: a snapshot reads their rows, but their changes will not come" },
    {   COUNT_TABLES(
            " JOIN pg_publication p ON p.pubname = $1 AND (p.pubupdate OR p.pubdelete) WHERE c.oid = ANY($2::oid[])"
            " AND c.relkind = 'r' AND c.relpersistence = 'p' AND (c.relreplident = 'n' OR (c.relreplident = 'd' AND"
            " NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)))"),
        "captured tables have neither a primary key nor a replica identity: the server refuses their updates and "
        "deletes while they are published; give them one (ALTER TABLE ... REPLICA IDENTITY FULL)" },
};

static enum cv_rc
warn(PGconn *conn, const char *sql, const char *const values[2], const char *warning, struct cv_log *log,
     struct cv_err *err)
{
    PGresult *res = pg_exec(conn, sql, 2, values);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = pg_fail(err, conn, res, "could not read the tables of publication \"%s\"", values[0]);
    else if (strcmp(PQgetvalue(res, 0, 0), "0") != 0)
        CV_LOG_WARN(log, warning, CV_STR("publication", values[0]), CV_STR("count", PQgetvalue(res, 0, 0)),
                    CV_STR("tables", PQgetvalue(res, 0, 1)));
    PQclear(res);
    return rc;
}

enum cv_rc
publication_warn_missing(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables,
                         struct cv_log *log, struct cv_err *err)
{
    struct cv_buf oids = CV_BUF_INIT(SQL_MAX);
    const char *values[2] = { config->publication_name, NULL };
    enum cv_rc rc;

    for (size_t i = 0; i < tables->count; i++)
        cv_buf_printf(&oids, "%c%u", i == 0 ? '{' : ',', (unsigned)tables->items[i]->oid);
    cv_buf_str(&oids, tables->count == 0 ? "{}" : "}");
    rc = cv_buf_check(&oids, err);
    values[1] = cv_buf_cstr(&oids);
    for (size_t i = 0; i < CV_COUNT(missing) && rc == CV_OK; i++)
        rc = warn(conn, missing[i].sql, values, missing[i].warning, log, err);
    cv_buf_free(&oids);
    return rc;
}
