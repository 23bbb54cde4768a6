/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of connector configurations, in the order of Connect's AbstractHerder: rows of the framework, rows of
 * transforms and predicates, what several rows must satisfy together, the connector's own rows (which take the
 * place of framework rows of the same name), its own checks, client overrides, converters.
 *
 * A row is judged in two passes, because Java does so and names the key differently in them where a plugin's rows
 * are shown under a prefix: first whether the text is of the type, then whether its validator takes the value.
 */
#include <config.h>

#include "worker/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/number.h"
#include "common/regex.h"
#include "common/secret.h"
#include "common/kafka/client.h"
#include "data/java_order.h"
#include "worker/config_infos.h"
#include "worker/connector_config.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

#define TEXT_MAX ((size_t)1 << 20)
#define ROWS_MAX 256

struct run {
    const struct validate_spec *spec;
    const struct cv_plugin *plugin;
    const struct cv_config *raw; /* references unresolved */
    struct cv_config *config;    /* references resolved */
    struct config_infos *infos;
    struct cv_err *err;
};

/* ---- one row ---- */

/* The row without its validator: only whether the text is of the type. */
static struct cv_config_def
type_only(const struct cv_config_def *def, const char *name)
{
    struct cv_config_def bare = { .name = name, .type = def->type, .required = def->required, .def = def->def };

    if (bare.type == CV_CONFIG_ENUM)
        bare.type = CV_CONFIG_STRING;
    return bare;
}

/* A parsed value as REST shows it: trimmed, numbers and booleans in their plain form. */
static void
print_value(enum cv_config_type type, const void *field, struct cv_buf *out)
{
    char number[CV_DOUBLE_MAX];
    const struct cv_list *list = field;

    switch (type) {
    case CV_CONFIG_BOOLEAN:
        cv_buf_str(out, *(const bool *)field ? "true" : "false");
        break;
    case CV_CONFIG_INT:
    case CV_CONFIG_SHORT:
        cv_buf_i64(out, *(const int32_t *)field);
        break;
    case CV_CONFIG_LONG:
        cv_buf_i64(out, *(const int64_t *)field);
        break;
    case CV_CONFIG_DOUBLE:
        cv_buf_add(out, number, cv_format_double(*(const double *)field, number));
        break;
    case CV_CONFIG_LIST:
        for (size_t i = 0; i < list->count; i++) {
            cv_buf_str(out, i == 0 ? "" : ",");
            cv_buf_str(out, list->items[i]);
        }
        break;
    default:
        cv_buf_str(out, *(char *const *)field);
        break;
    }
}

/* First pass. *ret_good: the row has a value of its type (or none), which info then shows. */
static enum cv_rc
judge_type(struct config_info *info, const struct cv_config_def *def, const char *name,
           const struct cv_config *cfg, struct cv_err *err)
{
    struct cv_config_def defs[2] = { type_only(def, name), CV_CONFIG_END };
    const char *text = cv_config_has(cfg, name) ? cv_config_get(cfg, name) : def->def;
    struct cv_config_errors errors = { .items = NULL };
    struct cv_buf shown = CV_BUF_INIT(TEXT_MAX);
    union {
        bool boolean;
        int32_t integer;
        int64_t big;
        double real;
        char *text;
        struct cv_list list;
    } field;
    enum cv_rc rc;

    memset(&field, 0, sizeof(field));
    if (text == NULL)
        defs[0].offset = CV_NO_FIELD;
    rc = cv_config_parse(defs, cfg, text == NULL ? NULL : &field, &errors, err);
    if (rc == CV_OK && text != NULL) {
        print_value(defs[0].type, &field, &shown);
        rc = cv_buf_check(&shown, err);
        if (rc == CV_OK)
            rc = config_info_value(info, cv_buf_cstr(&shown), err);
    } else if (rc == CV_INVALID) {
        rc = CV_OK;
    }
    for (size_t i = 0; i < errors.count && rc == CV_OK; i++)
        rc = config_info_error(info, errors.items[i].text, err);
    if (text != NULL)
        cv_config_done(defs, &field);
    cv_config_errors_done(&errors);
    cv_buf_wipe(&shown);
    return rc;
}

/* Second pass: what the validator says, with the key as it calls it. */
static enum cv_rc
judge_value(struct config_info *info, const struct cv_config_def *def, const char *key, const char *short_name,
            const struct cv_config *cfg, struct cv_err *err)
{
    struct cv_config_def defs[2] = { *def, CV_CONFIG_END };
    struct cv_config_errors errors = { .items = NULL };
    struct cv_config *one = cv_config_new();
    size_t seen = info->n_errors;
    enum cv_rc rc = CV_OK;

    if (one == NULL)
        return cv_fail_memory(err);
    defs[0].name = short_name;
    if (cv_config_has(cfg, key))
        rc = cv_config_set(one, short_name, cv_config_get(cfg, key), err);
    if (rc == CV_OK)
        rc = cv_config_parse(defs, one, NULL, &errors, err);
    if (rc == CV_INVALID)
        rc = CV_OK;
    for (size_t i = seen; i < errors.count && rc == CV_OK; i++)
        rc = config_info_error(info, errors.items[i].text, err);
    cv_config_errors_done(&errors);
    cv_config_free(one);
    return rc;
}

