/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventRouter: rows that are inserted into an outbox table become the events that they describe. A column names the
 * topic, others give key, id and payload; further ones go into headers, into an envelope around the payload, or choose
 * the partition. Deletes of rows say nothing, updates should not be.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/regex.h"
#include "data/java_pattern.h"
#include "data/json.h"
#include "data/lru.h"
#include "data/schema_json.h"
#include "transforms/debezium.h"
#include "transforms/json_struct.h"
#include "transforms/transforms.h"

#define TOPIC_MAX        4096
#define SCHEMA_TEXT_MAX  ((size_t)4 << 20)
#define SCHEMAS_MAX      2048
#define WARN_INTERVAL_MS 10000

/* ---- options ---- */

enum { UPDATE_WARN, UPDATE_ERROR, UPDATE_FATAL };
enum { NULLS_IGNORE, NULLS_OPTIONAL_BYTES };
enum placement { PLACE_HEADER, PLACE_ENVELOPE, PLACE_PARTITION };

static const char *const update_names[] = { "warn", "error", "fatal", NULL };
static const char *const null_names[] = { "ignore", "optional_bytes", NULL };
static const char *const placement_names[] = { "header", "envelope", "partition" };

struct router_options {
    char *id;
    char *key;
    char *payload;
    char *timestamp;
    char *version;
    char *route;
    struct cv_list placements;
    bool missing_is_error;
    char *topic_regex;
    char *topic_replacement;
    bool tombstone_on_empty;
    int on_update;
    bool expand;
    int nulls;
    int field_names;
};

/* A further column, and where it goes under which name. */
struct extra {
    char *field;
    char *alias;
    enum placement placement;
};

struct event_router {
    struct smt smt;
    struct router_options options;
    struct extra *extras;
    size_t n_extras;
    bool has_envelope; /* some extra is placed in it */
    struct cv_regex *topic_regex;
    struct json_struct *json;    /* NULL: payloads are not expanded */
    struct lru *envelopes;       /* text of a payload's schema and version to the envelope's schema */
    struct cv_log_limit updates;
    struct cv_log_limit texts;
};

static cv_config_check valid_placements;

#define ROUTER_STRING(row_name, default_value, member, row_order, row_display, row_doc)                    \
    { .name = row_name, .type = CV_CONFIG_STRING, .def = default_value, .importance = CV_LOW,              \
      .group = "Table", .order = row_order, .width = CV_WIDTH_MEDIUM, .display = row_display,              \
      .doc = row_doc, .offset = offsetof(struct router_options, member) }
#define TRACING(row_name, row_type, default_value, row_order, row_display)                                 \
    { .name = row_name, .type = row_type, .def = default_value, .importance = CV_HIGH, .group = "Tracing", \
      .order = row_order, .width = CV_WIDTH_MEDIUM, .display = row_display,                                \
      .doc = "Accepted, without effect: there is no tracing here.", .offset = CV_NO_FIELD }

