/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a chunk: the marks around it, the table it is of, and the statement
 *
 *   SELECT ... FROM t WHERE ROW(k1, k2) > ROW(last) AND ROW(k1, k2) <= ROW(maximum) AND (condition)
 *    ORDER BY k1, k2 FETCH FIRST n ROWS WITH TIES
 *
 * The maximum is read once a table, so that a table that grows is not read for ever. Ties stay together: a column that
 * a user goes by need not be unique.
 */
#include "connectors/postgres/incremental_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"

#define CONNECT_TIMEOUT_MS 10000
#define SQL_MAX            ((size_t)1 << 20)

void
incremental_chunk_done(struct incremental_chunk *chunk)
{
    PQclear(chunk->rows);
    plan_free(chunk->plan);
    pg_tables_done(&chunk->tables);
    free(chunk->dropped);
    free(chunk->field_of);
    free(chunk->running);
    cv_hash_free(chunk->by_key);
    java_key_done(&chunk->end);
    *chunk = (struct incremental_chunk){ .waiting = false };
}

/* ---- marks ---- */

static void
timestamp(char out[40])
{
    int64_t now_ns = cv_now_ns();
    time_t seconds = (time_t)(now_ns / 1000000000);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 40 - n, ".%09" PRId64 "Z", now_ns % 1000000000);
}

static enum cv_rc
insert_mark(struct incremental *inc, const char *which, const char *type, const char *data, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    char id[CV_UUID_TEXT + 8];
    const char *values[3] = { id, type, data };
    PGresult *res;
    enum cv_rc rc = CV_OK;

    snprintf(id, sizeof(id), "%s%s", inc->chunk.id, which);
    cv_buf_printf(&sql, "INSERT INTO %s VALUES ($1, $2, $3)", inc->signal_table);
    res = pg_exec(inc->conn, cv_buf_cstr(&sql), 3, values);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = pg_fail(err, inc->conn, res, "could not write a mark of the incremental snapshot to "
                                          "signal.data.collection %s",
                     inc->signal_table);
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

static enum cv_rc
delete_mark(struct incremental *inc, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    char id[CV_UUID_TEXT + 8];
    const char *values[1] = { id };
    PGresult *res;
    enum cv_rc rc = CV_OK;

    snprintf(id, sizeof(id), "%s-open", inc->chunk.id);
    cv_buf_printf(&sql,
                  "DELETE FROM %s s WHERE (SELECT value FROM json_each_text(row_to_json(s)) LIMIT 1) = $1",
                  inc->signal_table);
    res = pg_exec(inc->conn, cv_buf_cstr(&sql), 1, values);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = pg_fail(err, inc->conn, res, "could not delete a mark of the incremental snapshot from "
                     "signal.data.collection %s", inc->signal_table);
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

/* read.only: what the chunk is certain to see; changes of other transactions are newer. */
static enum cv_rc
note_low(struct incremental *inc, struct cv_err *err)
{
    struct incremental_chunk *chunk = &inc->chunk;
    PGresult *res = NULL;
    char *at;

    if (pg_query(inc->conn, "SELECT pg_current_snapshot()", &res, "could not read the server's snapshot", err) != CV_OK)
        return err->rc;
    at = PQgetvalue(res, 0, 0);
    chunk->running = calloc(strlen(at) / 2 + 1, sizeof(*chunk->running));
    if (chunk->running != NULL) {
        chunk->xmin = strtoull(at, &at, 10);
        chunk->xmax = strtoull(*at == ':' ? at + 1 : at, &at, 10);
        while (*at != '\0' && at[1] != '\0')
            chunk->running[chunk->n_running++] = (uint32_t)strtoull(at + 1, &at, 10);
    }
    PQclear(res);
    chunk->open = true;
    return chunk->running == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
note_high(struct incremental *inc, struct cv_err *err)
{
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(inc->conn, "SELECT pg_current_wal_insert_lsn()", &res,
                             "could not read the server's WAL position", err);

    if (rc == CV_OK)
        rc = pg_parse_lsn(PQgetvalue(res, 0, 0), &inc->chunk.high, err);
    PQclear(res);
    return rc;
}

static enum cv_rc
open_window(struct incremental *inc, char opened[40], struct cv_err *err)
{
    char data[128];

    if (inc->spec.config->read_only)
        return note_low(inc, err);
    timestamp(opened);
    snprintf(data, sizeof(data), "{\"openWindowTimestamp\": \"%s\"}", opened);
    return insert_mark(inc, "-open", "snapshot-window-open", data, err);
}

static enum cv_rc
close_window(struct incremental *inc, const char *opened, struct cv_err *err)
{
    char closed[40], data[160];

    if (inc->spec.config->read_only)
        return note_high(inc, err);
    if (inc->spec.config->incremental_watermarking == PG_WATERMARK_INSERT_DELETE)
        return delete_mark(inc, err);
    timestamp(closed);
    snprintf(data, sizeof(data), "{\"openWindowTimestamp\": \"%s\", \"closeWindowTimestamp\": \"%s\"}", opened, closed);
    return insert_mark(inc, "-close", "snapshot-window-close", data, err);
}

/* ---- the table ---- */

/* The stream does not have generated columns, and so its events would lose them again. */
static void
drop_generated(struct pg_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].generated) {
            free(table->columns[i].name);
            free(table->columns[i].def);
            for (size_t k = 0; k < table->n_keys; k++)
                if (table->keys[k] == kept)
                    memmove(&table->keys[k], &table->keys[k + 1], (--table->n_keys - k) * sizeof(*table->keys));
            for (size_t k = 0; k < table->n_keys; k++)
                if (table->keys[k] > kept)
                    table->keys[k]--;
        } else {
            table->columns[kept++] = table->columns[i];
        }
    }
    table->n_columns = kept;
}

