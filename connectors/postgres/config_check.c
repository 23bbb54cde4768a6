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
#include "connectors/postgres/mask.h"
#include "connectors/postgres/reselect.h"
#include "data/java_pattern.h"

#define INVALID(def, err, ...) invalid(def, err, __VA_ARGS__)
#define TOPIC_MAX              249
#define PREFIX_MAX             (TOPIC_MAX - 4) /* of the shortest: PREFIX.s.t */

/* The error as recorded: a pattern's may have several lines, which cv_fail would join. */
static enum cv_rc CV_PRINTF(3, 4)
invalid(const struct cv_config_def *def, struct cv_err *err, const char *fmt, ...)
{
    char problem[440];
    va_list args;

    va_start(args, fmt);
    vsnprintf(problem, sizeof(problem), fmt, args);
    va_end(args);
    *err = (struct cv_err){ .rc = CV_INVALID };
    snprintf(err->text, sizeof(err->text), "The '%.60s' value is invalid: %s", def->name, problem);
    return CV_INVALID;
}

/* Debezium looks at most options twice, as Connect's type and as its own: so do the answers. */
static enum cv_rc
invalid_twice(const struct cv_config_def *def, const char *first, const char *second, struct cv_err *err)
{
    return INVALID(def, err, "%s" CV_CONFIG_NEXT_ERROR "The '%s' value is invalid: %s", first, def->name, second);
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

/* With a schema and a table behind it, it is the name of a topic. */
enum cv_rc
check_prefix(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    if (strlen(value) > PREFIX_MAX)
        return INVALID(def, err, "it has %zu characters, but topics, which begin with it, have at most %d",
                       strlen(value), TOPIC_MAX);
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

/* Case does not count, nor blanks around. decoderbufs passes, Debezium's default: check_together refuses it. */
enum cv_rc
check_one_of(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    char names[400] = "";
    size_t len = 0;

    for (size_t i = 0; def->recommended[i] != NULL; i++) {
        if (strcasecmp(def->recommended[i], value) == 0)
            return CV_OK;
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? ", " : "", def->recommended[i]);
    }
    return INVALID(def, err, "Value must be one of %s", names);
}

enum cv_rc
check_boolean(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    static const char expected[] = "Either 'true' or 'false' is expected";

    if (strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0)
        return CV_OK;
    return invalid_twice(def, expected, expected, err);
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

/* The first bad pattern of a list in the words of java.util.regex. item is changed. */
static enum cv_rc
first_bad_pattern(const struct cv_config_def *def, char *list, struct cv_err *err)
{
    static const char prefix[] = "Invalid regex: ";

    for (char *item = list, *next; item != NULL; item = next) {
        struct cv_err why = CV_ERR_INIT;
        char *comma = strchr(item, ',');

        while (comma != NULL && comma > item && comma[-1] == '\\')
            comma = strchr(comma + 1, ',');
        next = comma == NULL ? NULL : comma + 1;
        if (comma != NULL)
            *comma = '\0';
        item += strspn(item, " \t");
        if (java_pattern_check(def, item, &why) != CV_OK)
            return INVALID(def, err, "A comma-separated list of valid regular expressions is expected, but %.350s",
                           why.text + (strncmp(why.text, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0));
    }
    return CV_OK;
}

enum cv_rc
check_regexes(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    struct cv_regex_list *list = NULL;
    struct cv_err why;
    char *copy;
    enum cv_rc rc;

    if (value[0] == '\0')
        return CV_OK;
    if (cv_regex_list_new(value, true, &list, &why) == CV_OK) {
        cv_regex_list_free(list);
        return CV_OK;
    }
    copy = strdup(value);
    if (copy == NULL)
        return cv_fail_memory(err);
    rc = first_bad_pattern(def, copy, err);
    free(copy);
    if (rc != CV_OK)
        return rc;
    return INVALID(def, err, "A comma-separated list of valid regular expressions is expected, but %.300s",
                   why.text);
}

/* Every item of a list separated by semicolons or commas matches the pattern, which the answer quotes. */
static enum cv_rc
check_items(const struct cv_config_def *def, const char *value, const char *separators, const char *pattern,
            struct cv_err *err)
{
    struct cv_regex *regex = NULL;
    enum cv_rc rc = cv_regex_new(pattern, false, &regex, err);

    if (rc != CV_OK)
        return rc;
    if (value[strspn(value, " \t")] == '\0')
        rc = INVALID(def, err, "Must not be empty");
    for (const char *item = value; rc == CV_OK && *item != '\0';) {
        size_t n = strcspn(item, separators);

        if (!cv_regex_matches(regex, item, n))
            rc = INVALID(def, err, "%.*s has an invalid format (expecting '%s')", (int)(n < 250 ? n : 250), item,
                         pattern);
        item += n;
        item += *item != '\0';
    }
    cv_regex_free(regex);
    return rc;
}

enum cv_rc
check_key_columns(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_items(def, value, ";", "^\\s*([^\\s:]+):([^:\\s]+)\\s*$", err);
}

enum cv_rc
check_identities(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return check_items(def, value, ",",
                       "(?i)^\\s*(?<tablepredicate>[^\\s:]+):(?<replicaidentity>DEFAULT|(INDEX) "
                       "(?<indexname>.\\w*)|FULL|NOTHING)\\s*$",
                       err);
}

/* Of a label, whose name may be any text: see plugin.h. */
enum cv_rc
check_tags(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    return value[0] == '\0' ? CV_OK : check_items(def, value, ",", "^\\s*([^=,\\s][^=,]*)=([^=,]+)\\s*$", err);
}

static const char *
range_text(const struct cv_range *range)
{
    return range->min > 0 ? "A positive, non-zero integer value is expected" : "An non-negative integer is expected";
}

static enum cv_rc
check_number(const struct cv_config_def *def, const char *value, const char *not_a_number, struct cv_err *err)
{
    const struct cv_range *range = def->arg;
    bool is_int = def->type == CV_CONFIG_INT;
    int64_t v;

    if (!cv_parse_i64(value, strlen(value), &v) || (is_int && (v < INT32_MIN || v > INT32_MAX)))
        return invalid_twice(def, not_a_number, range != NULL ? range_text(range) : not_a_number, err);
    if (range == NULL || (v >= range->min && v <= range->max))
        return CV_OK;
    return INVALID(def, err, "%s", range_text(range));
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

/* Whether it is larger than max.batch.size is for check_together; a queue below 1 never is. */
enum cv_rc
check_queue_size(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    int64_t v;

    if (!cv_parse_i64(value, strlen(value), &v))
        return check_int(def, value, err);
    if (v > 0)
        return CV_OK;
    return invalid_twice(def, "A positive queue size is required", "Must be larger than the maximum batch size", err);
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
        { "converters", NULL },
        { "database.connection.factory.class", NULL },
        { "sourceinfo.struct.maker", "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker" },
        { "transaction.metadata.factory", "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory" },
    };

    for (size_t i = 0; i < CV_COUNT(keys); i++)
        if (is_set(cfg, keys[i].key, keys[i].def))
            cv_config_errors_add(errors, keys[i].key,
                                 "The '%s' value is invalid: %s is not supported in this version; remove the option",
                                 keys[i].key, cv_config_get(cfg, keys[i].key));
    reselect_check(cfg, errors);
}

/* Every channel of a list is one of names, which served repeats for the reader. */
static void
check_channels(const struct cv_config *cfg, const char *key, const char *const *names, const char *served,
               struct cv_config_errors *errors)
{
    char *list = strdup(cv_config_get(cfg, key) != NULL ? cv_config_get(cfg, key) : ""), *save = NULL;

    for (char *name = list != NULL ? strtok_r(list, ", ", &save) : NULL; name != NULL;
         name = strtok_r(NULL, ", ", &save)) {
        size_t i = 0;

        while (names[i] != NULL && strcasecmp(names[i], name) != 0)
            i++;
        if (names[i] == NULL)
            cv_config_errors_add(errors, key, "The '%s' value is invalid: \"%.60s\" is no channel; use %s", key, name,
                                 served);
    }
    free(list);
}

static void
check_signals(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const char *const signals[] = { "source", "kafka", "file", "jmx", "in-process", NULL };
    static const char *const notifications[] = { "sink", "log", "jmx", NULL };
    static const char servers[] = "signal.kafka.bootstrap.servers";
    const char *channels = cv_config_get(cfg, "signal.enabled.channels");

    check_channels(cfg, "signal.enabled.channels", signals, "source, kafka or file", errors);
    check_channels(cfg, "notification.enabled.channels", notifications, "sink or log", errors);
    if (channels != NULL && strcasestr(channels, "kafka") != NULL && !is_set(cfg, servers, NULL))
        cv_config_errors_add(errors, servers,
                             "The '%s' value is invalid: A value is required when signal.enabled.channels has kafka",
                             servers);
}

/* Of two lists only one may be given; the error stands at the second. */
static void
check_pairs(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const struct {
        const char *include;
        const char *exclude;
        const char *shown;
    } pairs[] = {
        { "schema.include.list", "schema.exclude.list", "schema.include.list" },
        { "table.include.list", "table.exclude.list", "table.include.list" },
        { "column.include.list", "column.exclude.list", "column.include.list" },
        { "message.prefix.include.list", "message.prefix.exclude.list",
          "logical_decoding_message.prefix.include.list" },
    };

    for (size_t i = 0; i < CV_COUNT(pairs); i++)
        if (is_set(cfg, pairs[i].include, NULL) && is_set(cfg, pairs[i].exclude, NULL))
            cv_config_errors_add(errors, pairs[i].exclude, "The '%s' value is invalid: \"%s\" is already specified",
                                 pairs[i].exclude, pairs[i].shown);
}

/* A mode of a class of one's own needs the class's name. */
static void
check_custom(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const char *const modes[] = { "snapshot.mode", "snapshot.locking.mode", "snapshot.query.mode" };

    for (size_t i = 0; i < CV_COUNT(modes); i++) {
        const char *mode = cv_config_get(cfg, modes[i]);
        char key[64];

        if (mode == NULL || strcasecmp(mode, "custom") != 0)
            continue;
        snprintf(key, sizeof(key), "%s.custom.name", modes[i]);
        if (!is_set(cfg, key, NULL))
            cv_config_errors_add(errors, key, "The '%s' value is invalid: %s cannot be empty when %s 'custom' is "
                                              "defined",
                                 key, key, modes[i]);
        else
            cv_config_errors_add(errors, key,
                                 "The '%s' value is invalid: classes are not loaded here; use another %s", key,
                                 modes[i]);
    }
}

static int64_t
number(const struct cv_config *cfg, const char *key, int64_t def)
{
    const char *value = cv_config_get(cfg, key);
    int64_t v;

    return value != NULL && cv_parse_i64(value, strlen(value), &v) ? v : def;
}

void
check_together(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    static const char *const required[] = { "topic.prefix", "database.hostname", "database.user",
                                            "database.dbname" };
    const char *plugin = cv_config_get(cfg, "plugin.name");
    const char *channels = cv_config_get(cfg, "notification.enabled.channels");

    for (size_t i = 0; i < CV_COUNT(required); i++)
        if (cv_config_get(cfg, required[i]) == NULL)
            cv_config_errors_add(errors, required[i], "The '%s' value is invalid: A value is required", required[i]);
    check_pairs(cfg, errors);
    mask_check(cfg, errors);
    check_custom(cfg, errors);
    check_signals(cfg, errors);
    if (number(cfg, "max.queue.size", 8192) <= number(cfg, "max.batch.size", 2048))
        cv_config_errors_add(errors, "max.queue.size",
                             "The 'max.queue.size' value is invalid: Must be larger than the maximum batch size");
    if (channels != NULL && strstr(channels, "sink") != NULL && !is_set(cfg, "notification.sink.topic.name", NULL))
        cv_config_errors_add(errors, "notification.sink.topic.name",
                             "The 'notification.sink.topic.name' value is invalid: Notification topic name must be "
                             "provided when kafka notification channel is enabled");
    if (plugin != NULL && strcasecmp(plugin, "decoderbufs") == 0)
        cv_config_errors_add(errors, "plugin.name",
                             "The 'plugin.name' value is invalid: decoderbufs is not supported; use pgoutput");
}
