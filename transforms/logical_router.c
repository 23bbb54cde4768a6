/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ByLogicalTableRouter, ToLogicalTopicRouter: events of many tables (shards) into one topic. The topic's name is
 * rewritten by a pattern, the schemas take its name, and a field in the key says which table it was, because keys may
 * meet.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/regex.h"
#include "data/avro_name.h"
#include "data/java_pattern.h"
#include "data/lru.h"
#include "transforms/debezium.h"
#include "transforms/transforms.h"

#define TOPIC_MAX  4096
#define ROUTES_MAX 2048

static const char purpose[] = "Updating schema";

struct router_options {
    char *topic_regex;
    char *topic_replacement;
    bool unique_key;
    char *key_regex;
    char *key_replacement;
    char *key_field;
    int name_mode;
};

struct logical_router {
    struct smt smt;
    struct router_options options;
    struct cv_regex *topic_regex;
    struct cv_regex *key_regex; /* NULL: the topic itself goes into the key */
    struct lru *routes;         /* topic to struct route */
};

/* Where the records of a topic go; topic NULL: they stay. */
struct route {
    char *topic;
    char *table; /* for the key */
};

/* One transform under two names, of which the later one calls the field in the key otherwise. */
#define ROUTER_ROWS(field_name, what)                                                                      \
    { .name = "topic.regex", .type = CV_CONFIG_STRING, .required = true, .check = java_pattern_check,      \
      .importance = CV_LOW, .order = 1, .width = CV_WIDTH_LONG, .display = "Topic regex",                  \
      .doc = "Pattern that a topic's whole name must match for the event to be routed.",                   \
      .offset = offsetof(struct router_options, topic_regex) },                                            \
    { .name = "topic.replacement", .type = CV_CONFIG_STRING, .required = true, .check = cv_valid_non_empty, \
      .importance = CV_LOW, .order = 1, .width = CV_WIDTH_LONG, .display = "Topic replacement",            \
      .doc = "New name of such a topic; $1 stands for the first group.",                                   \
      .offset = offsetof(struct router_options, topic_replacement) },                                      \
    { .name = "key.enforce.uniqueness", .type = CV_CONFIG_BOOLEAN, .def = "true", .importance = CV_LOW,    \
      .order = 1, .width = CV_WIDTH_SHORT, .display = "Add source topic name into key",                    \
      .doc = "Add a field with the source topic's name to the key. Not needed where keys are unique over all tables.", \
      .offset = offsetof(struct router_options, unique_key) },                                             \
    { .name = "key.field.regex", .type = CV_CONFIG_STRING, .check = java_pattern_check, .importance = CV_LOW, \
      .order = 1, .width = CV_WIDTH_LONG, .display = "Key field regex",                                    \
      .doc = "Pattern that makes the added field out of the source topic's name, where it matches the whole of it.", \
      .offset = offsetof(struct router_options, key_regex) },                                              \
    { .name = "key.field.replacement", .type = CV_CONFIG_STRING, .importance = CV_LOW, .order = 1,         \
      .width = CV_WIDTH_LONG, .display = "Key field replacement",                                          \
      .doc = "What the added field becomes by key.field.regex; $1 stands for the first group.",            \
      .offset = offsetof(struct router_options, key_replacement) },                                        \
    { .name = "key.field.name", .type = CV_CONFIG_STRING, .def = (field_name),                             \
      .importance = CV_LOW, .internal = true, .doc = "Name of the field that is added to the key.",        \
      .offset = offsetof(struct router_options, key_field) },                                              \
    { .name = "schema.name.adjustment.mode", .type = CV_CONFIG_ENUM, .def = "none", .names = avro_name_modes, \
      .importance = CV_LOW, .internal = true,                                                              \
      .doc = "How the schemas' names, which come from the topic's, are made good for Avro: none, avro or " \
             "avro_unicode.",                                                                              \
      .offset = offsetof(struct router_options, name_mode) },                                              \
    { .name = "logical." what ".cache.size", .type = CV_CONFIG_INT, .def = "16", .importance = CV_LOW, .order = 1, \
      .width = CV_WIDTH_LONG, .display = "Logical " what " cache size",                                    \
      .doc = "Accepted, without effect: schemas of 2048 tables are kept ready.", .offset = CV_NO_FIELD }

static const struct cv_config_def table_rows[] = {
    ROUTER_ROWS("__dbz__physicalTableIdentifier", "table"),
    CV_CONFIG_END,
};

static const struct cv_config_def topic_rows[] = {
    ROUTER_ROWS("__dbz__sourceIdentifier", "destination"),
    CV_CONFIG_END,
};

static void
route_free(void *ptr)
{
    struct route *route = ptr;

    free(route->topic);
    free(route->table);
    free(route);
}

static void
router_free(struct cv_transform *xf)
{
    struct logical_router *router = cv_container_of(xf, struct logical_router, smt.base);

    cv_regex_free(router->topic_regex);
    cv_regex_free(router->key_regex);
    lru_free(router->routes);
    smt_free(xf);
}