static const struct cv_config_def router_rows[] = {
    ROUTER_STRING("table.field.event.id", "id", id, 1, "Event ID Field",
                  "Column with the event's id, which becomes the header id."),
    ROUTER_STRING("table.field.event.key", "aggregateid", key, 2, "Event Key Field",
                  "Column that becomes the record's key."),
    { .name = "table.field.event.type", .type = CV_CONFIG_STRING, .def = "type", .importance = CV_LOW,
      .group = "Table", .order = 3, .width = CV_WIDTH_MEDIUM, .display = "Event Type Field",
      .doc = "Column with the event's type; it has no effect of its own (see table.fields.additional.placement).",
      .offset = CV_NO_FIELD },
    ROUTER_STRING("table.field.event.payload", "payload", payload, 4, "Event Payload Field",
                  "Column that becomes the record's value."),
    { .name = "table.field.event.timestamp", .type = CV_CONFIG_STRING, .importance = CV_MEDIUM, .group = "Table",
      .order = 5, .width = CV_WIDTH_MEDIUM, .display = "Event Timestamp Field",
      .doc = "Column with the record's timestamp. Without it the time at which the change was read counts.",
      .offset = offsetof(struct router_options, timestamp) },
    { .name = "table.fields.additional.placement", .type = CV_CONFIG_LIST, .check = valid_placements,
      .importance = CV_HIGH, .group = "Table", .order = 6, .width = CV_WIDTH_MEDIUM,
      .display = "Settings for each additional column in the outbox table",
      .doc = "Further columns to take along, as column:header, column:envelope or column:partition, with :name behind "
             "it if the column is to be called otherwise. With one in the envelope the value is a struct that holds "
             "the payload as well.",
      .offset = offsetof(struct router_options, placements) },
    { .name = "table.fields.additional.error.on.missing", .type = CV_CONFIG_BOOLEAN, .def = "true",
      .importance = CV_MEDIUM, .group = "Table", .order = 7, .width = CV_WIDTH_MEDIUM,
      .display = "Should the transform error if an additional field is missing in the change data",
      .doc = "Fail where a further column is missing. If false, go on without it.",
      .offset = offsetof(struct router_options, missing_is_error) },
    { .name = "table.field.event.schema.version", .type = CV_CONFIG_STRING, .importance = CV_LOW, .group = "Table",
      .order = 8, .width = CV_WIDTH_MEDIUM, .display = "Event Schema Version Field",
      .doc = "Column (int) with the version of the envelope's schema.",
      .offset = offsetof(struct router_options, version) },
    { .name = "table.op.invalid.behavior", .type = CV_CONFIG_ENUM, .def = "warn", .names = update_names,
      .importance = CV_MEDIUM, .group = "Table", .order = 9, .width = CV_WIDTH_MEDIUM,
      .display = "Behavior when capturing an unexpected outbox event",
      .doc = "What an update of a row is: passed over with a warning or with an error in the log, or fatal.",
      .offset = offsetof(struct router_options, on_update) },
    { .name = "table.expand.json.payload", .type = CV_CONFIG_BOOLEAN, .def = "false", .importance = CV_MEDIUM,
      .group = "Table", .order = 10, .width = CV_WIDTH_MEDIUM,
      .display = "Expand Payload escaped string as real JSON",
      .doc = "Make a struct of a payload that is the text of a JSON object, its schema from the text. What cannot be "
             "one stays a text.",
      .offset = offsetof(struct router_options, expand) },
    { .name = "table.json.payload.null.behavior", .type = CV_CONFIG_ENUM, .def = "ignore", .names = null_names,
      .importance = CV_MEDIUM, .group = "Table", .order = 11, .width = CV_WIDTH_MEDIUM,
      .display = "Behavior when json payload including null value",
      .doc = "What nulls in such a text are: left out (ignore), or null bytes (optional_bytes).",
      .offset = offsetof(struct router_options, nulls) },
    { .name = "route.by.field", .type = CV_CONFIG_STRING, .def = "aggregatetype", .importance = CV_HIGH,
      .group = "Router", .order = 1, .width = CV_WIDTH_MEDIUM, .display = "Field to route events by",
      .doc = "Column with the text that the topic is made of.", .offset = offsetof(struct router_options, route) },
    { .name = "route.topic.regex", .type = CV_CONFIG_STRING, .def = "(?<routedByValue>.*)",
      .check = java_pattern_check, .importance = CV_LOW, .group = "Router", .order = 2, .width = CV_WIDTH_MEDIUM,
      .display = "The name of the routed topic",
      .doc = "Pattern over that text; where it does not match, the text itself is the topic.",
      .offset = offsetof(struct router_options, topic_regex) },
    { .name = "route.topic.replacement", .type = CV_CONFIG_STRING, .def = "outbox.event.${routedByValue}",
      .importance = CV_HIGH, .group = "Router", .order = 3, .width = CV_WIDTH_MEDIUM,
      .display = "The name of the routed topic",
      .doc = "The topic, with $1 and ${name} for the pattern's groups.",
      .offset = offsetof(struct router_options, topic_replacement) },
    { .name = "route.tombstone.on.empty.payload", .type = CV_CONFIG_BOOLEAN, .def = "false",
      .importance = CV_HIGH, .group = "Router", .order = 4, .width = CV_WIDTH_MEDIUM,
      .display = "Empty payloads cause a tombstone message",
      .doc = "Make a tombstone where the payload is null, or a text of nothing but blanks.",
      .offset = offsetof(struct router_options, tombstone_on_empty) },
    TRACING("tracing.span.context.field", CV_CONFIG_STRING, "tracingspancontext", 1,
            "Serialized tracing span context field"),
    TRACING("tracing.operation.name", CV_CONFIG_STRING, "debezium-read", 2, "Tracing operation name"),
    TRACING("tracing.with.context.field.only", CV_CONFIG_BOOLEAN, "false", 3,
            "Trace only events with context field present"),
    { .name = "field.name.adjustment.mode", .type = CV_CONFIG_ENUM, .def = "none", .names = avro_name_modes,
      .importance = CV_LOW, .internal = true,
      .doc = "How the names of fields of expanded payloads are made good for Avro: none, avro or avro_unicode.",
      .offset = offsetof(struct router_options, field_names) },
    CV_CONFIG_END
};

