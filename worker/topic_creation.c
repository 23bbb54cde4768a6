/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic.creation.<group>.{include,exclude,partitions,replication.factor,<topic setting>}; groups are tried in the
 * order of topic.creation.groups, "default" takes what is left and lends its numbers to the others.
 */
#include <config.h>

#include "worker/topic_creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/admin.h"
#include "common/map.h"
#include "common/number.h"
#include "common/regex.h"

#define PREFIX     "topic.creation."
#define TIMEOUT_MS 30000
#define AT_ONCE    100 /* topics that one request makes: within the time-out, and what a controller takes */

struct group {
    struct cv_regex_list *include; /* NULL: everything (default) */
    struct cv_regex_list *exclude;
    int32_t partitions;
    int32_t replication;
    struct cv_config *settings;
};

struct topic_creation {
    struct group *groups; /* default last */
    size_t count;
};

static enum cv_rc
take_number(struct cv_config *cfg, const char *group, const char *key, int32_t inherited, int32_t *ret,
            struct cv_err *err)
{
    const char *text = cv_config_get(cfg, key);
    int64_t v;

    *ret = inherited;
    if (text == NULL) {
        if (inherited == 0)
            return cv_fail(err, CV_INVALID, PREFIX "%s.%s is missing; set it (-1 is the broker's default)", group,
                           key);
        return CV_OK;
    }
    if (!cv_parse_i64(text, strlen(text), &v) || (v < 1 && v != -1) || v > 100000)
        return cv_fail(err, CV_INVALID, PREFIX "%s.%s: \"%s\" is neither a positive number nor -1", group, key,
                       text);
    *ret = (int32_t)v;
    cv_config_remove(cfg, key);
    return CV_OK;
}

static enum cv_rc
take_patterns(struct cv_config *cfg, const char *group, const char *key, struct cv_regex_list **ret,
              struct cv_err *err)
{
    const char *text = cv_config_get(cfg, key);

    if (text == NULL)
        return CV_OK;
    if (cv_regex_list_new(text, false, ret, err) != CV_OK)
        return cv_err_context(err, PREFIX "%s.%s", group, key);
    cv_config_remove(cfg, key);
    return CV_OK;
}

static enum cv_rc
make_group(const struct cv_config *connector, const char *name, const struct group *def, struct group *ret,
           struct cv_err *err)
{
    char prefix[300];

    snprintf(prefix, sizeof(prefix), PREFIX "%s.", name);
    ret->settings = cv_config_with_prefix(connector, prefix);
    if (ret->settings == NULL)
        return cv_fail_memory(err);
    if (take_patterns(ret->settings, name, "include", &ret->include, err) != CV_OK ||
        take_patterns(ret->settings, name, "exclude", &ret->exclude, err) != CV_OK ||
        take_number(ret->settings, name, "partitions", def != NULL ? def->partitions : 0, &ret->partitions,
                    err) != CV_OK)
        return err->rc;
    return take_number(ret->settings, name, "replication.factor", def != NULL ? def->replication : 0,
                       &ret->replication, err);
}

static bool
has_settings(const struct cv_config *connector)
{
    for (size_t i = 0; i < cv_config_count(connector); i++)
        if (strncmp(cv_config_key(connector, i), PREFIX, strlen(PREFIX)) == 0)
            return true;
    return false;
}

/* The named groups, then default at the end. */
static enum cv_rc
make_groups(const struct cv_config *connector, struct topic_creation *creation, struct cv_err *err)
{
    const char *list = cv_config_get(connector, PREFIX "groups");
    char *copy = strdup(list != NULL ? list : ""), *save = NULL;
    struct group def = { 0 };
    enum cv_rc rc = copy == NULL ? cv_fail_memory(err) : make_group(connector, "default", NULL, &def, err);

    creation->groups = copy != NULL ? calloc(strlen(copy) / 2 + 2, sizeof(*creation->groups)) : NULL;
    if (rc == CV_OK && creation->groups == NULL)
        rc = cv_fail_memory(err);
    for (char *name = rc == CV_OK ? strtok_r(copy, ", ", &save) : NULL; name != NULL && rc == CV_OK;
         name = strtok_r(NULL, ", ", &save))
        rc = make_group(connector, name, &def, &creation->groups[creation->count++], err);
    if (creation->groups != NULL)
        creation->groups[creation->count++] = def;
    else
        cv_config_free(def.settings);
    free(copy);
    return rc;
}

