/* SPDX-License-Identifier: Apache-2.0 */
/* Where a consumer stands: seek, pause, commits and what was committed. */
#include "common/kafka/consumer.h"

#include "common/clock.h"
#include "common/kafka/handle.h"

#include <limits.h>

static enum cv_rc
pause_change(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
             rd_kafka_resp_err_t (*change)(rd_kafka_t *, rd_kafka_topic_partition_list_t *),
             const char *what, struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    rd_kafka_topic_partition_list_t *list = kafka_list_new(parts);
    rd_kafka_resp_err_t code;
    enum cv_rc rc;

    if (list == NULL)
        return cv_fail_memory(err);
    code = change(handle->rk, list);
    rc = code != RD_KAFKA_RESP_ERR_NO_ERROR ? kafka_fail(handle, err, code, NULL, "%s", what)
                                            : kafka_list_check(handle, list, what, err);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

enum cv_rc
cv_consumer_pause(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
                  struct cv_err *err)
{
    return pause_change(consumer, parts, rd_kafka_pause_partitions, "cannot pause reading", err);
}

enum cv_rc
cv_consumer_resume(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
                   struct cv_err *err)
{
    return pause_change(consumer, parts, rd_kafka_resume_partitions, "cannot resume reading", err);
}

enum cv_rc
cv_consumer_seek(struct cv_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                 int timeout_ms, struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    struct cv_topic_partition part = { topic, partition, offset, NULL };
    rd_kafka_topic_partition_list_t *list =
        kafka_list_new(&(struct cv_topic_partitions){ &part, 1 });
    rd_kafka_error_t *error;
    enum cv_rc rc;

    if (list == NULL)
        return cv_fail_memory(err);
    /* Before 2.1 the time is taken for microseconds. */
    if (rd_kafka_version() < 0x02010000 && timeout_ms > 0)
        timeout_ms = timeout_ms > INT_MAX / 1000 ? INT_MAX : timeout_ms * 1000;
    error = rd_kafka_seek_partitions(handle->rk, list, timeout_ms);
    rc = error != NULL ? kafka_fail_error(handle, err, error, "could not seek") : CV_OK;
    if (rc == CV_OK)
        rc = kafka_list_check(handle, list, "could not seek in", err);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

/* Wait for the answer to a commit on its own queue. */
static enum cv_rc
commit_wait(struct cv_consumer *consumer, rd_kafka_queue_t *queue, int timeout_ms,
            struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    rd_kafka_resp_err_t code;
    enum cv_rc rc;

    if (event == NULL)
        return kafka_fail(handle, err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, "could not commit offsets");
    code = rd_kafka_event_error(event);
    rc = code != RD_KAFKA_RESP_ERR_NO_ERROR
             ? kafka_fail(handle, err, code, NULL, "could not commit offsets")
             : kafka_list_check(handle, rd_kafka_event_topic_partition_list(event),
                                "could not commit the offset", err);
    rd_kafka_event_destroy(event);
    return rc;
}

enum cv_rc
cv_consumer_commit(struct cv_consumer *consumer, const struct cv_topic_partitions *offsets,
                   int timeout_ms, struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_queue_t *queue = NULL;
    rd_kafka_resp_err_t code;
    enum cv_rc rc = CV_OK;

    if (offsets->count == 0)
        return CV_OK;
    list = kafka_list_new(offsets);
    if (list == NULL)
        return cv_fail_memory(err);
    if (timeout_ms == 0) {
        code = kafka_consumer_commit(consumer, list);
    } else {
        queue = rd_kafka_queue_new(handle->rk);
        code = rd_kafka_commit_queue(handle->rk, list, queue, NULL, NULL);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = kafka_fail(handle, err, code, NULL, "could not commit offsets");
    else if (queue != NULL)
        rc = commit_wait(consumer, queue, timeout_ms, err);
    if (queue != NULL)
        rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

static bool
waits_for_transactions(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
            return true;
    return false;
}

static enum cv_rc
copy_committed(const rd_kafka_topic_partition_list_t *list, struct cv_topic_partitions *inout_parts,
               struct cv_err *err)
{
    struct cv_topic_partitions copy = { 0 };

    if (kafka_list_copy(list, &copy, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < copy.count; i++) {
        inout_parts->items[i].offset = copy.items[i].offset;
        inout_parts->items[i].metadata = copy.items[i].metadata;
        copy.items[i].metadata = NULL;
    }
    cv_topic_partitions_done(&copy);
    return CV_OK;
}

enum cv_rc
cv_consumer_committed(struct cv_consumer *consumer, struct cv_topic_partitions *inout_parts,
                      int timeout_ms, struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    int64_t deadline = cv_mono_ms() + timeout_ms;
    struct cv_topic_partition *items = inout_parts->items;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)inout_parts->count);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t left = timeout_ms;
    enum cv_rc rc;

    for (size_t i = 0; i < inout_parts->count; i++)
        rd_kafka_topic_partition_list_add(list, items[i].topic, items[i].partition);
    do { /* librdkafka asks three times, 100 ms apart, while a transaction is pending */
        if (list->cnt > 0)
            code = rd_kafka_committed(handle->rk, list, (int)left);
        left = deadline - cv_mono_ms();
    } while (code == RD_KAFKA_RESP_ERR_NO_ERROR && waits_for_transactions(list) && left > 0);
    rc = code != RD_KAFKA_RESP_ERR_NO_ERROR
             ? kafka_fail(handle, err, code, NULL, "could not read committed offsets")
             : kafka_list_check(handle, list, "could not read the committed offset", err);
    if (rc == CV_OK)
        rc = copy_committed(list, inout_parts, err);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

enum cv_rc
cv_consumer_watermarks(struct cv_consumer *consumer, const char *topic, int32_t partition,
                       int timeout_ms, int64_t *ret_low, int64_t *ret_high, struct cv_err *err)
{
    struct kafka_handle *handle = kafka_consumer_handle(consumer);
    int64_t low, high;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(handle->rk, topic, partition, &low, &high, timeout_ms);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(handle, err, code, NULL,
                          "could not read the offsets of topic \"%s\" partition %d", topic,
                          partition);
    *ret_low = low;
    *ret_high = high;
    return CV_OK;
}