/* Fill value and errors of a row. key: in cfg and in type errors; short_name: in the validator's. */
static enum cv_rc
judge(struct config_info *info, const struct cv_config_def *def, const char *key, const char *short_name,
      const struct cv_config *cfg, struct cv_err *err)
{
    if (judge_type(info, def, key, cfg, err) != CV_OK)
        return err->rc;
    return judge_value(info, def, key, short_name, cfg, err);
}

static enum cv_rc
add_errorf(struct run *run, struct config_info *info, const char *fmt, ...) CV_PRINTF(3, 4);

static enum cv_rc
add_errorf(struct run *run, struct config_info *info, const char *fmt, ...)
{
    char *text = NULL;
    enum cv_rc rc;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    if (text == NULL)
        return cv_fail_memory(run->err);
    rc = config_info_error(info, text, run->err);
    free(text);
    return rc;
}

/* ---- classes ---- */

static enum cv_rc
recommend_plugins(const struct plugins *plugins, struct config_info *info, unsigned kinds, struct cv_err *err)
{
    for (size_t i = 0; i < plugins_count(plugins); i++) {
        struct plugin_entry entry = plugins_at(plugins, i);

        if ((kinds & 1u << entry.plugin->kind) != 0 &&
            config_info_recommend(info, entry.class_name, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* "Did you mean HoistField$Key, HoistField$Value?" for a class that only has nested ones. */
static enum cv_rc
nested_classes(const struct plugins *plugins, const char *name, struct cv_buf *out)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < plugins_count(plugins); i++) {
        const char *class_name = plugins_at(plugins, i).class_name;

        if (strncmp(class_name, name, len) == 0 && class_name[len] == '$') {
            cv_buf_str(out, out->len == 0 ? "" : ", ");
            cv_buf_str(out, class_name);
        }
    }
    return out->len == 0 ? CV_NOT_FOUND : CV_OK;
}

/*
 * The class that a row names, found among kinds: *ret NULL when it is none, with the error in the row. The row
 * shows the class's full name.
 */
static enum cv_rc
judge_class(struct run *run, struct config_info *info, unsigned kinds, const char *interface,
            const struct cv_plugin **ret)
{
    const unsigned all = 1u << CV_SOURCE | 1u << CV_SINK | 1u << CV_CONVERTER | 1u << CV_HEADER_CONVERTER |
                         1u << CV_TRANSFORM | 1u << CV_PREDICATE;
    struct cv_buf nested = CV_BUF_INIT(4096);
    const struct cv_plugin *plugin = NULL;
    struct cv_err none = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    *ret = NULL;
    if (info->value == NULL)
        return CV_OK;
    if (plugins_find(run->spec->plugins, info->value, kinds, ret, &none) == CV_OK) {
        if (strchr(info->value, '.') == NULL)
            rc = config_info_value(info, (*ret)->name, run->err);
        return rc;
    }
    if (plugins_find(run->spec->plugins, info->value, all, &plugin, &none) == CV_OK) {
        rc = add_errorf(run, info, "Class class %s does not implement the %s interface", plugin->name, interface);
    } else if (nested_classes(run->spec->plugins, info->value, &nested) == CV_OK) {
        rc = add_errorf(run, info, "This class is abstract and cannot be created. Did you mean %s?",
                        cv_buf_cstr(&nested));
    } else {
        rc = add_errorf(run, info, "Invalid value %s for configuration %s: Class %s could not be found.",
                        info->value, info->name, info->value);
        if (rc == CV_OK)
            rc = config_info_value(info, NULL, run->err);
    }
    cv_buf_free(&nested);
    return rc;
}

/* A version row: the version there is; another one that is asked for is an error. */
static enum cv_rc
judge_version(struct run *run, struct config_info *info, const struct cv_plugin *plugin)
{
    const char *given = cv_config_get(run->config, info->name);

    if (plugin == NULL || plugin->version == NULL)
        return CV_OK;
    if (config_info_redefine(info, plugin->version, NULL, run->err) != CV_OK ||
        config_info_recommend(info, plugin->version, run->err) != CV_OK)
        return run->err->rc;
    if (given == NULL)
        return config_info_value(info, plugin->version, run->err);
    /* ranges ("[4.0,5.0)") and "latest" are taken: there is one version only */
    if (given[0] == '\0' || strchr("[(", given[0]) != NULL || strcmp(given, "latest") == 0 ||
        strcmp(given, plugin->version) == 0)
        return CV_OK;
    return add_errorf(run, info,
                      "Plugin %s not found that matches the version range [%s,%s], available versions: [%s]",
                      plugin->name, given, given, plugin->version);
}

/* ---- framework rows ---- */

static const char *const converter_keys[] = { "key.converter", "value.converter", "header.converter" };

static unsigned
converter_kinds(size_t position)
{
    return position == CV_HEADER ? 1u << CV_HEADER_CONVERTER : 1u << CV_CONVERTER;
}

static enum cv_rc
judge_converters(struct run *run)
{
    const struct worker_config *worker = run->spec->worker;
    const char *const defaults[] = { worker->key_converter, worker->value_converter, worker->header_converter };

    for (size_t i = 0; i < CV_COUNT(converter_keys); i++) {
        struct config_info *info = config_infos_find(run->infos, converter_keys[i]);
        const struct cv_plugin *plugin = NULL;
        char version_key[64];

        if (config_info_redefine(info, defaults[i], NULL, run->err) != CV_OK ||
            recommend_plugins(run->spec->plugins, info, converter_kinds(i), run->err) != CV_OK)
            return run->err->rc;
        if (!cv_config_has(run->config, converter_keys[i]) &&
            config_info_value(info, defaults[i], run->err) != CV_OK)
            return run->err->rc;
        if (judge_class(run, info, converter_kinds(i), i == CV_HEADER ? "HeaderConverter" : "Converter",
                        &plugin) != CV_OK)
            return run->err->rc;
        snprintf(version_key, sizeof(version_key), "%s.plugin.version", converter_keys[i]);
        if (judge_version(run, config_infos_find(run->infos, version_key), plugin) != CV_OK)
            return run->err->rc;
    }
    return CV_OK;
}

static enum cv_rc
framework_rows(struct run *run)
{
    struct config_info *info;

    for (const struct cv_config_def *def = connector_config_def(run->plugin->kind); def->name != NULL; def++) {
        info = config_infos_add(run->infos, def->name, def);
        if (info == NULL)
            return cv_fail_memory(run->err);
        if (judge(info, def, def->name, def->name, run->config, run->err) != CV_OK ||
            config_infos_group(run->infos, def->group, run->err) != CV_OK)
            return run->err->rc;
    }
    if (judge_version(run, config_infos_find(run->infos, "connector.plugin.version"), run->plugin) != CV_OK)
        return run->err->rc;
    return judge_converters(run);
}

/* ---- transforms and predicates ---- */

/* One row under "transforms.<alias>.". *order counts on. */
static struct config_info *
alias_row(struct run *run, const char *prefix, const char *group, const struct cv_config_def *def,
          const char *short_name, int *order)
{
    struct cv_buf name = CV_BUF_INIT(TEXT_MAX);
    struct config_info *info = NULL;

    cv_buf_str(&name, prefix);
    cv_buf_str(&name, def->name);
    if (cv_buf_check(&name, run->err) == CV_OK) {
        info = config_infos_add(run->infos, cv_buf_cstr(&name), def);
        if (info == NULL || (info->group = strdup(group)) == NULL) {
            (void)cv_fail_memory(run->err);
            info = NULL;
        }
    }
    if (info != NULL) {
        const char *key = cv_buf_cstr(&name);

        info->order = (*order)++;
        if (judge(info, def, key, short_name == NULL ? key : short_name, run->config, run->err) != CV_OK)
            info = NULL;
    }
    /* the display name of a row is its own, not with the prefix */
    if (info != NULL && def->display == NULL &&
        config_info_redefine(info, NULL, def->name, run->err) != CV_OK)
        info = NULL;
    cv_buf_free(&name);
    return info;
}

/* ConfigDef's order of rows without an order of their own: what is required, then by importance and name. */
static int
by_weight(const void *a, const void *b)
{
    const struct cv_config_def *x = *(const struct cv_config_def *const *)a;
    const struct cv_config_def *y = *(const struct cv_config_def *const *)b;

    if (x->required != y->required)
        return x->required ? -1 : 1;
    if (x->importance != y->importance)
        return (int)x->importance - (int)y->importance;
    return strcmp(x->name, y->name);
}

static size_t
collect(const struct cv_config_def *def, const struct cv_config_def **rows, size_t count)
{
    for (; def != NULL && def->name != NULL && count < ROWS_MAX; def++)
        rows[count++] = def;
    return count;
}

/* The rows of the transform or predicate itself; a transform's negate and predicate are among them. */
static enum cv_rc
alias_plugin_rows(struct run *run, const char *prefix, const char *group, const struct cv_plugin *plugin,
                  int order)
{
    const struct cv_config_def *rows[ROWS_MAX];
    size_t count = collect(plugin->config, rows, 0);

    if (plugin->kind == CV_TRANSFORM)
        count = collect(transform_tail_def, rows, count);
    qsort(rows, count, sizeof(rows[0]), by_weight);
    for (size_t i = 0; i < count; i++)
        if (!rows[i]->internal && alias_row(run, prefix, group, rows[i], rows[i]->name, &order) == NULL)
            return run->err->rc;
    return CV_OK;
}

/* negate says nothing without a predicate. */
static enum cv_rc
check_negate(struct run *run, const char *prefix, size_t type_row)
{
    char negate[512], predicate[512];

    snprintf(negate, sizeof(negate), "%snegate", prefix);
    snprintf(predicate, sizeof(predicate), "%spredicate", prefix);
    if (!cv_config_has(run->config, negate) || cv_config_has(run->config, predicate))
        return CV_OK;
    return add_errorf(run, &run->infos->items[type_row],
                      "Config '%s' was provided but there is no config '%s' defining a predicate to be negated.",
                      negate, predicate);
}

static enum cv_rc
alias_rows(struct run *run, const char *alias, enum cv_plugin_kind kind)
{
    bool is_transform = kind == CV_TRANSFORM;
    const struct cv_config_def *head = is_transform ? transform_head_def : predicate_head_def;
    const struct cv_plugin *plugin = NULL;
    size_t type_row = run->infos->count;
    struct config_info *info;
    char prefix[400], group[400], display[400];
    int order = 0;

    snprintf(prefix, sizeof(prefix), "%s.%s.", is_transform ? "transforms" : "predicates", alias);
    snprintf(group, sizeof(group), "%s: %s", is_transform ? "Transforms" : "Predicates", alias);
    if (config_infos_group(run->infos, group, run->err) != CV_OK)
        return run->err->rc;
    for (size_t i = 0; i < 2; i++) {
        info = alias_row(run, prefix, group, &head[i], NULL, &order);
        if (info == NULL)
            return run->err->rc;
        snprintf(display, sizeof(display), "%s%s", head[i].display, alias);
        if (config_info_redefine(info, NULL, display, run->err) != CV_OK)
            return run->err->rc;
        if (i == 0 && (recommend_plugins(run->spec->plugins, info, 1u << kind, run->err) != CV_OK ||
                       judge_class(run, info, 1u << kind, is_transform ? "Transformation" : "Predicate",
                                   &plugin) != CV_OK))
            return run->err->rc;
        if (i == 1 && judge_version(run, info, plugin) != CV_OK)
            return run->err->rc;
    }
    if (plugin != NULL && alias_plugin_rows(run, prefix, group, plugin, order) != CV_OK)
        return run->err->rc;
    return is_transform ? check_negate(run, prefix, type_row) : CV_OK;
}

/* Every alias once, in order; an empty one has rows, too. */
static enum cv_rc
aliases_rows(struct run *run, const char *key, enum cv_plugin_kind kind)
{
    static const struct cv_config_def defs[] = { { .name = "aliases", .type = CV_CONFIG_LIST }, CV_CONFIG_END };
    const char *shown = config_infos_find(run->infos, key)->value;
    struct cv_config_errors errors = { .items = NULL };
    struct cv_list list = { .items = NULL };
    struct cv_config *one = cv_config_new();
    enum cv_rc rc;

    if (one == NULL)
        return cv_fail_memory(run->err);
    rc = cv_config_set(one, "aliases", shown == NULL ? "" : shown, run->err);
    if (rc == CV_OK)
        rc = cv_config_parse(defs, one, &list, &errors, run->err);
    for (size_t i = 0; i < list.count && rc == CV_OK; i++) {
        size_t first = 0;

        while (strcmp(list.items[first], list.items[i]) != 0)
            first++;
        if (first == i)
            rc = alias_rows(run, list.items[i], kind);
    }
    cv_config_done(defs, &list);
    cv_config_errors_done(&errors);
    cv_config_free(one);
    return rc;
}

/* ---- what several rows must satisfy together ---- */

static bool
is_set(const struct run *run, const char *key)
{
    const char *value = cv_config_get(run->config, key);

    return value != NULL && value[strspn(value, " \t\r\n")] != '\0';
}

/* A row by name; one without definition in front where there is none. */
static struct config_info *
row_for_error(struct run *run, const char *name)
{
    struct config_info *info = config_infos_find(run->infos, name), moved;

    if (info != NULL)
        return info;
    info = config_infos_add(run->infos, name, NULL);
    if (info == NULL) {
        (void)cv_fail_memory(run->err);
        return NULL;
    }
    moved = *info;
    memmove(run->infos->items + 1, run->infos->items, (run->infos->count - 1) * sizeof(*info));
    run->infos->items[0] = moved;
    return run->infos->items;
}

static enum cv_rc
error_at(struct run *run, const char *key, const char *text)
{
    struct config_info *info = row_for_error(run, key);

    return info == NULL ? run->err->rc : config_info_error(info, text, run->err);
}

static bool
topics_hold(const struct run *run, const char *topic)
{
    const char *p = config_infos_find(run->infos, "topics")->value;
    size_t len = strlen(topic);

    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, ",");

        if (n == len && memcmp(p, topic, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static enum cv_rc
check_dead_letters(struct run *run)
{
    struct config_info *info = config_infos_find(run->infos, "errors.deadletterqueue.topic.name");
    struct config_info *topics = config_infos_find(run->infos, "topics");
    struct config_info *regex = config_infos_find(run->infos, "topics.regex");
    struct cv_regex *re = NULL;
    struct cv_err none = CV_ERR_INIT;
    size_t before = topics->n_errors + regex->n_errors;
    enum cv_rc rc = CV_OK;

    if (info->value == NULL || info->value[0] == '\0')
        return CV_OK;
    if (topics_hold(run, info->value)) {
        struct cv_buf list = CV_BUF_INIT(TEXT_MAX);

        for (const char *p = topics->value; *p != '\0'; p++)
            cv_buf_str(&list, *p == ',' ? ", " : (const char[]){ *p, '\0' });
        rc = add_errorf(run, topics,
                        "The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed "
                        "by the connector",
                        info->value, cv_buf_cstr(&list));
        cv_buf_free(&list);
    }
    if (rc == CV_OK && regex->value != NULL && regex->value[0] != '\0' &&
        cv_regex_new(regex->value, false, &re, &none) == CV_OK &&
        cv_regex_matches(re, info->value, strlen(info->value)))
        rc = add_errorf(run, regex,
                        "The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') "
                        "consumed by the connector",
                        info->value, regex->value);
    cv_regex_free(re);
    if (rc == CV_OK && topics->n_errors + regex->n_errors == before)
        rc = config_info_error(info,
                               "errors.deadletterqueue.topic.name is not supported in this version; remove it",
                               run->err);
    return rc;
}

/* The group must not be the workers' own. */
static enum cv_rc
check_group(struct run *run)
{
    const char *group = cv_config_get(run->config, "consumer.override.group.id");
    const char *name = cv_config_get(run->config, "name"), *worker = run->spec->worker->group_id;
    struct config_info *info;

    if (worker == NULL)
        return CV_OK;
    if (group == NULL) {
        if (name == NULL || strncmp(worker, "connect-", 8) != 0 || strcmp(worker + 8, name) != 0)
            return CV_OK;
        info = config_infos_find(run->infos, "name");
        return add_errorf(run, info, "Consumer group for sink connector named %s conflicts with Connect worker group %s",
                          name, worker);
    }
    info = row_for_error(run, "consumer.override.group.id");
    if (info == NULL || config_info_value(info, group, run->err) != CV_OK)
        return run->err->rc;
    if (strcmp(group, worker) != 0)
        return CV_OK;
    return add_errorf(run, info, "Consumer group %s conflicts with Connect worker group %s", group, worker);
}

static enum cv_rc
check_sink(struct run *run)
{
    bool topics = is_set(run, "topics"), regex = is_set(run, "topics.regex");
    const char *text = NULL;

    if (topics && regex)
        text = "topics and topics.regex are mutually exclusive options, but both are set.";
    else if (!topics && !regex)
        text = "Must configure one of topics or topics.regex";
    if (text != NULL && (error_at(run, "topics", text) != CV_OK || error_at(run, "topics.regex", text) != CV_OK))
        return run->err->rc;
    if (check_dead_letters(run) != CV_OK)
        return run->err->rc;
    return check_group(run);
}

static bool
row_is(const struct run *run, const char *key, const char *value)
{
    const struct config_info *info = config_infos_find(run->infos, key);

    return info != NULL && info->value != NULL && strcasecmp(info->value, value) == 0;
}

/* *inout_rc stays what it was once it is a failure. */
static void
error_if(struct run *run, enum cv_rc *inout_rc, bool wrong, const char *key, const char *text)
{
    if (*inout_rc == CV_OK && wrong)
        *inout_rc = error_at(run, key, text);
}

static enum cv_rc
check_source(struct run *run)
{
    bool required = row_is(run, "exactly.once.support", "required");
    bool enabled = run->spec->worker->exactly_once == WORKER_EOS_ENABLED;
    const struct config_info *topic = config_infos_find(run->infos, "offsets.storage.topic");
    enum cv_rc rc = CV_OK;

    error_if(run, &rc, required && !enabled, "exactly.once.support",
             "This worker does not have exactly-once source support enabled.");
    error_if(run, &rc, required && enabled, "exactly.once.support",
             "exactly.once.support=required is not supported in this version; set it to requested");
    error_if(run, &rc,
             required && run->plugin->source->exactly_once != NULL &&
                 !run->plugin->source->exactly_once(run->config),
             "exactly.once.support",
             "The connector does not support exactly-once semantics with the provided configuration.");
    error_if(run, &rc, required && run->plugin->source->exactly_once == NULL, "exactly.once.support",
             "The connector makes no statement about exactly-once semantics; set exactly.once.support to "
             "requested to create it without that check.");
    error_if(run, &rc, row_is(run, "transaction.boundary", "connector"), "transaction.boundary",
             "The connector does not support connector-defined transaction boundaries with the given configuration. "
             "Please reconfigure it to use a different transaction boundary definition.");
    error_if(run, &rc, topic->value != NULL && topic->value[0] != '\0', "offsets.storage.topic",
             "offsets.storage.topic is not supported in this version; remove it");
    return rc;
}

static bool
plugin_defines(const struct cv_plugin *plugin, const char *key)
{
    for (const struct cv_config_def *def = plugin->config; def != NULL && def->name != NULL; def++)
        if (strcmp(def->name, key) == 0)
            return true;
    return false;
}

/* No key may be null, but those that the connector defines itself. */
static enum cv_rc
check_nulls(struct run *run)
{
    for (size_t i = 0; i < cv_config_count(run->config); i++) {
        const char *key = cv_config_key(run->config, i);

        if (cv_config_value(run->config, i) == NULL && !plugin_defines(run->plugin, key) &&
            error_at(run, key, "Null value can not be supplied as the configuration value.") != CV_OK)
            return run->err->rc;
    }
    return CV_OK;
}

/* ---- the connector's own ---- */

static enum cv_rc
connector_row(struct run *run, const struct cv_config_def *def)
{
    struct config_info *info = config_infos_find(run->infos, def->name);

    if (info == NULL) {
        info = config_infos_add(run->infos, def->name, def);
        if (info == NULL)
            return cv_fail_memory(run->err);
    } else {
        struct config_info fresh = { .name = info->name, .def = def, .order = def->order,
                                     .password = def->type == CV_CONFIG_PASSWORD };

        info->name = NULL;
        config_info_done(info);
        *info = fresh;
    }
    if (judge(info, def, def->name, def->name, run->config, run->err) != CV_OK)
        return run->err->rc;
    if (def->internal && info->n_errors == 0) { /* not shown; it is the last, or was the framework's */
        if (info == &run->infos->items[run->infos->count - 1]) {
            config_info_done(info);
            run->infos->count--;
        }
        return CV_OK;
    }
    return config_infos_group(run->infos, def->group, run->err);
}

static int
count_errors(const struct config_infos *infos)
{
    int count = 0;

    for (size_t i = 0; i < infos->count; i++)
        count += (int)infos->items[i].n_errors;
    return count;
}

static enum cv_rc
connector_validate(struct run *run)
{
    cv_connector_validate *validate =
        run->plugin->kind == CV_SOURCE ? run->plugin->source->validate : run->plugin->sink->validate;
    struct cv_config_errors errors = { .items = NULL };
    enum cv_rc rc;

    if (validate == NULL || count_errors(run->infos) > 0)
        return CV_OK;
    rc = validate(run->config, &errors, run->err);
    if (rc == CV_INVALID && errors.count > 0)
        rc = CV_OK;
    for (size_t i = 0; i < errors.count && rc == CV_OK; i++)
        rc = error_at(run, errors.items[i].key, errors.items[i].text);
    cv_config_errors_done(&errors);
    return rc;
}

/* ---- client overrides ---- */

static bool
policy_allows(const char *policy, const char *key)
{
    static const char *const principal[] = { "security.protocol", "sasl.jaas.config", "sasl.mechanism" };

    if (policy == NULL || strcmp(policy, "All") == 0 || strstr(policy, ".All") != NULL)
        return true;
    if (strcmp(policy, "Principal") != 0 && strstr(policy, ".Principal") == NULL)
        return false;
    for (size_t i = 0; i < CV_COUNT(principal); i++)
        if (strcmp(key, principal[i]) == 0)
            return true;
    return false;
}

static enum cv_rc
override_row(struct run *run, const char *full, const char *key, const char *value,
             const struct cv_config_errors *refused)
{
    const struct cv_config_def *def = client_override_def(key);
    const char *policy = run->spec->worker->override_policy;
    struct config_info *info = config_infos_add(run->infos, full, def);
    struct cv_config *one = NULL;
    enum cv_rc rc = CV_OK;

    if (info == NULL)
        return cv_fail_memory(run->err);
    info->password = info->password || cv_secret_is_sensitive(key);
    if (def != NULL) {
        one = cv_config_new();
        if (one == NULL)
            return cv_fail_memory(run->err);
        rc = cv_config_set(one, key, value, run->err);
        if (rc == CV_OK)
            rc = judge(info, def, key, key, one, run->err);
        if (rc == CV_OK)
            rc = config_info_redefine(info, NULL, key, run->err);
    } else {
        rc = config_info_value(info, value, run->err);
    }
    if (rc == CV_OK && !policy_allows(policy, key))
        rc = add_errorf(run, info, "The '%s' policy does not allow '%s' to be overridden in the connector configuration.",
                        policy, key);
    for (size_t i = 0; i < refused->count && rc == CV_OK; i++)
        if (strcmp(refused->items[i].key, key) == 0 && info->n_errors == 0)
            rc = config_info_error(info, refused->items[i].text, run->err);
    if (rc == CV_OK && info->n_errors > 0)
        run->infos->error_count++;
    cv_config_free(one);
    return rc;
}

/* Entries of one client: those that are known, or wrong. */
static enum cv_rc
override_rows(struct run *run, enum cv_kafka_role role, const char *prefix)
{
    struct cv_config *layer = cv_config_with_prefix(run->config, prefix);
    struct cv_config_errors refused = { .items = NULL };
    struct cv_err first = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;
    char full[512];

    if (layer == NULL)
        return cv_fail_memory(run->err);
    if (cv_kafka_check(role, layer, &refused, &first) == CV_NO_MEMORY)
        rc = cv_fail_memory(run->err);
    for (size_t i = 0; i < cv_config_count(layer) && rc == CV_OK; i++) {
        const char *key = cv_config_key(layer, i);
        bool wrong = !policy_allows(run->spec->worker->override_policy, key);

        for (size_t r = 0; r < refused.count; r++)
            wrong = wrong || strcmp(refused.items[r].key, key) == 0;
        snprintf(full, sizeof(full), "%s%s", prefix, key);
        if (wrong || client_override_def(key) != NULL)
            rc = override_row(run, full, key, cv_config_value(layer, i), &refused);
    }
    cv_config_errors_done(&refused);
    cv_config_free(layer);
    return rc;
}

/* ---- converters that the connector names ---- */

static enum cv_rc
converter_row(struct run *run, const char *prefix, const struct cv_config_def *def, const struct cv_config *cfg)
{
    struct config_info *info;
    char full[512];

    if (def->internal)
        return CV_OK;
    snprintf(full, sizeof(full), "%s%s", prefix, def->name);
    info = config_infos_add(run->infos, full, def);
    if (info == NULL)
        return cv_fail_memory(run->err);
    if (judge(info, def, def->name, def->name, cfg, run->err) != CV_OK)
        return run->err->rc;
    if (def->display == NULL && config_info_redefine(info, NULL, def->name, run->err) != CV_OK)
        return run->err->rc;
    run->infos->error_count += info->n_errors > 0;
    return config_infos_group(run->infos, def->group, run->err);
}

/* Rows of the converter at a position, in the order of the HashMap that Java has them in. */
static enum cv_rc
converter_rows(struct run *run, enum cv_position position)
{
    static const char *const types[] = { "key", "value", "header" };
    const char *name = cv_config_get(run->config, converter_keys[position]);
    const struct cv_config_def *rows[ROWS_MAX];
    const char *names[ROWS_MAX];
    size_t order[ROWS_MAX], count;
    const struct cv_plugin *plugin;
    struct cv_err none = CV_ERR_INIT;
    struct cv_config *cfg;
    char prefix[32];
    enum cv_rc rc = CV_OK;

    if (name == NULL || plugins_find(run->spec->plugins, name, converter_kinds(position), &plugin, &none) != CV_OK)
        return CV_OK;
    snprintf(prefix, sizeof(prefix), "%s.", converter_keys[position]);
    cfg = cv_config_with_prefix(run->config, prefix);
    if (cfg == NULL)
        return cv_fail_memory(run->err);
    if (cv_config_get(cfg, "converter.type") == NULL)
        rc = cv_config_set(cfg, "converter.type", types[position], run->err);
    count = collect(plugin->config, rows, 0);
    for (size_t i = 0; i < count; i++)
        names[i] = rows[i]->name;
    if (rc == CV_OK)
        rc = java_order_strings(names, count, order, run->err);
    for (size_t i = 0; i < count && rc == CV_OK; i++)
        rc = converter_row(run, prefix, rows[order[i]], cfg);
    cv_config_free(cfg);
    return rc;
}

/* ---- all of it ---- */

/* "{name=bad, a=b}", as Java prints a map; secrets are not shown. */
static void
print_config(const struct cv_config *config, struct cv_buf *out)
{
    cv_buf_char(out, '{');
    for (size_t i = 0; i < cv_config_count(config); i++) {
        const char *key = cv_config_key(config, i), *value = cv_config_value(config, i);

        cv_buf_printf(out, "%s%s=", i == 0 ? "" : ", ", key);
        cv_buf_str(out, value == NULL ? "null" : cv_secret_is_sensitive(key) ? "[hidden]" : value);
    }
    cv_buf_char(out, '}');
}

static enum cv_rc
find_connector(const struct validate_spec *spec, const struct run *run, const struct cv_plugin **ret,
               struct cv_err *err)
{
    const char *name = cv_config_get(run->config, "connector.class");
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);

    if (name == NULL) {
        print_config(run->raw, &text);
        (void)cv_fail(err, CV_INVALID, "Connector config %s contains no connector type", cv_buf_cstr(&text));
        cv_buf_free(&text);
        return CV_INVALID;
    }
    if (plugins_find(spec->plugins, name, 1u << CV_SOURCE | 1u << CV_SINK, ret, err) == CV_OK)
        return CV_OK;
    err->rc = CV_INVALID;
    return CV_INVALID;
}

static enum cv_rc
main_rows(struct run *run)
{
    if (framework_rows(run) != CV_OK || aliases_rows(run, "transforms", CV_TRANSFORM) != CV_OK ||
        aliases_rows(run, "predicates", CV_PREDICATE) != CV_OK)
        return run->err->rc;
    if ((run->plugin->kind == CV_SOURCE ? check_source(run) : check_sink(run)) != CV_OK ||
        check_nulls(run) != CV_OK)
        return run->err->rc;
    for (const struct cv_config_def *def = run->plugin->config; def != NULL && def->name != NULL; def++)
        if (connector_row(run, def) != CV_OK)
            return run->err->rc;
    if (connector_validate(run) != CV_OK)
        return run->err->rc;
    run->infos->error_count = count_errors(run->infos);
    return CV_OK;
}

static enum cv_rc
part_rows(struct run *run)
{
    bool source = run->plugin->kind == CV_SOURCE;

    if (source && override_rows(run, CV_KAFKA_PRODUCER, "producer.override.") != CV_OK)
        return run->err->rc;
    if (!source && override_rows(run, CV_KAFKA_CONSUMER, "consumer.override.") != CV_OK)
        return run->err->rc;
    if (converter_rows(run, CV_HEADER) != CV_OK || converter_rows(run, CV_KEY) != CV_OK)
        return run->err->rc;
    return converter_rows(run, CV_VALUE);
}

/* A secret that came by reference is shown nowhere, whatever the type of its row. */
static void
hide_references(struct run *run)
{
    for (size_t i = 0; i < run->infos->count; i++) {
        struct config_info *info = &run->infos->items[i];
        const char *raw = cv_config_get(run->raw, info->name);

        if (raw != NULL && cv_secret_is_reference(raw) && cv_secret_is_sensitive(info->name))
            info->password = true;
    }
}

enum cv_rc
validate_connector(const struct validate_spec *spec, const struct cv_config *config, struct config_infos *ret,
                   struct cv_err *err)
{
    struct config_infos infos = { .name = NULL };
    struct run run = { .spec = spec, .raw = config, .infos = &infos, .err = err };
    enum cv_rc rc;

    if (cv_secrets_resolve(spec->secrets, config, &run.config, err) != CV_OK)
        return err->rc;
    rc = find_connector(spec, &run, &run.plugin, err);
    if (rc != CV_OK)
        goto out;
    infos.name = strdup(cv_config_get(config, "connector.class"));
    rc = infos.name == NULL ? cv_fail_memory(err) : main_rows(&run);
    if (rc == CV_OK)
        rc = part_rows(&run);
    if (rc != CV_OK)
        goto out;
    hide_references(&run);
    *ret = infos;
    infos = (struct config_infos){ .name = NULL };
out:
    config_infos_done(&infos);
    cv_config_free(run.config);
    return rc;
}

enum cv_rc
validate_plugin_rows(const struct plugins *plugins, const struct cv_plugin *plugin, struct config_infos *ret,
                     struct cv_err *err)
{
    bool connector = plugin->kind == CV_SOURCE || plugin->kind == CV_SINK;
    const struct cv_config_def *tables[] = { plugin->config, connector ? connector_config_def(plugin->kind) : NULL };
    struct config_infos infos = { .name = strdup(plugin->name) };

    (void)plugins;
    for (size_t t = 0; t < CV_COUNT(tables) && infos.name != NULL; t++)
        for (const struct cv_config_def *def = tables[t]; def != NULL && def->name != NULL; def++) {
            struct config_info *info;

            if (def->internal || (t == 1 && plugin_defines(plugin, def->name)))
                continue;
            info = config_infos_add(&infos, def->name, def);
            if (info == NULL) {
                config_infos_done(&infos);
                return cv_fail_memory(err);
            }
            if (strcmp(def->name, "connector.plugin.version") == 0 && plugin->version != NULL &&
                config_info_redefine(info, plugin->version, NULL, err) != CV_OK) {
                config_infos_done(&infos);
                return err->rc;
            }
        }
    if (infos.name == NULL)
        return cv_fail_memory(err);
    *ret = infos;
    return CV_OK;
}
