/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of options; texts are those that Debezium's validation gives for the same mistakes. */
#include "connectors/postgres/config_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/number.h"
#include "common/regex.h"

#define INVALID(def, err, ...) invalid(def, err, __VA_ARGS__)

static enum cv_rc CV_PRINTF(3, 4)
invalid(const struct cv_config_def *def, struct cv_err *err, const char *fmt, ...)
{
    char problem[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(problem, sizeof(problem), fmt, args);
    va_end(args);
    return cv_fail(err, CV_INVALID, "The '%s' value is invalid: %s", def->name, problem);
}

enum cv_rc
check_required(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return value[0] == '\0' ? INVALID(def, err, "A value is required") : CV_OK;
}

static bool
only(const char *value, const char *further)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    for (; *value != '\0'; value++)
        if (strchr(plain, *value) == NULL && strchr(further, *value) == NULL)
            return false;
    return true;
}

static enum cv_rc
check_name(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    if (value[0] == '\0')
        return INVALID(def, err, "A value is required");
    if (!only(value, "-_."))
        return INVALID(def, err,
                       "%.200s has invalid format (only the underscore, hyphen, dot and alphanumeric "
                       "characters are allowed)",
                       value);
    return CV_OK;
}

enum cv_rc
check_prefix(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_name(def, value, err);
}

enum cv_rc
check_hostname(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_name(def, value, err);
}

enum cv_rc
check_slot(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (n == 0 || n > 63 || value[n] != '\0')
        return INVALID(def, err,
                       "Valid replication slot name must contain only digits, lowercase characters and underscores "
                       "with length <= 63");
    return CV_OK;
}

/* decoderbufs is Debezium's default, so it stands in the row; a user who asks for it means a plug-in that is not
   served. */
enum cv_rc
check_plugin(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    if (strcasecmp(value, "pgoutput") != 0 && strcasecmp(value, "decoderbufs") != 0)
        return INVALID(def, err, "Value must be one of decoderbufs, pgoutput");
    return CV_OK;
}

enum cv_rc
check_sslmode(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    static const char *const modes[] = { "allow", "prefer", "disable", "verify-ca", "require", "verify-full" };

    for (size_t i = 0; i < CV_COUNT(modes); i++)
        if (strcasecmp(value, modes[i]) == 0)
            return CV_OK;
    return INVALID(def, err, "Value must be one of allow, prefer, disable, verify-ca, require, verify-full");
}

enum cv_rc
check_skipped(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    char *copy = strdup(value), *save = NULL;
    bool none = false;
    size_t n = 0;
    enum cv_rc rc = CV_OK;

    if (copy == NULL)
        return cv_fail_memory(err);
    for (char *op = strtok_r(copy, ", ", &save); op != NULL; op = strtok_r(NULL, ", ", &save)) {
        n++;
        if (strcmp(op, "none") == 0)
            none = true;
        else if (strlen(op) != 1 || strchr("cudtr", op[0]) == NULL)
            rc = INVALID(def, err, "Invalid operation");
    }
    if (rc == CV_OK && none && n > 1)
        rc = INVALID(def, err, "'none' cannot be specified with other skipped operation types");
    free(copy);
    return rc;
}

enum cv_rc
check_regexes(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    struct cv_regex_list *list = NULL;
    struct cv_err why;

    if (cv_regex_list_new(value, true, &list, &why) != CV_OK)
        return INVALID(def, err, "A comma-separated list of valid regular expressions is expected, but %.300s",
                       why.text);
    cv_regex_list_free(list);
    return CV_OK;
}

static enum cv_rc
check_number(const struct cv_config_def *def, const char *value, const char *not_a_number, struct cv_err *err)
{
    const struct cv_range *range = def->arg;
    int64_t v;

    if (!cv_parse_i64(value, strlen(value), &v))
        return INVALID(def, err, "%s", not_a_number);
    if (v >= range->min && v <= range->max)
        return CV_OK;
    if (range->max < INT32_MAX)
        return INVALID(def, err, "%" PRId64 " is not between %" PRId64 " and %" PRId64, v, range->min, range->max);
    return INVALID(def, err, "%s",
                   range->min > 0 ? "A positive, non-zero integer value is expected"
                                  : "An non-negative integer is expected");
}

