/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TimestampConverter: a timestamp between text, a Unix number and the logical types Date, Time and Timestamp; of one
 * field, or of the whole key or value. Everything is in UTC.
 *
 * Source: org.apache.kafka.connect.transforms.TimestampConverter.
 */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "data/calendar.h"
#include "data/java_string.h"
#include "data/logical.h"
#include "transforms/date_pattern.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "converting timestamp formats";

#define TEXT_MAX 65536

enum form { FORM_STRING, FORM_UNIX, FORM_DATE, FORM_TIME, FORM_TIMESTAMP };
enum precision { PRECISION_NANOS, PRECISION_MICROS, PRECISION_MILLIS, PRECISION_SECONDS };

static const char *const form_names[] = { "string", "unix", "Date", "Time", "Timestamp", NULL };
static const char *const precision_names[] = { "nanoseconds", "microseconds", "milliseconds", "seconds", NULL };

struct converter_options {
    char *field; /* "": the whole key or value */
    int target;
    char *format;
    int precision;
    bool replace_null;
};

struct timestamp_converter {
    struct smt smt;
    struct converter_options options;
    struct date_pattern *pattern;  /* NULL: no format was given */
    struct cv_schema *schemas[2]; /* of the target, required and optional */
};

static const struct cv_config_def converter_rows[] = {
    { .name = "field",
      .type = CV_CONFIG_STRING,
      .def = "",
      .importance = CV_HIGH,
      .doc = "The field to convert; empty: the whole key or value.",
      .offset = offsetof(struct converter_options, field) },
    { .name = "target.type",
      .type = CV_CONFIG_ENUM,
      .required = true,
      .names = form_names,
      .enum_exact = true,
      .importance = CV_HIGH,
      .doc = "What the timestamp becomes.",
      .offset = offsetof(struct converter_options, target) },
    { .name = "format",
      .type = CV_CONFIG_STRING,
      .def = "",
      .importance = CV_MEDIUM,
      .doc = "Pattern of timestamps in text as java.text.SimpleDateFormat has them, in UTC; needed to write or read "
             "text.",
      .offset = offsetof(struct converter_options, format) },
    { .name = "unix.precision",
      .type = CV_CONFIG_ENUM,
      .def = "milliseconds",
      .names = precision_names,
      .enum_exact = true,
      .importance = CV_LOW,
      .doc = "Unit of Unix numbers, written and read. Between them and the other forms milliseconds are what is kept.",
      .offset = offsetof(struct converter_options, precision) },
    SMT_REPLACE_NULL_ROW(struct converter_options, replace_null),
    CV_CONFIG_END
};

/* ---- configure ---- */

static void
converter_free(struct cv_transform *xf)
{
    struct timestamp_converter *conv = cv_container_of(xf, struct timestamp_converter, smt.base);

    date_pattern_free(conv->pattern);
    cv_schema_unref(conv->schemas[0]);
    cv_schema_unref(conv->schemas[1]);
    smt_free(xf);
}

static enum cv_rc
make_schema(enum form form, bool optional, struct cv_schema **ret, struct cv_err *err)
{
    static const char *const names[] = { [FORM_DATE] = CV_DATE_NAME,
                                         [FORM_TIME] = CV_TIME_NAME,
                                         [FORM_TIMESTAMP] = CV_TIMESTAMP_NAME };
    struct cv_schema_builder *b = cv_schema_new(form == FORM_STRING                      ? CV_STRING
                                                : form == FORM_DATE || form == FORM_TIME ? CV_INT32
                                                                                         : CV_INT64);

    if (form >= FORM_DATE) {
        cv_schema_set_name(b, names[form]);
        cv_schema_set_version(b, 1);
    }
    if (optional)
        cv_schema_set_optional(b);
    return cv_schema_finish(b, ret, err);
}

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

static enum cv_rc
prepare(struct timestamp_converter *conv, struct cv_err *err)
{
    struct cv_err why = CV_ERR_INIT;

    if (conv->options.target == FORM_STRING && is_blank(conv->options.format))
        return cv_fail(err, CV_INVALID,
                       "TimestampConverter requires format option to be specified when using string timestamps");
    if (!is_blank(conv->options.format) && date_pattern_new(conv->options.format, &conv->pattern, &why) != CV_OK)
        return cv_fail(err, why.rc,
                       "Invalid value java.lang.IllegalArgumentException: %s for configuration TimestampConverter "
                       "requires a SimpleDateFormat-compatible pattern for string timestamps: %s",
                       why.text, conv->options.format);
    if (make_schema((enum form)conv->options.target, false, &conv->schemas[0], err) != CV_OK)
        return err->rc;
    return make_schema((enum form)conv->options.target, true, &conv->schemas[1], err);
}

