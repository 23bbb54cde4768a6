/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of an application; see topics.h. */
#include "streams/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define TIMEOUT_MS 10000

/* Partitions of a repartition topic of ours; those of what it hangs on are counted already. */
static int32_t
repartition_count(const struct plan *plan, size_t source, const int32_t *partitions)
{
    const struct plan_source *s = &plan->sources[source];

    if (s->partitions > 0)
        return s->partitions;
    return partitions[s->like != PLAN_NONE ? s->like : s->from];
}

enum cv_rc
topics_sources(struct cv_admin *admin, const struct plan *plan, int32_t *ret_partitions,
               struct cv_err *err)
{
    for (size_t i = 0; i < plan->n_sources; i++) {
        enum cv_rc rc;

        if (plan->sources[i].from != PLAN_NONE) {
            ret_partitions[i] = repartition_count(plan, i, ret_partitions);
            continue;
        }
        rc = cv_admin_topic_partitions(admin, plan->sources[i].topic, TIMEOUT_MS,
                                       &ret_partitions[i], err);
        if (rc == CV_NOT_FOUND)
            return cv_fail(err, rc, "the topic \"%s\" of source \"%s\" does not exist yet",
                           plan->sources[i].topic, plan->sources[i].name);
        if (rc != CV_OK)
            return cv_err_context(err, "source \"%s\"", plan->sources[i].name);
    }
    for (size_t g = 0; g < plan->n_groups; g++) {
        const struct plan_group *group = &plan->groups[g];

        for (size_t i = 1; i < group->n_sources; i++) {
            const struct plan_source *a = &plan->sources[group->anchor];
            const struct plan_source *b = &plan->sources[group->sources[i]];

            if (ret_partitions[group->anchor] != ret_partitions[group->sources[i]])
                return cv_fail(err, CV_INVALID,
                               "\"%s\" and \"%s\" meet in a query, but topic \"%s\" has %d "
                               "partitions and topic \"%s\" "
                               "has %d; make them equal, or declare the smaller table GLOBAL",
                               a->name, b->name, a->topic, (int)ret_partitions[group->anchor],
                               b->topic, (int)ret_partitions[group->sources[i]]);
        }
    }
    return CV_OK;
}

/* pairs: setting and value by turns; NULL values are left out. */
static enum cv_rc
create(struct cv_admin *admin, const char *name, int32_t partitions, int32_t replication,
       const char *const *pairs, size_t n_pairs, bool *ret_created, struct cv_err *err)
{
    struct cv_config *configs = cv_config_new();
    struct cv_topic_spec spec = {
        .name = name, .partitions = partitions, .replication = replication, .configs = configs
    };
    enum cv_rc rc = configs == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; i < n_pairs && rc == CV_OK; i++) {
        if (pairs[2 * i + 1] != NULL)
            rc = cv_config_set(configs, pairs[2 * i], pairs[2 * i + 1], err);
    }
    if (rc == CV_OK)
        rc = cv_admin_topic_create(admin, &spec, TIMEOUT_MS, ret_created, err);
    cv_config_free(configs);
    if (rc != CV_OK)
        return cv_err_context(err, "could not create the topic \"%s\"", name);
    if (*ret_created)
        CV_LOG_INFO(cv_log_get("culvert.streams"), "topic created", CV_STR("topic", name),
                    CV_INT("partitions", partitions));
    return CV_OK;
}

static enum cv_rc
create_changelog(struct cv_admin *admin, const struct plan *plan, const struct plan_group *group,
                 int32_t partitions, int32_t replication, struct cv_err *err)
{
    static const char *const pairs[] = { "cleanup.policy",
                                         "compact",
                                         "delete.retention.ms",
                                         "604800000",
                                         "min.cleanable.dirty.ratio",
                                         "0.3" };
    char name[300];
    int32_t have;
    bool created;
    enum cv_rc rc;

    snprintf(name, sizeof(name), "%s-%s-changelog", plan->application_id, group->name);
    rc = create(admin, name, partitions, replication, pairs, CV_COUNT(pairs) / 2, &created, err);
    if (rc != CV_OK || created)
        return rc;
    rc = cv_admin_topic_partitions(admin, name, TIMEOUT_MS, &have, err);
    if (rc == CV_OK && have != partitions)
        return cv_fail(
            err, CV_INVALID,
            "the changelog topic \"%s\" has %d partitions, but topic \"%s\" has %d: the input was "
            "given other "
            "partitions; its keys lie elsewhere now, so begin anew with culvert-streams reset",
            name, (int)have, plan->sources[group->anchor].topic, (int)partitions);
    return rc;
}

