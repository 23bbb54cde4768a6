/* SPDX-License-Identifier: Apache-2.0 */
/* Values to text: see text_value.h. */
#include <config.h>

#include "data/text_value.h"

#include "common/buf.h"
#include "common/number.h"
#include "data/calendar.h"
#include "data/logical.h"

static void print(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val,
                  bool embedded);

static void
print_quoted(struct cv_buf *out, const char *text, size_t len)
{
    cv_buf_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            cv_buf_char(out, '\\');
        cv_buf_char(out, text[i]);
    }
    cv_buf_char(out, '"');
}

/* The form is chosen by the moment, not by the logical type: within the first day (or before 1970) a time, at
   midnight a date, else both. */
static void
print_moment(struct cv_buf *out, int64_t ms)
{
    struct calendar c;

    calendar_of_ms(ms, &c);
    if (ms < MS_PER_DAY)
        cv_buf_printf(out, "%02d:%02d:%02d.%03dZ", c.hour, c.minute, c.second, c.ms);
    else if (ms % MS_PER_DAY == 0)
        cv_buf_printf(out, "%04lld-%02d-%02d", (long long)c.year, c.month, c.day);
    else
        cv_buf_printf(out, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)c.year, c.month, c.day, c.hour,
                      c.minute, c.second, c.ms);
}

static void
print_bytes(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val, bool embedded)
{
    struct cv_err err = CV_ERR_INIT;

    if (logical_of(schema) == LOGICAL_DECIMAL) {
        if (logical_decimal_text(schema, val, false, out, &err) != CV_OK && out->failed == CV_OK)
            out->failed = err.rc;
        return;
    }
    if (embedded)
        cv_buf_char(out, '"');
    cv_base64(out, val->bytes.data, val->bytes.len);
    if (embedded)
        cv_buf_char(out, '"');
}

static void
print_list(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_buf_char(out, '[');
    for (size_t i = 0; i < val->list.count; i++) {
        if (i > 0)
            cv_buf_char(out, ',');
        print(out, schema != NULL ? schema->items : NULL, &val->list.items[i], true);
    }
    cv_buf_char(out, ']');
}

static void
print_map(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_buf_char(out, '{');
    for (size_t i = 0; i < val->map.count; i++) {
        if (i > 0)
            cv_buf_char(out, ',');
        print(out, schema != NULL ? schema->keys : NULL, &val->map.entries[i].key, true);
        cv_buf_char(out, ':');
        print(out, schema != NULL ? schema->items : NULL, &val->map.entries[i].value, true);
    }
    cv_buf_char(out, '}');
}

/* A null field shows its default. */
static void
print_struct(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_buf_char(out, '{');
    for (size_t i = 0; schema != NULL && i < val->list.count && i < schema->n_fields; i++) {
        const struct cv_schema *field = schema->fields[i].schema;
        const struct cv_value *shown = &val->list.items[i];

        if (i > 0)
            cv_buf_char(out, ',');
        if (shown->is_null && field->def != NULL)
            shown = field->def;
        print_quoted(out, schema->fields[i].name, strlen(schema->fields[i].name));
        cv_buf_char(out, ':');
        print(out, field, shown, true);
    }
    cv_buf_char(out, '}');
}

static void
print(struct cv_buf *out, const struct cv_schema *schema, const struct cv_value *val, bool embedded)
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
            print_moment(out, logical_ms(logical, val));
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
        if (embedded)
            print_quoted(out, val->bytes.data, val->bytes.len);
        else
            cv_buf_add(out, val->bytes.data, val->bytes.len);
        break;
    case CV_BYTES:
        print_bytes(out, schema, val, embedded);
        break;
    case CV_ARRAY:
        print_list(out, schema, val);
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
text_of_value(struct cv_buf *out, const struct cv_value *val)
{
    print(out, val->schema, val, false);
}