/* ---- configuration ---- */

/* column:placement[:alias]; false: it is not. ret NULL: only look. *ret_memory: there was none. */
static bool
parse_extra(const char *text, struct extra *ret, bool *ret_memory)
{
    const char *place = strchr(text, ':'), *alias;
    size_t len, i;

    if (place == NULL)
        return false;
    place += 1 + strspn(place + 1, " ");
    len = strcspn(place, " :");
    for (i = 0; i < CV_COUNT(placement_names); i++)
        if (strncasecmp(place, placement_names[i], len) == 0 && placement_names[i][len] == '\0')
            break;
    alias = strchr(place, ':');
    if (i == CV_COUNT(placement_names) || (alias != NULL && (alias[1] == '\0' || strchr(alias + 1, ':') != NULL)))
        return false;
    if (ret == NULL)
        return true;
    len = strcspn(text, " :");
    ret->placement = (enum placement)i;
    ret->field = strndup(text, len);
    ret->alias = alias != NULL ? strdup(alias + 1 + strspn(alias + 1, " ")) : strndup(text, len);
    *ret_memory = ret->field != NULL && ret->alias != NULL;
    return true;
}

static enum cv_rc
valid_placements(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    char entry[256];
    size_t len;

    (void)def;
    for (const char *at = value; *at != '\0'; at += len + (at[len] != '\0')) {
        at += strspn(at, " ");
        len = strcspn(at, ",");
        snprintf(entry, sizeof(entry), "%.*s", (int)len, at);
        if (!parse_extra(entry, NULL, NULL))
            return cv_fail(err, CV_INVALID, "A comma-separated list of valid String pairs or trios is expected (a "
                           "column, header, envelope or partition, and perhaps a name, with colons between them)");
    }
    return CV_OK;
}

static void
router_free(struct cv_transform *xf)
{
    struct event_router *router = cv_container_of(xf, struct event_router, smt.base);

    for (size_t i = 0; i < router->n_extras; i++) {
        free(router->extras[i].field);
        free(router->extras[i].alias);
    }
    free(router->extras);
    cv_regex_free(router->topic_regex);
    json_struct_free(router->json);
    lru_free(router->envelopes);
    smt_free(xf);
}

static void
drop_schema(void *schema)
{
    cv_schema_unref(schema);
}

static enum cv_rc
prepare(struct event_router *router, struct cv_err *err)
{
    const struct router_options *options = &router->options;
    bool memory = true;

    router->extras = calloc(options->placements.count + 1, sizeof(*router->extras));
    router->envelopes = lru_new(SCHEMAS_MAX, drop_schema);
    if (router->extras == NULL || router->envelopes == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < options->placements.count; i++) {
        struct extra *extra = &router->extras[router->n_extras++];

        if (!parse_extra(options->placements.items[i], extra, &memory) || !memory)
            return cv_fail_memory(err);
        router->has_envelope = router->has_envelope || extra->placement == PLACE_ENVELOPE;
    }
    if (options->expand) {
        router->json = json_struct_new(options->nulls == NULLS_OPTIONAL_BYTES,
                                       (enum avro_name_mode)options->field_names);
        if (router->json == NULL)
            return cv_fail_memory(err);
    }
    if (cv_regex_new(options->topic_regex, false, &router->topic_regex, err) != CV_OK)
        return err->rc;
    return cv_regex_check_replacement(router->topic_regex, options->topic_replacement, err);
}

