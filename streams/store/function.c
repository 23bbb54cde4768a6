/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's SQL functions; see function.h. All are free of side effects; those without a clock
   are DETERMINISTIC, so SQLite may use them in indexes and fold constants. */
#include "streams/store/function.h"

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/murmur2.h"
#include "common/utf8.h"
#include "streams/store/hop.h"
#include "streams/store/sqlite.h"

#define SCALE_MAX 18

bool
decimal_scaled(const char *text, size_t len, int scale, int64_t *ret)
{
    bool negative = len > 0 && text[0] == '-';
    bool point = false;
    bool digits = false;
    int64_t value = 0;
    int64_t exponent = 0;
    int fraction = 0;
    size_t i = negative || (len > 0 && text[0] == '+') ? 1 : 0;

    for (; i < len && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            return false;
        digits = true;
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(text[i] - '0'), &value))
            return false;
        fraction += point;
    }
    if (!digits)
        return false;
    if (i < len) {
        bool minus = ++i < len && text[i] == '-';

        i += i < len && (text[i] == '-' || text[i] == '+');
        if (i == len)
            return false;
        for (; i < len; i++) {
            if (text[i] < '0' || text[i] > '9' || exponent > 1000)
                return false;
            exponent = exponent * 10 + (text[i] - '0');
        }
        exponent = minus ? -exponent : exponent;
    }
    for (exponent += scale - fraction; exponent > 0 && value != 0; exponent--) {
        if (__builtin_mul_overflow(value, (int64_t)10, &value))
            return false;
    }
    for (; exponent < 0 && value != 0; exponent++) {
        if (value % 10 != 0)
            return false;
        value /= 10;
    }
    *ret = negative ? -value : value;
    return true;
}

size_t
decimal_text(int64_t scaled, int scale, char out[DECIMAL_TEXT_MAX])
{
    uint64_t left = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    char *p = out + DECIMAL_TEXT_MAX - 1;
    size_t len;

    *p = '\0';
    for (int digit = 0; digit <= scale || left != 0; digit++) {
        if (digit == scale && scale > 0)
            *--p = '.';
        *--p = (char)('0' + left % 10);
        left /= 10;
    }
    if (scaled < 0)
        *--p = '-';
    len = (size_t)(out + DECIMAL_TEXT_MAX - 1 - p);
    memmove(out, p, len + 1);
    return len;
}

static bool
scale_arg(sqlite3_context *ctx, sqlite3_value *arg, int *ret)
{
    int64_t scale = sqlite3_value_int64(arg);

    if (scale < 0 || scale > SCALE_MAX) {
        sqlite3_result_error(ctx, "the scale must be from 0 to 18", -1);
        return false;
    }
    *ret = (int)scale;
    return true;
}

static void
sql_dec(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char out[DECIMAL_TEXT_MAX];
    int64_t value;
    int scale;

    (void)argc;
    if (!scale_arg(ctx, argv[1], &scale))
        return;
    switch (sqlite3_value_type(argv[0])) {
    case SQLITE_NULL:
        return;
    case SQLITE_INTEGER:
        value = sqlite3_value_int64(argv[0]);
        break;
    case SQLITE_FLOAT: {
        double real = round(sqlite3_value_double(argv[0]));

        if (!(real > -9.2e18 && real < 9.2e18)) {
            sqlite3_result_error(ctx, "dec(): the number is too large", -1);
            return;
        }
        value = (int64_t)real;
        break;
    }
    default:
        sqlite3_result_error(ctx, "dec(): the first argument must be a number", -1);
        return;
    }
    sqlite3_result_text(ctx, out, (int)decimal_text(value, scale, out), SQLITE_TRANSIENT);
}

