/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's order: create first, and look closer only at what existed, so that two workers that
   start at once agree. */
#include "common/kafka/compacted_topic.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT_MS 2000 /* bounds how late the caller sees that it is to stop */

static enum cv_rc
create(struct cv_admin *admin, const struct cv_topic_spec *topic, bool *ret_created,
       struct cv_err *err)
{
    struct cv_config *configs =
        topic->configs != NULL ? cv_config_copy(topic->configs) : cv_config_new();
    struct cv_topic_spec compacted = *topic;
    enum cv_rc rc;

    if (configs == NULL)
        return cv_fail_memory(err);
    compacted.configs = configs;
    rc = cv_config_set(configs, "cleanup.policy", "compact", err);
    if (rc == CV_OK)
        rc = cv_admin_topic_create(admin, &compacted, ASK_TIMEOUT_MS, ret_created, err);
    cv_config_free(configs);
    return rc;
}

/* Who may not read the settings of a topic is trusted to have made it well, as in Connect. */
static enum cv_rc
check_policy(struct cv_admin *admin, const char *topic, struct cv_log *logger, struct cv_err *err)
{
    struct cv_err unread = CV_ERR_INIT;
    char *policy = NULL;
    enum cv_rc rc;

    rc = cv_admin_topic_config(admin, topic, "cleanup.policy", ASK_TIMEOUT_MS, &policy, &unread);
    if (rc == CV_INVALID) {
        CV_LOG_INFO(logger, "cleanup policy not checked", CV_STR("topic", topic), CV_ERR(&unread));
        return CV_OK;
    }
    if (rc != CV_OK) {
        *err = unread;
        return rc;
    }
    if (strcmp(policy, "compact") != 0)
        rc =
            cv_fail(err, CV_INVALID,
                    "topic \"%s\" has cleanup.policy=%s, which would lose state: set it to compact "
                    "(kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
                    "cleanup.policy=compact) or name another topic",
                    topic, policy, topic);
    free(policy);
    return rc;
}

static enum cv_rc
check_partitions(const char *topic, int32_t count, int32_t max_partitions, struct cv_err *err)
{
    if (max_partitions > 0 && count > max_partitions)
        return cv_fail(
            err, CV_INVALID,
            "topic \"%s\" has %d partitions where at most %d may be, because order counts: "
            "delete and create it with %d, or name another topic",
            topic, count, max_partitions, max_partitions);
    return CV_OK;
}

enum cv_rc
kafka_compacted_topic(struct cv_admin *admin, const struct cv_topic_spec *topic,
                      int32_t max_partitions, struct cv_log *logger, int32_t *ret_partitions,
                      bool *inout_created, struct cv_err *err)
{
    struct cv_err not_created = CV_ERR_INIT;
    bool created = false;
    int32_t count = 0;
    enum cv_rc rc = create(admin, topic, &created, &not_created);

    if (rc != CV_OK && rc != CV_INVALID) {
        *err = not_created;
        return rc;
    }
    if (created) {
        *inout_created = true;
        CV_LOG_INFO(logger, "topic created", CV_STR("topic", topic->name));
    }
    rc = cv_admin_topic_partitions(admin, topic->name, ASK_TIMEOUT_MS, &count, err);
    if (rc == CV_NOT_FOUND && not_created.rc != CV_OK) {
        *err = not_created; /* it is not there, and this is why */
        return err->rc;
    }
    if (rc == CV_OK)
        rc = check_partitions(topic->name, count, max_partitions, err);
    if (rc == CV_OK && !created)
        rc = check_policy(admin, topic->name, logger, err);
    if (rc == CV_OK)
        *ret_partitions = count;
    return rc;
}
