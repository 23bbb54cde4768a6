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

const char *
java_class_name(const struct cv_schema *schema, const struct cv_value *val)
{
    static const char *const classes[] = {
        [CV_INT8] = "java.lang.Byte",      [CV_INT16] = "java.lang.Short",
        [CV_INT32] = "java.lang.Integer",  [CV_INT64] = "java.lang.Long",
        [CV_FLOAT32] = "java.lang.Float",  [CV_FLOAT64] = "java.lang.Double",
        [CV_BOOLEAN] = "java.lang.Boolean", [CV_STRING] = "java.lang.String",
        [CV_BYTES] = "[B",                 [CV_ARRAY] = "java.util.ArrayList",
        [CV_MAP] = "java.util.HashMap",    [CV_STRUCT] = "org.apache.kafka.connect.data.Struct",
    };

    if (val->is_null)
        return "null";
    switch (logical_of(schema)) {
    case LOGICAL_NONE:
        return classes[val->type];
    case LOGICAL_DECIMAL:
        return "java.math.BigDecimal";
    default:
        return "java.util.Date";
    }
}

const char *
java_type_name(enum cv_type type)
{
    static const char *const names[] = {
        [CV_INT8] = "INT8",       [CV_INT16] = "INT16",     [CV_INT32] = "INT32",     [CV_INT64] = "INT64",
        [CV_FLOAT32] = "FLOAT32", [CV_FLOAT64] = "FLOAT64", [CV_BOOLEAN] = "BOOLEAN", [CV_STRING] = "STRING",
        [CV_BYTES] = "BYTES",     [CV_ARRAY] = "ARRAY",     [CV_MAP] = "MAP",         [CV_STRUCT] = "STRUCT",
    };

    return names[type];
}
