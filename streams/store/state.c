/* SPDX-License-Identifier: Apache-2.0 */
/* State files; see state.h. */
#include "streams/store/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"

#define DDL_MAX ((size_t)8 << 20)
/* Small files are checked at every start, larger ones after an unclean stop. */
#define ALWAYS_CHECK_BYTES ((int64_t)32 << 20)

static const char engine_tables[] =
    "CREATE TABLE _culvert_meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "CREATE TABLE _culvert_offsets (topic TEXT, partition INTEGER, next_offset INTEGER, clock_ms "
    "INTEGER, "
    "commit_lsn INTEGER, lsn INTEGER, snapshot_lsn INTEGER, after_delete INTEGER, key_hash INTEGER, "
    "PRIMARY KEY (topic, partition)) WITHOUT ROWID";

struct state {
    struct state_spec spec; /* strings owned */
    struct database *db;
    struct statement *get_meta;
    struct statement *put_meta;
    struct statement *get_position;
    struct statement *put_position;
};

static void
statements_done(struct state *state)
{
    statement_free(state->get_meta);
    statement_free(state->put_meta);
    statement_free(state->get_position);
    statement_free(state->put_position);
    state->get_meta = state->put_meta = state->get_position = state->put_position = NULL;
}

static enum cv_rc
statements_init(struct state *state, struct cv_err *err)
{
    enum cv_rc rc = db_prepare(state->db, "SELECT v FROM _culvert_meta WHERE k = ?1",
                               &state->get_meta, NULL, err);

    if (rc == CV_OK)
        rc = db_prepare(state->db, "INSERT OR REPLACE INTO _culvert_meta VALUES (?1, ?2)",
                        &state->put_meta, NULL, err);
    if (rc == CV_OK)
        rc = db_prepare(state->db,
                        "SELECT next_offset, clock_ms, commit_lsn, lsn, snapshot_lsn, after_delete, "
                        "key_hash "
                        "FROM _culvert_offsets WHERE topic = ?1 AND partition = ?2",
                        &state->get_position, NULL, err);
    if (rc == CV_OK)
        rc = db_prepare(
            state->db,
            "INSERT OR REPLACE INTO _culvert_offsets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &state->put_position, NULL, err);
    return rc;
}

/* ---- meta and positions ---- */

static enum cv_rc
get_meta(struct state *state, const char *key, bool *ret_row, struct cv_err *err)
{
    statement_bind_text(state->get_meta, 1, key);
    return statement_step(state->db, state->get_meta, ret_row, err);
}

enum cv_rc
state_number(struct state *state, const char *key, int64_t *ret, struct cv_err *err)
{
    bool row;
    enum cv_rc rc = get_meta(state, key, &row, err);

    if (rc == CV_OK)
        *ret = row ? statement_int(state->get_meta, 0) : 0;
    statement_reset(state->get_meta);
    return rc;
}

enum cv_rc
state_text(struct state *state, const char *key, char *out, size_t size, struct cv_err *err)
{
    bool row;
    enum cv_rc rc = get_meta(state, key, &row, err);
    const char *text = rc == CV_OK && row ? statement_text(state->get_meta, 0) : NULL;

    if (rc == CV_OK)
        snprintf(out, size, "%s", text == NULL ? "" : text);
    statement_reset(state->get_meta);
    return rc;
}

enum cv_rc
state_set_number(struct state *state, const char *key, int64_t v, struct cv_err *err)
{
    statement_bind_text(state->put_meta, 1, key);
    statement_bind_int(state->put_meta, 2, v);
    return statement_run(state->db, state->put_meta, err);
}

enum cv_rc
state_set_text(struct state *state, const char *key, const char *v, struct cv_err *err)
{
    statement_bind_text(state->put_meta, 1, key);
    statement_bind_text(state->put_meta, 2, v);
    return statement_run(state->db, state->put_meta, err);
}

enum cv_rc
state_position(struct state *state, const char *topic, int32_t partition, struct position *ret,
               bool *ret_found, struct cv_err *err)
{
    struct statement *st = state->get_position;
    enum cv_rc rc;

    statement_bind_text(st, 1, topic);
    statement_bind_int(st, 2, partition);
    rc = statement_step(state->db, st, ret_found, err);
    if (rc == CV_OK && *ret_found)
        *ret = (struct position){
            .next_offset = statement_int(st, 0),
            .clock_ms = statement_int(st, 1),
            .commit_lsn = statement_int(st, 2),
            .lsn = statement_int(st, 3),
            .snapshot_lsn = statement_int(st, 4),
            .after_delete = statement_int(st, 5) != 0,
            .key_hash = (uint32_t)statement_int(st, 6),
        };
    statement_reset(st);
    return rc;
}

enum cv_rc
state_set_position(struct state *state, const char *topic, int32_t partition,
                   const struct position *pos, struct cv_err *err)
{
    struct statement *st = state->put_position;

    statement_bind_text(st, 1, topic);
    statement_bind_int(st, 2, partition);
    statement_bind_int(st, 3, pos->next_offset);
    statement_bind_int(st, 4, pos->clock_ms);
    statement_bind_int(st, 5, pos->commit_lsn);
    statement_bind_int(st, 6, pos->lsn);
    statement_bind_int(st, 7, pos->snapshot_lsn);
    statement_bind_int(st, 8, pos->after_delete);
    statement_bind_int(st, 9, pos->key_hash);
    return statement_run(state->db, st, err);
}

/* ---- open, make, close ---- */

/* As SQLite reads it: only quotes are special. */
static void
add_literal(struct cv_buf *sql, const char *text)
{
    cv_buf_char(sql, '\'');
    for (; *text != '\0'; text++)
        cv_buf_str(sql, *text == '\'' ? "''" : (const char[]){ *text, '\0' });
    cv_buf_char(sql, '\'');
}

static enum cv_rc
make_file(const struct state *state, struct cv_err *err)
{
    struct cv_buf ddl = CV_BUF_INIT(DDL_MAX);
    enum cv_rc rc;

    cv_buf_printf(&ddl, "%s; %s; INSERT INTO _culvert_meta VALUES ('owner', ", engine_tables,
                  state->spec.tables);
    add_literal(&ddl, state->spec.owner);
    cv_buf_str(&ddl, "), ('tables', ");
    add_literal(&ddl, state->spec.tables);
    cv_buf_str(&ddl, "), ('clean', 1)");
    rc = cv_buf_check(&ddl, err);
    if (rc == CV_OK)
        rc = db_create(state->spec.path, cv_buf_cstr(&ddl), err);
    cv_buf_free(&ddl);
    return rc;
}

static int64_t
file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int64_t
state_wal_bytes(const struct state *state)
{
    char wal[4096];

    snprintf(wal, sizeof(wal), "%s-wal", state->spec.path);
    return file_bytes(wal);
}

int64_t
state_bytes(struct state *state)
{
    return file_bytes(state->spec.path) + state_wal_bytes(state);
}

void
state_trim_wal(struct state *state, int64_t limit)
{
    if (state_wal_bytes(state) > limit)
        db_truncate_wal(state->db);
}

/* Whether a file that is ours can be used; *ret_why NULL if so. */
static enum cv_rc
examine(struct state *state, char *why, size_t size, struct cv_err *err)
{
    char text[512];
    struct statement *st = NULL;
    int64_t clean;
    bool row;
    enum cv_rc rc = statements_init(state, err);

    why[0] = '\0';
    if (rc == CV_OK)
        rc = state_number(state, "clean", &clean, err);
    if (rc == CV_OK && (clean == 0 || file_bytes(state->spec.path) <= ALWAYS_CHECK_BYTES))
        rc = db_check(state->db, err);
    if (rc == CV_OK)
        rc = state_text(state, "owner", text, sizeof(text), err);
    if (rc == CV_OK && strcmp(text, state->spec.owner) != 0) {
        snprintf(why, size, "it holds the state of %s", text);
        return CV_OK;
    }
    if (rc == CV_OK)
        rc = db_prepare(state->db, "SELECT 1 FROM _culvert_meta WHERE k = 'tables' AND v = ?1", &st,
                        NULL, err);
    if (rc == CV_OK) {
        statement_bind_text(st, 1, state->spec.tables);
        rc = statement_step(state->db, st, &row, err);
        if (rc == CV_OK && !row)
            snprintf(why, size, "its tables are defined otherwise");
    }
    statement_free(st);
    return rc;
}

/* Indexes follow the pipeline: those that are new are made, those that are gone dropped. */
static enum cv_rc
sync_indexes(struct state *state, struct cv_err *err)
{
    struct cv_buf drops = CV_BUF_INIT(DDL_MAX);
    struct statement *st = NULL;
    bool row;
    enum cv_rc rc = db_prepare(
        state->db, "SELECT name FROM main.sqlite_schema WHERE type = 'index' AND sql NOT NULL", &st,
        NULL, err);
    char *have = calloc(state->spec.n_indexes + 1, 1);

    if (have == NULL)
        rc = cv_fail_memory(err);
    while (rc == CV_OK && (rc = statement_step(state->db, st, &row, err)) == CV_OK && row) {
        size_t i = 0;

        while (i < state->spec.n_indexes &&
               strcmp(state->spec.indexes[2 * i], statement_text(st, 0)) != 0)
            i++;
        have[i] = 1;
        if (i == state->spec.n_indexes) {
            cv_buf_str(&drops, "DROP INDEX main.");
            cv_buf_sql_ident(&drops, statement_text(st, 0));
            cv_buf_char(&drops, ';');
        }
    }
    statement_free(st);
    if (rc == CV_OK && drops.len > 0)
        rc = db_exec(state->db, cv_buf_cstr(&drops), err);
    for (size_t i = 0; i < state->spec.n_indexes && rc == CV_OK; i++) {
        if (!have[i])
            rc = db_exec(state->db, state->spec.indexes[2 * i + 1], err);
    }
    free(have);
    cv_buf_free(&drops);
    return rc;
}

static enum cv_rc
begin_use(struct state *state, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    if (state->get_meta == NULL)
        rc = statements_init(state, err);
    if (rc == CV_OK)
        rc = state_set_number(state, "clean", 0, err);
    return rc == CV_OK ? sync_indexes(state, err) : rc;
}

/* A file that stands there: *ret_usable, or why not. */
static enum cv_rc
open_existing(struct state *state, bool *ret_usable, char *why, size_t size, struct cv_err *err)
{
    bool corrupt;
    enum cv_rc rc = db_open(state->spec.path, DB_WRITE, &state->db, &corrupt, err);

    *ret_usable = false;
    if (rc == CV_OK)
        rc = examine(state, why, size, err);
    if (rc == CV_OK && why[0] == '\0') {
        *ret_usable = true;
        return CV_OK;
    }
    if (rc != CV_OK && (corrupt || (state->db != NULL && (db_fault(state->db) == DB_FAULT_CORRUPT ||
                                                          db_fault(state->db) == DB_FAULT_DATA)))) {
        snprintf(why, size, "%s", err->text);
        rc = CV_OK;
    }
    statements_done(state);
    db_close(state->db);
    state->db = NULL;
    return rc;
}

static void
spec_done(struct state_spec *spec)
{
    for (size_t i = 0; spec->indexes != NULL && i < 2 * spec->n_indexes; i++)
        free((char *)(uintptr_t)spec->indexes[i]);
    free((void *)(uintptr_t)spec->indexes);
    free((char *)(uintptr_t)spec->path);
    free((char *)(uintptr_t)spec->owner);
    free((char *)(uintptr_t)spec->tables);
}

static bool
spec_copy(const struct state_spec *from, struct state_spec *to)
{
    char **indexes = calloc(2 * from->n_indexes + 1, sizeof(*indexes));
    bool fine = indexes != NULL;

    *to = (struct state_spec){ .path = strdup(from->path),
                               .owner = strdup(from->owner),
                               .tables = strdup(from->tables),
                               .log = from->log };
    for (size_t i = 0; fine && i < 2 * from->n_indexes; i++) {
        indexes[i] = strdup(from->indexes[i]);
        fine = indexes[i] != NULL;
    }
    to->indexes = (const char *const *)indexes;
    to->n_indexes = indexes != NULL ? from->n_indexes : 0;
    return fine && to->path != NULL && to->owner != NULL && to->tables != NULL;
}

enum cv_rc
state_open(const struct state_spec *spec, struct state **ret, struct cv_err *err)
{
    struct state *state = calloc(1, sizeof(*state));
    char why[1100] = "";
    bool usable = false;
    bool corrupt;
    enum cv_rc rc;

    if (state == NULL || !spec_copy(spec, &state->spec)) {
        rc = cv_fail_memory(err);
        goto out;
    }
    rc = open_existing(state, &usable, why, sizeof(why), err);
    if (rc == CV_OK && !usable) {
        CV_LOG_WARN(spec->log, "state file cannot be used; its state is rebuilt",
                    CV_STR("file", spec->path), CV_STR("reason", why));
        rc = db_remove(spec->path, err);
    }
    if (!usable && (rc == CV_OK || rc == CV_NOT_FOUND)) {
        rc = make_file(state, err);
        if (rc == CV_OK)
            rc = db_open(spec->path, DB_WRITE, &state->db, &corrupt, err);
    }
    if (rc == CV_OK)
        rc = begin_use(state, err);
out:
    if (rc != CV_OK) {
        if (state != NULL) {
            statements_done(state);
            db_close(state->db);
            spec_done(&state->spec);
        }
        free(state);
        return rc;
    }
    *ret = state;
    return CV_OK;
}

enum cv_rc
state_wipe(struct state *state, struct cv_err *err)
{
    bool corrupt;
    enum cv_rc rc;

    statements_done(state);
    db_close(state->db);
    state->db = NULL;
    rc = db_remove(state->spec.path, err);
    if (rc == CV_OK)
        rc = make_file(state, err);
    if (rc == CV_OK)
        rc = db_open(state->spec.path, DB_WRITE, &state->db, &corrupt, err);
    return rc == CV_OK ? begin_use(state, err) : rc;
}

void
state_close(struct state *state)
{
    struct cv_err err = CV_ERR_INIT;

    if (state == NULL)
        return;
    if (state->db != NULL) {
        db_rollback(state->db);
        if (state->put_meta != NULL && state_set_number(state, "clean", 1, &err) != CV_OK)
            CV_LOG_WARN(state->spec.log, "state file was not closed in order", CV_ERR(&err));
    }
    statements_done(state);
    db_close(state->db);
    spec_done(&state->spec);
    free(state);
}

struct database *
state_db(struct state *state)
{
    return state->db;
}
