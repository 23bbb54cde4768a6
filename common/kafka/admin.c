/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin requests, each with a reply queue of its own, so that any thread may ask at any time. The
 * instance is a consumer without a group: a producer's metadata requests would create topics on
 * brokers that allow it.
 */
#include "common/kafka/admin_private.h"

#include <stdlib.h>
#include <string.h>

/* Time beyond the request's own within which librdkafka must come back with the time-out. */
#define REPLY_SLACK_MS 2000
#define TIMESTAMP_END  (-1) /* what ListOffsets calls the high watermark */

enum cv_rc
cv_admin_new(const struct cv_kafka_conf *conf, struct cv_admin **ret, struct cv_err *err)
{
    struct cv_admin *admin = calloc(1, sizeof(*admin));
    rd_kafka_conf_t *rdconf;

    if (admin == NULL)
        return cv_fail_memory(err);
    if (kafka_rdconf_new(conf, false, &rdconf, err) != CV_OK ||
        kafka_handle_init(&admin->handle, RD_KAFKA_CONSUMER, conf, rdconf, err) != CV_OK) {
        free(admin);
        return err->rc;
    }
    *ret = admin;
    return CV_OK;
}

void
cv_admin_free(struct cv_admin *admin)
{
    if (admin == NULL)
        return;
    kafka_handle_done(&admin->handle);
    free(admin);
}

enum cv_rc
admin_request_init(struct admin_request *req, struct cv_admin *admin, rd_kafka_admin_op_t op, int timeout_ms,
                   struct cv_err *err)
{
    char text[256];
    rd_kafka_resp_err_t code;

    *req = (struct admin_request){ .timeout_ms = timeout_ms };
    req->options = rd_kafka_AdminOptions_new(admin->handle.rk, op);
    req->queue = rd_kafka_queue_new(admin->handle.rk);
    code = rd_kafka_AdminOptions_set_request_timeout(req->options, timeout_ms, text, sizeof(text));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&admin->handle, err, code, text, "cannot ask Kafka");
    return CV_OK;
}

void
admin_request_done(struct admin_request *req)
{
    if (req->event != NULL)
        rd_kafka_event_destroy(req->event);
    rd_kafka_queue_destroy(req->queue);
    rd_kafka_AdminOptions_destroy(req->options);
}

/* Wait for the reply; a failure of the request as a whole is what's. */
enum cv_rc
admin_request_wait(struct admin_request *req, struct cv_admin *admin, const char *what, const char *name,
                   struct cv_err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = NULL;

    req->event = rd_kafka_queue_poll(req->queue, req->timeout_ms + REPLY_SLACK_MS);
    if (req->event != NULL) {
        code = rd_kafka_event_error(req->event);
        text = rd_kafka_event_error_string(req->event);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&admin->handle, err, code, text, "%s \"%s\"", what, name);
    return CV_OK;
}

/* -- Topics -- */

enum cv_rc
admin_topic_result(struct cv_admin *admin, const rd_kafka_topic_result_t **results, size_t count, const char *what,
                   const char *topic, rd_kafka_resp_err_t fine, bool *ret_fine, struct cv_err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__FAIL;
    const char *text = NULL;

    if (count == 1) {
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    *ret_fine = code == fine;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != fine)
        return kafka_fail(&admin->handle, err, code, text, "%s \"%s\"", what, topic);
    return CV_OK;
}

enum cv_rc
cv_admin_topic_delete(struct cv_admin *admin, const char *topic, int timeout_ms, struct cv_err *err)
{
    static const char *const what = "could not delete topic";
    rd_kafka_DeleteTopic_t *del = rd_kafka_DeleteTopic_new(topic);
    const rd_kafka_topic_result_t **results;
    struct admin_request req;
    char text[256];
    size_t count;
    bool fine;
    enum cv_rc rc;

    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_AdminOptions_set_operation_timeout(req.options, timeout_ms, text, sizeof(text));
    rd_kafka_DeleteTopics(admin->handle.rk, &del, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, topic, err);
    if (rc != CV_OK)
        goto out;
    results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(req.event), &count);
    rc = admin_topic_result(admin, results, count, what, topic, RD_KAFKA_RESP_ERR_NO_ERROR, &fine, err);
out:
    admin_request_done(&req);
    rd_kafka_DeleteTopic_destroy(del);
    return rc;
}