static enum cv_rc
converter_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                    struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct timestamp_converter *conv;

    if (smt_new(plugin, cfg, sizeof(*conv), offsetof(struct timestamp_converter, options), &made, err) != CV_OK)
        return err->rc;
    conv = cv_container_of(made, struct timestamp_converter, smt.base);
    if (prepare(conv, err) != CV_OK) {
        converter_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* ---- one value ---- */

static const int64_t per_ms[] = { [PRECISION_NANOS] = 1000000, [PRECISION_MICROS] = 1000, [PRECISION_MILLIS] = 1 };

/* As TimeUnit converts: towards zero, and saturating. */
static int64_t
ms_of_unix(const struct timestamp_converter *conv, int64_t v)
{
    int64_t ms;

    if (conv->options.precision != PRECISION_SECONDS)
        return v / per_ms[conv->options.precision];
    if (__builtin_mul_overflow(v, INT64_C(1000), &ms))
        return v < 0 ? INT64_MIN : INT64_MAX;
    return ms;
}

static int64_t
unix_of_ms(const struct timestamp_converter *conv, int64_t ms)
{
    int64_t v;

    if (conv->options.precision == PRECISION_SECONDS)
        return ms / 1000;
    if (__builtin_mul_overflow(ms, per_ms[conv->options.precision], &v))
        return ms < 0 ? INT64_MIN : INT64_MAX;
    return v;
}

static enum cv_rc
text_to_ms(const struct timestamp_converter *conv, const struct cv_bytes *text, int64_t *ret,
           struct cv_err *err)
{
    if (conv->pattern == NULL)
        return cv_fail(err, CV_INVALID,
                       "TimestampConverter requires format option to be specified when using string timestamps");
    if (date_pattern_parse(conv->pattern, text->data, text->len, ret))
        return CV_OK;
    return cv_fail(err, CV_INVALID, "Could not parse timestamp: value (%.*s) does not match pattern (%s)",
                   (int)(text->len < 100 ? text->len : 100), text->data, conv->options.format);
}

static enum cv_rc
read_ms(const struct timestamp_converter *conv, const struct cv_schema *schema, const struct cv_value *val,
        int64_t *ret, struct cv_err *err)
{
    enum logical_type logical = logical_of(schema);

    if (logical != LOGICAL_NONE && logical != LOGICAL_DECIMAL)
        *ret = logical_ms(logical, val);
    else if (val->type == CV_STRING)
        return text_to_ms(conv, &val->bytes, ret, err);
    else if (val->type == CV_INT64)
        *ret = ms_of_unix(conv, val->integer);
    else if (schema != NULL)
        return cv_fail(err, CV_INVALID, "Schema Schema{%s} does not correspond to a known timestamp type format",
                       java_type_name(schema->type));
    else
        return cv_fail(err, CV_INVALID, "TimestampConverter does not support class %s objects as timestamps",
                       java_class_name(schema, val));
    return CV_OK;
}

static int64_t
floor_day(int64_t ms)
{
    int64_t rest = ms % MS_PER_DAY;

    return ms - rest - (rest < 0 ? MS_PER_DAY : 0);
}

static enum cv_rc
write_ms(const struct timestamp_converter *conv, int64_t ms, struct cv_arena *arena, struct cv_value *ret,
         struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);
    const char *copy = NULL;

    switch (conv->options.target) {
    case FORM_STRING:
        date_pattern_format(conv->pattern, ms, &text);
        if (cv_buf_check(&text, err) == CV_OK) {
            copy = cv_arena_dup(arena, text.data, text.len);
            *ret = cv_string(copy, text.len);
            if (copy == NULL)
                cv_fail_memory(err);
        }
        cv_buf_free(&text);
        return copy != NULL ? CV_OK : err->rc;
    case FORM_UNIX:
        *ret = cv_int(CV_INT64, unix_of_ms(conv, ms));
        return CV_OK;
    case FORM_DATE:
        *ret = cv_int(CV_INT32, floor_day(ms) / MS_PER_DAY);
        return CV_OK;
    case FORM_TIME:
        *ret = cv_int(CV_INT32, ms - floor_day(ms));
        return CV_OK;
    default:
        *ret = cv_int(CV_INT64, ms);
        return CV_OK;
    }
}

