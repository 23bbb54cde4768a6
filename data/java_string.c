/* SPDX-License-Identifier: Apache-2.0 */
/* toString() of Connect's values. The schema is walked beside the value, as the inner values may carry none. */
#include <config.h>

#include "data/java_string.h"

#include "common/buf.h"
#include "common/number.h"
#include "data/calendar.h"
#include "data/logical.h"

static void print(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val);

/* java.util.Date.toString: Tue Nov 14 22:13:20 UTC 2023. */
static void
print_date(struct cv_buf *out, int64_t ms)
{
    struct calendar c;

    calendar_of_ms(ms, &c);
    cv_buf_printf(out, "%.3s %.3s %02d %02d:%02d:%02d UTC %lld", calendar_weekdays[c.weekday],
                  calendar_months[c.month - 1], c.day, c.hour, c.minute, c.second,
                  (long long)(c.year > 0 ? c.year : 1 - c.year));
}

static void
print_decimal(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    struct cv_err err = CV_ERR_INIT;

    if (logical_decimal_text(schema, val, false, out, &err) != CV_OK && out->failed == CV_OK)
        out->failed = err.rc;
}

/* Fields that are null are left out. */
static void
print_struct(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    bool first = true;

    cv_buf_str(out, "Struct{");
    for (size_t i = 0; schema != NULL && i < val->list.count && i < schema->n_fields; i++) {
        if (val->list.items[i].is_null)
            continue;
        if (!first)
            cv_buf_char(out, ',');
        first = false;
        cv_buf_str(out, schema->fields[i].name);
        cv_buf_char(out, '=');
        print(out, schema->fields[i].schema, &val->list.items[i]);
    }
    cv_buf_char(out, '}');
}

static void
print_map(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_buf_char(out, '{');
    for (size_t i = 0; i < val->map.count; i++) {
        if (i > 0)
            cv_buf_str(out, ", ");
        print(out, schema != NULL ? schema->keys : NULL, &val->map.entries[i].key);
        cv_buf_char(out, '=');
        print(out, schema != NULL ? schema->items : NULL, &val->map.entries[i].value);
    }
    cv_buf_char(out, '}');
}

static void
print_array(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_buf_char(out, '[');
    for (size_t i = 0; i < val->list.count; i++) {
        if (i > 0)
            cv_buf_str(out, ", ");
        print(out, schema != NULL ? schema->items : NULL, &val->list.items[i]);
    }
    cv_buf_char(out, ']');
}

static void
print(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    enum logical_type logical = logical_of(schema);
    char number[CV_DOUBLE_MAX];

    if (val->is_null) {
        cv_buf_str(out, "null");
        return;
    }
    switch (val->type) {
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
    case CV_INT64:
        if (logical != LOGICAL_NONE)
            print_date(out, logical_ms(logical, val));
        else
            cv_buf_i64(out, val->integer);
        break;
    case CV_FLOAT32:
        cv_buf_add(out, number, cv_format_float(val->float32, number));
        break;
    case CV_FLOAT64:
        cv_buf_add(out, number, cv_format_double(val->float64, number));
        break;
    case CV_BOOLEAN:
        cv_buf_str(out, val->boolean ? "true" : "false");
        break;
    case CV_STRING:
        cv_buf_add(out, val->bytes.data, val->bytes.len);
        break;
    case CV_BYTES:
        if (logical == LOGICAL_DECIMAL)
            print_decimal(out, schema, val);
        else
            cv_base64(out, val->bytes.data, val->bytes.len);
        break;
    case CV_ARRAY:
        print_array(out, schema, val);
        break;
    case CV_STRUCT:
        print_struct(out, schema, val);
        break;
    case CV_MAP:
        print_map(out, schema, val);
        break;
    }
}

void
java_to_string(struct cv_buf *out, const struct cv_value *val)
{
    print(out, val->schema, val);
}
