/* SPDX-License-Identifier: Apache-2.0 */
/* Rows whose time is over; see expiry.h. A step looks at STEP_ROWS rows behind the hand; a round
   begins when the watermark has gone on by a part of the rows' life. */
#include "streams/engine/expiry.h"

#include <stdlib.h>

#include "common/buf.h"

#define STEP_ROWS      2000
#define ROUNDS_A_LIFE  8
#define ROUND_MIN_MS   1000
#define HAND_BYTES_MAX ((size_t)16 << 20)

struct expiry {
    struct database *db;
    const struct plan_state *state;
    struct statement *first; /* key of the row STEP_ROWS behind the beginning */
    struct statement *next;  /* behind the hand */
    struct statement *remove[4]; /* up to the key found or to the end; from the beginning or hand */
    bool under_way;          /* in the middle of a round */
    int64_t round_ms;        /* watermark at its start */
    struct cell *hand;
    struct cell *bound;
    struct cv_buf hand_copy;
    struct cv_buf bound_copy;
};

enum { FROM_START = 0, FROM_HAND = 1, TO_BOUND = 2 };

static void
add_key(struct cv_buf *sql, const struct table *table)
{
    cv_buf_char(sql, '(');
    for (size_t i = 0; i < table->n_key; i++) {
        cv_buf_str(sql, i > 0 ? ", " : "");
        cv_buf_sql_ident(sql, table->columns[table->key[i]].name);
    }
    cv_buf_char(sql, ')');
}

/* (k1, k2) > (?1, ?2), from parameter number base + 1 on */
static void
add_compare(struct cv_buf *sql, const struct table *table, const char *op, size_t base)
{
    add_key(sql, table);
    cv_buf_printf(sql, " %s (", op);
    for (size_t i = 0; i < table->n_key; i++)
        cv_buf_printf(sql, "%s?%zu", i > 0 ? ", " : "", base + i + 1);
    cv_buf_char(sql, ')');
}

static enum cv_rc
prepare(struct expiry *ex, struct cv_buf *sql, struct statement **ret, struct cv_err *err)
{
    enum cv_rc rc = cv_buf_check(sql, err);

    if (rc == CV_OK)
        rc = db_prepare(ex->db, cv_buf_cstr(sql), ret, NULL, err);
    cv_buf_reset(sql);
    return rc;
}

static enum cv_rc
prepare_search(struct expiry *ex, bool from_hand, struct cv_buf *sql, struct statement **ret,
               struct cv_err *err)
{
    const struct table *table = ex->state->table;

    cv_buf_str(sql, "SELECT ");
    for (size_t i = 0; i < table->n_key; i++) {
        cv_buf_str(sql, i > 0 ? ", " : "");
        cv_buf_sql_ident(sql, table->columns[table->key[i]].name);
    }
    cv_buf_printf(sql, " FROM %s.", table->schema);
    cv_buf_sql_ident(sql, table->name);
    if (from_hand) {
        cv_buf_str(sql, " WHERE ");
        add_compare(sql, table, ">", 0);
    }
    for (size_t i = 0; i < table->n_key; i++) {
        cv_buf_str(sql, i > 0 ? ", " : " ORDER BY ");
        cv_buf_sql_ident(sql, table->columns[table->key[i]].name);
    }
    cv_buf_printf(sql, " LIMIT 1 OFFSET %d", STEP_ROWS - 1);
    return prepare(ex, sql, ret, err);
}

/* Parameters: the hand's, the bound's, the last time that expires. */
static enum cv_rc
prepare_remove(struct expiry *ex, int kind, struct cv_buf *sql, struct cv_err *err)
{
    const struct table *table = ex->state->table;

    cv_buf_printf(sql, "DELETE FROM %s.", table->schema);
    cv_buf_sql_ident(sql, table->name);
    cv_buf_str(sql, " WHERE ");
    if (kind & FROM_HAND) {
        add_compare(sql, table, ">", 0);
        cv_buf_str(sql, " AND ");
    }
    if (kind & TO_BOUND) {
        add_compare(sql, table, "<=", table->n_key);
        cv_buf_str(sql, " AND ");
    }
    /* The plus keeps SQLite from looking for an index on the column. */
    cv_buf_char(sql, '+');
    cv_buf_sql_ident(sql, table->columns[ex->state->expire].name);
    cv_buf_printf(sql, " <= ?%zu", 2 * table->n_key + 1);
    return prepare(ex, sql, &ex->remove[kind], err);
}

enum cv_rc
expiry_new(struct database *db, const struct plan_state *state, struct expiry **ret,
           struct cv_err *err)
{
    struct expiry *ex = calloc(1, sizeof(*ex));
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    enum cv_rc rc;

