/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, keys and names of tables. */
#include "connectors/postgres/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/regex.h"
#include "connectors/postgres/mask.h"
#include "connectors/postgres/name.h"

#define NAME_MAX_BYTES 512 /* schema.table.column, 63 bytes each, with room */

/* "regex:column,column": one entry of message.key.columns. */
struct key_rule {
    struct cv_regex *tables;
    char **columns;
    size_t n_columns;
};

struct table_filter {
    struct cv_regex_list *schema_include, *schema_exclude;
    struct cv_regex_list *table_include, *table_exclude;
    struct cv_regex_list *column_include, *column_exclude;
    struct key_rule *keys;
    size_t n_keys;
    struct mask_rules *masks;
    struct namer *namer;
    const char *signal; /* the signal table, schema.table; borrowed from the configuration; NULL: none */
    bool ignore_builtin;
};

static enum cv_rc
compile(const char *option, const char *list, struct cv_regex_list **ret, struct cv_err *err)
{
    if (list == NULL || list[0] == '\0')
        return CV_OK;
    if (cv_regex_list_new(list, true, ret, err) != CV_OK)
        return cv_err_context(err, "%s", option);
    return CV_OK;
}

static void
key_rule_done(struct key_rule *rule)
{
    cv_regex_free(rule->tables);
    for (size_t i = 0; i < rule->n_columns; i++)
        free(rule->columns[i]);
    free(rule->columns);
}

