/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what an offset says of an interrupted snapshot. What is accepted, written out again, reads back the
   same. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "connectors/postgres/snapshot_delivered.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
must_be_equal(const struct snapshot_delivered *a, const struct snapshot_delivered *b)
{
    must(a->start == b->start && a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct snapshot_delivered_table *left = &a->tables[i], *right = &b->tables[i];

        must(left->oid == right->oid && left->structure == right->structure && left->rows == right->rows);
        must(left->whole == right->whole && left->pages == right->pages);
        must(left->filenode == right->filenode && left->xid == right->xid);
        must(snapshot_delivered_find(a, left->oid) == left);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct position pos = { .lsn = 7 };
    struct snapshot_delivered *delivered, *again;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *offset, *copy;
    struct cv_err err = CV_ERR_INIT;
    bool fits;

    must(arena != NULL);
    offset = cv_map_new(arena, 1);
    copy = cv_map_new(arena, 1);
    must(cv_map_put(arena, offset, SNAPSHOT_DELIVERED_FIELD, cv_string((const char *)data, size), &err) == CV_OK);
    if (snapshot_delivered_read(offset, &pos, &delivered, &err) != CV_OK) {
        must(err.text[0] != '\0' && delivered == NULL);
    } else {
        must(snapshot_delivered_write(delivered, arena, copy, &fits, &err) == CV_OK);
        if (fits) {
            must(snapshot_delivered_read(copy, &pos, &again, &err) == CV_OK);
            must_be_equal(delivered, again);
            snapshot_delivered_free(again);
        }
        snapshot_delivered_free(delivered);
    }
    cv_arena_free(arena);
    return 0;
}