static enum cv_rc
router_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct event_router), offsetof(struct event_router, options), &made, err) !=
        CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct event_router, smt.base), err) != CV_OK) {
        router_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* ---- one event ---- */

/* What an event is made of. row borrows from the record's value. */
struct event {
    const struct cv_value *row;
    const struct cv_value *topic; /* text that the topic is made of */
    struct cv_value payload;
    int64_t timestamp_ms;
};

static enum cv_rc
take_update(struct event_router *router, bool *ret_keep, struct cv_err *err)
{
    static const char sentence[] = "an update of an outbox table is passed over";
    struct cv_log *log = cv_log_get("culvert.transforms.outbox");
    uint64_t others = 0;

    *ret_keep = false;
    if (router->options.on_update == UPDATE_FATAL)
        return cv_fail(err, CV_INVALID, "Unexpected update message received, and table.op.invalid.behavior is fatal: "
                       "rows of an outbox table are to be inserted and deleted only");
    if (cv_log_limit(&router->updates, WARN_INTERVAL_MS, &others))
        CV_LOG_AT(log, router->options.on_update == UPDATE_ERROR ? CV_LOG_LEVEL_ERROR : CV_LOG_LEVEL_WARN, sentence,
                  CV_INT("others", others));
    return CV_OK;
}

/* The time of the record, by the column's logical type. */
static enum cv_rc
column_time(const struct cv_schema *schema, int64_t v, int64_t *ret, struct cv_err *err)
{
    if (schema->name == NULL)
        return cv_fail(err, CV_INVALID, "Unsupported field type INT64 (without logical schema name) for event "
                       "timestamp");
    if (strcmp(schema->name, "io.debezium.time.Timestamp") == 0)
        *ret = v;
    else if (strcmp(schema->name, "io.debezium.time.MicroTimestamp") == 0)
        *ret = v / 1000;
    else if (strcmp(schema->name, "io.debezium.time.NanoTimestamp") == 0)
        *ret = v / 1000000;
    else
        return cv_fail(err, CV_INVALID, "Unsupported field type %s for event timestamp", schema->name);
    return *ret >= 0 ? CV_OK : cv_fail(err, CV_INVALID, "Kafka has no time before 1970 for an event's timestamp");
}

static enum cv_rc
find_timestamp(const struct event_router *router, const struct cv_value *envelope, struct event *event,
               struct cv_err *err)
{
    const char *name = router->options.timestamp;
    const struct cv_field *field = name != NULL ? cv_schema_field(event->row->schema, name) : NULL;
    const struct cv_value *val;

    if (name != NULL && field == NULL)
        return cv_fail(err, CV_INVALID, "Unable to find timestamp field %s in event", name);
    if (field != NULL) {
        if (debezium_field(event->row, name, CV_INT64, &val, err) != CV_OK)
            return err->rc;
        if (!val->is_null)
            return column_time(field->schema, val->integer, &event->timestamp_ms, err);
    }
    if (debezium_field(envelope, "ts_ms", CV_INT64, &val, err) != CV_OK)
        return err->rc;
    event->timestamp_ms = val->is_null ? CV_NO_TIMESTAMP : val->integer;
    return CV_OK;
}

/* The payload as it is, or the struct that its text describes. */
static enum cv_rc
expand_payload(struct event_router *router, struct cv_arena *arena, struct event *event, struct cv_err *err)
{
    struct cv_err why = CV_ERR_INIT;
    uint64_t others = 0;
    enum cv_rc rc;

    if (router->json == NULL || event->payload.is_null)
        return CV_OK;
    if (event->payload.type != CV_STRING)
        rc = cv_fail(&why, CV_INVALID, "it is no text");
    else
        rc = json_struct_read(router->json, router->options.payload, &event->payload.bytes, arena, &event->payload,
                              &why);
    if (rc == CV_NO_MEMORY)
        return cv_fail_memory(err);
    if (rc != CV_OK && cv_log_limit(&router->texts, WARN_INTERVAL_MS, &others))
        CV_LOG_WARN(cv_log_get("culvert.transforms.outbox"), "a payload was not expanded and stays as it is",
                    CV_ERR(&why), CV_INT("others", others));
    return CV_OK;
}

static enum cv_rc
read_event(struct event_router *router, struct cv_arena *arena, struct cv_record *rec, struct event *event,
           struct cv_err *err)
{
    const struct router_options *options = &router->options;
    const struct cv_value *val;

    val = cv_struct_get(&rec->value, "after");
    if (val == NULL)
        return cv_fail(err, CV_INVALID, "Unknown field: after");
    if (smt_require_struct(val, "Read Outbox Event", err) != CV_OK)
        return err->rc;
    event->row = val;
    if (cv_schema_field(event->row->schema, options->payload) == NULL)
        return cv_fail(err, CV_INVALID, "Unable to find payload field %s in event", options->payload);
    if (find_timestamp(router, &rec->value, event, err) != CV_OK ||
        debezium_get(event->row, options->id, &val, err) != CV_OK)
        return err->rc;
    if (cv_header_add(arena, &rec->headers, "id", *val, err) != CV_OK ||
        debezium_get(event->row, options->payload, &val, err) != CV_OK)
        return err->rc;
    event->payload = *val;
    if (expand_payload(router, arena, event, err) != CV_OK ||
        debezium_field(event->row, options->route, CV_STRING, &event->topic, err) != CV_OK)
        return err->rc;
    if (event->topic->is_null)
        return cv_fail(err, CV_INVALID, "column \"%s\" (route.by.field) is null, so there is no topic to route to",
                       options->route);
    return CV_OK;
}

/* ---- the envelope around a payload ---- */

struct version {
    int32_t number;
    bool given;
};

/* While the schema of one event is looked up: what a new one takes its name and fields from. */
struct envelope_build {
    struct version version; /* the bytes that count, first */
    const struct event *event;
};

/* Name of the row's schema with the topic's text put in before the last part. */
static void
envelope_name(struct cv_buf *out, const struct event *event)
{
    const char *name = event->row->schema->name, *dot = name != NULL ? strrchr(name, '.') : NULL;

    if (dot != NULL)
        cv_buf_add(out, name, (size_t)(dot - name) + 1);
    cv_buf_add(out, event->topic->bytes.data, event->topic->bytes.len);
    if (name != NULL)
        cv_buf_printf(out, ".%s", dot != NULL ? dot + 1 : name);
}

static enum cv_rc
make_envelope(const struct event_router *router, const struct cv_schema *payload, const struct envelope_build *build,
              struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_buf name = CV_BUF_INIT(SCHEMA_TEXT_MAX);
    enum cv_rc rc;

    envelope_name(&name, build->event);
    cv_schema_set_name(b, cv_buf_cstr(&name));
    rc = cv_buf_check(&name, err);
    cv_buf_free(&name);
    if (build->version.given)
        cv_schema_set_version(b, build->version.number);
    cv_schema_add_field(b, "payload", payload);
    for (size_t i = 0; rc == CV_OK && i < router->n_extras; i++) {
        const struct extra *extra = &router->extras[i];
        const struct cv_field *field = cv_schema_field(build->event->row->schema, extra->field);

        if (extra->placement != PLACE_ENVELOPE)
            continue;
        if (field != NULL)
            cv_schema_add_field(b, extra->alias, field->schema);
        else if (router->options.missing_is_error)
            rc = cv_fail(err, CV_INVALID, "%s is not a valid field name", extra->field);
    }
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    smt_abandon(b);
    return rc;
}

/* Equal schemas of payloads share an envelope, under the name that the first one got, from whichever table and type:
   consumers of one schema do not see it change. */
static enum cv_rc
envelope_schema(struct smt *smt, const struct cv_schema *payload, const void *detail, struct cv_schema **ret,
                struct cv_err *err)
{
    static const struct connect_json_format format = { .decimal_numeric = false };
    struct event_router *router = cv_container_of(smt, struct event_router, smt);
    const struct envelope_build *build = detail;
    struct cv_buf text = CV_BUF_INIT(SCHEMA_TEXT_MAX);
    struct cv_schema *made;
    enum cv_rc rc;

    cv_buf_printf(&text, "%d %d ", build->version.given, build->version.number);
    cv_schema_json(&text, payload, &format);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK) {
        made = lru_get(router->envelopes, cv_buf_cstr(&text), text.len);
        if (made == NULL) {
            rc = make_envelope(router, payload, build, &made, err);
            if (rc == CV_OK && !lru_put(router->envelopes, cv_buf_cstr(&text), text.len, made))
                rc = cv_fail_memory(err);
        }
        if (rc == CV_OK)
            *ret = cv_schema_ref(made);
    }
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
find_version(const struct event_router *router, const struct event *event, struct version *ret, struct cv_err *err)
{
    const struct cv_value *val = NULL;

    if (router->options.version == NULL)
        return CV_OK;
    if (debezium_field(event->row, router->options.version, CV_INT32, &val, err) != CV_OK)
        return err->rc;
    ret->given = !val->is_null;
    ret->number = val->is_null ? 0 : (int32_t)val->integer;
    return CV_OK;
}

static enum cv_rc
wrap_payload(struct event_router *router, const struct event *event, struct cv_arena *arena, struct cv_value *ret,
             struct cv_err *err)
{
    struct envelope_build build = { .event = event };
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    if (find_version(router, event, &build.version, err) != CV_OK ||
        smt_schema_for(&router->smt, event->payload.schema, &build, sizeof(build.version), envelope_schema, arena,
                       &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    *cv_struct_at(made, 0) = event->payload;
    for (size_t i = 0; i < router->n_extras; i++) {
        const struct extra *extra = &router->extras[i];
        struct cv_value *to = cv_struct_get(made, extra->alias);
        const struct cv_value *val = NULL;

        if (extra->placement != PLACE_ENVELOPE || to == NULL)
            continue;
        if (debezium_get(event->row, extra->field, &val, err) != CV_OK)
            return err->rc;
        *to = *val;
    }
    *ret = *made;
    return CV_OK;
}

/* ---- the record ---- */

static enum cv_rc
place_extras(const struct event_router *router, const struct event *event, struct cv_arena *arena,
             struct cv_record *rec, struct cv_err *err)
{
    const struct cv_value *val = NULL;

    rec->partition = CV_NO_PARTITION;
    for (size_t i = 0; i < router->n_extras; i++) {
        const struct extra *extra = &router->extras[i];

        if (!router->options.missing_is_error && cv_schema_field(event->row->schema, extra->field) == NULL)
            continue;
        if (extra->placement == PLACE_HEADER) {
            if (debezium_get(event->row, extra->field, &val, err) != CV_OK ||
                cv_header_add(arena, &rec->headers, extra->alias, *val, err) != CV_OK)
                return err->rc;
        } else if (extra->placement == PLACE_PARTITION) {
            if (debezium_field(event->row, extra->field, CV_INT32, &val, err) != CV_OK)
                return err->rc;
            rec->partition = val->is_null ? CV_NO_PARTITION : (int32_t)val->integer;
        }
    }
    return CV_OK;
}

static bool
is_empty(const struct cv_value *payload)
{
    return payload->is_null || (payload->type == CV_STRING && debezium_is_blank(payload));
}

static enum cv_rc
set_topic(const struct event_router *router, const struct event *event, struct cv_arena *arena,
          struct cv_record *rec, struct cv_err *err)
{
    const struct cv_bytes *text = &event->topic->bytes;
    struct cv_buf topic = CV_BUF_INIT(TOPIC_MAX);
    enum cv_rc rc;

    if (!cv_regex_replace(router->topic_regex, text->data, text->len, router->options.topic_replacement, &topic))
        cv_buf_add(&topic, text->data, text->len);
    rc = cv_buf_check(&topic, err);
    if (rc == CV_OK && (rec->topic = cv_arena_strdup(arena, cv_buf_cstr(&topic))) == NULL)
        rc = cv_fail_memory(err);
    cv_buf_free(&topic);
    return rc;
}

static enum cv_rc
take_insert(struct event_router *router, struct cv_arena *arena, struct cv_record *rec, struct cv_err *err)
{
    struct cv_value value = cv_null(NULL);
    const struct cv_value *key = NULL;
    struct event event;

    if (read_event(router, arena, rec, &event, err) != CV_OK)
        return err->rc;
    if (router->has_envelope && wrap_payload(router, &event, arena, &value, err) != CV_OK)
        return err->rc;
    if (place_extras(router, &event, arena, rec, err) != CV_OK ||
        debezium_get(event.row, router->options.key, &key, err) != CV_OK ||
        set_topic(router, &event, arena, rec, err) != CV_OK)
        return err->rc;
    rec->key = *key;
    rec->timestamp_ms = event.timestamp_ms;
    if (router->options.tombstone_on_empty && is_empty(&event.payload))
        rec->value = cv_null(NULL);
    else
        rec->value = router->has_envelope ? value : event.payload;
    return CV_OK;
}

static enum cv_rc
router_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct event_router *router = cv_container_of(xf, struct event_router, smt.base);
    const struct cv_value *op = NULL;
    char kind;

    *ret_keep = !rec->value.is_null;
    if (rec->value.is_null || !debezium_is_envelope(rec->value.schema))
        return CV_OK;
    if (debezium_field(&rec->value, "op", CV_STRING, &op, err) != CV_OK)
        return err->rc;
    kind = op->is_null || op->bytes.len != 1 ? '\0' : op->bytes.data[0];
    if (kind == 'u')
        return take_update(router, ret_keep, err);
    *ret_keep = kind != 'd';
    return kind == 'd' ? CV_OK : take_insert(router, arena, rec, err);
}

static const struct cv_transform_ops router_ops = {
    .configure = router_configure,
    .apply = router_apply,
    .free = router_free,
};

const struct cv_plugin event_router_plugin =
    DEBEZIUM_PLUGIN("transforms.outbox.EventRouter", router_rows, &router_ops);
