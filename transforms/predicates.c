/* SPDX-License-Identifier: Apache-2.0 */
/* The predicates: TopicNameMatches, RecordIsTombstone, HasHeaderKey. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/regex.h"
#include "data/java_pattern.h"
#include "transforms/transforms.h"

/* ---- TopicNameMatches ---- */

struct topic_options {
    char *pattern;
};

struct topic_name_matches {
    struct cv_predicate base;
    struct topic_options options;
    struct cv_regex *regex;
};

static enum cv_rc
check_pattern(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    if (cv_valid_non_empty(def, value, err) != CV_OK)
        return err->rc;
    return java_pattern_check(def, value, err);
}

static const struct cv_config_def topic_rows[] = {
    { .name = "pattern", .type = CV_CONFIG_STRING, .required = true, .check = check_pattern,
      .importance = CV_MEDIUM, .doc = "Pattern that the topic's whole name must match.",
      .offset = offsetof(struct topic_options, pattern) },
    CV_CONFIG_END,
};

static void
topic_free(struct cv_predicate *pred)
{
    struct topic_name_matches *p = cv_container_of(pred, struct topic_name_matches, base);

    cv_regex_free(p->regex);
    cv_config_done(topic_rows, &p->options);
    free(p);
}

static enum cv_rc
topic_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_predicate **ret,
                struct cv_err *err)
{
    struct topic_name_matches *p = calloc(1, sizeof(*p));
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    if (p == NULL)
        return cv_fail_memory(err);
    p->base.plugin = plugin;
    rc = cv_config_parse(topic_rows, cfg, &p->options, &errors, err);
    cv_config_errors_done(&errors);
    if (rc == CV_OK)
        rc = cv_regex_new(p->options.pattern, false, &p->regex, err);
    if (rc != CV_OK) {
        topic_free(&p->base);
        return rc;
    }
    *ret = &p->base;
    return CV_OK;
}

static bool
topic_test(const struct cv_predicate *pred, const struct cv_record *rec)
{
    const struct topic_name_matches *p = cv_container_of(pred, struct topic_name_matches, base);

    return cv_regex_matches(p->regex, rec->topic, strlen(rec->topic));
}

static const struct cv_predicate_ops topic_ops = {
    .configure = topic_configure,
    .test = topic_test,
    .free = topic_free,
    .topic_only = true,
};

const struct cv_plugin topic_name_matches_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_PREDICATE,
    .name = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    .version = PACKAGE_VERSION,
    .config = topic_rows,
    .predicate = &topic_ops,
};

/* ---- RecordIsTombstone ---- */

static const struct cv_config_def no_rows[] = { CV_CONFIG_END };

static enum cv_rc
tombstone_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_predicate **ret,
                    struct cv_err *err)
{
    struct cv_predicate *p = calloc(1, sizeof(*p));

    (void)cfg;
    if (p == NULL)
        return cv_fail_memory(err);
    p->plugin = plugin;
    *ret = p;
    return CV_OK;
}

static bool
tombstone_test(const struct cv_predicate *pred, const struct cv_record *rec)
{
    (void)pred;
    return rec->value.is_null;
}

static void
tombstone_free(struct cv_predicate *pred)
{
    free(pred);
}

static const struct cv_predicate_ops tombstone_ops = {
    .configure = tombstone_configure,
    .test = tombstone_test,
    .free = tombstone_free,
};

const struct cv_plugin record_is_tombstone_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_PREDICATE,
    .name = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    .version = PACKAGE_VERSION,
    .config = no_rows,
    .predicate = &tombstone_ops,
};

/* ---- HasHeaderKey ---- */

struct header_options {
    char *name;
};

struct has_header_key {
    struct cv_predicate base;
    struct header_options options;
};

static const struct cv_config_def header_rows[] = {
    { .name = "name", .type = CV_CONFIG_STRING, .required = true, .check = cv_valid_non_empty,
      .importance = CV_MEDIUM, .doc = "Name of the header.", .offset = offsetof(struct header_options, name) },
    CV_CONFIG_END,
};

static void
header_free(struct cv_predicate *pred)
{
    struct has_header_key *p = cv_container_of(pred, struct has_header_key, base);

    cv_config_done(header_rows, &p->options);
    free(p);
}

static enum cv_rc
header_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_predicate **ret,
                 struct cv_err *err)
{
    struct has_header_key *p = calloc(1, sizeof(*p));
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    if (p == NULL)
        return cv_fail_memory(err);
    p->base.plugin = plugin;
    rc = cv_config_parse(header_rows, cfg, &p->options, &errors, err);
    cv_config_errors_done(&errors);
    if (rc != CV_OK) {
        header_free(&p->base);
        return rc;
    }
    *ret = &p->base;
    return CV_OK;
}

static bool
header_test(const struct cv_predicate *pred, const struct cv_record *rec)
{
    const struct has_header_key *p = cv_container_of(pred, struct has_header_key, base);

    for (size_t i = 0; i < rec->headers.count; i++)
        if (strcmp(rec->headers.items[i].name, p->options.name) == 0)
            return true;
    return false;
}

static const struct cv_predicate_ops header_ops = {
    .configure = header_configure,
    .test = header_test,
    .free = header_free,
};

const struct cv_plugin has_header_key_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_PREDICATE,
    .name = "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
    .version = PACKAGE_VERSION,
    .config = header_rows,
    .predicate = &header_ops,
};