/* The catalog's table of the first of the queue, into the chunk; *ret_found false: unknown, or not captured. */
static enum cv_rc
find_table(struct incremental *inc, bool *ret_found, struct cv_err *err)
{
    static const char sql[] = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                              " WHERE n.nspname || '.' || c.relname = $1 AND c.relkind IN ('r', 'p')";
    const char *values[1] = { inc->queue[0].id };
    PGresult *res = pg_exec(inc->conn, sql, 1, values);
    struct pg_table *table;
    uint32_t oid = 0;

    *ret_found = false;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        pg_fail(err, inc->conn, res, "could not look for table \"%s\"", inc->queue[0].id);
        PQclear(res);
        return err->rc;
    }
    if (PQntuples(res) == 1)
        oid = (uint32_t)strtoul(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    pg_tables_done(&inc->chunk.tables);
    if (oid == 0)
        return CV_OK;
    if (catalog_tables(inc->spec.catalog, inc->conn, oid, &inc->chunk.tables, err) != CV_OK)
        return err->rc;
    if (inc->chunk.tables.count == 0)
        return CV_OK;
    table = inc->chunk.tables.items[0];
    drop_generated(table);
    *ret_found = table_is_captured(inc->spec.filter, table->schema, table->name);
    return CV_OK;
}

/* The columns that chunks go by; 0: there are none. */
static size_t
chunk_keys(const struct incremental *inc, const struct pg_table *table, uint16_t *ret)
{
    int at;

    if (inc->queue[0].surrogate == NULL)
        return table_key_columns(inc->spec.filter, table, ret);
    at = pg_table_column(table, inc->queue[0].surrogate);
    ret[0] = (uint16_t)at;
    return at >= 0 ? 1 : 0;
}

static enum java_kind
java_kind_of(const struct pg_type *type)
{
    static const struct {
        const char *name;
        enum java_kind kind;
    } kinds[] = { { "int2", JAVA_INTEGER }, { "int4", JAVA_INTEGER }, { "int8", JAVA_LONG }, { "uuid", JAVA_UUID } };

    for (size_t i = 0; i < CV_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, type->name) == 0)
            return kinds[i].kind;
    return JAVA_STRING;
}

/* ---- statements ---- */

struct keys {
    uint16_t *columns;
    size_t count;
};

static void
add_key_columns(const struct pg_table *table, const struct keys *keys, const char *between, const char *behind,
                struct cv_buf *sql)
{
    for (size_t k = 0; k < keys->count; k++) {
        cv_buf_str(sql, k > 0 ? between : "");
        cv_buf_sql_ident(sql, table->columns[keys->columns[k]].name);
        cv_buf_str(sql, behind);
    }
}

