/* SPDX-License-Identifier: Apache-2.0 */
/* New topics: one request for many, and the wait until their brokers lead them. */
#include "common/kafka/admin_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define LEADER_PAUSE_MS 10

static rd_kafka_NewTopic_t *
new_topic(const struct cv_topic_spec *spec, struct cv_err *err)
{
    char text[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, text, sizeof(text));

    if (topic == NULL) {
        (void)cv_fail(err, CV_INVALID, "cannot create topic \"%s\": %s", spec->name, text);
        return NULL;
    }
    for (size_t i = 0; spec->configs != NULL && i < cv_config_count(spec->configs); i++)
        if (cv_config_value(spec->configs, i) != NULL)
            rd_kafka_NewTopic_set_config(topic, cv_config_key(spec->configs, i),
                                         cv_config_value(spec->configs, i));
    return topic;
}

/* Of those topics that were made now. */
static bool
is_new(const struct cv_topic_spec *specs, const bool *created, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (created[i] && strcmp(specs[i].name, name) == 0)
            return true;
    return false;
}

/* All partitions of them; CV_RETRY when there are topics that no broker knows yet. */
static enum cv_rc
list_partitions(struct cv_admin *admin, const struct cv_topic_spec *specs, const bool *created, size_t count,
                const struct rd_kafka_metadata *metadata, struct cv_topic_partitions *ret, struct cv_err *err)
{
    size_t room = 0, topics = 0;

    for (int i = 0; i < metadata->topic_cnt; i++)
        room += (size_t)metadata->topics[i].partition_cnt;
    ret->items = calloc(room + 1, sizeof(*ret->items));
    if (ret->items == NULL)
        return cv_fail_memory(err);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];

        if (!is_new(specs, created, count, topic->topic))
            continue;
        if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(&admin->handle, err, topic->err, NULL, "could not read the partitions of topic \"%s\"",
                              topic->topic);
        topics++;
        for (int32_t p = 0; p < topic->partition_cnt; p++)
            ret->items[ret->count++] = (struct cv_topic_partition){ topic->topic, p, 0, NULL };
    }
    for (size_t i = 0; i < count; i++)
        topics -= created[i];
    return topics == 0 ? CV_OK : cv_fail(err, CV_RETRY, "the brokers do not know all topics yet");
}

/* One request for the topics, which the client asks for because it has handles of them, and one for their ends. */
static enum cv_rc
ask_leaders(struct cv_admin *admin, const struct cv_topic_spec *specs, const bool *created, size_t count,
            int timeout_ms, struct cv_err *err)
{
    const struct rd_kafka_metadata *metadata;
    struct cv_topic_partitions parts = { 0 };
    rd_kafka_resp_err_t code = rd_kafka_metadata(admin->handle.rk, 0, NULL, &metadata, timeout_ms);
    enum cv_rc rc;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&admin->handle, err, code, NULL, "could not read the partitions of new topics");
    rc = list_partitions(admin, specs, created, count, metadata, &parts, err);
    if (rc == CV_OK)
        rc = cv_admin_end_offsets(admin, &parts, timeout_ms, err);
    free(parts.items);
    rd_kafka_metadata_destroy(metadata);
    return rc;
}

/*
 * A broker shows a new partition in its metadata before it leads it. A request that comes in between fails, the one
 * behind it may not, and librdkafka's producer has that one on its way by then (max.in.flight counts what was sent,
 * not what is queued to be): messages would change places. Who leads a partition knows its end.
 */