/* The converted value with its schema; without one too, if it is a logical type, as nothing else tells it apart. */
static enum cv_rc
convert(const struct timestamp_converter *conv, const struct cv_schema *schema, const struct cv_value *val,
        struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct cv_schema *target = conv->schemas[schema != NULL && schema->optional];
    struct cv_value made = cv_null(target);
    int64_t ms;

    if (schema == NULL && conv->options.target < FORM_DATE)
        target = NULL;
    if (!val->is_null && (read_ms(conv, schema, val, &ms, err) != CV_OK ||
                          write_ms(conv, ms, arena, &made, err) != CV_OK))
        return err->rc;
    if (target != NULL && cv_schema_hold(arena, target, err) != CV_OK)
        return err->rc;
    made.schema = target;
    *ret = made;
    return CV_OK;
}

/* ---- records ---- */

static enum cv_rc
converted_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct timestamp_converter *conv = cv_container_of(smt, struct timestamp_converter, smt);
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);

    for (size_t i = 0; i < from->n_fields; i++) {
        const struct cv_schema *field = from->fields[i].schema;

        cv_schema_add_field(b, from->fields[i].name,
                            strcmp(from->fields[i].name, conv->options.field) == 0 ? conv->schemas[field->optional]
                                                                                   : field);
    }
    if (from->optional)
        cv_schema_set_optional(b);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
convert_struct(struct timestamp_converter *conv, struct cv_value *operand, struct cv_arena *arena,
               struct cv_err *err)
{
    const struct cv_schema *from = operand->schema, *schema = NULL;
    struct cv_value *made;

    if (from->type != CV_STRUCT)
        return smt_require_struct(operand, purpose, err);
    if (smt_schema(&conv->smt, from, converted_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    if (operand->is_null) {
        operand->schema = schema;
        return CV_OK;
    }
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct cv_value *val = smt_field(operand, i, conv->options.replace_null);

        *cv_struct_at(made, i) = *val;
        if (strcmp(schema->fields[i].name, conv->options.field) == 0 &&
            convert(conv, from->fields[i].schema, val, arena, cv_struct_at(made, i), err) != CV_OK)
            return cv_err_context(err, "field %s", conv->options.field);
    }
    *operand = *made;
    return CV_OK;
}

static enum cv_rc
convert_map(struct timestamp_converter *conv, struct cv_value *operand, struct cv_arena *arena,
            struct cv_err *err)
{
    struct cv_value *copy = smt_map_copy(operand, arena, err);
    const struct cv_value *found = cv_map_get(operand, conv->options.field);
    struct cv_value val = cv_null(NULL);

    if (copy == NULL)
        return err->rc;
    if (found != NULL && !found->is_null && convert(conv, found->schema, found, arena, &val, err) != CV_OK)
        return cv_err_context(err, "field %s", conv->options.field);
    if (cv_map_put(arena, copy, conv->options.field, val, err) != CV_OK)
        return err->rc;
    return smt_map_done(operand, copy, err);
}

static enum cv_rc
converter_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                struct cv_err *err)
{
    struct timestamp_converter *conv = cv_container_of(xf, struct timestamp_converter, smt.base);
    struct cv_value *operand = smt_operand(&conv->smt, rec);

    *ret_keep = true;
    if (operand->schema == NULL && operand->is_null)
        return CV_OK;
    if (conv->options.field[0] == '\0')
        return convert(conv, operand->schema, operand, arena, operand, err);
    if (operand->schema != NULL)
        return convert_struct(conv, operand, arena, err);
    return smt_require_map(operand, purpose, err) == CV_OK ? convert_map(conv, operand, arena, err) : err->rc;
}

static const struct cv_transform_ops converter_ops = {
    .configure = converter_configure,
    .apply = converter_apply,
    .free = converter_free,
};

const struct cv_plugin timestamp_converter_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("TimestampConverter$Key", converter_rows, &converter_ops),
    SMT_PLUGIN("TimestampConverter$Value", converter_rows, &converter_ops),
};