enum cv_rc
topic_creation_new(const struct cv_config *connector, struct topic_creation **ret, struct cv_err *err)
{
    struct topic_creation *creation;

    *ret = NULL;
    if (!has_settings(connector))
        return CV_OK;
    creation = calloc(1, sizeof(*creation));
    if (creation == NULL)
        return cv_fail_memory(err);
    if (make_groups(connector, creation, err) != CV_OK) {
        topic_creation_free(creation);
        return err->rc;
    }
    *ret = creation;
    return CV_OK;
}

void
topic_creation_free(struct topic_creation *creation)
{
    if (creation == NULL)
        return;
    for (size_t i = 0; i < creation->count; i++) {
        cv_regex_list_free(creation->groups[i].include);
        cv_regex_list_free(creation->groups[i].exclude);
        cv_config_free(creation->groups[i].settings);
    }
    free(creation->groups);
    free(creation);
}

static const struct group *
find_group(const struct topic_creation *creation, const char *topic)
{
    size_t len = strlen(topic);

    for (size_t i = 0; i + 1 < creation->count; i++) {
        const struct group *group = &creation->groups[i];

        if (group->include != NULL && cv_regex_list_matches(group->include, topic, len) &&
            (group->exclude == NULL || !cv_regex_list_matches(group->exclude, topic, len)))
            return group;
    }
    return &creation->groups[creation->count - 1];
}

/* *ret: of the topics those that are not there; one that may not be described counts as missing among several. */
static enum cv_rc
find_missing(struct cv_admin *admin, const char *const *topics, size_t count, bool *ret, struct cv_err *err)
{
    char **names = NULL;
    struct cv_hash *known;
    size_t n = 0;
    int32_t partitions;
    enum cv_rc rc;

    if (count == 1) {
        rc = cv_admin_topic_partitions(admin, topics[0], TIMEOUT_MS, &partitions, err);
        ret[0] = rc == CV_NOT_FOUND;
        return rc == CV_NOT_FOUND ? CV_OK : rc;
    }
    known = cv_hash_new(NULL);
    rc = known == NULL ? cv_fail_memory(err) : cv_admin_topics(admin, TIMEOUT_MS, &names, &n, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == CV_OK && !cv_hash_put(known, names[i], known))
            rc = cv_fail_memory(err);
        free(names[i]);
    }
    free(names);
    for (size_t i = 0; i < count && rc == CV_OK; i++)
        ret[i] = cv_hash_get(known, topics[i]) == NULL;
    cv_hash_free(known);
    return rc;
}

static enum cv_rc
create(struct topic_creation *creation, struct cv_admin *admin, const char *const *topics, size_t count,
       bool *inout_missing, struct cv_err *err)
{
    struct cv_topic_spec specs[AT_ONCE];
    bool created[AT_ONCE];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const struct group *group = find_group(creation, topics[i]);

        if (inout_missing[i])
            specs[n++] = (struct cv_topic_spec){ .name = topics[i],
                                                 .partitions = group->partitions,
                                                 .replication = group->replication,
                                                 .configs = group->settings };
    }
    if (n > 0 && cv_admin_topics_create(admin, specs, n, TIMEOUT_MS, created, err) != CV_OK)
        return err->rc;
    for (size_t i = count; i-- > 0;)
        if (inout_missing[i])
            inout_missing[i] = created[--n];
    return CV_OK;
}

enum cv_rc
topic_creation_ensure(struct topic_creation *creation, struct cv_admin *admin, const char *const *topics, size_t count,
                      bool *ret_created, struct cv_err *err)
{
    enum cv_rc rc = find_missing(admin, topics, count, ret_created, err);

    for (size_t i = 0; rc == CV_OK && i < count; i += AT_ONCE)
        rc = create(creation, admin, topics + i, count - i < AT_ONCE ? count - i : AT_ONCE, ret_created + i, err);
    return rc;
}
