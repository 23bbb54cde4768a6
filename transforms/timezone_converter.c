/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TimezoneConverter: columns with a time zone show their times in the one of the option, and times without one, which
 * count as UTC, are taken for times of it. Rules say which tables, topics and columns, or which not. Days and times of
 * day have no time to convert and stay.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "data/time_zone.h"
#include "transforms/debezium.h"
#include "transforms/iso_time.h"
#include "transforms/transforms.h"

#define WARN_INTERVAL_MS 60000

/* ---- options ---- */

struct zone_options {
    char *timezone;
    struct cv_list include;
    struct cv_list exclude;
};

enum match { MATCH_TOPIC, MATCH_TABLE, MATCH_ANY };

/* One entry of a list: what it matches, and the column, NULL: all of them. */
struct zone_rule {
    enum match match;
    char *name;
    char *field;
};

struct zone_converter {
    struct smt smt;
    struct zone_options options;
    struct time_zone *zone;
    struct zone_rule *rules;
    size_t n_rules;
    bool exclude;
    struct cv_log_limit skipped;
};

static const struct cv_config_def zone_rows[] = {
    { .name = "converted.timezone", .type = CV_CONFIG_STRING, .required = true, .check = cv_valid_non_empty,
      .importance = CV_HIGH, .order = 1, .width = CV_WIDTH_MEDIUM, .display = "Converted Timezone",
      .doc = "The time zone: a region such as Europe/Berlin, by the system's tzdata, or an offset such as +08:00.",
      .offset = offsetof(struct zone_options, timezone) },
    { .name = "include.list", .type = CV_CONFIG_LIST, .importance = CV_HIGH, .order = 1, .width = CV_WIDTH_MEDIUM,
      .display = "Include List",
      .doc = "Convert only what these name: source:table, source:table:column, topic:name, topic:name:column, or "
             "name:column for a table or topic of that name. A column may be before.column or after.column.",
      .offset = offsetof(struct zone_options, include) },
    { .name = "exclude.list", .type = CV_CONFIG_LIST, .importance = CV_HIGH, .order = 1, .width = CV_WIDTH_MEDIUM,
      .display = "Exclude List",
      .doc = "Convert all but what these name, written as in include.list.",
      .offset = offsetof(struct zone_options, exclude) },
    CV_CONFIG_END
};

/* ---- configuration ---- */

static void
zone_free(struct cv_transform *xf)
{
    struct zone_converter *conv = cv_container_of(xf, struct zone_converter, smt.base);

    for (size_t i = 0; i < conv->n_rules; i++) {
        free(conv->rules[i].name);
        free(conv->rules[i].field);
    }
    free(conv->rules);
    time_zone_free(conv->zone);
    smt_free(xf);
}

/* Columns, blanks, letters, digits and dots, as Debezium has them; anything else is a slip of the pen. */
static bool
is_name(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] == ':' || at[i] == '*' || at[i] == '(' || at[i] == '[' || at[i] == '\\')
            return false;
    return len > 0;
}

/* [source:|topic:]name[:column]. A prefix holds for the entries behind it as well. */
static enum cv_rc
add_rule(struct zone_converter *conv, const char *option, const char *entry, enum match *inout_match,
         struct cv_err *err)
{
    struct zone_rule *rule = &conv->rules[conv->n_rules];
    const char *name = entry, *field;
    size_t len = strcspn(entry, ":");
    bool prefix = true;

