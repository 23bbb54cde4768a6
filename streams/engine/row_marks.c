/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of rows; see row_marks.h. Rows are told apart by the bytes that their keys have in the changelog. */
#include "streams/engine/row_marks.h"

#include <stdlib.h>

#include "streams/store/codec.h"

#define KEY_MAX ((size_t)1 << 20)

struct row_marks {
    struct database *db;
    const struct plan_source *source;
    struct statement *get;
    struct statement *put;
    struct cv_buf key; /* of the row that was asked for last */
};

enum cv_rc
row_marks_new(struct database *db, const struct plan_source *source, struct row_marks **ret,
              struct cv_err *err)
{
    struct row_marks *marks = calloc(1, sizeof(*marks));
    enum cv_rc rc;

    if (marks == NULL)
        return cv_fail_memory(err);
    marks->db = db;
    marks->source = source;
    cv_buf_init(&marks->key, KEY_MAX);
    rc = db_prepare(db, "SELECT commit_lsn, lsn, snapshot_lsn FROM main._culvert_row_lsn WHERE "
                        "source = ?1 AND row = ?2",
                    &marks->get, NULL, err);
    if (rc == CV_OK)
        rc = db_prepare(db, "INSERT OR REPLACE INTO main._culvert_row_lsn VALUES (?1, ?2, ?3, ?4, ?5)",
                        &marks->put, NULL, err);
    if (rc != CV_OK) {
        row_marks_free(marks);
        return rc;
    }
    *ret = marks;
    return CV_OK;
}

void
row_marks_free(struct row_marks *marks)
{
    if (marks == NULL)
        return;
    statement_free(marks->get);
    statement_free(marks->put);
    cv_buf_free(&marks->key);
    free(marks);
}

static void
bind_row(const struct row_marks *marks, struct statement *st)
{
    const struct cell key = { .kind = CELL_BLOB, .data = marks->key.data, .len = marks->key.len };

    statement_bind_text(st, 1, marks->source->name);
    statement_bind(st, 2, &key);
}

enum cv_rc
row_marks_get(struct row_marks *marks, const struct cell *row, struct position *ret,
              struct cv_err *err)
{
    const struct table *table = marks->source->table;
    bool found;
    enum cv_rc rc;

    cv_buf_reset(&marks->key);
    for (size_t i = 0; i < table->n_key; i++)
        codec_key_cell(&marks->key, &row[table->key[i]]);
    rc = cv_buf_check(&marks->key, err);
    if (rc != CV_OK)
        return rc;
    *ret = (struct position){ 0 };
    bind_row(marks, marks->get);
    rc = statement_step(marks->db, marks->get, &found, err);
    if (rc == CV_OK && found) {
        ret->commit_lsn = statement_int(marks->get, 0);
        ret->lsn = statement_int(marks->get, 1);
        ret->snapshot_lsn = statement_int(marks->get, 2);
    }
    statement_reset(marks->get);
    return rc;
}

enum cv_rc
row_marks_put(struct row_marks *marks, const struct position *pos, struct cv_err *err)
{
    bind_row(marks, marks->put);
    statement_bind_int(marks->put, 3, pos->commit_lsn);
    statement_bind_int(marks->put, 4, pos->lsn);
    statement_bind_int(marks->put, 5, pos->snapshot_lsn);
    return statement_run(marks->db, marks->put, err);
}
