/* SPDX-License-Identifier: Apache-2.0 */
/* How far a task is, for its user: phase, snapshots table by table, lag, slot. Task's thread only. */
#ifndef POSTGRES_PROGRESS_H
#define POSTGRES_PROGRESS_H

#include <culvert/plugin.h>

#include "connectors/postgres/snapshot.h"

/* The tables of a snapshot that has ended. Zeroed: there was none. */
struct progress_report {
    struct cv_arena *arena;
    struct snapshot_table_progress *tables; /* names are the arena's */
    size_t count;
    bool blocking;
};

/* Take note of a snapshot that ends, in place of one before; without memory of none. */
void progress_report_take(struct progress_report *report, const struct snapshot *snapshot, bool blocking);
void progress_report_done(struct progress_report *report);

CV_MUST_CHECK enum cv_rc pg_task_progress(struct cv_source_task *base, struct cv_arena *arena, struct cv_value *ret,
                                          struct cv_err *err);

#endif
