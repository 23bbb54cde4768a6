/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of transforms and predicates: a group an alias.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "worker/connector_config.h"
#include "worker/plugins.h"

/* One row under "transforms.<alias>.". *order counts on. */
static struct config_info *
alias_row(struct validation *run, const char *prefix, const char *group, const struct cv_config_def *def,
          const char *short_name, int *order)
{
    struct cv_buf name = CV_BUF_INIT(VALIDATION_TEXT_MAX);
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
        if (validation_judge(info, def, key, short_name == NULL ? key : short_name, run->config, run->err) != CV_OK)
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

/* The rows of the transform or predicate itself; a transform's negate and predicate are among them. */
static enum cv_rc
alias_plugin_rows(struct validation *run, const char *prefix, const char *group, const struct cv_plugin *plugin,
                  int order)
{
    const struct cv_config_def *rows[VALIDATION_ROWS_MAX];
    size_t count = validation_collect(plugin->config, rows, 0);

    if (plugin->kind == CV_TRANSFORM)
        count = validation_collect(transform_tail_def, rows, count);
    qsort(rows, count, sizeof(rows[0]), by_weight);
    for (size_t i = 0; i < count; i++)
        if (!rows[i]->internal && alias_row(run, prefix, group, rows[i], rows[i]->name, &order) == NULL)
            return run->err->rc;
    return CV_OK;
}

/* negate says nothing without a predicate. */
static enum cv_rc
check_negate(struct validation *run, const char *prefix, size_t type_row)
{
    char negate[512], predicate[512];

    snprintf(negate, sizeof(negate), "%snegate", prefix);
    snprintf(predicate, sizeof(predicate), "%spredicate", prefix);
    if (!cv_config_has(run->config, negate) || cv_config_has(run->config, predicate))
        return CV_OK;
    return validation_errorf(run, &run->infos->items[type_row],
                      "Config '%s' was provided but there is no config '%s' defining a predicate to be negated.",
                      negate, predicate);
}

static enum cv_rc
alias_rows(struct validation *run, const char *alias, enum cv_plugin_kind kind)
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
        if (i == 0 && (validation_recommend(run->spec->plugins, info, 1u << kind, run->err) != CV_OK ||
                       validation_class(run, info, 1u << kind, is_transform ? "Transformation" : "Predicate",
                                   &plugin) != CV_OK))
            return run->err->rc;
        if (i == 1 && validation_version(run, info, &run->infos->items[type_row], &plugin) != CV_OK)
            return run->err->rc;
    }
    if (plugin != NULL && alias_plugin_rows(run, prefix, group, plugin, order) != CV_OK)
        return run->err->rc;
    return is_transform ? check_negate(run, prefix, type_row) : CV_OK;
}

/* Every alias once, in order; an empty one has rows, too. */
enum cv_rc
validation_alias_rows(struct validation *run, const char *key, enum cv_plugin_kind kind)
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
