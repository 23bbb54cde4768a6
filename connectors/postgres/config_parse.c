/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to struct pg_config: the rows, then what a row cannot say. */
#include "connectors/postgres/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "connectors/postgres/config_check.h"

static const char override_prefix[] = "snapshot.select.statement.overrides.";

/* Lists of patterns are kept as they were written: a comma may be part of one. */
static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    { "schema.include.list", offsetof(struct pg_config, schema_include) },
    { "schema.exclude.list", offsetof(struct pg_config, schema_exclude) },
    { "table.include.list", offsetof(struct pg_config, table_include) },
    { "table.exclude.list", offsetof(struct pg_config, table_exclude) },
    { "column.include.list", offsetof(struct pg_config, column_include) },
    { "column.exclude.list", offsetof(struct pg_config, column_exclude) },
    { "skipped.operations", offsetof(struct pg_config, skipped_operations) },
    { "snapshot.include.collection.list", offsetof(struct pg_config, snapshot_include) },
    { "message.prefix.include.list", offsetof(struct pg_config, message_prefix_include) },
    { "message.prefix.exclude.list", offsetof(struct pg_config, message_prefix_exclude) },
};

static char **
text_field(struct pg_config *config, size_t i)
{
    return (char **)(void *)((char *)config + texts[i].offset);
}

static enum cv_rc
copy_texts(const struct cv_config *cfg, struct pg_config *config, struct cv_err *err)
{
    for (size_t i = 0; i < CV_COUNT(texts); i++) {
        const char *value = cv_config_get(cfg, texts[i].key);

        if (value == NULL || value[0] == '\0')
            continue;
        *text_field(config, i) = strdup(value);
        if (*text_field(config, i) == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

/* Bits of the channels that are named; names is NULL at the end, a name's bit is its place. */
static unsigned
channel_bits(const struct cv_list *list, const char *const *names)
{
    unsigned bits = 0;

    for (size_t i = 0; i < list->count; i++)
        for (unsigned n = 0; names[n] != NULL; n++)
            if (strcasecmp(list->items[i], names[n]) == 0)
                bits |= 1U << n;
    return bits;
}

static enum cv_rc
parse_overrides(const struct cv_config *cfg, struct pg_config *config, struct cv_err *err)
{
    size_t skip = sizeof(override_prefix) - 1;

    config->snapshot_select_overrides = calloc(cv_config_count(cfg) + 1, sizeof(*config->snapshot_select_overrides));
    if (config->snapshot_select_overrides == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < cv_config_count(cfg); i++) {
        const char *key = cv_config_key(cfg, i), *value = cv_config_value(cfg, i);
        struct pg_select_override *override;

        if (strncmp(key, override_prefix, skip) != 0 || value == NULL)
            continue;
        override = &config->snapshot_select_overrides[config->n_snapshot_select_overrides++];
        override->table = strdup(key + skip);
        override->statement = strdup(value);
        if (override->table == NULL || override->statement == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

static enum cv_rc
default_signal_topic(struct pg_config *config, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(1024);
    enum cv_rc rc;

    if (config->signal_kafka_topic != NULL)
        return CV_OK;
    cv_buf_printf(&name, "%s-signal", config->topic_prefix);
    rc = cv_buf_check(&name, err);
    if (rc == CV_OK)
        config->signal_kafka_topic = cv_buf_take(&name);
    cv_buf_free(&name);
    return rc;
}

/* What stands beside the rows. */
static enum cv_rc
complete(const struct cv_config *cfg, struct pg_config *config, struct cv_err *err)
{
    static const char *const signals[] = { "source", "kafka", "file", NULL };
    static const char *const notifications[] = { "sink", "log", NULL };

    config->signal_channels = channel_bits(&config->signal_channel_list, signals);
    config->notification_channels = channel_bits(&config->notification_channel_list, notifications);
    if (cv_config_get(cfg, "lsn.flush.mode") != NULL)
        config->flush_lsn_source = config->lsn_flush_mode != PG_FLUSH_MANUAL;
    config->all = cv_config_copy(cfg);
    if (config->all == NULL)
        return cv_fail_memory(err);
    if (copy_texts(cfg, config, err) != CV_OK || parse_overrides(cfg, config, err) != CV_OK)
        return err->rc;
    return default_signal_topic(config, err);
}

enum cv_rc
pg_config_parse(const struct cv_config *cfg, struct pg_config *ret, struct cv_err *err)
{
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    memset(ret, 0, sizeof(*ret));
    rc = cv_config_parse(pg_config_def, cfg, ret, &errors, err);
    if (rc == CV_OK) {
        check_not_served(cfg, &errors);
        check_together(cfg, &errors);
        if (errors.count > 0)
            rc = cv_fail(err, CV_INVALID, "%s", errors.items[0].text);
    }
    if (rc == CV_OK)
        rc = complete(cfg, ret, err);
    cv_config_errors_done(&errors);
    return rc;
}

void
pg_config_done(struct pg_config *config)
{
    cv_config_done(pg_config_def, config);
    for (size_t i = 0; i < CV_COUNT(texts); i++) {
        free(*text_field(config, i));
        *text_field(config, i) = NULL;
    }
    for (size_t i = 0; i < config->n_snapshot_select_overrides; i++) {
        free(config->snapshot_select_overrides[i].table);
        free(config->snapshot_select_overrides[i].statement);
    }
    free(config->snapshot_select_overrides);
    config->snapshot_select_overrides = NULL;
    config->n_snapshot_select_overrides = 0;
    cv_config_free(config->all);
    config->all = NULL;
}

unsigned
pg_config_skipped(const struct pg_config *config)
{
    const char *ops = config->skipped_operations;
    unsigned bits = 0;

    if (ops == NULL)
        return PG_OP_TRUNCATE;
    if (strstr(ops, "none") != NULL)
        return 0;
    for (; *ops != '\0'; ops++)
        bits |= *ops == 'c'   ? PG_OP_CREATE
                : *ops == 'u' ? PG_OP_UPDATE
                : *ops == 'd' ? PG_OP_DELETE
                : *ops == 't' ? PG_OP_TRUNCATE
                              : 0u;
    return bits;
}