/* ROW(k1, k2) OP ROW($n, $n+1) */
static void
add_comparison(const struct pg_table *table, const struct keys *keys, const char *op, size_t first_param,
               struct cv_buf *sql)
{
    cv_buf_str(sql, "ROW(");
    add_key_columns(table, keys, ", ", "", sql);
    cv_buf_printf(sql, ") %s ROW(", op);
    for (size_t k = 0; k < keys->count; k++)
        cv_buf_printf(sql, "%s$%zu", k > 0 ? ", " : "", first_param + k);
    cv_buf_char(sql, ')');
}

static void
add_from(const struct pg_table *table, struct cv_buf *sql)
{
    cv_buf_str(sql, " FROM ");
    cv_buf_sql_ident(sql, table->schema);
    cv_buf_char(sql, '.');
    cv_buf_sql_ident(sql, table->name);
}

static void
key_of_row(const PGresult *res, int row, int first_field, const struct pg_table *table, const struct keys *keys,
           struct java_key *ret)
{
    *ret = (struct java_key){ .count = keys->count };
    for (size_t k = 0; k < keys->count; k++) {
        int field = first_field + (int)k;

        if (PQgetisnull(res, row, field))
            continue;
        ret->items[k].kind = java_kind_of(table->columns[keys->columns[k]].type);
        ret->items[k].text = strdup(PQgetvalue(res, row, field));
    }
}

/* A user's condition may name things without their schema. */
static enum cv_rc
exec(struct incremental *inc, const char *sql, const char *const *values, size_t n, PGresult **ret, struct cv_err *err)
{
    PGresult *res = pg_exec(inc->conn, sql, (int)n, values);

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        pg_fail(err, inc->conn, res, "could not read a chunk of table \"%s\"", inc->queue[0].id);
        PQclear(res);
        return err->rc;
    }
    *ret = res;
    return CV_OK;
}

/* inc->maximum; it stays unset when there is no row. */
static enum cv_rc
read_maximum(struct incremental *inc, const struct pg_table *table, const struct keys *keys, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    PGresult *res = NULL;
    enum cv_rc rc;

    cv_buf_str(&sql, "SELECT ");
    add_key_columns(table, keys, ", ", "", &sql);
    add_from(table, &sql);
    cv_buf_str(&sql, " WHERE ");
    add_key_columns(table, keys, " AND ", " IS NOT NULL", &sql);
    if (inc->queue[0].condition != NULL)
        cv_buf_printf(&sql, " AND (%s)", inc->queue[0].condition);
    cv_buf_str(&sql, " ORDER BY ");
    add_key_columns(table, keys, ", ", " DESC", &sql);
    cv_buf_str(&sql, " LIMIT 1");
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = exec(inc, cv_buf_cstr(&sql), NULL, 0, &res, err);
    if (rc == CV_OK && PQntuples(res) == 1) {
        java_key_done(&inc->maximum);
        key_of_row(res, 0, 0, table, keys, &inc->maximum);
        inc->has_maximum = true;
    }
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

static size_t
add_params(const struct java_key *key, const char **values, size_t n)
{
    for (size_t k = 0; k < key->count; k++)
        values[n++] = key->items[k].text;
    return n;
}

/* The columns of the plan, then those of the key. */
static void
chunk_sql(struct incremental *inc, const struct pg_table *table, const struct keys *keys, struct cv_buf *sql,
          const char **values, size_t *ret_n)
{
    const struct plan *plan = inc->chunk.plan;
    int16_t fields = 0;
    size_t n = 0;

    cv_buf_str(sql, "SELECT ");
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        inc->chunk.field_of[i] = -1;
        if (!plan->columns[i].sent)
            continue;
        inc->chunk.field_of[i] = fields++;
        cv_buf_sql_ident(sql, plan->columns[i].column);
        cv_buf_str(sql, ", ");
    }
    add_key_columns(table, keys, ", ", "", sql);
    add_from(table, sql);
    cv_buf_str(sql, " WHERE ");
    if (inc->has_last) {
        add_comparison(table, keys, ">", n + 1, sql);
        cv_buf_str(sql, " AND ");
        n = add_params(&inc->last, values, n);
    }
    add_comparison(table, keys, "<=", n + 1, sql);
    n = add_params(&inc->maximum, values, n);
    if (inc->queue[0].condition != NULL)
        cv_buf_printf(sql, " AND (%s)", inc->queue[0].condition);
    cv_buf_str(sql, " ORDER BY ");
    add_key_columns(table, keys, ", ", "", sql);
    cv_buf_printf(sql, PQserverVersion(inc->conn) >= 130000 ? " FETCH FIRST %d ROWS WITH TIES" : " LIMIT %d",
                  (int)inc->spec.config->incremental_chunk_size);
    *ret_n = n;
}

