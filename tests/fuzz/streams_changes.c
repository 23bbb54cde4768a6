/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a repartition topic (first byte 0), and test files of a pipeline (1). What is read of a
   record must give the same record when it is written again. */
#include <stdlib.h>
#include <string.h>

#include "streams/io/changes.h"
#include "streams/test/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 3

static void
must(bool condition)
{
    if (!condition)
        abort();
}

static void
try_record(const uint8_t *data, size_t size)
{
    struct column columns[COLUMNS] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
    struct table table = { .name = "t", .columns = columns, .n_columns = COLUMNS, .layout = 7 };
    struct cell row[COLUMNS];
    struct cell old[COLUMNS];
    struct event event;
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf again = CV_BUF_INIT((size_t)1 << 20);
    struct change change;

    if (changes_read(&table, (struct cv_bytes){ .data = (const char *)data, .len = size }, row, old,
                     &event, &err) != CV_OK) {
        must(err.rc == CV_INVALID && err.text[0] != '\0');
        return;
    }
    if (event.kind == EVENT_WATERMARK) {
        changes_write_watermark(event.upstream, event.watermark_ms, event.idle, &again);
        must(again.len == size);
    } else {
        struct event twice;
        struct cell row_twice[COLUMNS];

        change = (struct change){ .row = event.row,
                                  .old = event.old,
                                  .op = event.op,
                                  .snapshot = event.snapshot == EVENT_SNAPSHOT,
                                  .ts_ms = event.ts_ms,
                                  .commit_ts_ms = event.commit_ts_ms,
                                  .lsn = event.lsn,
                                  .txid = event.txid };
        changes_write(&table, &change, &again);
        must(changes_read(&table, (struct cv_bytes){ .data = again.data, .len = again.len },
                          row_twice, old, &twice, &err) == CV_OK);
        for (size_t i = 0; i < COLUMNS; i++)
            must(row[i].kind == CELL_REAL || cell_equal(&row[i], &row_twice[i]));
        must(twice.ts_ms == event.ts_ms && twice.op == event.op);
    }
    cv_buf_free(&again);
}

static void
try_script(const uint8_t *data, size_t size)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct sql_diags diags = { .arena = arena };
    struct step *steps = NULL;
    struct cv_err err = CV_ERR_INIT;
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    must(script_parse("f", text, size, arena, &diags, &steps, &err) == CV_OK);
    must(size == 0 || steps != NULL || diags.errors > 0 || strspn(text, " \t\r\n;") > 0 ||
         text[0] != 'T');
    free(text);
    cv_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0)
        try_record(data + 1, size - 1);
    else if (size > 0)
        try_script(data + 1, size - 1);
    return 0;
}
