/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"start":LSN,"tables":[[oid,structure,rows],[oid,structure,rows,pages,filenode,xid],...]}: a table of three numbers
 * is whole, one of six is not.
 */
#include "connectors/postgres/snapshot_delivered.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/json_read.h"

#define JSON_MAX   ((size_t)768 * 1024) /* a record has up to 1 MB, as brokers come */
#define TABLES_MAX (JSON_MAX / 8)       /* [1,2,3], */

void
snapshot_delivered_free(struct snapshot_delivered *delivered)
{
    if (delivered == NULL)
        return;
    free(delivered->tables);
    free(delivered);
}

static int
by_oid(const void *a, const void *b)
{
    uint32_t left = ((const struct snapshot_delivered_table *)a)->oid;
    uint32_t right = ((const struct snapshot_delivered_table *)b)->oid;

    return (left > right) - (left < right);
}

bool
snapshot_delivered_sort(struct snapshot_delivered *delivered)
{
    if (delivered->count > 1)
        qsort(delivered->tables, delivered->count, sizeof(*delivered->tables), by_oid);
    for (size_t i = 1; i < delivered->count; i++)
        if (delivered->tables[i - 1].oid == delivered->tables[i].oid)
            return false;
    return true;
}

const struct snapshot_delivered_table *
snapshot_delivered_find(const struct snapshot_delivered *delivered, uint32_t oid)
{
    struct snapshot_delivered_table key = { .oid = oid };

    if (delivered->count == 0)
        return NULL;
    return bsearch(&key, delivered->tables, delivered->count, sizeof(key), by_oid);
}

uint64_t
snapshot_delivered_rows(const struct snapshot_delivered *delivered)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < delivered->count; i++)
        rows += delivered->tables[i].rows;
    return rows;
}

/* ---- writing ---- */

enum cv_rc
snapshot_delivered_write(const struct snapshot_delivered *delivered, struct cv_arena *arena, struct cv_value *offset,
                         bool *ret_fits, struct cv_err *err)
{
    struct cv_buf json = CV_BUF_INIT(JSON_MAX);
    char *text = NULL;
    enum cv_rc rc = CV_OK;

    cv_buf_printf(&json, "{\"start\":%" PRIu64 ",\"tables\":[", delivered->start);
    for (size_t i = 0; i < delivered->count; i++) {
        const struct snapshot_delivered_table *table = &delivered->tables[i];

        cv_buf_printf(&json, "%s[%" PRIu32 ",%" PRIu32 ",%" PRIu64, i > 0 ? "," : "", table->oid, table->structure,
                      table->rows);
        if (!table->whole)
            cv_buf_printf(&json, ",%" PRIu64 ",%" PRIu32 ",%" PRIu64, table->pages, table->filenode, table->xid);
        cv_buf_char(&json, ']');
    }
    cv_buf_str(&json, "]}");
    *ret_fits = json.failed != CV_NO_MEMORY;
    if (*ret_fits)
        rc = cv_buf_check(&json, err);
    if (*ret_fits && rc == CV_OK && (text = cv_arena_strdup(arena, cv_buf_cstr(&json))) == NULL)
        rc = cv_fail_memory(err);
    if (*ret_fits && rc == CV_OK)
        rc = cv_map_put(arena, offset, SNAPSHOT_DELIVERED_FIELD, cv_cstring(text), err);
    cv_buf_free(&json);
    return rc;
}

/* ---- reading ---- */

/* The next token is a number from least to most. */
static bool
read_number(struct cv_json_reader *in, uint64_t least, uint64_t most, uint64_t *ret)
{
    int64_t number;

    if (cv_json_next(in) != CV_JSON_NUMBER || !cv_json_int64(in, &number) || number < 0)
        return false;
    *ret = (uint64_t)number;
    return *ret >= least && *ret <= most;
}

