/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit of one processing thread. Kafka first, SQLite after:
 *
 *   1 changelog records of every row touched, flushed with the outputs
 *   2 source offsets into the transaction, with metadata (changelog end, marks)
 *   3 commit of the Kafka transaction
 *   4 positions into the state file, in the transaction that SQLite still has open
 *   5 SQLite's COMMIT, when state_commit_ms have passed
 *
 * A crash or failure before 3 undoes the Kafka transaction: the state file is rolled back and the
 * records come again. One after 3 leaves the state file behind: the changelog's tail brings it up.
 * It is never ahead.
 */
#ifndef STREAMS_ENGINE_COMMIT_H
#define STREAMS_ENGINE_COMMIT_H

#include "streams/engine/task.h"

/* What became of it for the caller to act on. */
enum commit_result {
    COMMIT_DONE,    /* or nothing was open */
    COMMIT_LOST,    /* before or at 3, err says why: drop the transaction, rewind the tasks in it */
    COMMIT_REFUSED, /* the same, but trying again cannot help: fail those tasks */
};

/* Tasks whose part of 4 or 5 fails are failed here. */
enum commit_result commit_run(struct txn *txn, struct stream_task **tasks, size_t n_tasks,
                              struct cv_err *err);

#endif
