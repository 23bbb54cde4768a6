/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changelog of a task; see changelog.h. The pre-update hook runs on the task's thread inside
 * its statements (SQLite: "The pre-update hook"); the update hook would miss WITHOUT ROWID tables
 * and rows that REPLACE deletes.
 */
#include "streams/store/changelog.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "streams/store/codec.h"
#include "streams/store/sqlite.h"

#define RECORD_MAX ((size_t)64 << 20)

/* The newest image of a row; len 0 with deleted. */
struct image {
    bool deleted;
    size_t len;
    char data[];
};

/* A watched table and the statements that restore it, made when first needed. */
struct watched {
    const struct table *table;
    struct statement *put;
    struct statement *remove;
    struct statement *get;
    bool followed;
    uint32_t layout; /* of the record that was restored last, */
    size_t layout_columns; /* and the columns that it has; 0: none was */
};

struct changelog {
    struct database *db;
    struct watched *tables;
    size_t n_tables;
    struct cv_hash *dirty; /* key bytes -> struct image */
    struct cv_hash *before; /* the same of followed tables, as it was */
    struct cv_buf key;     /* scratch */
    struct cv_buf value;
    struct cell *cells;
    enum cv_rc failed; /* of the hook */
    bool restoring;    /* the hook looks away */
    struct cv_hash *unread; /* keys of records of another layout that nothing has taken the place of */
    struct watched *unread_of; /* one of them */
};

static struct watched *
watched_find(struct changelog *log, const char *name)
{
    for (size_t i = 0; i < log->n_tables; i++) {
        if (strcmp(log->tables[i].table->name, name) == 0)
            return &log->tables[i];
    }
    return NULL;
}

static void
encode_key(struct changelog *log, const struct table *table, const struct cell *cells)
{
    cv_buf_reset(&log->key);
    cv_buf_be32(&log->key, table->id);
    for (size_t i = 0; i < table->n_key; i++)
        codec_key_cell(&log->key, &cells[table->key[i]]);
}

static void
encode_value(struct changelog *log, const struct table *table, const struct cell *cells)
{
    cv_buf_reset(&log->value);
    cv_buf_char(&log->value, CODEC_VERSION);
    cv_buf_be32(&log->value, table->layout);
    for (size_t i = 0; i < table->n_columns; i++)
        codec_cell(&log->value, &cells[i]);
}

/* Keep what stands in log->key and, unless deleted, log->value. */
static void
keep(struct changelog *log, struct cv_hash *where, bool deleted)
{
    size_t len = deleted ? 0 : log->value.len;
    struct image *image = malloc(sizeof(*image) + len);

    if (image == NULL || log->key.failed != CV_OK || log->value.failed != CV_OK) {
        free(image);
        log->failed = CV_NO_MEMORY;
        return;
    }
    image->deleted = deleted;
    image->len = len;
    if (len > 0)
        memcpy(image->data, log->value.data, len);
    if (!cv_hash_put_bytes(where, log->key.data, log->key.len, image)) {
        free(image);
        log->failed = CV_NO_MEMORY;
    }
}

static void
remember(struct changelog *log, bool deleted)
{
    keep(log, log->dirty, deleted);
}

/* What the row with the key of cells was, unless that is known already. old NULL: it was not. */
static void
remember_before(struct changelog *log, const struct watched *watched, const struct cell *key,
                const struct cell *old)
{
    if (!watched->followed)
        return;
    encode_key(log, watched->table, key);
    if (cv_hash_get_bytes(log->before, log->key.data, log->key.len) != NULL)
        return;
    if (old != NULL)
        encode_value(log, watched->table, old);
    keep(log, log->before, old == NULL);
}

static bool
read_cells(struct changelog *log, const struct table *table,
           int (*get)(sqlite3 *, int, sqlite3_value **), struct cell *cells)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        sqlite3_value *value;

        if (get(log->db->handle, (int)i, &value) != SQLITE_OK) {
            log->failed = CV_INTERNAL;
            return false;
        }
        cells[i] = sqlite_cell(value);
    }
    return true;
}