/* Behind its bracket. */
static bool
read_table(struct cv_json_reader *in, struct snapshot_delivered_table *ret)
{
    uint64_t oid, structure, filenode;
    struct cv_json_reader behind;

    if (!read_number(in, 1, UINT32_MAX, &oid) || !read_number(in, 0, UINT32_MAX, &structure) ||
        !read_number(in, 0, INT64_MAX, &ret->rows))
        return false;
    ret->oid = (uint32_t)oid;
    ret->structure = (uint32_t)structure;
    behind = *in;
    ret->whole = cv_json_next(&behind) == CV_JSON_ARRAY_END;
    if (ret->whole) {
        *in = behind;
        return true;
    }
    if (!read_number(in, 0, UINT32_MAX, &ret->pages) || !read_number(in, 0, UINT32_MAX, &filenode) ||
        !read_number(in, 0, INT64_MAX, &ret->xid))
        return false;
    ret->filenode = (uint32_t)filenode;
    return cv_json_next(in) == CV_JSON_ARRAY_END;
}

/* Behind the bracket of all. false with memory left: it is no such list. */
static bool
read_tables(struct cv_json_reader *in, struct snapshot_delivered *ret, bool *ret_memory)
{
    size_t room = 0;

    for (;;) {
        enum cv_json_token token = cv_json_next(in);

        if (token != CV_JSON_ARRAY)
            return token == CV_JSON_ARRAY_END;
        if (ret->count == TABLES_MAX)
            return false;
        if (ret->count == room) {
            struct snapshot_delivered_table *grown = realloc(ret->tables, (2 * room + 16) * sizeof(*grown));

            *ret_memory = grown != NULL;
            if (grown == NULL)
                return false;
            ret->tables = grown;
            room = 2 * room + 16;
        }
        ret->tables[ret->count] = (struct snapshot_delivered_table){ 0 };
        if (!read_table(in, &ret->tables[ret->count]))
            return false;
        ret->count++;
    }
}

static bool
read_all(struct cv_json_reader *in, struct snapshot_delivered *ret, bool *ret_memory)
{
    if (cv_json_next(in) != CV_JSON_OBJECT)
        return false;
    if (cv_json_next(in) != CV_JSON_KEY || !cv_json_text_is(in, "start") || !read_number(in, 0, INT64_MAX, &ret->start))
        return false;
    if (cv_json_next(in) != CV_JSON_KEY || !cv_json_text_is(in, "tables") || cv_json_next(in) != CV_JSON_ARRAY)
        return false;
    return read_tables(in, ret, ret_memory) && cv_json_next(in) == CV_JSON_OBJECT_END &&
           cv_json_next(in) == CV_JSON_DONE;
}

enum cv_rc
snapshot_delivered_read(const struct cv_value *offset, const struct position *pos, struct snapshot_delivered **ret,
                        struct cv_err *err)
{
    const struct cv_value *field = offset == NULL || offset->is_null || offset->type != CV_MAP
                                       ? NULL
                                       : cv_map_get(offset, SNAPSHOT_DELIVERED_FIELD);
    struct snapshot_delivered *delivered;
    struct cv_json_reader in;
    bool understood, memory = true;

    *ret = NULL;
    if (field == NULL || field->is_null)
        return CV_OK;
    delivered = calloc(1, sizeof(*delivered));
    if (delivered == NULL)
        return cv_fail_memory(err);
    *delivered = (struct snapshot_delivered){ .lsn = pos->lsn, .system_id = pos->system_id, .timeline = pos->timeline };
    understood = field->type == CV_STRING;
    if (understood) {
        cv_json_reader_init(&in, field->bytes.data, field->bytes.len);
        understood = read_all(&in, delivered, &memory) && snapshot_delivered_sort(delivered);
    }
    if (understood) {
        *ret = delivered;
        return CV_OK;
    }
    snapshot_delivered_free(delivered);
    if (!memory)
        return cv_fail_memory(err);
    return cv_fail(err, CV_INVALID,
                   "the offset's \"" SNAPSHOT_DELIVERED_FIELD
                   "\" does not say how far the snapshot was; reset the offset, or set snapshot.resume=false: the "
                   "snapshot starts over then");
}