    if (strncasecmp(entry, "source:", 7) == 0)
        *inout_match = MATCH_TABLE;
    else if (strncasecmp(entry, "topic:", 6) == 0)
        *inout_match = MATCH_TOPIC;
    else
        prefix = false;
    if (prefix) {
        name = entry + len + 1;
        len = strcspn(name, ":");
    }
    field = name[len] == ':' ? name + len + 1 : NULL;
    if (!is_name(name, len) || (field != NULL && !is_name(field, strlen(field))) ||
        (field == NULL && *inout_match == MATCH_ANY))
        return cv_fail(err, CV_INVALID, "Invalid %s list format: \"%s\". Please specify a list of rules in the format "
                       "of \"source:<tablename>:<fieldnames>\", \"topic:<topicname>:<fieldnames>\", "
                       "\"<matchname>:<fieldnames>\"", option, entry);
    conv->n_rules++;
    rule->match = *inout_match;
    rule->name = strndup(name, len);
    rule->field = field != NULL ? strdup(field) : NULL;
    return rule->name != NULL && (field == NULL || rule->field != NULL) ? CV_OK : cv_fail_memory(err);
}

static enum cv_rc
prepare(struct zone_converter *conv, struct cv_err *err)
{
    const struct cv_list *include = &conv->options.include, *exclude = &conv->options.exclude;
    const struct cv_list *list = exclude->count > 0 ? exclude : include;
    enum match match = MATCH_ANY;

    if (include->count > 0 && exclude->count > 0)
        return cv_fail(err, CV_INVALID, "Both include and exclude lists are specified. Please specify only one.");
    conv->exclude = list == exclude;
    conv->rules = calloc(list->count + 1, sizeof(*conv->rules));
    if (conv->rules == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < list->count; i++)
        if (add_rule(conv, conv->exclude ? "exclude" : "include", list->items[i], &match, err) != CV_OK)
            return err->rc;
    if (time_zone_new(conv->options.timezone, &conv->zone, err) != CV_OK)
        return cv_err_context(err, "converted.timezone");
    return CV_OK;
}