enum cv_rc
cv_admin_topic_partitions(struct cv_admin *admin, const char *topic, int timeout_ms, int32_t *ret,
                          struct cv_err *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(admin->handle.rk, topic, NULL);
    rd_kafka_resp_err_t code;

    if (rkt == NULL)
        return kafka_fail(&admin->handle, err, rd_kafka_last_error(), NULL,
                          "could not ask for topic \"%s\"", topic);
    code = rd_kafka_metadata(admin->handle.rk, 0, rkt, &metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            *ret = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(rkt);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&admin->handle, err, code, NULL,
                          "could not read the partitions of topic \"%s\"", topic);
    return CV_OK;
}

static enum cv_rc
copy_setting(const rd_kafka_ConfigEntry_t **entries, size_t count, const char *key, char **ret, struct cv_err *err)
{
    const char *value = NULL;
    char *copy;

    for (size_t i = 0; i < count && value == NULL; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), key) == 0)
            value = rd_kafka_ConfigEntry_value(entries[i]);
    copy = strdup(value != NULL ? value : "");
    if (copy == NULL)
        return cv_fail_memory(err);
    *ret = copy;
    return CV_OK;
}

enum cv_rc
cv_admin_topic_config(struct cv_admin *admin, const char *topic, const char *key, int timeout_ms,
                      char **ret, struct cv_err *err)
{
    static const char *const what = "could not read the settings of topic";
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const rd_kafka_ConfigResource_t **resources;
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_resp_err_t code;
    struct admin_request req;
    size_t count;
    enum cv_rc rc;

    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_DescribeConfigs(admin->handle.rk, &resource, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, topic, err);
    if (rc != CV_OK)
        goto out;
    resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(req.event), &count);
    if (count != 1) {
        rc = cv_fail(err, CV_INTERNAL, "%s \"%s\": no answer for it", what, topic);
        goto out;
    }
    code = rd_kafka_ConfigResource_error(resources[0]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = kafka_fail(&admin->handle, err, code,
                        rd_kafka_ConfigResource_error_string(resources[0]), "%s \"%s\"", what,
                        topic);
        goto out;
    }
    entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    rc = copy_setting(entries, count, key, ret, err);
out:
    admin_request_done(&req);
    rd_kafka_ConfigResource_destroy(resource);
    return rc;
}

