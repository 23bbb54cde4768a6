/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of connector configurations, in the order of Connect's AbstractHerder: rows of the framework, rows of
 * transforms and predicates, what several rows must satisfy together, the connector's own rows (which take the
 * place of framework rows of the same name), its own checks, client overrides, converters.
 */
#include <config.h>

#include "worker/validate.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "data/java_order.h"
#include "worker/connector_config.h"
#include "worker/plugins.h"
#include "worker/validate_private.h"

/* ---- framework rows ---- */

static enum cv_rc
framework_rows(struct validation *run)
{
    const struct cv_plugin *plugin = run->plugin;
    struct config_info *info;

    for (const struct cv_config_def *def = connector_config_def(run->plugin->kind); def->name != NULL; def++) {
        info = config_infos_add(run->infos, def->name, def);
        if (info == NULL)
            return cv_fail_memory(run->err);
        if (validation_judge(info, def, def->name, def->name, run->config, run->err) != CV_OK ||
            config_infos_group(run->infos, def->group, run->err) != CV_OK)
            return run->err->rc;
    }
    if (validation_version(run, config_infos_find(run->infos, "connector.plugin.version"), NULL, &plugin) != CV_OK)
        return run->err->rc;
    return validation_framework_converters(run);
}

/* ---- the connector's own ---- */

static enum cv_rc
connector_row(struct validation *run, const struct cv_config_def *def)
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
    if (validation_judge(info, def, def->name, def->name, run->config, run->err) != CV_OK)
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
connector_validate(struct validation *run)
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
        rc = validation_error_at(run, errors.items[i].key, errors.items[i].text);
    cv_config_errors_done(&errors);
    return rc;
}

/* ---- all of it ---- */

/* "{name=bad, a=b}", as Java prints the HashMap that it copied the config into; secrets are not shown. */
static enum cv_rc
print_config(const struct cv_config *config, struct cv_buf *out, struct cv_err *err)
{
    size_t *order = NULL;

    if (java_order_config(config, java_table_of_copy(cv_config_count(config)), &order, err) != CV_OK)
        return err->rc;
    cv_buf_char(out, '{');
    for (size_t i = 0; i < cv_config_count(config); i++) {
        const char *key = cv_config_key(config, order[i]), *value = cv_config_value(config, order[i]);

        cv_buf_printf(out, "%s%s=", i == 0 ? "" : ", ", key);
        cv_buf_str(out, value == NULL ? "null" : cv_secret_is_sensitive(key) ? "[hidden]" : value);
    }
    cv_buf_char(out, '}');
    free(order);
    return CV_OK;
}

static enum cv_rc
find_connector(const struct validate_spec *spec, const struct validation *run, const struct cv_plugin **ret,
               struct cv_err *err)
{
    const char *name = cv_config_get(run->config, "connector.class");
    struct cv_buf text = CV_BUF_INIT(VALIDATION_TEXT_MAX);

    if (name == NULL) {
        if (print_config(run->raw, &text, err) == CV_OK)
            (void)cv_fail(err, CV_INVALID, "Connector config %s contains no connector type", cv_buf_cstr(&text));
        cv_buf_free(&text);
        return err->rc;
    }
    if (plugins_find(spec->plugins, name, 1u << CV_SOURCE | 1u << CV_SINK, ret, err) == CV_OK)
        return CV_OK;
    err->rc = CV_INVALID;
    return CV_INVALID;
}

static enum cv_rc
main_rows(struct validation *run)
{
    if (framework_rows(run) != CV_OK || validation_alias_rows(run, "transforms", CV_TRANSFORM) != CV_OK ||
        validation_alias_rows(run, "predicates", CV_PREDICATE) != CV_OK)
        return run->err->rc;
    if ((run->plugin->kind == CV_SOURCE ? validation_check_source(run) : validation_check_sink(run)) != CV_OK ||
        validation_check_nulls(run) != CV_OK)
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
part_rows(struct validation *run)
{
    if (validation_override_rows(run) != CV_OK)
        return run->err->rc;
    if (validation_converter_rows(run, CV_HEADER) != CV_OK || validation_converter_rows(run, CV_KEY) != CV_OK)
        return run->err->rc;
    return validation_converter_rows(run, CV_VALUE);
}

/* A secret that came by reference is shown nowhere, whatever the type of its row. */
static void
hide_references(struct validation *run)
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
    struct validation run = { .spec = spec, .raw = config, .infos = &infos, .err = err };
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

            if (def->internal || (t == 1 && validation_plugin_defines(plugin, def->name)))
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