    if (ex == NULL)
        return cv_fail_memory(err);
    ex->db = db;
    ex->state = state;
    ex->round_ms = TIME_NONE;
    cv_buf_init(&ex->hand_copy, HAND_BYTES_MAX);
    cv_buf_init(&ex->bound_copy, HAND_BYTES_MAX);
    ex->hand = calloc(state->table->n_key, sizeof(*ex->hand));
    ex->bound = calloc(state->table->n_key, sizeof(*ex->bound));
    rc = ex->hand == NULL || ex->bound == NULL ? cv_fail_memory(err) : CV_OK;
    if (rc == CV_OK)
        rc = prepare_search(ex, false, &sql, &ex->first, err);
    if (rc == CV_OK)
        rc = prepare_search(ex, true, &sql, &ex->next, err);
    for (int kind = 0; kind < 4 && rc == CV_OK; kind++)
        rc = prepare_remove(ex, kind, &sql, err);
    cv_buf_free(&sql);
    if (rc != CV_OK) {
        expiry_free(ex);
        return rc;
    }
    *ret = ex;
    return CV_OK;
}

void
expiry_free(struct expiry *ex)
{
    if (ex == NULL)
        return;
    statement_free(ex->first);
    statement_free(ex->next);
    for (int kind = 0; kind < 4; kind++)
        statement_free(ex->remove[kind]);
    cv_buf_free(&ex->hand_copy);
    cv_buf_free(&ex->bound_copy);
    free(ex->hand);
    free(ex->bound);
    free(ex);
}

static void
bind_key(const struct expiry *ex, struct statement *st, const struct cell *key, size_t base)
{
    for (size_t i = 0; i < ex->state->table->n_key; i++)
        statement_bind(st, (int)(base + i) + 1, &key[i]);
}

/* The key that the step ends at, into bound; *ret_found false: the table ends first. */
static enum cv_rc
find_bound(struct expiry *ex, bool *ret_found, struct cv_err *err)
{
    struct statement *st = ex->under_way ? ex->next : ex->first;
    size_t n = ex->state->table->n_key;
    size_t bytes = 0;
    enum cv_rc rc;

    if (ex->under_way)
        bind_key(ex, st, ex->hand, 0);
    rc = statement_step(ex->db, st, ret_found, err);
    for (size_t i = 0; i < n && rc == CV_OK && *ret_found; i++) {
        ex->bound[i] = statement_cell(st, (int)i);
        if (ex->bound[i].kind == CELL_TEXT || ex->bound[i].kind == CELL_BLOB)
            bytes += ex->bound[i].len;
    }
    cv_buf_reset(&ex->bound_copy);
    cv_buf_reserve(&ex->bound_copy, bytes + 1);
    for (size_t i = 0; i < n && rc == CV_OK && *ret_found; i++) {
        size_t at = ex->bound_copy.len;

        if (ex->bound[i].kind != CELL_TEXT && ex->bound[i].kind != CELL_BLOB)
            continue;
        cv_buf_add(&ex->bound_copy, ex->bound[i].data, ex->bound[i].len);
        ex->bound[i].data = ex->bound_copy.data + at;
    }
    if (rc == CV_OK)
        rc = cv_buf_check(&ex->bound_copy, err);
    statement_reset(st);
    return rc;
}

static bool
round_due(const struct expiry *ex, int64_t watermark_ms)
{
    int64_t step = ex->state->expire_after_ms / ROUNDS_A_LIFE;

    if (ex->round_ms == TIME_NONE)
        return true;
    return watermark_ms - ex->round_ms >= (step < ROUND_MIN_MS ? ROUND_MIN_MS : step);
}

enum cv_rc
expiry_step(struct expiry *ex, int64_t watermark_ms, struct cv_err *err)
{
    size_t n = ex->state->table->n_key;
    struct statement *st;
    struct cell *cells;
    struct cv_buf copy;
    bool found;

    if (watermark_ms == TIME_NONE || (!ex->under_way && !round_due(ex, watermark_ms)))
        return CV_OK;
    if (!ex->under_way)
        ex->round_ms = watermark_ms;
    if (find_bound(ex, &found, err) != CV_OK)
        return err->rc;
    st = ex->remove[(ex->under_way ? FROM_HAND : 0) | (found ? TO_BOUND : 0)];
    if (ex->under_way)
        bind_key(ex, st, ex->hand, 0);
    if (found)
        bind_key(ex, st, ex->bound, n);
    statement_bind_int(st, (int)(2 * n) + 1, watermark_ms - ex->state->expire_after_ms);
    if (statement_run(ex->db, st, err) != CV_OK)
        return err->rc;
    ex->under_way = found;
    cells = ex->hand;
    ex->hand = ex->bound;
    ex->bound = cells;
    copy = ex->hand_copy;
    ex->hand_copy = ex->bound_copy;
    ex->bound_copy = copy;
    return CV_OK;
}

bool
expiry_under_way(const struct expiry *ex)
{
    return ex->under_way;
}