/* ---- rows ---- */

/* Each row by its key, as the stream's events have it. Rows without a key cannot be told apart and all go out. */
static enum cv_rc
index_rows(struct incremental *inc, struct cv_err *err)
{
    struct incremental_chunk *chunk = &inc->chunk;
    int n = PQntuples(chunk->rows);
    struct pgoutput_value *values = calloc((size_t)chunk->plan->n_columns + 1, sizeof(*values));
    enum cv_rc rc = CV_OK;

    chunk->by_key = cv_hash_new(NULL);
    chunk->dropped = calloc((size_t)n + 1, sizeof(*chunk->dropped));
    if (values == NULL || chunk->by_key == NULL || chunk->dropped == NULL)
        rc = cv_fail_memory(err);
    for (int row = 0; rc == CV_OK && row < n && chunk->plan->n_keys > 0; row++) {
        struct pgoutput_tuple tuple = { chunk->plan->n_columns, values };
        size_t len = 0;
        char *key, *end;
        int bad = -1;

        for (uint16_t i = 0; i < chunk->plan->n_columns; i++) {
            int field = chunk->field_of[i];

            values[i] = (struct pgoutput_value){ .kind = 'n' };
            if (field < 0 || PQgetisnull(chunk->rows, row, field))
                continue;
            values[i] = (struct pgoutput_value){ .kind = 't', .data = PQgetvalue(chunk->rows, row, field),
                                                 .len = (uint32_t)PQgetlength(chunk->rows, row, field) };
            len += values[i].len;
        }
        cv_buf_reset(&inc->scratch);
        key = cv_buf_reserve(&inc->scratch, plan_bound(chunk->plan, len));
        if (key == NULL) {
            rc = cv_fail_memory(err);
            break;
        }
        end = plan_write_key(chunk->plan, &tuple, key, &bad);
        if (!cv_hash_put_bytes(chunk->by_key, key, (size_t)(end - key), (void *)((uintptr_t)row + 1)))
            rc = cv_fail_memory(err);
    }
    free(values);
    return rc;
}

static enum cv_rc
make_plan(struct incremental *inc, const struct pg_table *table, struct cv_err *err)
{
    struct plan_spec spec = { .config = inc->spec.config,
                              .direct = inc->spec.direct,
                              .filter = inc->spec.filter,
                              .table = table,
                              .catalog = inc->spec.catalog,
                              .conn = inc->conn };
    struct plan *plan = NULL;

    if (plan_new(&spec, &plan, err) != CV_OK)
        return err->rc;
    plan_free(inc->chunk.plan);
    inc->chunk.plan = plan;
    free(inc->chunk.field_of);
    inc->chunk.field_of = calloc((size_t)plan->n_columns + 1, sizeof(*inc->chunk.field_of));
    if (inc->chunk.field_of == NULL)
        return cv_fail_memory(err);
    if (inc->spec.direct == NULL)
        return CV_OK;
    err->rc = CV_OK;
    plan->topic = inc->spec.ctx->topic(inc->spec.ctx, plan->topic_name, err);
    return plan->topic == NULL ? err->rc : CV_OK;
}

/* *ret_rows 0: the table is at its end. */
static enum cv_rc
read_rows(struct incremental *inc, const struct pg_table *table, const struct keys *keys, int *ret_rows,
          struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    const char *values[2 * JAVA_KEY_MAX];
    PGresult *res = NULL;
    size_t n;
    enum cv_rc rc = make_plan(inc, table, err);

    if (rc == CV_OK) {
        chunk_sql(inc, table, keys, &sql, values, &n);
        rc = cv_buf_check(&sql, err);
    }
    if (rc == CV_OK)
        rc = exec(inc, cv_buf_cstr(&sql), values, n, &res, err);
    cv_buf_free(&sql);
    if (rc != CV_OK)
        return rc;
    inc->chunk.rows = res;
    *ret_rows = PQntuples(res);
    if (*ret_rows == 0) {
        PQclear(res);
        inc->chunk.rows = NULL;
        return CV_OK;
    }
    inc->n_rows += (uint64_t)*ret_rows;
    key_of_row(res, *ret_rows - 1, PQnfields(res) - (int)keys->count, table, keys, &inc->chunk.end);
    return index_rows(inc, err);
}

