/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a snapshot: its transaction, and COPY. */
#include "connectors/postgres/snapshot_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/postgres/connection.h"

#define SQL_MAX ((size_t)1 << 20)

/* ---- the transaction ---- */

static const char *
isolation_of(const struct snapshot_spec *spec, const char *exported)
{
    /* only that one can import a snapshot that is not serializable; and what goes on must see one moment, whatever the
       mode, for rows of what was delivered before are told from others by it */
    if (exported != NULL || spec->delivered != NULL)
        return "REPEATABLE READ, READ ONLY";
    switch (spec->config->snapshot_isolation_mode) {
    case PG_ISOLATION_READ_COMMITTED:
        return "READ COMMITTED, READ ONLY";
    case PG_ISOLATION_READ_UNCOMMITTED:
        return "READ UNCOMMITTED, READ ONLY";
    case PG_ISOLATION_REPEATABLE_READ:
        return "REPEATABLE READ, READ ONLY";
    default:
        return "SERIALIZABLE, READ ONLY, DEFERRABLE";
    }
}

static enum cv_rc
import(struct snapshot_reader *reader, const char *exported, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(512);
    enum cv_rc rc;

    cv_buf_str(&sql, "SET TRANSACTION SNAPSHOT ");
    cv_buf_sql_literal(&sql, exported);
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = pg_command(reader->conn, cv_buf_cstr(&sql), "could not import the snapshot", err);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
snapshot_reader_begin(struct snapshot_reader *reader, const struct snapshot_spec *spec, const char *exported,
                      struct cv_err *err)
{
    char sql[96];
    enum cv_rc rc;

    snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL %s", isolation_of(spec, exported));
    rc = pg_command(reader->conn, sql, "could not begin the snapshot", err);
    if (rc == CV_OK) /* a table takes as long as it takes */
        rc = pg_command(reader->conn, "SET LOCAL statement_timeout = 0", "could not begin the snapshot", err);
    if (rc == CV_OK && exported != NULL)
        rc = import(reader, exported, err);
    if (rc == CV_OK && spec->n_overrides > 0) /* statements of the user's may name tables without their schema */
        rc = pg_command(reader->conn, "SET LOCAL search_path = \"$user\", public", "could not set the search path",
                        err);
    return rc;
}

/* Who wants a table for itself waits for the reader that has read of it, and behind it in the queue
   waits the one that is to read more of it. None of them would ever go on. */
enum cv_rc
snapshot_reader_share(struct snapshot_reader *reader, const struct snapshot_spec *spec, struct cv_err *err)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "SET LOCAL lock_timeout = %" PRId64, spec->config->snapshot_lock_timeout_ms);
    return pg_command(reader->conn, sql, "could not limit how long the snapshot waits for locks", err);
}

enum cv_rc
snapshot_reader_export(struct snapshot_reader *reader, const struct snapshot_spec *spec, char ret[SNAPSHOT_ID_MAX],
                       struct cv_err *err)
{
    int mode = spec->config->snapshot_isolation_mode;
    bool one_moment = spec->exported != NULL || spec->delivered != NULL; /* see isolation_of() */
    PGresult *res = NULL;

    ret[0] = '\0';
    if (!one_moment && (mode == PG_ISOLATION_READ_COMMITTED || mode == PG_ISOLATION_READ_UNCOMMITTED))
        return CV_OK;
    if (pg_query(reader->conn, "SELECT pg_export_snapshot()", &res, "could not share the snapshot", err) != CV_OK)
        return err->rc;
    snprintf(ret, SNAPSHOT_ID_MAX, "%s", PQgetvalue(res, 0, 0));
    PQclear(res);
    return CV_OK;
}

void
snapshot_reader_done(struct snapshot_reader *reader)
{
    PQfinish(reader->conn);
    *reader = (struct snapshot_reader){ 0 };
}

/* ---- COPY ---- */

/* Not waited for: the server may send nothing before it has a bufferful of rows. */
enum cv_rc
snapshot_reader_start(struct snapshot_reader *reader, struct snapshot_table *table, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    uint64_t first = 0, pages = 0;
    enum cv_rc rc = snapshot_table_copy(table, &sql, &first, &pages, err);

    if (rc == CV_OK && PQsendQuery(reader->conn, cv_buf_cstr(&sql)) == 0)
        rc = pg_fail(err, reader->conn, NULL, "could not read table \"%s\"", table->name);
    if (rc == CV_OK) {
        reader->table = table;
        reader->first = first;
        reader->pages = pages;
        reader->starting = true;
    }
    cv_buf_free(&sql);
    return rc;
}

/* reader->starting is false when the server has answered. */
static enum cv_rc
take_answer(struct snapshot_reader *reader, struct cv_err *err)
{
    PGresult *res;
    enum cv_rc rc = CV_OK;

    if (PQconsumeInput(reader->conn) == 0)
        return pg_fail(err, reader->conn, NULL, "lost the connection during the snapshot");
    if (PQisBusy(reader->conn))
        return CV_OK;
    res = PQgetResult(reader->conn);
    reader->starting = false;
    if (PQresultStatus(res) != PGRES_COPY_OUT)
        rc = pg_fail(err, reader->conn, res, "could not read table \"%s\"; database.user needs SELECT on it",
                     reader->table->name);
    if (rc == CV_INVALID && strcmp(err->sqlstate, "55P03") == 0) /* lock_not_available: see snapshot_reader_share() */
        rc = err->rc = CV_RETRY;
    PQclear(res);
    return rc;
}

static enum cv_rc
finish(struct snapshot_reader *reader, struct cv_err *err)
{
    PGresult *res = PQgetResult(reader->conn);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = pg_fail(err, reader->conn, res, "could not read table \"%s\" to its end", reader->table->name);
    PQclear(res);
    while ((res = PQgetResult(reader->conn)) != NULL)
        PQclear(res);
    return rc;
}

enum cv_rc
snapshot_reader_next(struct snapshot_reader *reader, enum snapshot_read *ret, char **ret_data, size_t *ret_len,
                     struct cv_err *err)
{
    int n;

    if (reader->starting && take_answer(reader, err) != CV_OK)
        return err->rc;
    if (reader->starting) {
        *ret = SNAPSHOT_DRY;
        return CV_OK;
    }
    n = PQgetCopyData(reader->conn, ret_data, 1);
    if (n == 0) { /* all that libpq has read is used up: take what the socket has */
        if (PQconsumeInput(reader->conn) == 0)
            return pg_fail(err, reader->conn, NULL, "lost the connection during the snapshot");
        n = PQgetCopyData(reader->conn, ret_data, 1);
    }
    if (n == -2)
        return pg_fail(err, reader->conn, NULL, "could not read the snapshot");
    if (n == -1 && finish(reader, err) != CV_OK)
        return err->rc;
    *ret = n > 0 ? SNAPSHOT_ROW : n == 0 ? SNAPSHOT_DRY : SNAPSHOT_RANGE_END;
    *ret_len = n > 0 ? (size_t)n : 0;
    if (n == -1)
        reader->table = NULL;
    return CV_OK;
}
