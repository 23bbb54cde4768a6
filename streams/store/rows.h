/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one table by primary key: prepared statements for look-up, insert, update, delete. */
#ifndef STREAMS_STORE_ROWS_H
#define STREAMS_STORE_ROWS_H

#include "common/buf.h"
#include "streams/store/table.h"

struct rows;

/* The table must exist in the database's own file and outlive the rows; close the database after
 * them. */
CV_MUST_CHECK
enum cv_rc rows_new(struct database *db, const struct table *table, struct rows **ret,
                    struct cv_err *err);
void rows_free(struct rows *rows);

/* The row with the key's cells of row. Its text and blobs are copied to copy, which is reset first.
 */
CV_MUST_CHECK
enum cv_rc rows_get(struct rows *rows, const struct cell *row, struct cell *out,
                    struct cv_buf *copy, bool *ret_found, struct cv_err *err);
/* The row with the smallest key. */
CV_MUST_CHECK
enum cv_rc rows_first(struct rows *rows, struct cell *out, struct cv_buf *copy, bool *ret_found,
                      struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rows_insert(struct rows *rows, const struct cell *row, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rows_update(struct rows *rows, const struct cell *row, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rows_remove(struct rows *rows, const struct cell *row, struct cv_err *err);

#endif