enum cv_rc
cv_admin_end_offsets(struct cv_admin *admin, struct cv_topic_partitions *inout_parts,
                     int timeout_ms, struct cv_err *err)
{
    static const char *const what = "could not read the end";
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
    enum cv_rc rc;

    if (inout_parts->count == 0)
        return CV_OK;
    list = rd_kafka_topic_partition_list_new((int)inout_parts->count);
    for (size_t i = 0; i < inout_parts->count; i++)
        rd_kafka_topic_partition_list_add(list, inout_parts->items[i].topic,
                                          inout_parts->items[i].partition)
            ->offset = TIMESTAMP_END;
    code = rd_kafka_offsets_for_times(admin->handle.rk, list, timeout_ms);
    rc = code != RD_KAFKA_RESP_ERR_NO_ERROR
             ? kafka_fail(&admin->handle, err, code, NULL, "%s of topic \"%s\"", what,
                          inout_parts->items[0].topic)
             : kafka_list_check(&admin->handle, list, what, err);
    for (int i = 0; rc == CV_OK && i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            rc = cv_fail(err, CV_RETRY, "%s of topic \"%s\" partition %d: no answer for it", what,
                         list->elems[i].topic, list->elems[i].partition);
    for (int i = 0; rc == CV_OK && i < list->cnt; i++)
        inout_parts->items[i].offset = list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

static enum cv_rc
copy_topics(const struct rd_kafka_metadata *metadata, char ***ret, size_t *ret_count,
            struct cv_err *err)
{
    size_t count = 0;
    char **names = calloc((size_t)metadata->topic_cnt + 1, sizeof(*names));

    for (int i = 0; names != NULL && i < metadata->topic_cnt; i++) {
        if (metadata->topics[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        names[count] = strdup(metadata->topics[i].topic);
        if (names[count] != NULL) {
            count++;
            continue;
        }
        while (count > 0)
            free(names[--count]);
        free(names);
        names = NULL;
    }
    if (names == NULL)
        return cv_fail_memory(err);
    *ret = names;
    *ret_count = count;
    return CV_OK;
}

enum cv_rc
cv_admin_topics(struct cv_admin *admin, int timeout_ms, char ***ret, size_t *ret_count,
                struct cv_err *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(admin->handle.rk, 1, NULL, &metadata, timeout_ms);
    enum cv_rc rc;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&admin->handle, err, code, NULL, "could not list the topics");
    rc = copy_topics(metadata, ret, ret_count, err);
    rd_kafka_metadata_destroy(metadata);
    return rc;
}

enum cv_rc
cv_admin_cluster_id(struct cv_admin *admin, int timeout_ms, char **ret, struct cv_err *err)
{
    char *id = rd_kafka_clusterid(admin->handle.rk, timeout_ms);
    char *copy;

    if (id == NULL)
        return kafka_fail(&admin->handle, err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL,
                          "could not read the cluster's id");
    copy = strdup(id);
    rd_kafka_mem_free(admin->handle.rk, id);
    if (copy == NULL)
        return cv_fail_memory(err);
    *ret = copy;
    return CV_OK;
}

/* -- Groups -- */

/* The answer for one group, with an error for all or for single partitions. */
static enum cv_rc
group_result(struct cv_admin *admin, const rd_kafka_group_result_t **results, size_t count,
             const char *what, const char *group, const rd_kafka_topic_partition_list_t **ret, struct cv_err *err)
{
    const rd_kafka_error_t *error;

    if (count != 1)
        return cv_fail(err, CV_INTERNAL, "%s \"%s\": no answer for it", what, group);
    error = rd_kafka_group_result_error(results[0]);
    if (error != NULL)
        return kafka_fail(&admin->handle, err, rd_kafka_error_code(error),
                          rd_kafka_error_string(error), "%s \"%s\"", what, group);
    *ret = rd_kafka_group_result_partitions(results[0]);
    return CV_OK;
}

enum cv_rc
cv_admin_group_offsets(struct cv_admin *admin, const char *group, int timeout_ms,
                       struct cv_topic_partitions *ret, struct cv_err *err)
{
    static const char *const what = "could not read the offsets of group";
    rd_kafka_ListConsumerGroupOffsets_t *list = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    const rd_kafka_topic_partition_list_t *parts = NULL;
    const rd_kafka_group_result_t **results;
    struct admin_request req;
    size_t count;
    enum cv_rc rc;

    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_ListConsumerGroupOffsets(admin->handle.rk, &list, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, group, err);
    if (rc != CV_OK)
        goto out;
    results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(req.event), &count);
    rc = group_result(admin, results, count, what, group, &parts, err);
    if (rc == CV_NOT_FOUND) { /* no group: no offsets */
        parts = NULL;
        rc = CV_OK;
    }
    if (rc == CV_OK)
        rc = kafka_list_check(&admin->handle, parts, "could not read the offset", err);
    if (rc == CV_OK)
        rc = kafka_list_copy(parts, ret, err);
out:
    admin_request_done(&req);
    rd_kafka_ListConsumerGroupOffsets_destroy(list);
    return rc;
}

enum cv_rc
cv_admin_group_offsets_alter(struct cv_admin *admin, const char *group,
                             const struct cv_topic_partitions *offsets, int timeout_ms,
                             struct cv_err *err)
{
    static const char *const what = "could not change the offsets of group";
    const rd_kafka_topic_partition_list_t *parts = NULL;
    rd_kafka_AlterConsumerGroupOffsets_t *alter;
    rd_kafka_topic_partition_list_t *list;
    const rd_kafka_group_result_t **results;
    struct admin_request req;
    size_t count;
    enum cv_rc rc;

    if (offsets->count == 0)
        return CV_OK;
    list = kafka_list_new(offsets);
    if (list == NULL)
        return cv_fail_memory(err);
    alter = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_AlterConsumerGroupOffsets(admin->handle.rk, &alter, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, group, err);
    if (rc != CV_OK)
        goto out;
    results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(req.event), &count);
    rc = group_result(admin, results, count, what, group, &parts, err);
    if (rc == CV_OK)
        rc = kafka_list_check(&admin->handle, parts, "could not change the offset", err);
out:
    admin_request_done(&req);
    rd_kafka_AlterConsumerGroupOffsets_destroy(alter);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

enum cv_rc
cv_admin_group_offsets_delete(struct cv_admin *admin, const char *group,
                              const struct cv_topic_partitions *parts, int timeout_ms,
                              struct cv_err *err)
{
    static const char *const what = "could not delete offsets of group";
    const rd_kafka_topic_partition_list_t *answered = NULL;
    rd_kafka_DeleteConsumerGroupOffsets_t *del;
    rd_kafka_topic_partition_list_t *list;
    const rd_kafka_group_result_t **results;
    struct admin_request req;
    size_t count;
    enum cv_rc rc;

    if (parts->count == 0)
        return CV_OK;
    list = kafka_list_new(parts);
    if (list == NULL)
        return cv_fail_memory(err);
    del = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_DeleteConsumerGroupOffsets(admin->handle.rk, &del, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, group, err);
    if (rc == CV_OK) {
        results = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
            rd_kafka_event_DeleteConsumerGroupOffsets_result(req.event), &count);
        rc = group_result(admin, results, count, what, group, &answered, err);
    }
    if (rc == CV_OK)
        rc = kafka_list_check(&admin->handle, answered, "could not delete the offset", err);
    if (rc == CV_NOT_FOUND) /* no group: no offsets */
        rc = CV_OK;
out:
    admin_request_done(&req);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(del);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

void
cv_group_members_done(struct cv_group_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        free(members->items[i].client_id);
        free(members->items[i].instance_id);
        cv_topic_partitions_done(&members->items[i].partitions);
    }
    free(members->items);
    *members = (struct cv_group_members){ 0 };
}

static enum cv_rc
copy_member(const rd_kafka_MemberDescription_t *from, struct cv_group_member *to, struct cv_err *err)
{
    const char *instance = rd_kafka_MemberDescription_group_instance_id(from);
    const rd_kafka_MemberAssignment_t *assigned = rd_kafka_MemberDescription_assignment(from);

    to->client_id = strdup(rd_kafka_MemberDescription_client_id(from));
    to->instance_id = instance == NULL || *instance == '\0' ? NULL : strdup(instance);
    if (to->client_id == NULL || (to->instance_id == NULL && instance != NULL && *instance != '\0'))
        return cv_fail_memory(err);
    if (assigned == NULL)
        return CV_OK;
    return kafka_list_copy(rd_kafka_MemberAssignment_partitions(assigned), &to->partitions, err);
}

static enum cv_rc
copy_members(struct cv_admin *admin, const rd_kafka_ConsumerGroupDescription_t *group,
             struct cv_group_members *ret, struct cv_err *err)
{
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    struct cv_group_members all = { 0 };
    size_t count;
    enum cv_rc rc = CV_OK;

    if (error != NULL)
        return kafka_fail(&admin->handle, err, rd_kafka_error_code(error),
                          rd_kafka_error_string(error), "could not describe group \"%s\"",
                          rd_kafka_ConsumerGroupDescription_group_id(group));
    count = rd_kafka_ConsumerGroupDescription_member_count(group);
    all.items = calloc(count + 1, sizeof(*all.items));
    if (all.items == NULL)
        return cv_fail_memory(err);
    for (; all.count < count && rc == CV_OK; all.count++)
        rc = copy_member(rd_kafka_ConsumerGroupDescription_member(group, all.count),
                         &all.items[all.count], err);
    if (rc == CV_OK)
        *ret = all;
    else
        cv_group_members_done(&all);
    return rc;
}

enum cv_rc
cv_admin_group_members(struct cv_admin *admin, const char *group, int timeout_ms,
                       struct cv_group_members *ret, struct cv_err *err)
{
    const rd_kafka_ConsumerGroupDescription_t **groups;
    struct admin_request req;
    size_t count;
    enum cv_rc rc =
        admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms, err);

    if (rc != CV_OK)
        goto out;
    rd_kafka_DescribeConsumerGroups(admin->handle.rk, &group, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, "could not describe group", group, err);
    if (rc != CV_OK)
        goto out;
    groups = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(req.event), &count);
    rc = count == 1 ? copy_members(admin, groups[0], ret, err)
                    : cv_fail(err, CV_INTERNAL, "Kafka described %zu groups, not one", count);
out:
    admin_request_done(&req);
    return rc;
}

enum cv_rc
cv_admin_group_delete(struct cv_admin *admin, const char *group, int timeout_ms, struct cv_err *err)
{
    static const char *const what = "could not delete group";
    rd_kafka_DeleteGroup_t *del = rd_kafka_DeleteGroup_new(group);
    const rd_kafka_topic_partition_list_t *parts;
    const rd_kafka_group_result_t **results;
    struct admin_request req;
    size_t count;
    enum cv_rc rc;

    rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout_ms, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_DeleteGroups(admin->handle.rk, &del, 1, req.options, req.queue);
    rc = admin_request_wait(&req, admin, what, group, err);
    if (rc == CV_OK) {
        results = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(req.event),
                                                      &count);
        rc = group_result(admin, results, count, what, group, &parts, err);
    }
    if (rc == CV_NOT_FOUND)
        rc = CV_OK;
out:
    admin_request_done(&req);
    rd_kafka_DeleteGroup_destroy(del);
    return rc;
}