/* Only the key's columns may differ for an update to move a row. */
static bool
key_changed(const struct table *table, const struct cell *old, const struct cell *new)
{
    for (size_t i = 0; i < table->n_key; i++) {
        if (!cell_equal(&old[table->key[i]], &new[table->key[i]]))
            return true;
    }
    return false;
}

static void
on_write(void *arg, sqlite3 *handle, int op, const char *schema, const char *name,
         sqlite3_int64 old_rowid, sqlite3_int64 new_rowid)
{
    struct changelog *log = arg;
    struct watched *watched;
    struct cell *old = log->cells;
    struct cell *new = log->cells + TABLE_COLUMNS_MAX;

    (void)handle;
    (void)old_rowid;
    (void)new_rowid;
    if (log->restoring)
        return;
    watched = watched_find(log, name);
    if (watched == NULL || strcmp(schema, watched->table->schema) != 0)
        return;
    if (op != SQLITE_INSERT && !read_cells(log, watched->table, sqlite3_preupdate_old, old))
        return;
    if (op != SQLITE_DELETE && !read_cells(log, watched->table, sqlite3_preupdate_new, new))
        return;
    if (op != SQLITE_INSERT)
        remember_before(log, watched, old, old);
    if (op == SQLITE_INSERT || (op == SQLITE_UPDATE && key_changed(watched->table, old, new)))
        remember_before(log, watched, new, NULL);
    if (op == SQLITE_DELETE || (op == SQLITE_UPDATE && key_changed(watched->table, old, new))) {
        encode_key(log, watched->table, old);
        remember(log, true);
    }
    if (op != SQLITE_DELETE) {
        encode_key(log, watched->table, new);
        encode_value(log, watched->table, new);
        remember(log, false);
    }
}

enum cv_rc
changelog_new(struct database *db, const struct table *const *tables, size_t count,
              struct changelog **ret, struct cv_err *err)
{
    struct changelog *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return cv_fail_memory(err);
    log->db = db;
    cv_buf_init(&log->key, RECORD_MAX);
    cv_buf_init(&log->value, RECORD_MAX);
    log->tables = calloc(count + 1, sizeof(*log->tables));
    log->cells = calloc(2 * TABLE_COLUMNS_MAX, sizeof(*log->cells));
    log->dirty = cv_hash_new(free);
    log->before = cv_hash_new(free);
    log->unread = cv_hash_new(NULL);
    if (log->tables == NULL || log->cells == NULL || log->dirty == NULL || log->before == NULL ||
        log->unread == NULL) {
        changelog_free(log);
        return cv_fail_memory(err);
    }
    log->n_tables = count;
    for (size_t i = 0; i < count; i++)
        log->tables[i].table = tables[i];
    sqlite3_preupdate_hook(db->handle, on_write, log);
    *ret = log;
    return CV_OK;
}

void
changelog_free(struct changelog *log)
{
    if (log == NULL)
        return;
    sqlite3_preupdate_hook(log->db->handle, NULL, NULL);
    for (size_t i = 0; i < log->n_tables; i++) {
        statement_free(log->tables[i].put);
        statement_free(log->tables[i].remove);
        statement_free(log->tables[i].get);
    }
    cv_hash_free(log->dirty);
    cv_hash_free(log->before);
    cv_hash_free(log->unread);
    cv_buf_free(&log->key);
    cv_buf_free(&log->value);
    free(log->tables);
    free(log->cells);
    free(log);
}

size_t
changelog_dirty(const struct changelog *log)
{
    return cv_hash_count(log->dirty);
}

bool
changelog_next(const struct changelog *log, size_t *inout_i, struct cv_bytes *ret_key,
               struct cv_bytes *ret_value)
{
    struct cv_hash_entry entry;
    const struct image *image;

    if (!cv_hash_next(log->dirty, inout_i, &entry))
        return false;
    image = entry.value;
    *ret_key = (struct cv_bytes){ .data = entry.key, .len = entry.key_len };
    *ret_value =
        (struct cv_bytes){ .data = image->deleted ? NULL : image->data, .len = image->len };
    return true;
}