/* One "regex:col,col" of the list; item is changed. */
static enum cv_rc
add_key_rule(struct table_filter *filter, char *item, struct cv_err *err)
{
    struct key_rule *rules, *rule;
    char *colon, *save = NULL;

    item += strspn(item, " \t");
    if (item[0] == '\0')
        return CV_OK;
    colon = strrchr(item, ':');
    if (colon == NULL || colon == item || colon[1] == '\0')
        return cv_fail(err, CV_INVALID,
                       "message.key.columns: \"%s\" has an invalid format; write schema.table:column,...",
                       item);
    rules = realloc(filter->keys, (filter->n_keys + 1) * sizeof(*rules));
    if (rules == NULL)
        return cv_fail_memory(err);
    filter->keys = rules;
    rule = &rules[filter->n_keys];
    *rule = (struct key_rule){ 0 };
    filter->n_keys++;
    *colon = '\0';
    if (cv_regex_new(item, true, &rule->tables, err) != CV_OK)
        return cv_err_context(err, "message.key.columns");
    for (char *col = strtok_r(colon + 1, ",", &save); col != NULL; col = strtok_r(NULL, ",", &save)) {
        char **columns = realloc(rule->columns, (rule->n_columns + 1) * sizeof(*columns));

        if (columns == NULL)
            return cv_fail_memory(err);
        rule->columns = columns;
        columns[rule->n_columns] = strdup(col);
        if (columns[rule->n_columns++] == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

static enum cv_rc
compile_keys(struct table_filter *filter, const char *text, struct cv_err *err)
{
    char *copy, *save = NULL;
    enum cv_rc rc = CV_OK;

    if (text == NULL)
        return CV_OK;
    copy = strdup(text);
    if (copy == NULL)
        return cv_fail_memory(err);
    for (char *item = strtok_r(copy, ";", &save); item != NULL && rc == CV_OK;
         item = strtok_r(NULL, ";", &save))
        rc = add_key_rule(filter, item, err);
    free(copy);
    return rc;
}

enum cv_rc
table_filter_new(const struct pg_config *config, struct table_filter **ret, struct cv_err *err)
{
    struct table_filter *filter = calloc(1, sizeof(*filter));

    if (filter == NULL)
        return cv_fail_memory(err);
    filter->ignore_builtin = config->table_ignore_builtin;
    filter->signal = config->signal_data_collection;
    if (compile("schema.include.list", config->schema_include, &filter->schema_include, err) != CV_OK ||
        compile("schema.exclude.list", config->schema_exclude, &filter->schema_exclude, err) != CV_OK ||
        compile("table.include.list", config->table_include, &filter->table_include, err) != CV_OK ||
        compile("table.exclude.list", config->table_exclude, &filter->table_exclude, err) != CV_OK ||
        compile("column.include.list", config->column_include, &filter->column_include, err) != CV_OK ||
        compile("column.exclude.list", config->column_exclude, &filter->column_exclude, err) != CV_OK ||
        compile_keys(filter, config->message_key_columns, err) != CV_OK ||
        mask_rules_new(config->all, &filter->masks, err) != CV_OK || namer_new(config, &filter->namer, err) != CV_OK) {
        table_filter_free(filter);
        return err->rc;
    }
    *ret = filter;
    return CV_OK;
}

void
table_filter_free(struct table_filter *filter)
{
    if (filter == NULL)
        return;
    namer_free(filter->namer);
    mask_rules_free(filter->masks);
    cv_regex_list_free(filter->schema_include);
    cv_regex_list_free(filter->schema_exclude);
    cv_regex_list_free(filter->table_include);
    cv_regex_list_free(filter->table_exclude);
    cv_regex_list_free(filter->column_include);
    cv_regex_list_free(filter->column_exclude);
    for (size_t i = 0; i < filter->n_keys; i++)
        key_rule_done(&filter->keys[i]);
    free(filter->keys);
    free(filter);
}

static bool
admits(const struct cv_regex_list *include, const struct cv_regex_list *exclude, const char *name)
{
    size_t len = strlen(name);

    if (include != NULL)
        return cv_regex_list_matches(include, name, len);
    return exclude == NULL || !cv_regex_list_matches(exclude, name, len);
}

static bool
is_builtin(const char *schema, const char *table)
{
    return strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
           strncmp(schema, "pg_temp", 7) == 0 || strcmp(table, "spatial_ref_sys") == 0;
}

bool
table_is_signal(const struct table_filter *filter, const char *schema, const char *table)
{
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof(name), "%s.%s", schema, table);
    return filter->signal != NULL && strcmp(filter->signal, name) == 0;
}

bool
table_is_captured(const struct table_filter *filter, const char *schema, const char *table)
{
    char name[NAME_MAX_BYTES];

    if (table_is_signal(filter, schema, table))
        return true;
    if (filter->ignore_builtin && is_builtin(schema, table))
        return false;
    snprintf(name, sizeof(name), "%s.%s", schema, table);
    return admits(filter->schema_include, filter->schema_exclude, schema) &&
           admits(filter->table_include, filter->table_exclude, name);
}

bool
table_column_is_captured(const struct table_filter *filter, const char *schema, const char *table,
                         const char *column)
{
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof(name), "%s.%s.%s", schema, table, column);
    return admits(filter->column_include, filter->column_exclude, name);
}

/* Position of the first entry of table.include.list that matches; all equal without one. */
static int
include_position(const struct table_filter *filter, const struct pg_table *table)
{
    char name[NAME_MAX_BYTES];

    if (filter->table_include == NULL)
        return 0;
    snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
    return cv_regex_list_find(filter->table_include, name, strlen(name));
}

void
table_select(const struct table_filter *filter, struct pg_tables *inout)
{
    size_t kept = 0;

    for (size_t i = 0; i < inout->count; i++) {
        struct pg_table *table = inout->items[i];
        size_t at;

        if (!table_is_captured(filter, table->schema, table->name)) {
            pg_table_free(table);
            continue;
        }
        /* a stable insertion sort: the catalog's order stays among equals */
        for (at = kept; at > 0; at--) {
            if (include_position(filter, inout->items[at - 1]) <= include_position(filter, table))
                break;
            inout->items[at] = inout->items[at - 1];
        }
        inout->items[at] = table;
        kept++;
    }
    inout->count = kept;
}

enum cv_rc
table_guardrail(const struct pg_config *config, const struct pg_tables *tables, struct cv_log *log, struct cv_err *err)
{
    int32_t max = config->guardrail_collections_max;

    if (max <= 0 || tables->count <= (size_t)max)
        return CV_OK;
    if (config->guardrail_action == PG_GUARDRAIL_FAIL)
        return cv_fail(err, CV_INVALID,
                       "%zu tables are captured, but guardrail.collections.max is %d: narrow table.include.list or "
                       "schema.include.list, or raise the limit",
                       tables->count, (int)max);
    CV_LOG_WARN(log, "more tables are captured than guardrail.collections.max", CV_INT("tables", tables->count),
                CV_INT("max", max));
    return CV_OK;
}

size_t
table_key_columns(const struct table_filter *filter, const struct pg_table *table, uint16_t *ret)
{
    char name[NAME_MAX_BYTES];
    size_t n = 0;

    snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
    for (size_t i = 0; i < filter->n_keys; i++) {
        if (!cv_regex_matches(filter->keys[i].tables, name, strlen(name)))
            continue;
        for (size_t j = 0; j < filter->keys[i].n_columns; j++) {
            int col = pg_table_column(table, filter->keys[i].columns[j]);

            if (col >= 0 && n < table->n_columns)
                ret[n++] = (uint16_t)col;
        }
    }
    if (n > 0)
        return n;
    memcpy(ret, table->keys, table->n_keys * sizeof(*ret));
    return table->n_keys;
}

const struct mask_rules *
table_masks(const struct table_filter *filter)
{
    return filter->masks;
}

const struct namer *
table_namer(const struct table_filter *filter)
{
    return filter->namer;
}
