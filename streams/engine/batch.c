/* SPDX-License-Identifier: Apache-2.0 */
/* Changes kept for later; see batch.h. */
#include "streams/engine/batch.h"

#include <stdlib.h>

static struct cell *
copy_row(struct cv_arena *arena, const struct table *table, const struct cell *row)
{
    struct cell *copy = cv_arena_dup(arena, row, table->n_columns * sizeof(*row));

    for (size_t i = 0; copy != NULL && i < table->n_columns; i++) {
        if (copy[i].kind != CELL_TEXT && copy[i].kind != CELL_BLOB)
            continue;
        copy[i].data = cv_arena_dup(arena, copy[i].len == 0 ? "" : copy[i].data, copy[i].len);
        if (copy[i].data == NULL)
            return NULL;
    }
    return copy;
}

enum cv_rc
batch_add(struct batch *batch, const struct table *table, const struct change *change,
          struct cv_err *err)
{
    struct change copy = *change;

    if (batch->arena == NULL)
        batch->arena = cv_arena_new(NULL);
    if (batch->count == batch->cap) {
        size_t cap = batch->cap == 0 ? 256 : 2 * batch->cap;
        struct change *items = realloc(batch->items, cap * sizeof(*items));

        if (items == NULL)
            return cv_fail_memory(err);
        batch->items = items;
        batch->cap = cap;
    }
    if (batch->arena == NULL)
        return cv_fail_memory(err);
    copy.row = copy_row(batch->arena, table, change->row);
    if (change->old == change->row)
        copy.old = copy.row;
    else if (change->old != NULL)
        copy.old = copy_row(batch->arena, table, change->old);
    if (copy.row == NULL || (change->old != NULL && copy.old == NULL))
        return cv_fail_memory(err);
    batch->items[batch->count++] = copy;
    return CV_OK;
}

void
batch_clear(struct batch *batch)
{
    cv_arena_free(batch->arena);
    batch->arena = NULL;
    batch->count = 0;
}

void
batch_done(struct batch *batch)
{
    batch_clear(batch);
    free(batch->items);
    *batch = (struct batch){ 0 };
}