static enum cv_rc
wait_for_leaders(struct cv_admin *admin, const struct cv_topic_spec *specs, const bool *created, size_t count,
                 int64_t deadline, struct cv_err *err)
{
    rd_kafka_topic_t **handles = calloc(count, sizeof(*handles));
    size_t first = count;
    int64_t left;
    enum cv_rc rc = CV_OK;

    if (handles == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        if (created[i]) {
            handles[i] = rd_kafka_topic_new(admin->handle.rk, specs[i].name, NULL);
            first = first < i ? first : i;
        }
    while (first < count) {
        left = deadline - cv_mono_ms();
        rc = ask_leaders(admin, specs, created, count, left > 1 ? (int)left : 1, err);
        if ((rc != CV_RETRY && rc != CV_NOT_FOUND) || cv_mono_ms() >= deadline)
            break;
        usleep(LEADER_PAUSE_MS * 1000);
    }
    for (size_t i = 0; i < count; i++)
        if (handles[i] != NULL)
            rd_kafka_topic_destroy(handles[i]);
    free(handles);
    if (rc != CV_RETRY && rc != CV_NOT_FOUND)
        return CV_OK; /* who may write but not look makes do without */
    return count == 1 ? cv_fail(err, CV_RETRY, "topic \"%s\" was created, but not all of its partitions have a leader",
                                specs[0].name)
                      : cv_fail(err, CV_RETRY,
                                "topics \"%s\" and more were created, but not all of their partitions have "
                                               "a leader", specs[first].name);
}

static enum cv_rc
read_created(struct cv_admin *admin, const rd_kafka_event_t *event, const char *what, size_t count, bool *ret_created,
             struct cv_err *err)
{
    const rd_kafka_CreateTopics_result_t *answer = rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)event);
    const rd_kafka_topic_result_t **results;
    size_t answers;

    results = rd_kafka_CreateTopics_result_topics(answer, &answers);
    for (size_t i = 0; i < count; i++) {
        bool existed = false;

        /* librdkafka answers in the order of the request */
        if (admin_topic_result(admin, results + i, i < answers ? 1 : 0, what,
                               i < answers ? rd_kafka_topic_result_name(results[i]) : "",
                               RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, &existed, err) != CV_OK)
            return err->rc;
        ret_created[i] = !existed;
    }
    return CV_OK;
}

static enum cv_rc
ask_to_create(struct cv_admin *admin, rd_kafka_NewTopic_t **topics, size_t count, const char *name, int timeout_ms,
              bool *ret_created, struct cv_err *err)
{
    const char *what = count == 1 ? "could not create topic" : "could not create topics, of which the first is";
    struct admin_request req;
    char text[256];
    enum cv_rc rc = admin_request_init(&req, admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, err);

    if (rc == CV_OK) {
        /* The broker answers when the topics are there, not when the request was taken. */
        rd_kafka_AdminOptions_set_operation_timeout(req.options, timeout_ms, text, sizeof(text));
        rd_kafka_CreateTopics(admin->handle.rk, topics, count, req.options, req.queue);
        rc = admin_request_wait(&req, admin, what, name, err);
    }
    if (rc == CV_OK)
        rc = read_created(admin, req.event, "could not create topic", count, ret_created, err);
    admin_request_done(&req);
    return rc;
}

enum cv_rc
cv_admin_topics_create(struct cv_admin *admin, const struct cv_topic_spec *specs, size_t count, int timeout_ms,
                       bool *ret_created, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    rd_kafka_NewTopic_t **topics = calloc(count, sizeof(*topics));
    enum cv_rc rc = CV_OK;

    if (topics == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < count && rc == CV_OK; i++)
        rc = (topics[i] = new_topic(&specs[i], err)) == NULL ? err->rc : CV_OK;
    if (rc == CV_OK)
        rc = ask_to_create(admin, topics, count, specs[0].name, timeout_ms, ret_created, err);
    if (rc == CV_OK)
        rc = wait_for_leaders(admin, specs, ret_created, count, deadline, err);
    for (size_t i = 0; i < count; i++)
        if (topics[i] != NULL)
            rd_kafka_NewTopic_destroy(topics[i]);
    free(topics);
    return rc;
}

enum cv_rc
cv_admin_topic_create(struct cv_admin *admin, const struct cv_topic_spec *spec, int timeout_ms, bool *ret_created,
                      struct cv_err *err)
{
    bool created = false;

    if (cv_admin_topics_create(admin, spec, 1, timeout_ms, &created, err) != CV_OK)
        return err->rc;
    *ret_created = created;
    return CV_OK;
}
