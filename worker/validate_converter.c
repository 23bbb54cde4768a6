/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converters: the framework's rows, and those of a converter that the connector names.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <stdio.h>
#include <string.h>

#include "data/java_order.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

static const char *const converter_keys[] = { "key.converter", "value.converter", "header.converter" };

static unsigned
converter_kinds(size_t position)
{
    return position == CV_HEADER ? 1u << CV_HEADER_CONVERTER : 1u << CV_CONVERTER;
}

enum cv_rc
validation_framework_converters(struct validation *run)
{
    const struct worker_config *worker = run->spec->worker;
    const char *const defaults[] = { worker->key_converter, worker->value_converter, worker->header_converter };

    for (size_t i = 0; i < CV_COUNT(converter_keys); i++) {
        struct config_info *info = config_infos_find(run->infos, converter_keys[i]), *version;
        const struct cv_plugin *plugin = NULL;
        char version_key[64];

        if (config_info_redefine(info, defaults[i], NULL, run->err) != CV_OK ||
            validation_recommend(run->spec->plugins, info, converter_kinds(i), run->err) != CV_OK)
            return run->err->rc;
        if (!cv_config_has(run->config, converter_keys[i]) &&
            config_info_value(info, defaults[i], run->err) != CV_OK)
            return run->err->rc;
        if (validation_class(run, info, converter_kinds(i), i == CV_HEADER ? "HeaderConverter" : "Converter",
                        &plugin) != CV_OK)
            return run->err->rc;
        snprintf(version_key, sizeof(version_key), "%s.plugin.version", converter_keys[i]);
        version = config_infos_find(run->infos, version_key);
        version->hidden = info->value == NULL; /* a version of nothing */
        if (validation_version(run, version, info, &plugin) != CV_OK)
            return run->err->rc;
    }
    return CV_OK;
}


static enum cv_rc
converter_row(struct validation *run, const char *prefix, const struct cv_config_def *def, const struct cv_config *cfg)
{
    struct config_info *info;
    char full[512];

    if (def->internal)
        return CV_OK;
    snprintf(full, sizeof(full), "%s%s", prefix, def->name);
    info = config_infos_add(run->infos, full, def);
    if (info == NULL)
        return cv_fail_memory(run->err);
    if (validation_judge(info, def, def->name, def->name, cfg, run->err) != CV_OK)
        return run->err->rc;
    if (def->display == NULL && config_info_redefine(info, NULL, def->name, run->err) != CV_OK)
        return run->err->rc;
    run->infos->error_count += info->n_errors > 0;
    return config_infos_group(run->infos, def->group, run->err);
}

/* Rows of the converter at a position, in the order of the HashMap that Java has them in. */
enum cv_rc
validation_converter_rows(struct validation *run, enum cv_position position)
{
    static const char *const types[] = { "key", "value", "header" };
    const char *name = cv_config_get(run->config, converter_keys[position]);
    const struct cv_config_def *rows[VALIDATION_ROWS_MAX];
    const char *names[VALIDATION_ROWS_MAX];
    size_t order[VALIDATION_ROWS_MAX], count;
    const struct cv_plugin *plugin;
    struct cv_err none = CV_ERR_INIT;
    const struct config_info *version;
    struct cv_config *cfg;
    char prefix[32], version_key[64];
    enum cv_rc rc = CV_OK;

    snprintf(version_key, sizeof(version_key), "%s.plugin.version", converter_keys[position]);
    version = config_infos_find(run->infos, version_key);
    if (version->n_errors > 0) /* it is not there in that version */
        return CV_OK;
    if (name == NULL || plugins_find(run->spec->plugins, name, converter_kinds(position), &plugin, &none) != CV_OK)
        return CV_OK;
    snprintf(prefix, sizeof(prefix), "%s.", converter_keys[position]);
    cfg = cv_config_with_prefix(run->config, prefix);
    if (cfg == NULL)
        return cv_fail_memory(run->err);
    if (cv_config_get(cfg, "converter.type") == NULL)
        rc = cv_config_set(cfg, "converter.type", types[position], run->err);
    count = validation_collect(plugin->config, rows, 0);
    for (size_t i = 0; i < count; i++)
        names[i] = rows[i]->name;
    if (rc == CV_OK)
        rc = java_order_strings(names, count, order, run->err);
    for (size_t i = 0; i < count && rc == CV_OK; i++)
        rc = converter_row(run, prefix, rows[order[i]], cfg);
    cv_config_free(cfg);
    return rc;
}