enum cv_rc
changelog_status(const struct changelog *log, struct cv_err *err)
{
    if (log->failed == CV_OK)
        return CV_OK;
    return cv_fail(err, log->failed,
                   "a change of the state in \"%s\" could not be kept for the changelog",
                   db_path(log->db));
}

void
changelog_clear(struct changelog *log)
{
    cv_hash_clear(log->dirty);
    cv_hash_clear(log->before);
    log->failed = CV_OK;
}

/* ---- what changed ---- */

void
changelog_follow(struct changelog *log, const struct table *table)
{
    struct watched *watched = watched_find(log, table->name);

    if (watched != NULL)
        watched->followed = true;
}

void
changelog_take(struct changelog *log)
{
    cv_hash_clear(log->before);
}

bool
changelog_changed(const struct changelog *log, const struct table *table, size_t *inout_i,
                  struct cv_bytes *ret_key, struct cv_bytes *ret_old, struct cv_bytes *ret_new)
{
    struct cv_hash_entry entry;

    while (cv_hash_next(log->before, inout_i, &entry)) {
        struct cv_reader in = cv_reader_of(entry.key, entry.key_len);
        const struct image *old = entry.value;
        const struct image *new = cv_hash_get_bytes(log->dirty, entry.key, entry.key_len);

        if (cv_read_u32(&in) != table->id || new == NULL ||
            (old->deleted == new->deleted && old->len == new->len &&
             memcmp(old->data, new->data, old->len) == 0))
            continue;
        *ret_key = (struct cv_bytes){ .data = entry.key, .len = entry.key_len };
        *ret_old = (struct cv_bytes){ .data = old->deleted ? NULL : old->data, .len = old->len };
        *ret_new = (struct cv_bytes){ .data = new->deleted ? NULL : new->data, .len = new->len };
        return true;
    }
    return false;
}

/* The first n cells; columns that came later are NULL. */
static void
decode_cells(struct cv_reader *in, const struct table *table, size_t n, struct cell *cells)
{
    for (size_t i = 0; i < table->n_columns; i++)
        cells[i] = i < n ? codec_read_cell(in) : (struct cell){ .kind = CELL_NULL };
}

enum cv_rc
changelog_cells(const struct table *table, struct cv_bytes value, struct cell *cells,
                struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(value.data, value.len);
    uint8_t version = cv_read_u8(&in);
    uint32_t layout = cv_read_u32(&in);

    size_t n = table_columns_of(table, layout);

    if (!in.failed && (version != CODEC_VERSION || n == 0))
        return cv_fail(err, CV_INVALID, "a row of \"%s\" was kept for other columns", table->name);
    decode_cells(&in, table, n, cells);
    return cv_reader_finish(&in, "row", err);
}

/* ---- restore ---- */

static void
add_key_condition(struct cv_buf *sql, const struct table *table)
{
    cv_buf_str(sql, " WHERE ");
    for (size_t i = 0; i < table->n_key; i++) {
        cv_buf_str(sql, i > 0 ? " AND " : "");
        cv_buf_sql_ident(sql, table->columns[table->key[i]].name);
        cv_buf_printf(sql, " = ?%zu", i + 1);
    }
}

static void
add_columns(struct cv_buf *sql, const struct table *table)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        cv_buf_str(sql, i > 0 ? ", " : "");
        cv_buf_sql_ident(sql, table->columns[i].name);
    }
}

static enum cv_rc
prepare(struct changelog *log, struct cv_buf *sql, struct statement **ret, struct cv_err *err)
{
    enum cv_rc rc = cv_buf_check(sql, err);

    if (rc == CV_OK)
        rc = db_prepare(log->db, cv_buf_cstr(sql), ret, NULL, err);
    cv_buf_free(sql);
    return rc;
}

static enum cv_rc
prepare_put(struct changelog *log, struct watched *watched, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);

    if (watched->put != NULL)
        return CV_OK;
    cv_buf_printf(&sql, "INSERT OR REPLACE INTO %s.", watched->table->schema);
    cv_buf_sql_ident(&sql, watched->table->name);
    cv_buf_str(&sql, " (");
    add_columns(&sql, watched->table);
    cv_buf_str(&sql, ") VALUES (");
    for (size_t i = 0; i < watched->table->n_columns; i++)
        cv_buf_printf(&sql, "%s?%zu", i > 0 ? ", " : "", i + 1);
    cv_buf_char(&sql, ')');
    return prepare(log, &sql, &watched->put, err);
}

