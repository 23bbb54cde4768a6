/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of records and messages, their headers and source offsets. A batch and everything in it belongs to one
 * thread; arrays grow by doubling in the batch's own arena.
 *
 * Most polls set one source partition over and over, so setting an offset looks at the last one first.
 */
#include <config.h>

#include <culvert/record.h>

#include <string.h>

#include "common/arena.h"

#define BATCH_MIN 16

/* The array with room for one more behind count; NULL when memory is out. */
static void *
arena_grow(struct cv_arena *arena, void *items, size_t count, size_t *cap, size_t size, size_t min)
{
    size_t more = *cap == 0 ? min : *cap * 2;
    void *grown;

    if (count < *cap)
        return items;
    if (more > SIZE_MAX / size)
        return NULL;
    grown = cv_arena_alloc(arena, more * size);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * size);
    *cap = more;
    return grown;
}

enum cv_rc
cv_header_add(struct cv_arena *arena, struct cv_headers *headers, const char *name, struct cv_value val,
              struct cv_err *err)
{
    struct cv_header *items =
        arena_grow(arena, headers->items, headers->count, &headers->cap, sizeof(*items), 4);

    if (items == NULL)
        return cv_fail_memory(err);
    headers->items = items;
    items[headers->count++] = (struct cv_header){ .name = name, .value = val };
    return CV_OK;
}

struct cv_message *
cv_batch_add_message(struct cv_batch *batch)
{
    struct cv_message *items = arena_grow(batch->arena, batch->messages, batch->n_messages,
                                          &batch->cap_messages, sizeof(*items), BATCH_MIN);

    if (items == NULL)
        return NULL;
    batch->messages = items;
    items += batch->n_messages++;
    *items = (struct cv_message){ .partition = CV_NO_PARTITION, .timestamp_ms = CV_NO_TIMESTAMP };
    return items;
}

struct cv_record *
cv_batch_add_record(struct cv_batch *batch)
{
    struct cv_record *items = arena_grow(batch->arena, batch->records, batch->n_records,
                                         &batch->cap_records, sizeof(*items), BATCH_MIN);

    if (items == NULL)
        return NULL;
    batch->records = items;
    items += batch->n_records++;
    *items = (struct cv_record){ .partition = CV_NO_PARTITION,
                                 .timestamp_ms = CV_NO_TIMESTAMP,
                                 .key = cv_null(NULL),
                                 .value = cv_null(NULL) };
    return items;
}

enum cv_rc
cv_batch_set_offset(struct cv_batch *batch, struct cv_value *partition, struct cv_value *offset,
                    struct cv_err *err)
{
    struct cv_offset *items;

    for (size_t i = batch->n_offsets; i-- > 0;) {
        if (batch->offsets[i].partition == partition ||
            cv_value_equal(batch->offsets[i].partition, partition)) {
            batch->offsets[i].offset = offset;
            return CV_OK;
        }
    }
    items = arena_grow(batch->arena, batch->offsets, batch->n_offsets, &batch->cap_offsets,
                       sizeof(*items), 1);
    if (items == NULL)
        return cv_fail_memory(err);
    batch->offsets = items;
    items[batch->n_offsets++] = (struct cv_offset){ .partition = partition, .offset = offset };
    return CV_OK;
}
