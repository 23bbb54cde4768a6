/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a repartition topic; see changes.h. */
#include "streams/io/changes.h"

#include <string.h>

#include "common/reader.h"
#include "streams/store/codec.h"

enum { VERSION = 1 };
enum { KIND_CHANGE, KIND_WATERMARK };
enum { FLAG_SNAPSHOT = 1, FLAG_OLD = 2 };

static void
write_number(struct cv_buf *out, int64_t v)
{
    struct cell cell = { .kind = v == CHANGE_NONE ? CELL_NULL : CELL_INTEGER, .integer = v };

    codec_cell(out, &cell);
}

static void
write_row(struct cv_buf *out, const struct table *table, const struct cell *row)
{
    for (size_t i = 0; i < table->n_columns; i++)
        codec_cell(out, &row[i]);
}

void
changes_write(const struct table *table, const struct change *change, struct cv_buf *out)
{
    bool old = change->old != NULL && change->op != 'd';

    cv_buf_char(out, VERSION);
    cv_buf_char(out, KIND_CHANGE);
    cv_buf_be32(out, table->layout);
    cv_buf_char(out, change->op);
    cv_buf_char(out, (char)((change->snapshot ? FLAG_SNAPSHOT : 0) | (old ? FLAG_OLD : 0)));
    write_number(out, change->ts_ms);
    write_number(out, change->commit_ts_ms);
    write_number(out, change->lsn);
    write_number(out, change->txid);
    write_row(out, table, change->row);
    if (old)
        write_row(out, table, change->old);
}

void
changes_write_watermark(uint32_t upstream, int64_t watermark_ms, bool idle, struct cv_buf *out)
{
    cv_buf_char(out, VERSION);
    cv_buf_char(out, KIND_WATERMARK);
    cv_buf_be32(out, upstream);
    cv_buf_be64(out, (uint64_t)watermark_ms);
    cv_buf_char(out, idle);
}

static int64_t
read_number(struct cv_reader *in)
{
    struct cell cell = codec_read_cell(in);

    return cell.kind == CELL_INTEGER ? cell.integer : CHANGE_NONE;
}

static void
read_row(struct cv_reader *in, const struct table *table, size_t n, struct cell *row)
{
    for (size_t i = 0; i < table->n_columns; i++)
        row[i] = i < n ? codec_read_cell(in) : (struct cell){ .kind = CELL_NULL };
}

static enum cv_rc
read_change(const struct table *table, struct cv_reader *in, struct cell *row, struct cell *old,
            struct event *event, struct cv_err *err)
{
    uint32_t layout = cv_read_u32(in);
    size_t n = table_columns_of(table, layout);
    uint8_t flags;

    if (!in->failed && n == 0)
        return cv_fail(err, CV_INVALID,
                       "it was written for other columns of \"%s\"; let the old version of the "
                       "pipeline empty its repartition topic first, or begin anew with "
                       "culvert-streams reset",
                       table->name);
    event->op = (char)cv_read_u8(in);
    flags = cv_read_u8(in);
    event->ts_ms = read_number(in);
    event->commit_ts_ms = read_number(in);
    event->lsn = read_number(in);
    event->txid = read_number(in);
    read_row(in, table, n, row);
    if (flags & FLAG_OLD)
        read_row(in, table, n, old);
    if (!in->failed && strchr("crud", event->op) == NULL)
        return cv_fail(err, CV_INVALID, "a change with the op 0x%02x", (unsigned char)event->op);
    event->kind = event->op == 'd' ? EVENT_DELETE : EVENT_UPSERT;
    event->snapshot = flags & FLAG_SNAPSHOT ? EVENT_SNAPSHOT : EVENT_LIVE;
    event->row = row;
    event->old = flags & FLAG_OLD ? old : event->op == 'd' ? row : NULL;
    return CV_OK;
}

enum cv_rc
changes_read(const struct table *table, struct cv_bytes value, struct cell *row, struct cell *old,
             struct event *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(value.data, value.len);
    struct event event = EVENT_INIT;
    uint8_t version = cv_read_u8(&in);
    uint8_t kind = cv_read_u8(&in);

    if (!in.failed && (version != VERSION || kind > KIND_WATERMARK))
        return cv_fail(err, CV_INVALID,
                       "it is no record of ours (version %u, kind %u); nothing else may write to a "
                       "repartition topic",
                       version, kind);
    if (kind == KIND_WATERMARK) {
        event.kind = EVENT_WATERMARK;
        event.upstream = cv_read_u32(&in);
        event.watermark_ms = cv_read_i64(&in);
        event.idle = cv_read_u8(&in) != 0;
    } else if (!in.failed && read_change(table, &in, row, old, &event, err) != CV_OK) {
        return err->rc;
    }
    if (cv_reader_finish(&in, "repartition record", err) != CV_OK)
        return err->rc;
    *ret = event;
    return CV_OK;
}