static enum cv_rc
prepare_remove(struct changelog *log, struct watched *watched, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);

    if (watched->remove != NULL)
        return CV_OK;
    cv_buf_printf(&sql, "DELETE FROM %s.", watched->table->schema);
    cv_buf_sql_ident(&sql, watched->table->name);
    add_key_condition(&sql, watched->table);
    return prepare(log, &sql, &watched->remove, err);
}

static enum cv_rc
prepare_get(struct changelog *log, struct watched *watched, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);

    if (watched->get != NULL)
        return CV_OK;
    cv_buf_str(&sql, "SELECT ");
    add_columns(&sql, watched->table);
    cv_buf_printf(&sql, " FROM %s.", watched->table->schema);
    cv_buf_sql_ident(&sql, watched->table->name);
    add_key_condition(&sql, watched->table);
    return prepare(log, &sql, &watched->get, err);
}

static struct watched *
watched_by_id(struct changelog *log, uint32_t id)
{
    for (size_t i = 0; i < log->n_tables; i++) {
        if (log->tables[i].table->id == id)
            return &log->tables[i];
    }
    return NULL;
}

/* A row of another definition may have been deleted since, by a reset of its table: the end tells. */
static enum cv_rc
keep_unread(struct changelog *log, struct watched *watched, struct cv_bytes key, struct cv_err *err)
{
    log->unread_of = watched;
    return cv_hash_put_bytes(log->unread, key.data, key.len, watched) ? CV_OK : cv_fail_memory(err);
}

size_t
changelog_unread(const struct changelog *log)
{
    return cv_hash_count(log->unread);
}

enum cv_rc
changelog_check_unread(const struct changelog *log, struct cv_err *err)
{
    if (cv_hash_count(log->unread) == 0)
        return CV_OK;
    return cv_fail(
        err, CV_INVALID,
        "the changelog was written for another definition of table \"%s\": columns may only be "
        "added behind the others and without NOT NULL; restore the old definition, give the "
        "table a new name, or begin anew with culvert-streams reset (--table %s: a state table alone)",
        log->unread_of->table->name, log->unread_of->table->name);
}

static enum cv_rc
apply_put(struct changelog *log, struct watched *watched, struct cv_bytes key, struct cv_bytes value,
          struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(value.data, value.len);
    const struct table *table = watched->table;
    uint8_t version = cv_read_u8(&in);
    uint32_t layout = cv_read_u32(&in);
    enum cv_rc rc;

    if (watched->layout != layout || watched->layout_columns == 0) {
        watched->layout = layout;
        watched->layout_columns = table_columns_of(table, layout);
    }
    if (!in.failed && version != CODEC_VERSION)
        return cv_fail(err, CV_INVALID,
                       "the changelog of table \"%s\" was written by a newer version (format %u)",
                       table->name, version);
    if (!in.failed && watched->layout_columns == 0)
        return keep_unread(log, watched, key, err);
    decode_cells(&in, table, watched->layout_columns, log->cells);
    rc = cv_reader_finish(&in, "changelog record", err);
    if (rc == CV_OK)
        rc = prepare_put(log, watched, err);
    if (rc != CV_OK)
        return rc;
    for (size_t i = 0; i < table->n_columns; i++)
        statement_bind(watched->put, (int)i + 1, &log->cells[i]);
    return statement_run(log->db, watched->put, err);
}

/* The primary key behind the table's id. */
static enum cv_rc
read_key(const struct table *table, struct cv_reader *in, struct cell *cells, struct cv_buf *scratch,
         struct cv_err *err)
{
    cv_buf_reset(scratch);
    cv_buf_reserve(scratch, 2 * cv_reader_left(in) + 16 * table->n_key); /* so that it stays there */
    for (size_t i = 0; i < table->n_key; i++)
        cells[i] = codec_read_key_cell(in, scratch);
    return cv_reader_finish(in, "changelog key", err);
}