/* For progress. Of a part of the table, or of the rest that another task has left, the number of rows is not known. */
static enum cv_rc
note_begin(struct incremental *inc, const struct pg_table *table, struct cv_err *err)
{
    PGresult *res = NULL;
    char sql[80];

    inc->begun_ms = cv_mono_ms();
    if (inc->has_last || inc->queue[0].condition != NULL)
        return CV_OK;
    snprintf(sql, sizeof(sql), "SELECT reltuples FROM pg_catalog.pg_class WHERE oid = %u", table->oid);
    if (pg_query(inc->conn, sql, &res, "could not read a table's size", err) != CV_OK)
        return err->rc;
    if (PQntuples(res) > 0)
        inc->estimate = strtod(PQgetvalue(res, 0, 0), NULL);
    PQclear(res);
    return CV_OK;
}

/* The first of the queue gives rows, *ret_status NULL, or is complete for a reason. */
static enum cv_rc
read_table(struct incremental *inc, const char **ret_status, struct cv_err *err)
{
    const struct pg_table *table;
    struct keys keys = { 0 };
    bool found;
    int rows = 0;
    enum cv_rc rc = find_table(inc, &found, err);

    *ret_status = "UNKNOWN_SCHEMA";
    if (rc != CV_OK || !found)
        return rc;
    table = inc->chunk.tables.items[0];
    keys.columns = calloc(table->n_columns + 1, sizeof(*keys.columns));
    if (keys.columns == NULL)
        return cv_fail_memory(err);
    keys.count = chunk_keys(inc, table, keys.columns);
    *ret_status = "NO_PRIMARY_KEY";
    if (keys.count > 0 && keys.count <= JAVA_KEY_MAX) {
        if (inc->has_maximum && inc->maximum.count != keys.count) { /* the key is another one since */
            java_key_done(&inc->maximum);
            java_key_done(&inc->last);
            inc->has_maximum = inc->has_last = false;
        }
        if (inc->begun_ms == 0)
            rc = note_begin(inc, table, err);
        if (rc == CV_OK && !inc->has_maximum)
            rc = read_maximum(inc, table, &keys, err);
        *ret_status = "EMPTY";
        if (rc == CV_OK && inc->has_maximum) {
            rc = read_rows(inc, table, &keys, &rows, err);
            *ret_status = rows > 0 ? NULL : "SUCCEEDED";
        }
    }
    free(keys.columns);
    return rc;
}

static enum cv_rc
read_chunk(struct incremental *inc, struct cv_err *err)
{
    const char *status = NULL;
    char opened[40];
    bool any = false;

    if (cv_uuid_random(inc->chunk.id, err) != CV_OK || open_window(inc, opened, err) != CV_OK)
        return err->rc;
    while (incremental_runs(inc) && !any) {
        if (read_table(inc, &status, err) != CV_OK)
            return err->rc;
        any = status == NULL;
        if (any ? incremental_tell_chunk(inc, err) != CV_OK : incremental_tell_table(inc, status, err) != CV_OK)
            return err->rc;
        if (!any)
            incremental_queue_shift(inc);
    }
    if (close_window(inc, opened, err) != CV_OK)
        return err->rc;
    inc->chunk.waiting = any;
    if (any)
        return CV_OK;
    CV_LOG_INFO(inc->spec.ctx->log, "incremental snapshot complete", CV_STR("signal", inc->correlation_id));
    return incremental_tell(inc, "COMPLETED", err);
}

enum cv_rc
incremental_connect(struct incremental *inc, struct cv_err *err)
{
    if (inc->conn != NULL)
        return CV_OK;
    return pg_connect(inc->spec.config, PG_SESSION_USER, CONNECT_TIMEOUT_MS, &inc->conn, err);
}

void
incremental_disconnect(struct incremental *inc)
{
    if (PQstatus(inc->conn) == CONNECTION_OK)
        return;
    PQfinish(inc->conn);
    inc->conn = NULL;
}

enum cv_rc
incremental_chunk_read(struct incremental *inc, struct cv_err *err)
{
    enum cv_rc rc = incremental_connect(inc, err);

    incremental_chunk_done(&inc->chunk);
    if (rc == CV_OK)
        rc = read_chunk(inc, err);
    if (rc == CV_OK)
        return CV_OK;
    incremental_chunk_done(&inc->chunk);
    incremental_disconnect(inc);
    return rc;
}
