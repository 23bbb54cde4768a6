/* SPDX-License-Identifier: Apache-2.0 */
/* The commit of one processing thread; see commit.h. */
#include "streams/engine/commit.h"

#include <stdlib.h>

static enum cv_rc
write_changelogs(struct txn *txn, struct stream_task **tasks, size_t n_tasks, struct cv_err *err)
{
    for (size_t i = 0; i < n_tasks; i++) {
        if (task_in_txn(tasks[i]) && task_changelog(tasks[i], txn, err) != CV_OK)
            return err->rc;
    }
    if (txn->broker->ops->flush(txn->broker, err) != CV_OK)
        return err->rc;
    if (txn->delivery.failed > 0) {
        *err = txn->delivery.err;
        return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
commit_offsets(struct txn *txn, struct stream_task **tasks, size_t n_tasks, struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < n_tasks && rc == CV_OK; i++) {
        if (task_in_txn(tasks[i]))
            rc = task_offsets(tasks[i], &parts, err);
    }
    if (rc == CV_OK)
        rc = txn->broker->ops->offsets(txn->broker, &parts, err);
    cv_topic_partitions_done(&parts);
    return rc;
}

enum commit_result
commit_run(struct txn *txn, struct stream_task **tasks, size_t n_tasks, struct cv_err *err)
{
    struct cv_err late = CV_ERR_INIT;
    enum cv_rc rc;

    if (!txn->open)
        return COMMIT_DONE;
    rc = write_changelogs(txn, tasks, n_tasks, err);
    if (rc == CV_OK)
        rc = commit_offsets(txn, tasks, n_tasks, err);
    if (rc == CV_OK)
        rc = txn->broker->ops->commit(txn->broker, err);
    if (rc != CV_OK)
        return rc == CV_INVALID ? COMMIT_REFUSED : COMMIT_LOST;
    /* From here on the records are processed, whatever happens to the state files. */
    for (size_t i = 0; i < n_tasks; i++) {
        if (!task_in_txn(tasks[i]) || task_committed(tasks[i], &late) == CV_OK)
            continue;
        if (late.rc == CV_NO_MEMORY)
            task_wait_for_room(tasks[i], &late);
        else
            task_fail(tasks[i], &late);
    }
    return COMMIT_DONE;
}