static enum cv_rc
create_repartition(struct cv_admin *admin, const struct plan_source *source, int32_t partitions,
                   int32_t replication, struct cv_err *err)
{
    /* A task that is away longer than that finds records missing, and says so. */
    static const char *const pairs[] = { "cleanup.policy", "delete", "retention.ms", "604800000",
                                         "message.timestamp.type", "LogAppendTime",
                                         "segment.bytes", "67108864" };
    int32_t have;
    bool created;
    enum cv_rc rc = create(admin, source->topic, partitions, replication, pairs,
                           CV_COUNT(pairs) / 2, &created, err);

    if (rc != CV_OK || created)
        return rc;
    rc = cv_admin_topic_partitions(admin, source->topic, TIMEOUT_MS, &have, err);
    if (rc == CV_OK && have != partitions)
        return cv_fail(err, CV_INVALID,
                       "the repartition topic \"%s\" has %d partitions, but the pipeline wants %d; "
                       "its keys would lie elsewhere: begin anew with culvert-streams reset",
                       source->topic, (int)have, (int)partitions);
    return rc;
}

/* Partitions of the first group that writes to the sink. */
static int32_t
sink_partitions(const struct plan *plan, size_t sink, const int32_t *partitions)
{
    if (plan->sinks[sink].partitions > 0)
        return plan->sinks[sink].partitions;
    for (size_t r = 0; r < plan->n_rules; r++) {
        for (size_t s = 0; s < plan->rules[r].n_sinks; s++) {
            if (plan->rules[r].sinks[s] == sink)
                return partitions[plan->groups[plan->rules[r].group].anchor];
        }
    }
    return -1;
}

enum cv_rc
topics_create(struct cv_admin *admin, const struct plan *plan, const int32_t *partitions,
              int32_t replication, struct cv_err *err)
{
    bool created;
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < plan->n_sources && rc == CV_OK; i++) {
        if (plan->sources[i].from != PLAN_NONE)
            rc = create_repartition(admin, &plan->sources[i], partitions[i], replication, err);
    }
    for (size_t g = 0; g < plan->n_groups && rc == CV_OK; g++)
        rc = create_changelog(admin, plan, &plan->groups[g], partitions[plan->groups[g].anchor],
                              replication, err);
    for (size_t i = 0; i < plan->n_sinks && rc == CV_OK; i++) {
        const struct plan_sink *sink = &plan->sinks[i];
        const char *pairs[] = { "retention.ms",       sink->retention_ms, "cleanup.policy",
                                sink->cleanup_policy, "compression.type", sink->compression };

        if (sink->kind == SQL_SINK_TOPIC)
            rc = create(admin, sink->topic, sink_partitions(plan, i, partitions),
                        sink->replication > 0 ? sink->replication : replication, pairs,
                        CV_COUNT(pairs) / 2, &created, err);
    }
    if (rc == CV_OK && plan->dlq_topic != NULL)
        rc = create(admin, plan->dlq_topic, 1, replication, NULL, 0, &created, err);
    return rc;
}

void
topics_warn(struct cv_admin *admin, const struct plan *plan)
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < plan->n_sources; i++) {
        char *policy = NULL;
        char *retention = NULL;

        if (plan->sources[i].global &&
            cv_admin_topic_config(admin, plan->sources[i].topic, "cleanup.policy", TIMEOUT_MS,
                                  &policy, &err) == CV_OK &&
            cv_admin_topic_config(admin, plan->sources[i].topic, "retention.ms", TIMEOUT_MS,
                                  &retention, &err) == CV_OK &&
            strstr(policy, "compact") == NULL && strcmp(retention, "-1") != 0)
            CV_LOG_WARN(cv_log_get("culvert.streams"),
                        "the topic of a GLOBAL table forgets rows: if global.db is lost, rows "
                        "older than the retention "
                        "are gone until they change; compact the topic to be safe",
                        CV_STR("topic", plan->sources[i].topic), CV_STR("retention_ms", retention));
        free(policy);
        free(retention);
    }
}