enum cv_rc
check_int(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_number(def, value, "An integer is expected", err);
}

enum cv_rc
check_long(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_number(def, value, "A long value is expected", err);
}

static bool
is_set(const struct cv_config *cfg, const char *key, const char *def)
{
    const char *value = cv_config_get(cfg, key);

    return value != NULL && value[0] != '\0' && (def == NULL || strcasecmp(value, def) != 0);
}

void
check_not_served(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const struct {
        const char *key;
        const char *def; /* a value that asks for nothing */
    } keys[] = {
        { "database.initial.statements", NULL },
        { "replica.identity.autoset.values", NULL },
        { "slot.failover", "false" },
        { "slot.stream.params", NULL },
        { "provide.transaction.metadata", "false" },
        { "snapshot.include.collection.list", NULL },
        { "snapshot.select.statement.overrides", NULL },
        { "hstore.handling.mode", "json" },
        { "schema.name.adjustment.mode", "none" },
        { "field.name.adjustment.mode", "none" },
        { "converters", NULL },
        { "post.processors", NULL },
        { "heartbeat.action.query", NULL },
        { "signal.data.collection", NULL },
        { "topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy" },
        { "notification.enabled.channels", NULL },
        { "include.unknown.datatypes", "false" },
        { "column.propagate.source.type", NULL },
        { "datatype.propagate.source.type", NULL },
        { "skip.messages.without.change", "false" },
        { "xmin.fetch.interval.ms", "0" },
        { "heartbeat.interval.ms", "0" },
    };
    static const char *const prefixes[] = { "column.mask.", "column.truncate.to." };

    for (size_t i = 0; i < CV_COUNT(keys); i++)
        if (is_set(cfg, keys[i].key, keys[i].def))
            cv_config_errors_add(errors, keys[i].key,
                                 "The '%s' value is invalid: %s is not supported in this version; remove the option",
                                 keys[i].key, cv_config_get(cfg, keys[i].key));
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        for (size_t p = 0; p < CV_COUNT(prefixes); p++)
            if (strncmp(cv_config_key(cfg, i), prefixes[p], strlen(prefixes[p])) == 0)
                cv_config_errors_add(errors, cv_config_key(cfg, i),
                                     "The '%s' value is invalid: masking and truncation are not supported in this "
                                     "version; leave the columns out with column.exclude.list",
                                     cv_config_key(cfg, i));
}

void
check_together(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const char *const pairs[][2] = { { "schema.include.list", "schema.exclude.list" },
                                            { "table.include.list", "table.exclude.list" },
                                            { "column.include.list", "column.exclude.list" } };
    static const char *const required[] = { "topic.prefix", "database.hostname", "database.user",
                                            "database.dbname" };
    const char *plugin = cv_config_get(cfg, "plugin.name");
    const char *mode = cv_config_get(cfg, "snapshot.mode");

    for (size_t i = 0; i < CV_COUNT(required); i++)
        if (cv_config_get(cfg, required[i]) == NULL)
            cv_config_errors_add(errors, required[i], "The '%s' value is invalid: A value is required", required[i]);
    for (size_t i = 0; i < CV_COUNT(pairs); i++)
        if (is_set(cfg, pairs[i][0], NULL) && is_set(cfg, pairs[i][1], NULL))
            cv_config_errors_add(errors, pairs[i][1], "The '%s' value is invalid: \"%s\" is already specified",
                                 pairs[i][1], pairs[i][0]);
    if (plugin != NULL && strcasecmp(plugin, "decoderbufs") == 0)
        cv_config_errors_add(errors, "plugin.name",
                             "The 'plugin.name' value is invalid: decoderbufs is not supported; use pgoutput");
    if (mode != NULL && strcasecmp(mode, "initial") != 0 && strcasecmp(mode, "no_data") != 0)
        cv_config_errors_add(errors, "snapshot.mode",
                             "The 'snapshot.mode' value is invalid: %s is not supported in this version; use initial "
                             "or no_data",
                             mode);
}