static void
sql_todec(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const char *text;
    int64_t value;
    int scale;

    (void)argc;
    if (!scale_arg(ctx, argv[1], &scale) || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    text = (const char *)sqlite3_value_text(argv[0]);
    if (text == NULL)
        sqlite3_result_error_nomem(ctx);
    else if (decimal_scaled(text, (size_t)sqlite3_value_bytes(argv[0]), scale, &value))
        sqlite3_result_int64(ctx, value);
    else
        sqlite3_result_error(ctx, "todec(): no decimal, or one that would lose digits", -1);
}

static void
sql_iso(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char out[CV_ISO_MAX];

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    cv_format_iso_ms(sqlite3_value_int64(argv[0]), out);
    sqlite3_result_text(ctx, out, -1, SQLITE_TRANSIENT);
}

static void
sql_tumble(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t ts = sqlite3_value_int64(argv[0]);
    int64_t size = sqlite3_value_int64(argv[1]);
    int64_t in;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    if (size <= 0) {
        sqlite3_result_error(ctx, "tumble(): the size must be positive", -1);
        return;
    }
    in = ts % size;
    sqlite3_result_int64(ctx, ts - (in < 0 ? in + size : in));
}

static void
sql_murmur2(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const void *data = sqlite3_value_blob(argv[0]);

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    sqlite3_result_int64(
        ctx, cv_murmur2(data == NULL ? "" : data, (size_t)sqlite3_value_bytes(argv[0])));
}

static void
sql_event_time(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_int64(ctx, db_clock(sqlite3_user_data(ctx)));
}

/* Text, or a blob if the bytes are none. */
static void
sql_header(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct database *db = sqlite3_user_data(ctx);
    const char *name = (const char *)sqlite3_value_text(argv[0]);
    struct cv_bytes value;

    (void)argc;
    if (name == NULL || db->header == NULL || !db->header(db->header_arg, name, &value) ||
        value.data == NULL)
        return;
    if (cv_utf8_check(value.data, value.len) == value.len)
        sqlite3_result_text64(ctx, value.data, value.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_result_blob64(ctx, value.data, value.len, SQLITE_TRANSIENT);
}

static void
result_time(sqlite3_context *ctx, int64_t ms)
{
    if (ms != TIME_NONE)
        sqlite3_result_int64(ctx, ms);
}

static void
sql_watermark(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct database *db = sqlite3_user_data(ctx);

    (void)argc;
    (void)argv;
    result_time(ctx, db->watermark_ms);
}

static void
sql_closed_from(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct database *db = sqlite3_user_data(ctx);

    (void)argc;
    (void)argv;
    sqlite3_result_int64(ctx, db->close_from_ms);
}

static void
sql_closed_to(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct database *db = sqlite3_user_data(ctx);

    (void)argc;
    (void)argv;
    sqlite3_result_int64(ctx, db->close_to_ms);
}

/* A row that comes too late for its window, from the trigger that keeps it out. */
static void
sql_late(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct database *db = sqlite3_user_data(ctx);
    struct cell *cells;

    if (db->late == NULL)
        return;
    cells = sqlite3_malloc64((sqlite3_uint64)argc * sizeof(*cells) + 1);
    if (cells == NULL) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    for (int i = 0; i < argc; i++)
        cells[i] = sqlite_cell(argv[i]);
    db->late(db->late_arg, cells, (size_t)argc);
    sqlite3_free(cells);
}

enum cv_rc
functions_register(struct database *db, struct cv_err *err)
{
    static const struct {
        const char *name;
        int argc;
        int flags;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        { "dec", 2, SQLITE_DETERMINISTIC, sql_dec },
        { "todec", 2, SQLITE_DETERMINISTIC, sql_todec },
        { "iso", 1, SQLITE_DETERMINISTIC, sql_iso },
        { "tumble", 2, SQLITE_DETERMINISTIC, sql_tumble },
        { "murmur2", 1, SQLITE_DETERMINISTIC, sql_murmur2 },
        { "event_time", 0, 0, sql_event_time },
        { "header", 1, 0, sql_header },
        { "watermark", 0, 0, sql_watermark },
        { "_culvert_closed_from", 0, 0, sql_closed_from },
        { "_culvert_closed_to", 0, 0, sql_closed_to },
        { "_culvert_late", -1, 0, sql_late },
    };

    for (size_t i = 0; i < CV_COUNT(functions); i++) {
        if (sqlite3_create_function_v2(db->handle, functions[i].name, functions[i].argc,
                                       SQLITE_UTF8 | SQLITE_INNOCUOUS | functions[i].flags, db,
                                       functions[i].run, NULL, NULL, NULL) != SQLITE_OK)
            return db_fail(db, err, "could not register %s()", functions[i].name);
    }
    return hop_register(db, err);
}