static enum cv_rc
pattern_new(const char *regex, const char *replacement, struct cv_regex **ret, struct cv_err *err)
{
    if (cv_regex_new(regex, false, ret, err) != CV_OK)
        return err->rc;
    return cv_regex_check_replacement(*ret, replacement, err);
}

static enum cv_rc
prepare(struct logical_router *router, struct cv_err *err)
{
    const struct router_options *options = &router->options;
    const char *key_regex = options->key_regex, *key_replacement = options->key_replacement;

    router->routes = lru_new(ROUTES_MAX, route_free);
    if (router->routes == NULL)
        return cv_fail_memory(err);
    if (pattern_new(options->topic_regex, options->topic_replacement, &router->topic_regex, err) != CV_OK)
        return err->rc;
    if (key_regex == NULL || key_regex[strspn(key_regex, " ")] == '\0')
        return CV_OK;
    if (key_replacement == NULL || key_replacement[strspn(key_replacement, " ")] == '\0')
        return cv_fail(err, CV_INVALID, "key.field.replacement must be non-empty if key.field.regex is set.");
    return pattern_new(key_regex, key_replacement, &router->key_regex, err);
}

static enum cv_rc
router_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct logical_router), offsetof(struct logical_router, options), &made, err) !=
        CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct logical_router, smt.base), err) != CV_OK) {
        router_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* ---- topics ---- */

/* The text by the pattern, NULL where it does not match; *ret is the caller's. */
static enum cv_rc
rewrite(const struct cv_regex *regex, const char *replacement, const char *text, char **ret, struct cv_err *err)
{
    struct cv_buf out = CV_BUF_INIT(TOPIC_MAX);
    enum cv_rc rc = CV_OK;

    *ret = NULL;
    if (cv_regex_replace(regex, text, strlen(text), replacement, &out)) {
        rc = cv_buf_check(&out, err);
        if (rc == CV_OK && (*ret = strdup(cv_buf_cstr(&out))) == NULL)
            rc = cv_fail_memory(err);
    }
    cv_buf_free(&out);
    return rc;
}

static enum cv_rc
make_route(const struct logical_router *router, const char *topic, struct route *route, struct cv_err *err)
{
    if (rewrite(router->topic_regex, router->options.topic_replacement, topic, &route->topic, err) != CV_OK)
        return err->rc;
    if (route->topic != NULL && route->topic[0] == '\0') { /* no name at all: the record stays where it is */
        free(route->topic);
        route->topic = NULL;
    }
    if (router->key_regex != NULL &&
        rewrite(router->key_regex, router->options.key_replacement, topic, &route->table, err) != CV_OK)
        return err->rc;
    if (route->table == NULL && (route->table = strdup(topic)) == NULL)
        return cv_fail_memory(err);
    return CV_OK;
}

static enum cv_rc
find_route(struct logical_router *router, const char *topic, const struct route **ret, struct cv_err *err)
{
    struct route *route = lru_get(router->routes, topic, strlen(topic));

    if (route == NULL) {
        route = calloc(1, sizeof(*route));
        if (route == NULL)
            return cv_fail_memory(err);
        if (make_route(router, topic, route, err) != CV_OK) {
            route_free(route);
            return err->rc;
        }
        if (!lru_put(router->routes, topic, strlen(topic), route))
            return cv_fail_memory(err);
    }
    *ret = route;
    return CV_OK;
}

/* ---- schemas; detail is the new topic ---- */

/* A builder with all of the schema but its name, which comes from the topic, and its fields. */
static enum cv_rc
renamed(const struct logical_router *router, const struct cv_schema *from, const char *topic, const char *suffix,
        struct cv_schema_builder **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);
    struct cv_buf plain = CV_BUF_INIT(TOPIC_MAX), name = CV_BUF_INIT(TOPIC_MAX * 6);
    enum cv_rc rc;

    cv_buf_printf(&plain, "%s%s", topic, suffix);
    avro_name(&name, cv_buf_cstr(&plain), (enum avro_name_mode)router->options.name_mode, false);
    rc = cv_buf_check(&plain, err) == CV_OK ? cv_buf_check(&name, err) : err->rc;
    if (rc == CV_OK) {
        cv_schema_set_name(b, cv_buf_cstr(&name));
        if (from->optional)
            cv_schema_set_optional(b);
        *ret = b;
    } else {
        smt_abandon(b);
    }
    cv_buf_free(&plain);
    cv_buf_free(&name);
    return rc;
}

static enum cv_rc
key_schema(struct smt *smt, const struct cv_schema *from, const void *detail, struct cv_schema **ret,
           struct cv_err *err)
{
    const struct logical_router *router = cv_container_of(smt, struct logical_router, smt);
    struct cv_schema_builder *b = NULL;

