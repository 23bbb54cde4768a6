/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows on their way to the files of one task, each row in exactly one file.
 *
 * A row first goes to a table of the state, so it belongs to the Kafka transaction that made it. When
 * a file is full or old enough, a mark in the same state says up to which row it goes; once that is
 * committed the file is written under another name, synced and renamed; with the next transaction
 * the rows are deleted. A crash anywhere leaves either the rows and the mark, and then the same file
 * is written again under the same name, or neither. Task's thread and connection.
 */
#ifndef STREAMS_ENGINE_OUTBOX_H
#define STREAMS_ENGINE_OUTBOX_H

#include "common/log.h"
#include "streams/io/sink.h"
#include "streams/store/relation.h"

struct outbox;

/* directory: where relative paths begin. group: whose rules write. *ret NULL: none writes files. */
CV_MUST_CHECK
enum cv_rc outbox_new(struct database *db, const struct plan *plan, size_t group,
                      const char *task_id, const char *directory, struct cv_log *log,
                      struct outbox **ret, struct cv_err *err);
void outbox_free(struct outbox *box);
/* Look at the tables anew: after a restore or a rollback. */
CV_MUST_CHECK
enum cv_rc outbox_load(struct outbox *box, struct cv_err *err);

CV_MUST_CHECK
enum cv_rc outbox_add(struct outbox *box, const struct output *output, struct cv_err *err);
/* Whether a transaction is needed although no record came. */
bool outbox_due(const struct outbox *box);
/* Inside a transaction: decide which files are to be written, forget those that are. */
CV_MUST_CHECK
enum cv_rc outbox_decide(struct outbox *box, struct cv_err *err);
/* When all is committed: write what was decided. What cannot be written is tried again later. */
void outbox_write(struct outbox *box);

#endif
