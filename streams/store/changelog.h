/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every change of a task's tables as a record of a compacted topic, and the way back.
 *
 * SQLite's pre-update hook sees each write, whoever caused it, and keeps the newest image of every
 * row touched since the last commit: one record a row and Kafka transaction, however often the row
 * was written.
 *
 * Key: u32 id of the table (hash of its name), then the primary key, each cell by a tag and bytes
 * that sort as the values do. Value: u8 version, u32 layout of the table, then the cells of the
 * row; none for a deleted row. Table id 0 is taken by control records.
 */
#ifndef STREAMS_STORE_CHANGELOG_H
#define STREAMS_STORE_CHANGELOG_H

#include <culvert/value.h>

#include "common/buf.h"
#include "streams/store/table.h"

struct changelog;

/* Watch these tables of the database's own file. Tables must outlive the changelog. The database
   must be closed after it. */
CV_MUST_CHECK
enum cv_rc changelog_new(struct database *db, const struct table *const *tables, size_t count,
                         struct changelog **ret, struct cv_err *err);
void changelog_free(struct changelog *log);

/* Keep, of each row of the table that is touched, what it was at the last clear or take. */
void changelog_follow(struct changelog *log, const struct table *table);
/* The followed rows of the table that are no longer what they were, one by one: their key, the value
   then and now; data NULL: there was or is none. Bytes stay until the next write to the database.
   false past the last. */
bool changelog_changed(const struct changelog *log, const struct table *table, size_t *inout_i,
                       struct cv_bytes *ret_key, struct cv_bytes *ret_old,
                       struct cv_bytes *ret_new);
/* What is followed counts from here on. */
void changelog_take(struct changelog *log);
/* The cells of a value; text is borrowed from it. */
CV_MUST_CHECK
enum cv_rc changelog_cells(const struct table *table, struct cv_bytes value, struct cell *cells,
                           struct cv_err *err);
/* The cells of a key, in the order of table->key; text lies in scratch, which is overwritten. */
CV_MUST_CHECK
enum cv_rc changelog_key_cells(const struct table *table, struct cv_bytes key, struct cell *cells,
                               struct cv_buf *scratch, struct cv_err *err);
/* The row of a key as its table has it now, as a value; *ret_found false: there is none. Bytes stay
   until the next call on the changelog. */
CV_MUST_CHECK
enum cv_rc changelog_row(struct changelog *log, struct cv_bytes key, struct cv_bytes *ret,
                         bool *ret_found, struct cv_err *err);

size_t changelog_dirty(const struct changelog *log); /* rows touched since the last clear */
/* The records, in the order in which rows were first touched; bytes stay until changelog_clear.
   false past the last. value.data NULL: deleted. */
bool changelog_next(const struct changelog *log, size_t *inout_i, struct cv_bytes *ret_key,
                    struct cv_bytes *ret_value);
/* What the hook could not keep (memory): such a transaction must not be committed. */
CV_MUST_CHECK
enum cv_rc changelog_status(const struct changelog *log, struct cv_err *err);
void changelog_clear(struct changelog *log);

/* A savepoint was rolled back: read the newest image of every dirty row again from its table. */
CV_MUST_CHECK
enum cv_rc changelog_reread(struct changelog *log, struct cv_err *err);

/* Apply a record of the topic; not itself logged. CV_INVALID: not one of ours. Records of tables that the pipeline no
   longer has are skipped; those of another layout of a table are remembered until a later record replaces or deletes
   their row. memory_only: for the tables that are kept in memory. */
CV_MUST_CHECK
enum cv_rc changelog_apply(struct changelog *log, struct cv_bytes key, struct cv_bytes value,
                           bool memory_only, struct cv_err *err);
/* Rows whose last record so far is of another layout. */
size_t changelog_unread(const struct changelog *log);
/* At the end: CV_INVALID with the remedy if there is one. */
CV_MUST_CHECK
enum cv_rc changelog_check_unread(const struct changelog *log, struct cv_err *err);

#endif