enum cv_rc
changelog_key_cells(const struct table *table, struct cv_bytes key, struct cell *cells,
                    struct cv_buf *scratch, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(key.data, key.len);

    (void)cv_read_u32(&in);
    return read_key(table, &in, cells, scratch, err);
}

static enum cv_rc
bind_key(struct changelog *log, const struct table *table, struct cv_reader *in,
         struct statement *st, struct cv_err *err)
{
    if (read_key(table, in, log->cells, &log->value, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < table->n_key; i++)
        statement_bind(st, (int)i + 1, &log->cells[i]);
    return CV_OK;
}

static enum cv_rc
apply_remove(struct changelog *log, struct watched *watched, struct cv_reader *key,
             struct cv_err *err)
{
    enum cv_rc rc = prepare_remove(log, watched, err);

    if (rc == CV_OK)
        rc = bind_key(log, watched->table, key, watched->remove, err);
    return rc == CV_OK ? statement_run(log->db, watched->remove, err) : rc;
}

enum cv_rc
changelog_apply(struct changelog *log, struct cv_bytes key, struct cv_bytes value, bool memory_only,
                struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(key.data, key.len);
    uint32_t id = cv_read_u32(&in);
    struct watched *watched;
    enum cv_rc rc;

    if (in.failed)
        return cv_fail(err, CV_INVALID, "the key of a changelog record is shorter than 4 bytes");
    watched = watched_by_id(log, id);
    if (watched == NULL ||
        (memory_only && strcmp(watched->table->schema, TABLE_IN_MEMORY) != 0))
        return CV_OK;
    if (cv_hash_count(log->unread) > 0)
        cv_hash_remove_bytes(log->unread, key.data, key.len);
    log->restoring = true;
    if (value.data == NULL)
        rc = apply_remove(log, watched, &in, err);
    else
        rc = apply_put(log, watched, key, value, err);
    log->restoring = false;
    return rc;
}

/* The row of one dirty key as its table has it now, into log->value; *ret_found false: it has none.
 */
static enum cv_rc
reread_row(struct changelog *log, struct cv_bytes key, bool *ret_found, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(key.data, key.len);
    struct watched *watched = watched_by_id(log, cv_read_u32(&in));
    enum cv_rc rc = prepare_get(log, watched, err);

    if (rc == CV_OK)
        rc = bind_key(log, watched->table, &in, watched->get, err);
    if (rc == CV_OK)
        rc = statement_step(log->db, watched->get, ret_found, err);
    if (rc == CV_OK && *ret_found) {
        for (size_t i = 0; i < watched->table->n_columns; i++)
            log->cells[i] = statement_cell(watched->get, (int)i);
        encode_value(log, watched->table, log->cells);
    }
    if (watched->get != NULL)
        statement_reset(watched->get);
    return rc;
}

enum cv_rc
changelog_reread(struct changelog *log, struct cv_err *err)
{
    struct cv_hash_entry entry;
    size_t i = 0;

    log->failed = CV_OK;
    while (cv_hash_next(log->dirty, &i, &entry)) {
        bool found = false;
        enum cv_rc rc = reread_row(
            log, (struct cv_bytes){ .data = entry.key, .len = entry.key_len }, &found, err);

        if (rc != CV_OK)
            return rc;
        cv_buf_reset(&log->key);
        cv_buf_add(&log->key, entry.key, entry.key_len);
        remember(log, !found);
    }
    return changelog_status(log, err);
}

enum cv_rc
changelog_row(struct changelog *log, struct cv_bytes key, struct cv_bytes *ret, bool *ret_found,
              struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(key.data, key.len);
    enum cv_rc rc = CV_OK;

    *ret_found = false;
    if (watched_by_id(log, cv_read_u32(&in)) != NULL)
        rc = reread_row(log, key, ret_found, err);
    if (rc == CV_OK && *ret_found)
        *ret = (struct cv_bytes){ .data = log->value.data, .len = log->value.len };
    return rc;
}