static enum cv_rc
zone_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
               struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct zone_converter), offsetof(struct zone_converter, options), &made, err) !=
        CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct zone_converter, smt.base), err) != CV_OK) {
        zone_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* ---- values ---- */

enum kind { KIND_NONE, KIND_MS, KIND_US, KIND_NS, KIND_ZONED, KIND_ZONED_TIME, KIND_FIXED };

/* What a logical type is to this transform; FIXED: nothing that could be converted. */
static enum kind
kind_of(const struct cv_schema *schema)
{
    static const struct {
        const char *name;
        enum kind kind;
        enum cv_type type;
    } kinds[] = {
        { "io.debezium.time.MicroTimestamp", KIND_US, CV_INT64 },
        { "io.debezium.time.NanoTimestamp", KIND_NS, CV_INT64 },
        { "io.debezium.time.Timestamp", KIND_MS, CV_INT64 },
        { CV_TIMESTAMP_NAME, KIND_MS, CV_INT64 },
        { "io.debezium.time.ZonedTimestamp", KIND_ZONED, CV_STRING },
        { "io.debezium.time.ZonedTime", KIND_ZONED_TIME, CV_STRING },
        { "io.debezium.time.Date", KIND_FIXED, CV_INT32 },
        { "io.debezium.time.Time", KIND_FIXED, CV_INT32 },
        { "io.debezium.time.MicroTime", KIND_FIXED, CV_INT64 },
        { "io.debezium.time.NanoTime", KIND_FIXED, CV_INT64 },
        { CV_DATE_NAME, KIND_FIXED, CV_INT32 },
        { CV_TIME_NAME, KIND_FIXED, CV_INT32 },
    };

    for (size_t i = 0; schema->name != NULL && i < CV_COUNT(kinds); i++)
        if (schema->type == kinds[i].type && strcmp(schema->name, kinds[i].name) == 0)
            return kinds[i].kind;
    return KIND_NONE;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The connector's forms of infinity, which is the same everywhere. */
static bool
is_infinite(enum kind kind, int64_t v)
{
    switch (kind) {
    case KIND_MS:
        return v == INT64_C(9223372036825200) || v == INT64_C(-9223372036832400);
    case KIND_US:
        return v == INT64_C(9223372036825200000) || v == INT64_C(-9223372036832400000);
    default:
        return v == INT64_MAX || v == INT64_MIN;
    }
}

/* The time that a clock of the zone shows, to UTC. What is beyond the range of the type stays. */
static int64_t
shift(const struct zone_converter *conv, enum kind kind, int64_t v)
{
    int64_t per_second = kind == KIND_MS ? 1000 : kind == KIND_US ? 1000000 : 1000000000;
    int64_t moved;

    if (is_infinite(kind, v) ||
        __builtin_sub_overflow(v, time_zone_offset_of_local(conv->zone, floor_div(v, per_second)) * per_second, &moved))
        return v;
    return moved;
}

/* The same instant, as the zone shows it. The offset is the one that holds when the zone's clocks show what the text
   says, as in Debezium; for a time without a day, today's. */
static enum cv_rc
show(const struct zone_converter *conv, enum kind kind, const char *field, struct cv_arena *arena,
     struct cv_value *val, struct cv_err *err)
{
    struct iso_time t;
    char text[ISO_TIME_MAX];
    size_t len;

    if (iso_time_is_infinite(&val->bytes))
        return CV_OK;
    if (!iso_time_read(&val->bytes, kind == KIND_ZONED, &t))
        return cv_fail(err, CV_INVALID, "field \"%s\" holds no ISO 8601 %s with offset", field,
                       kind == KIND_ZONED ? "date and time" : "time");
    iso_time_move(&t, kind == KIND_ZONED ? time_zone_offset_of_local(conv->zone, t.local)
                                         : time_zone_offset(conv->zone, floor_div(cv_now_ms(), 1000)));
    len = iso_time_format(&t, kind == KIND_ZONED, text);
    val->bytes.data = cv_arena_dup(arena, text, len);
    val->bytes.len = len;
    return val->bytes.data != NULL ? CV_OK : cv_fail_memory(err);
}

/* ---- rows ---- */

/* Which columns of a row are converted: those that the rules name, all but those, or all. */
enum selection { SELECT_ALL, SELECT_NAMED, SELECT_OTHERS };

/* What the rules say of an event: those of one match and name. */
struct chosen {
    enum selection selection;
    enum match match;
    const char *name;
};

/* Whether the rules name the column of that row ("before" or "after"). */
static bool
is_named(const struct zone_converter *conv, const struct chosen *chosen, const char *row, const char *column)
{
    size_t len = strlen(row);

    for (size_t i = 0; i < conv->n_rules; i++) {
        const struct zone_rule *rule = &conv->rules[i];
        const char *field = rule->field;

        if (field == NULL || rule->match != chosen->match || strcmp(rule->name, chosen->name) != 0)
            continue;
        if (strcmp(field, column) == 0 ||
            (strncmp(field, row, len) == 0 && field[len] == '.' && strcmp(field + len + 1, column) == 0))
            return true;
    }
    return false;
}

/* A copy of the row, converted: a repeated try begins with the row as it was. */
static enum cv_rc
convert_row(struct zone_converter *conv, const struct chosen *chosen, const char *row, struct cv_arena *arena,
            struct cv_value *strct, struct cv_err *err)
{
    struct cv_value *made = debezium_refill(arena, strct->schema, strct, false, err);
    uint64_t others = 0;

    if (made == NULL)
        return err->rc;
    for (size_t i = 0; i < strct->schema->n_fields; i++) {
        const struct cv_field *field = &strct->schema->fields[i];
        struct cv_value *val = cv_struct_at(made, i);
        enum kind kind = kind_of(field->schema);

        if (kind == KIND_NONE || (chosen->selection != SELECT_ALL &&
                                  is_named(conv, chosen, row, field->name) != (chosen->selection == SELECT_NAMED)))
            continue;
        if (kind == KIND_FIXED) {
            if (cv_log_limit(&conv->skipped, WARN_INTERVAL_MS, &others))
                CV_LOG_WARN(cv_log_get("culvert.transforms.timezone"), "a column without time zone stays as it is",
                            CV_STR("field", field->name), CV_STR("type", field->schema->name),
                            CV_INT("others", others));
            continue;
        }
        *val = *smt_field(made, i, true);
        val->schema = field->schema;
        if (val->is_null)
            continue;
        if (val->type == CV_INT64)
            val->integer = shift(conv, kind, val->integer);
        else if (show(conv, kind, field->name, arena, val, err) != CV_OK)
            return err->rc;
    }
    *strct = *made;
    return CV_OK;
}

/* ---- events ---- */

static bool
text_is(const struct cv_value *val, const char *text)
{
    size_t len = strlen(text);

    return val != NULL && !val->is_null && val->type == CV_STRING && val->bytes.len == len &&
           memcmp(val->bytes.data, text, len) == 0;
}

/* The first rule that is about the topic, the table (NULL: none), or either. */
static const struct zone_rule *
find_rule(const struct zone_converter *conv, const char *topic, const struct cv_value *table)
{
    static const struct {
        enum match match;
        bool by_table;
    } ways[] = { { MATCH_TOPIC, false }, { MATCH_TABLE, true }, { MATCH_ANY, false }, { MATCH_ANY, true } };

    for (size_t w = 0; w < CV_COUNT(ways); w++)
        for (size_t i = 0; i < conv->n_rules; i++)
            if (conv->rules[i].match == ways[w].match && (ways[w].by_table ? text_is(table, conv->rules[i].name)
                                                                           : strcmp(topic, conv->rules[i].name) == 0))
                return &conv->rules[i];
    return NULL;
}

/* False: the event stays as it is. ret comes as SELECT_ALL. */
static bool
choose(const struct zone_converter *conv, const struct cv_record *rec, struct chosen *ret)
{
    const struct cv_value *source = cv_struct_get(&rec->value, "source"), *table = NULL;
    const struct zone_rule *rule;
    bool columns = false;

    if (source != NULL && !source->is_null && source->type == CV_STRUCT)
        table = cv_struct_get(source, "table");
    rule = find_rule(conv, rec->topic, table);
    if (rule == NULL)
        return conv->n_rules == 0 || conv->exclude;
    ret->match = rule->match;
    ret->name = rule->name;
    for (size_t i = 0; i < conv->n_rules; i++)
        columns = columns || (conv->rules[i].field != NULL && conv->rules[i].match == rule->match &&
                              strcmp(conv->rules[i].name, rule->name) == 0);
    if (columns)
        ret->selection = conv->exclude ? SELECT_OTHERS : SELECT_NAMED;
    return columns || !conv->exclude;
}

static enum cv_rc
zone_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
           struct cv_err *err)
{
    static const char *const rows[] = { "before", "after" };
    struct zone_converter *conv = cv_container_of(xf, struct zone_converter, smt.base);
    struct chosen chosen = { .selection = SELECT_ALL };
    struct cv_value *made;

    *ret_keep = true;
    if (rec->value.is_null || !debezium_is_envelope(rec->value.schema) || !choose(conv, rec, &chosen))
        return CV_OK;
    made = debezium_refill(arena, rec->value.schema, &rec->value, false, err);
    if (made == NULL)
        return err->rc;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_value *row = cv_struct_get(made, rows[i]);

        if (row != NULL && !row->is_null && row->type == CV_STRUCT &&
            convert_row(conv, &chosen, rows[i], arena, row, err) != CV_OK)
            return err->rc;
    }
    rec->value = *made;
    return CV_OK;
}

static const struct cv_transform_ops zone_ops = {
    .configure = zone_configure,
    .apply = zone_apply,
    .free = zone_free,
};

const struct cv_plugin timezone_converter_plugin =
    DEBEZIUM_PLUGIN("transforms.TimezoneConverter", zone_rows, &zone_ops);
