/* SPDX-License-Identifier: Apache-2.0 */
/* Changes kept for a query that runs over many of them at once. Task's thread. */
#ifndef STREAMS_ENGINE_BATCH_H
#define STREAMS_ENGINE_BATCH_H

#include "common/arena.h"
#include "streams/store/relation.h"

struct batch {
    struct cv_arena *arena; /* of rows and their text; NULL: empty */
    struct change *items;
    size_t count;
    size_t cap;
};

/* Copy a change of the table. */
CV_MUST_CHECK
enum cv_rc batch_add(struct batch *batch, const struct table *table, const struct change *change,
                     struct cv_err *err);
void batch_clear(struct batch *batch);
void batch_done(struct batch *batch);

#endif
