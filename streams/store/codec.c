/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as bytes; see codec.h. Integers of values are zig-zag varints, those of keys eight
   big-endian bytes with the sign bit flipped, so that they sort. */
#include "streams/store/codec.h"

#include <string.h>

enum { TAG_NULL = 0, TAG_INTEGER = 1, TAG_REAL = 2, TAG_TEXT = 3, TAG_BLOB = 4 };

static uint64_t
sortable_real(double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double
real_of(uint64_t sortable)
{
    uint64_t bits = sortable >> 63 ? sortable & ~(UINT64_C(1) << 63) : ~sortable;
    double real;

    memcpy(&real, &bits, sizeof(real));
    return real;
}

/* A zero byte becomes 00 FF; 00 00 ends. */
static void
escaped(struct cv_buf *out, const char *data, size_t len)
{
    while (len > 0) {
        const char *zero = memchr(data, '\0', len);
        size_t run = zero == NULL ? len : (size_t)(zero - data);

        cv_buf_add(out, data, run);
        if (zero != NULL) {
            cv_buf_be16(out, 0x00FF);
            run++;
        }
        data += run;
        len -= run;
    }
    cv_buf_be16(out, 0);
}

void
codec_key_cell(struct cv_buf *out, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_INTEGER:
        cv_buf_char(out, TAG_INTEGER);
        cv_buf_be64(out, (uint64_t)cell->integer ^ UINT64_C(1) << 63);
        break;
    case CELL_REAL:
        cv_buf_char(out, TAG_REAL);
        cv_buf_be64(out, sortable_real(cell->real));
        break;
    case CELL_TEXT:
    case CELL_BLOB:
        cv_buf_char(out, cell->kind == CELL_TEXT ? TAG_TEXT : TAG_BLOB);
        escaped(out, cell->data, cell->len);
        break;
    default:
        cv_buf_char(out, TAG_NULL);
        break;
    }
}

static void
varint(struct cv_buf *out, uint64_t v)
{
    while (v >= 0x80) {
        cv_buf_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    cv_buf_char(out, (char)v);
}

void
codec_cell(struct cv_buf *out, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_INTEGER:
        cv_buf_char(out, TAG_INTEGER);
        varint(out, (uint64_t)cell->integer << 1 ^ (uint64_t)(cell->integer >> 63));
        break;
    case CELL_REAL:
        cv_buf_char(out, TAG_REAL);
        cv_buf_be64(out, sortable_real(cell->real));
        break;
    case CELL_TEXT:
    case CELL_BLOB:
        cv_buf_char(out, cell->kind == CELL_TEXT ? TAG_TEXT : TAG_BLOB);
        varint(out, cell->len);
        cv_buf_add(out, cell->data, cell->len);
        break;
    default:
        cv_buf_char(out, TAG_NULL);
        break;
    }
}

/* Read the escaped bytes into scratch. Its memory must not move under earlier cells, so the room
   for the whole key was reserved before. */
static struct cell
read_escaped(struct cv_reader *in, enum cell_kind kind, struct cv_buf *scratch)
{
    size_t begin = scratch->len;

    for (;;) {
        uint8_t c = cv_read_u8(in);

        if (in->failed)
            return (struct cell){ .kind = CELL_NULL };
        if (c == 0 && cv_read_u8(in) != 0xFF)
            break;
        cv_buf_char(scratch, (char)c);
    }
    return (
        struct cell){ .kind = kind, .len = scratch->len - begin, .data = scratch->data + begin };
}

struct cell
codec_read_key_cell(struct cv_reader *in, struct cv_buf *scratch)
{
    struct cell cell = { .kind = CELL_NULL };
    uint8_t tag = cv_read_u8(in);

    if (tag == TAG_INTEGER) {
        cell.kind = CELL_INTEGER;
        cell.integer = (int64_t)(cv_read_u64(in) ^ UINT64_C(1) << 63);
    } else if (tag == TAG_REAL) {
        cell.kind = CELL_REAL;
        cell.real = real_of(cv_read_u64(in));
    } else if (tag == TAG_TEXT || tag == TAG_BLOB) {
        cv_buf_reserve(scratch, cv_reader_left(in) + 1);
        cell = read_escaped(in, tag == TAG_TEXT ? CELL_TEXT : CELL_BLOB, scratch);
    } else if (tag != TAG_NULL) {
        in->failed = true;
    }
    return cell;
}

static uint64_t
read_varint(struct cv_reader *in)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t c = cv_read_u8(in);

        v |= (uint64_t)(c & 0x7F) << shift;
        if (c < 0x80)
            return v;
    }
    in->failed = true;
    return 0;
}

struct cell
codec_read_cell(struct cv_reader *in)
{
    struct cell cell = { .kind = CELL_NULL };
    uint8_t tag = cv_read_u8(in);
    uint64_t v;

    switch (tag) {
    case TAG_NULL:
        break;
    case TAG_INTEGER:
        v = read_varint(in);
        cell.kind = CELL_INTEGER;
        cell.integer = (int64_t)(v >> 1 ^ (0 - (v & 1)));
        break;
    case TAG_REAL:
        cell.kind = CELL_REAL;
        cell.real = real_of(cv_read_u64(in));
        break;
    case TAG_TEXT:
    case TAG_BLOB:
        v = read_varint(in);
        cell.data = v <= cv_reader_left(in) ? (const char *)cv_read_bytes(in, (size_t)v) : NULL;
        if (cell.data == NULL) {
            in->failed = true;
            break;
        }
        cell.kind = tag == TAG_TEXT ? CELL_TEXT : CELL_BLOB;
        cell.len = (size_t)v;
        break;
    default:
        in->failed = true;
        break;
    }
    return cell;
}
