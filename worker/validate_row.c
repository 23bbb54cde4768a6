/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging one row: its type, its value, the class and the version that it names.
 *
 * A row is judged in two passes, because Java does so and names the key differently in them where a plugin's rows
 * are shown under a prefix: first whether the text is of the type, then whether its validator takes the value.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/number.h"
#include "worker/plugins.h"

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
    struct cv_buf shown = CV_BUF_INIT(VALIDATION_TEXT_MAX);
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
    /* a row whose check says all has its errors from the second pass alone */
    for (size_t i = 0; i < errors.count && rc == CV_OK && !def->check_says_all; i++)
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
enum cv_rc
validation_judge(struct config_info *info, const struct cv_config_def *def, const char *key, const char *short_name,
      const struct cv_config *cfg, struct cv_err *err)
{
    if (judge_type(info, def, key, cfg, err) != CV_OK)
        return err->rc;
    return judge_value(info, def, key, short_name, cfg, err);
}

enum cv_rc
validation_errorf(struct validation *run, struct config_info *info, const char *fmt, ...) CV_PRINTF(3, 4);

enum cv_rc
validation_errorf(struct validation *run, struct config_info *info, const char *fmt, ...)
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

/* Every plugin of these kinds that is advertised: what Kafka Connect would recommend, and what a plugin.path adds. */
enum cv_rc
validation_recommend(const struct plugins *plugins, struct config_info *info, unsigned kinds, struct cv_err *err)
{
    for (size_t i = 0; i < plugins_count(plugins); i++) {
        struct plugin_entry entry = plugins_at(plugins, i);

        if ((kinds & 1u << entry.plugin->kind) != 0 && !entry.plugin->unadvertised &&
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
enum cv_rc
validation_class(struct validation *run, struct config_info *info, unsigned kinds, const char *interface,
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
        rc = config_info_value(info, plugin->name, run->err);
        if (rc == CV_OK)
            rc = validation_errorf(run, info, "Class class %s does not implement the %s interface", plugin->name,
                                   interface);
    } else if (nested_classes(run->spec->plugins, info->value, &nested) == CV_OK) {
        rc = validation_errorf(run, info, "This class is abstract and cannot be created. Did you mean %s?",
                        cv_buf_cstr(&nested));
    } else {
        rc = validation_errorf(run, info, "Invalid value %s for configuration %s: Class %s could not be found.",
                        info->value, info->name, info->value);
        if (rc == CV_OK)
            rc = config_info_value(info, NULL, run->err);
    }
    cv_buf_free(&nested);
    return rc;
}

/* "latest" and ranges ("[4.0,5.0)") are taken: there is one version only. */
static bool
is_version(const struct cv_plugin *plugin, const char *given)
{
    return given == NULL || given[0] == '\0' || strchr("[(", given[0]) != NULL || strcmp(given, "latest") == 0 ||
           strcmp(given, plugin->version) == 0;
}

enum cv_rc
validation_version(struct validation *run, struct config_info *info, struct config_info *class_info,
                   const struct cv_plugin **inout_plugin)
{
    static const char text[] =
        "Plugin %s not found that matches the version range [%s,%s], available versions: [%s]";
    const char *given = cv_config_get(run->config, info->name);
    const struct cv_plugin *plugin = *inout_plugin;

    if (plugin == NULL || plugin->version == NULL)
        return CV_OK;
    if (config_info_redefine(info, plugin->version, NULL, run->err) != CV_OK ||
        config_info_recommend(info, plugin->version, run->err) != CV_OK)
        return run->err->rc;
    if (given == NULL && config_info_value(info, plugin->version, run->err) != CV_OK)
        return run->err->rc;
    if (is_version(plugin, given))
        return CV_OK;
    *inout_plugin = NULL;
    if (class_info != NULL &&
        validation_errorf(run, class_info, text, plugin->name, given, given, plugin->version) != CV_OK)
        return run->err->rc;
    return validation_errorf(run, info, text, plugin->name, given, given, plugin->version);
}

/* ---- rows ---- */

size_t
validation_collect(const struct cv_config_def *def, const struct cv_config_def **rows, size_t count)
{
    for (; def != NULL && def->name != NULL && count < VALIDATION_ROWS_MAX; def++)
        rows[count++] = def;
    return count;
}

bool
validation_plugin_defines(const struct cv_plugin *plugin, const char *key)
{
    for (const struct cv_config_def *def = plugin->config; def != NULL && def->name != NULL; def++)
        if (strcmp(def->name, key) == 0)
            return true;
    return false;
}

/* A row by name; one without definition in front where there is none. */
struct config_info *
validation_row_for_error(struct validation *run, const char *name)
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

enum cv_rc
validation_error_at(struct validation *run, const char *key, const char *text)
{
    struct config_info *info = validation_row_for_error(run, key);

    return info == NULL ? run->err->rc : config_info_error(info, text, run->err);
}