    if (renamed(router, from, detail, ".Key", &b, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < from->n_fields; i++)
        cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    if (router->options.unique_key)
        cv_schema_add_field(b, router->options.key_field, cv_schema_plain(CV_STRING, false));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
row_schema(const struct logical_router *router, const struct cv_schema *envelope, const char *topic,
           struct cv_schema **ret, struct cv_err *err)
{
    const struct cv_field *before = cv_schema_field(envelope, "before");
    struct cv_schema_builder *b = NULL;

    if (before == NULL || before->schema->type != CV_STRUCT)
        return cv_fail(err, CV_INVALID, "schema \"%s\" has no struct before, from which the row's schema is taken",
                       envelope->name);
    if (renamed(router, before->schema, topic, ".Value", &b, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < before->schema->n_fields; i++)
        cv_schema_add_field(b, before->schema->fields[i].name, before->schema->fields[i].schema);
    return cv_schema_finish(b, ret, err);
}

static bool
is_row(const char *field)
{
    return strcmp(field, "before") == 0 || strcmp(field, "after") == 0;
}

static enum cv_rc
envelope_schema(struct smt *smt, const struct cv_schema *from, const void *detail, struct cv_schema **ret,
                struct cv_err *err)
{
    const struct logical_router *router = cv_container_of(smt, struct logical_router, smt);
    struct cv_schema_builder *b = NULL;
    struct cv_schema *row = NULL;
    enum cv_rc rc;

    if (row_schema(router, from, detail, &row, err) != CV_OK)
        return err->rc;
    rc = renamed(router, from, detail, ".Envelope", &b, err);
    if (rc == CV_OK) {
        for (size_t i = 0; i < from->n_fields; i++)
            cv_schema_add_field(b, from->fields[i].name, is_row(from->fields[i].name) ? row : from->fields[i].schema);
        rc = cv_schema_finish(b, ret, err);
    }
    cv_schema_unref(row);
    return rc;
}

/* ---- records ---- */

static enum cv_rc
update_key(struct logical_router *router, const struct route *route, struct cv_arena *arena, struct cv_value *key,
           struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made, table;

    if (smt_require_struct(key, purpose, err) != CV_OK ||
        smt_schema_for(&router->smt, key->schema, route->topic, strlen(route->topic) + 1, key_schema, arena,
                       &schema, err) != CV_OK)
        return err->rc;
    made = debezium_refill(arena, schema, key, true, err);
    if (made == NULL)
        return err->rc;
    if (router->options.unique_key) {
        const char *text = cv_arena_strdup(arena, route->table);

        if (text == NULL)
            return cv_fail_memory(err);
        table = cv_cstring(text);
        table.schema = cv_schema_plain(CV_STRING, false);
        *cv_struct_at(made, schema->n_fields - 1) = table;
    }
    *key = *made;
    return CV_OK;
}

static enum cv_rc
update_envelope(struct logical_router *router, const struct route *route, struct cv_arena *arena,
                struct cv_value *envelope, struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    if (smt_schema_for(&router->smt, envelope->schema, route->topic, strlen(route->topic) + 1, envelope_schema,
                       arena, &schema, err) != CV_OK)
        return err->rc;
    made = debezium_refill(arena, schema, envelope, true, err);
    if (made == NULL)
        return err->rc;
    for (size_t i = 0; i < schema->n_fields; i++) {
        struct cv_value *row = cv_struct_at(made, i), *copy;

        if (!is_row(schema->fields[i].name) || row->is_null) {
            row->schema = schema->fields[i].schema;
            continue;
        }
        copy = debezium_refill(arena, schema->fields[i].schema, row, true, err);
        if (copy == NULL)
            return err->rc;
        *row = *copy;
    }
    *envelope = *made;
    return CV_OK;
}

static enum cv_rc
router_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct logical_router *router = cv_container_of(xf, struct logical_router, smt.base);
    const struct route *route = NULL;

    *ret_keep = true;
    if (find_route(router, rec->topic, &route, err) != CV_OK)
        return err->rc;
    if (route->topic == NULL)
        return CV_OK;
    if (rec->key.is_null)
        rec->key = cv_null(NULL);
    else if (update_key(router, route, arena, &rec->key, err) != CV_OK)
        return err->rc;
    if (!rec->value.is_null && debezium_is_envelope(rec->value.schema) &&
        update_envelope(router, route, arena, &rec->value, err) != CV_OK)
        return err->rc;
    rec->topic = cv_arena_strdup(arena, route->topic);
    return rec->topic != NULL ? CV_OK : cv_fail_memory(err);
}

static const struct cv_transform_ops router_ops = {
    .configure = router_configure,
    .apply = router_apply,
    .free = router_free,
};

const struct cv_plugin logical_router_plugins[LOGICAL_ROUTERS] = {
    DEBEZIUM_PLUGIN("transforms.ByLogicalTableRouter", table_rows, &router_ops),
    DEBEZIUM_PLUGIN("transforms.ToLogicalTopicRouter", topic_rows, &router_ops),
};
