/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumer on librdkafka's high-level queue.
 *
 * Rebalances are taken note of inside librdkafka's callback and carried out later, at the start of
 * a poll with no message in the caller's hands. So what a poll returned before a revocation is
 * processed (and can be committed) before "revoked" is called. For the same reason messages are
 * taken one by one and not with rd_kafka_consume_batch_queue: a rebalance pauses the partitions
 * from another thread, and before 2.1 the batch call then drops messages that it has gathered
 * already, but counts them as consumed; a partition that stays with the member (cooperative) would
 * go on behind them. One by one is no slower: the batch call locks the queue for each message too.
 *
 * Offsets are never stored or committed by librdkafka itself.
 */
#include "common/kafka/consumer.h"

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/kafka/handle.h"
#include "common/map.h"

#include <stdlib.h>
#include <string.h>

#define NO_GROUP                                                                                   \
    "culvert-no-group" /* never joined: librdkafka wants a name to assign partitions               \
                        */
#define CLOSE_WAIT_MS 3000
#define SAY_EVERY_MS  5000

struct rebalance {
    struct rebalance *next;
    rd_kafka_resp_err_t kind;
    rd_kafka_topic_partition_list_t *parts;
};

struct cv_consumer {
    struct kafka_handle handle;
    rd_kafka_queue_t *queue;
    rd_kafka_queue_t *close_queue;
    struct cv_consumer_events events;
    struct cv_hash *topics;           /* name to its lasting copy */
    const rd_kafka_topic_t *last_rkt; /* of the poll under way: messages keep it alive */
    const char *last_topic;
    bool grouped;
    bool closing;
    bool dealt; /* the group has given partitions, if only none */
    struct rebalance *rebalances; /* oldest first */
    struct cv_err failure;        /* to be returned by the next poll */
    size_t ahead_messages; /* what librdkafka reads ahead at most */
    size_t ahead_bytes;
    bool was_full; /* it may have stopped fetching */
    int64_t down_ms; /* when all brokers were last away; 0: never */
};

struct kafka_handle *
kafka_consumer_handle(struct cv_consumer *consumer)
{
    return &consumer->handle;
}

/* -- Rebalances -- */

static bool
is_cooperative(struct cv_consumer *consumer)
{
    return strcmp(rd_kafka_rebalance_protocol(consumer->handle.rk), "COOPERATIVE") == 0;
}

static bool
is_eager(struct cv_consumer *consumer)
{
    return strcmp(rd_kafka_rebalance_protocol(consumer->handle.rk), "EAGER") == 0;
}

static enum cv_rc
check_error(struct cv_consumer *consumer, rd_kafka_error_t *error, const char *what,
            struct cv_err *err)
{
    if (error != NULL)
        return kafka_fail_error(&consumer->handle, err, error, "%s", what);
    return CV_OK;
}

/* Let the owner say where to start, then start. */
static enum cv_rc
take_partitions(struct cv_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };
    rd_kafka_resp_err_t code;

    consumer->dealt = true;
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = CV_OFFSET_STORED;
    if (consumer->events.assigned != NULL) {
        if (kafka_list_copy(list, &parts, err) != CV_OK)
            return err->rc;
        consumer->events.assigned(consumer->events.arg, &parts);
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = parts.items[i].offset;
        cv_topic_partitions_done(&parts);
    }
    if (is_cooperative(consumer))
        return check_error(consumer, rd_kafka_incremental_assign(consumer->handle.rk, list),
                           "could not take the partitions that the group assigned", err);
    code = rd_kafka_assign(consumer->handle.rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&consumer->handle, err, code, NULL, "could not take the partitions that the group assigned");
    return CV_OK;
}

static enum cv_rc
give_partitions(struct cv_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };
    rd_kafka_resp_err_t code;

    if (consumer->events.revoked != NULL) {
        if (kafka_list_copy(list, &parts, err) != CV_OK)
            return err->rc;
        consumer->events.revoked(consumer->events.arg, &parts,
                                 rd_kafka_assignment_lost(consumer->handle.rk) != 0);
        cv_topic_partitions_done(&parts);
    }
    if (is_cooperative(consumer))
        return check_error(consumer, rd_kafka_incremental_unassign(consumer->handle.rk, list),
                           "could not give up partitions of the group", err);
    code = rd_kafka_assign(consumer->handle.rk, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&consumer->handle, err, code, NULL, "could not give up partitions of the group");
    return CV_OK;
}

static enum cv_rc
carry_out(struct cv_consumer *consumer, rd_kafka_resp_err_t kind,
          rd_kafka_topic_partition_list_t *list, struct cv_err *err)
{
    return kind == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? take_partitions(consumer, list, err)
                                                        : give_partitions(consumer, list, err);
}

static void
on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t kind, rd_kafka_topic_partition_list_t *list,
             void *opaque)
{
    struct cv_consumer *consumer = cv_container_of(opaque, struct cv_consumer, handle);
    struct cv_err err = CV_ERR_INIT;
    struct rebalance *rebalance, **last;

    (void)rk;
    /* Closing waits for the partitions to be given up, here and now. */
    rebalance = consumer->closing ? NULL : calloc(1, sizeof(*rebalance));
    if (rebalance == NULL) {
        if (carry_out(consumer, kind, list, &err) != CV_OK)
            CV_LOG_WARN(consumer->handle.log, "rebalance failed", CV_ERR(&err));
        return;
    }
    rebalance->kind = kind;
    rebalance->parts = rd_kafka_topic_partition_list_copy(list);
    for (last = &consumer->rebalances; *last != NULL; last = &(*last)->next)
        ;
    *last = rebalance;
    rd_kafka_queue_yield(consumer->queue);
}

static enum cv_rc
carry_out_all(struct cv_consumer *consumer, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    while (rc == CV_OK && consumer->rebalances != NULL) {
        struct rebalance *rebalance = consumer->rebalances;

        consumer->rebalances = rebalance->next;
        rc = carry_out(consumer, rebalance->kind, rebalance->parts, err);
        rd_kafka_topic_partition_list_destroy(rebalance->parts);
        free(rebalance);
    }
    return rc;
}

/* -- Errors -- */

/* A topic that is not there, or not any more: the group deals its partitions anew when it comes. librdkafka says so of
   each partition, and once, with its name, of the topic. */
static void
say_missing(const struct cv_consumer *consumer, const char *text, const rd_kafka_message_t *where)
{
    if (where == NULL || where->rkt == NULL)
        CV_LOG_DEBUG(consumer->handle.log, "a partition is gone", CV_STR("client", consumer->handle.client_id),
                     CV_STR("error", text));
    else
        CV_LOG_WARN(consumer->handle.log,
                    "a subscribed topic does not exist; waiting until it is created, or the subscription is corrected",
                    CV_STR("client", consumer->handle.client_id), CV_STR("topic", rd_kafka_topic_name(where->rkt)),
                    CV_STR("error", text));
}

/* What to do about an error: CV_OK if librdkafka gets over it by itself. where may be NULL. */
static enum cv_rc
judge(struct cv_consumer *consumer, rd_kafka_resp_err_t code, const char *text,
      const rd_kafka_message_t *where, struct cv_err *err)
{
    char fatal[256];

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(consumer->handle.rk, fatal, sizeof(fatal));
        return kafka_fail(&consumer->handle, err, code, fatal, "the consumer failed for good");
    }
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED && !consumer->grouped)
        return CV_OK;
    if ((code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && consumer->grouped) ||
        (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && consumer->events.outlives_topics)) {
        say_missing(consumer, text, where);
        return CV_OK;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        consumer->down_ms = cv_mono_ms();
    if (kafka_class(code) == CV_RETRY || kafka_class(code) == CV_CONFLICT) {
        kafka_complain(&consumer->handle,
                       code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? "ERROR" : "FAIL", text);
        return CV_OK;
    }
    if (where != NULL && where->rkt != NULL)
        return kafka_fail(&consumer->handle, err, code, text,
                          "could not read topic \"%s\" partition %d",
                          rd_kafka_topic_name(where->rkt), where->partition);
    return kafka_fail(&consumer->handle, err, code, text, "could not consume");
}

/* A failure for the next poll to return. */
static void
keep_failure(struct cv_consumer *consumer, rd_kafka_resp_err_t code, const char *text,
             const rd_kafka_message_t *where)
{
    struct cv_err err = CV_ERR_INIT;

    if (judge(consumer, code, text, where, &err) != CV_OK && consumer->failure.rc == CV_OK)
        consumer->failure = err;
}

/* Inside polls, like rebalances; what concerns no single message. */
static void
on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    struct cv_consumer *consumer = cv_container_of(opaque, struct cv_consumer, handle);

    (void)rk;
    keep_failure(consumer, (rd_kafka_resp_err_t)code, text, NULL);
    rd_kafka_queue_yield(consumer->queue);
}

/* -- Life -- */

static void
on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets,
          void *opaque)
{
    struct cv_consumer *consumer = cv_container_of(opaque, struct cv_consumer, handle);
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = kafka_fail(&consumer->handle, &err, code, NULL, "could not commit offsets");
    else
        rc = kafka_list_check(&consumer->handle, offsets, "could not commit the offset", &err);
    if (consumer->events.committed != NULL)
        consumer->events.committed(consumer->events.arg, rc == CV_OK ? NULL : &err);
    else if (rc != CV_OK)
        CV_LOG_WARN(consumer->handle.log, "offsets were not committed", CV_ERR(&err));
}

/* librdkafka would call a callback of the configuration for commits with their own queue, too. */
rd_kafka_resp_err_t
kafka_consumer_commit(struct cv_consumer *consumer, rd_kafka_topic_partition_list_t *offsets)
{
    return rd_kafka_commit_queue(consumer->handle.rk, offsets, consumer->queue, on_commit, &consumer->handle);
}

static size_t
setting_of(const rd_kafka_conf_t *rdconf, const char *key)
{
    char text[32] = "0";
    size_t size = sizeof(text);

    (void)rd_kafka_conf_get(rdconf, key, text, &size);
    return strtoul(text, NULL, 10);
}

/* How far is read ahead, and how a full queue is looked after: by librdkafka itself where it can. */
static void
set_ahead(struct cv_consumer *consumer, rd_kafka_conf_t *rdconf)
{
    char why[128];

    if (rd_kafka_conf_set(rdconf, "fetch.queue.backoff.ms", "5", why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return;
    consumer->ahead_messages = setting_of(rdconf, "queued.min.messages");
    consumer->ahead_bytes = setting_of(rdconf, "queued.max.messages.kbytes") * 1024;
}

enum cv_rc
cv_consumer_new(const struct cv_kafka_conf *conf, const char *group_id,
                const struct cv_consumer_events *events, struct cv_consumer **ret,
                struct cv_err *err)
{
    struct cv_consumer *consumer = calloc(1, sizeof(*consumer));
    rd_kafka_conf_t *rdconf = NULL;
    enum cv_rc rc;

    if (consumer == NULL || (consumer->topics = cv_hash_new(free)) == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    consumer->grouped = group_id != NULL;
    if (events != NULL)
        consumer->events = *events;
    kafka_conf_warn(conf, false);
    rc = kafka_rdconf_new(conf, false, &rdconf, err);
    if (rc == CV_OK)
        rc = kafka_rdconf_set(rdconf, "group.id", group_id != NULL ? group_id : NO_GROUP, err);
    if (rc != CV_OK)
        goto out;
    set_ahead(consumer, rdconf);
    rd_kafka_conf_set_rebalance_cb(rdconf, on_rebalance);
    rd_kafka_conf_set_error_cb(rdconf, on_error);
    rc = kafka_handle_init(&consumer->handle, RD_KAFKA_CONSUMER, conf, rdconf, err);
    rdconf = NULL;
    if (rc != CV_OK)
        goto out;
    rd_kafka_poll_set_consumer(consumer->handle.rk);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->handle.rk);
    *ret = consumer;
    consumer = NULL;
out:
    if (rdconf != NULL)
        rd_kafka_conf_destroy(rdconf);
    cv_consumer_free(consumer);
    return rc;
}

/* Let the group go; false when it takes too long. */
static bool
close_until(struct cv_consumer *consumer, int64_t deadline_ms)
{
    while (!rd_kafka_consumer_closed(consumer->handle.rk)) {
        int64_t left = deadline_ms - cv_mono_ms();
        rd_kafka_message_t *msg;

        if (left <= 0)
            return false;
        /* Rebalances are carried out inside; messages that were read ahead go. */
        msg = rd_kafka_consume_queue(consumer->close_queue,
                                     (int)(left < SAY_EVERY_MS ? left : SAY_EVERY_MS));
        if (msg != NULL)
            rd_kafka_message_destroy(msg);
    }
    return true;
}

/*
 * librdkafka before 2.3.0 aborts when a member under cooperative-sticky ends between the group's answer to its
 * joining and its first partitions (librdkafka #4312): such a one is closed, then left behind.
 */
static bool
ends_in_abort(struct cv_consumer *consumer)
{
    char assignors[256] = "";
    size_t size = sizeof(assignors);

    return rd_kafka_version() < 0x020300ff && consumer->grouped && !consumer->dealt &&
        rd_kafka_conf_get(rd_kafka_conf(consumer->handle.rk), "partition.assignment.strategy", assignors, &size) ==
        RD_KAFKA_CONF_OK &&
        strstr(assignors, "cooperative") != NULL;
}

/* What goes on without the owner must not call it. */
static void
forget_owner(struct cv_consumer *consumer)
{
    consumer->events = (struct cv_consumer_events){ 0 };
    rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
    kafka_handle_forget_owner(&consumer->handle);
}

static void
destroy(struct cv_consumer *consumer)
{
    if (ends_in_abort(consumer)) {
        forget_owner(consumer);
        return;
    }
    rd_kafka_queue_destroy(consumer->close_queue);
    rd_kafka_queue_destroy(consumer->queue);
    kafka_handle_done(&consumer->handle);
    cv_hash_free(consumer->topics);
    free(consumer);
}

static void
destroy_arg(void *arg)
{
    destroy(arg);
}

/* Where a topic was deleted whose partitions were being read, librdkafka (2.0.2) may wait for itself for ever. */
static void
destroy_in_time(struct cv_consumer *consumer)
{
    struct cv_thread *thread;
    struct cv_err err = CV_ERR_INIT;
    char client_id[sizeof(consumer->handle.client_id)];

    snprintf(client_id, sizeof(client_id), "%s", consumer->handle.client_id);
    forget_owner(consumer);
    if (cv_thread_start("kafka-end", destroy_arg, consumer, &thread, &err) != CV_OK) {
        destroy(consumer);
    } else if (!cv_thread_join(thread, cv_mono_ms() + CLOSE_WAIT_MS)) {
        CV_LOG_WARN(cv_log_get("culvert.kafka"), "consumer does not end, going on without it",
                    CV_STR("client", client_id));
        cv_thread_abandon(thread);
    }
}

/* A thread of its own, which nobody waits for. */
static void
close_late(void *arg)
{
    (void)close_until(arg, INT64_MAX);
    destroy(arg);
}

/* While Kafka is away librdkafka holds on to commits for session.timeout.ms, and to its closing
   with them: no task can wait for that when it stops. */
static void
leave(struct cv_consumer *consumer)
{
    struct cv_thread *thread;
    struct cv_err err = CV_ERR_INIT;
    rd_kafka_error_t *error;

    consumer->closing = true;
    consumer->close_queue = rd_kafka_queue_new(consumer->handle.rk);
    error = rd_kafka_consumer_close_queue(consumer->handle.rk, consumer->close_queue);
    if (error != NULL)
        rd_kafka_error_destroy(error); /* a fatal error: there is nothing to leave */
    else if (!close_until(consumer, cv_mono_ms() + CLOSE_WAIT_MS)) {
        CV_LOG_WARN(consumer->handle.log, "consumer does not close, going on without it",
                    CV_STR("client", consumer->handle.client_id));
        forget_owner(consumer);
        if (cv_thread_start("kafka-close", close_late, consumer, &thread, &err) == CV_OK) {
            cv_thread_abandon(thread);
            return;
        }
        (void)close_until(consumer, INT64_MAX);
    }
    if (consumer->grouped)
        destroy_in_time(consumer);
    else
        destroy(consumer);
}

void
cv_consumer_free(struct cv_consumer *consumer)
{
    struct cv_err err = CV_ERR_INIT;

    if (consumer == NULL)
        return;
    if (consumer->handle.rk == NULL) {
        cv_hash_free(consumer->topics);
        free(consumer);
        return;
    }
    if (carry_out_all(consumer, &err) != CV_OK)
        CV_LOG_WARN(consumer->handle.log, "rebalance failed while closing", CV_ERR(&err));
    leave(consumer);
}

/* -- What is read -- */

int64_t
cv_consumer_down_ms(const struct cv_consumer *consumer)
{
    return consumer->down_ms;
}

enum cv_rc
cv_consumer_subscribe(struct cv_consumer *consumer, const char *const *topics, size_t count,
                      struct cv_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < count; i++) {
        if (topics[i][0] == '^') { /* librdkafka would take it for a regular expression */
            code = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
            break;
        }
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = count > 0 ? rd_kafka_subscribe(consumer->handle.rk, list)
                         : rd_kafka_unsubscribe(consumer->handle.rk);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&consumer->handle, err, code, NULL, "cannot subscribe");
    return CV_OK;
}

enum cv_rc
cv_consumer_assign(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
                   struct cv_err *err)
{
    rd_kafka_topic_partition_list_t *list = kafka_list_new(parts);
    rd_kafka_resp_err_t code;

    if (list == NULL)
        return cv_fail_memory(err);
    code = rd_kafka_assign(consumer->handle.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&consumer->handle, err, code, NULL, "cannot assign partitions");
    return CV_OK;
}

static enum cv_rc
assign_change(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
              rd_kafka_error_t *(*change)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *),
              const char *what, struct cv_err *err)
{
    rd_kafka_topic_partition_list_t *list;
    enum cv_rc rc;

    if (parts->count == 0)
        return CV_OK;
    if (is_eager(consumer))
        return cv_fail(
            err, CV_INVALID,
            "%s: the group assigns all partitions at once; use another consumer for others", what);
    list = kafka_list_new(parts);
    if (list == NULL)
        return cv_fail_memory(err);
    rc = check_error(consumer, change(consumer->handle.rk, list), what, err);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

enum cv_rc
cv_consumer_assign_add(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
                       struct cv_err *err)
{
    return assign_change(consumer, parts, rd_kafka_incremental_assign, "cannot add partitions",
                         err);
}

enum cv_rc
cv_consumer_assign_remove(struct cv_consumer *consumer, const struct cv_topic_partitions *parts,
                          struct cv_err *err)
{
    /* librdkafka would keep them paused when they come back. */
    if (parts->count > 0 && cv_consumer_resume(consumer, parts, err) != CV_OK)
        return err->rc;
    return assign_change(consumer, parts, rd_kafka_incremental_unassign, "cannot remove partitions",
                         err);
}

/* -- Poll -- */

/* The lasting name of a message's topic. */
static const char *
topic_name(struct cv_consumer *consumer, const rd_kafka_topic_t *rkt)
{
    const char *name;
    char *copy;

    if (rkt == consumer->last_rkt)
        return consumer->last_topic;
    name = rd_kafka_topic_name(rkt);
    copy = cv_hash_get(consumer->topics, name);
    if (copy == NULL) {
        copy = strdup(name);
        if (copy == NULL || !cv_hash_put(consumer->topics, name, copy)) {
            free(copy);
            return NULL;
        }
    }
    consumer->last_rkt = rkt;
    consumer->last_topic = copy;
    return copy;
}

/* One message into *out; takes it. False: there was nothing for the caller in it; a failure is kept
   for the next poll. */
static bool
take_message(struct cv_consumer *consumer, rd_kafka_message_t *msg, struct cv_consumed *out)
{
    rd_kafka_timestamp_type_t type;

    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR && msg->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        keep_failure(consumer, msg->err, rd_kafka_message_errstr(msg), msg);
        rd_kafka_message_destroy(msg);
        return false;
    }
    *out = (struct cv_consumed){
        .topic = topic_name(consumer, msg->rkt),
        .partition = msg->partition,
        .offset = msg->offset,
        .timestamp_ms = CV_NO_TIMESTAMP,
        .eof = msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF,
        .handle = msg,
    };
    if (out->topic == NULL) {
        (void)cv_fail_memory(&consumer->failure);
        rd_kafka_message_destroy(msg);
        return false;
    }
    if (out->eof)
        return true;
    out->key = (struct cv_bytes){ msg->key, msg->key_len };
    out->value = (struct cv_bytes){ msg->payload, msg->len };
    out->timestamp_ms = rd_kafka_message_timestamp(msg, &type);
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        out->timestamp_ms = CV_NO_TIMESTAMP;
    out->log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    return true;
}

static size_t
gather(struct cv_consumer *consumer, struct cv_consumed *out, size_t max, int timeout_ms)
{
    size_t count = 0;

    while (count < max && consumer->rebalances == NULL && consumer->failure.rc == CV_OK) {
        rd_kafka_message_t *msg =
            rd_kafka_consume_queue(consumer->queue, count == 0 ? timeout_ms : 0);

        if (msg == NULL)
            break;
        if (take_message(consumer, msg, &out[count]))
            count++;
    }
    return count;
}

/* Whether so many messages are at least parts sixteenths of what is read ahead at most. */
static bool
is_ahead(const struct cv_consumer *consumer, size_t messages, size_t bytes, size_t parts)
{
    return messages >= consumer->ahead_messages / 16 * parts || bytes >= consumer->ahead_bytes / 16 * parts;
}

/* Any request wakes a broker's thread, here one to the leaders of all partitions. Nobody waits for the answers: they
   come behind a fetch that waits for messages. */
static void
rouse(struct cv_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    if (rd_kafka_assignment(consumer->handle.rk, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0) {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_END;
        (void)rd_kafka_offsets_for_times(consumer->handle.rk, list, 0);
    }
    if (list != NULL)
        rd_kafka_topic_partition_list_destroy(list);
}

/*
 * librdkafka before 2.2 looks only once a second whether a full queue has room again, unless something else wakes the
 * thread of a broker. That is done when little is left to be processed: the threads are cheaper in turn, since at the
 * same time they wait for each other's locks, those of malloc among them.
 */
static void
keep_fetching(struct cv_consumer *consumer, const struct cv_consumed *msgs, size_t count)
{
    size_t ahead = rd_kafka_queue_length(consumer->queue), bytes = 0, mean;

    for (size_t i = 0; i < count; i++)
        bytes += msgs[i].key.len + msgs[i].value.len;
    mean = bytes / count; /* more of the same is likely */
    if (is_ahead(consumer, ahead + count, ahead * mean + bytes, 12))
        consumer->was_full = true;
    if (consumer->was_full && !is_ahead(consumer, ahead, ahead * mean, 1)) {
        consumer->was_full = false;
        rouse(consumer);
    }
}

enum cv_rc
cv_consumer_poll(struct cv_consumer *consumer, struct cv_consumed *out, size_t max, int timeout_ms,
                 size_t *ret_count, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    int64_t left = timeout_ms;
    size_t count = 0;

    while (consumer->failure.rc == CV_OK && count == 0) {
        if (carry_out_all(consumer, err) != CV_OK)
            return err->rc;
        consumer->last_rkt = NULL;
        count = gather(consumer, out, max, (int)left);
        if (consumer->rebalances != NULL)
            continue;
        left = deadline - cv_mono_ms();
        if (left <= 0)
            break;
    }
    if (count == 0 && consumer->failure.rc != CV_OK) {
        *err = consumer->failure;
        consumer->failure = (struct cv_err)CV_ERR_INIT;
        return err->rc;
    }
    if (count > 0 && consumer->ahead_messages > 0)
        keep_fetching(consumer, out, count);
    *ret_count = count;
    return CV_OK;
}

void
cv_consumed_free(struct cv_consumed *msgs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (msgs[i].handle != NULL)
            rd_kafka_message_destroy(msgs[i].handle);
        msgs[i].handle = NULL;
    }
}

size_t
cv_consumer_ahead(const struct cv_consumer *consumer)
{
    return rd_kafka_queue_length(consumer->queue);
}

void
cv_consumer_notify(struct cv_consumer *consumer, struct cv_wake *wake)
{
    kafka_queue_notify(consumer->queue, wake);
}

bool
cv_consumed_header(const struct cv_consumed *msg, size_t i, const char **ret_name,
                   struct cv_bytes *ret_value)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;

    if (msg->eof || rd_kafka_message_headers(msg->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_all(headers, i, ret_name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *ret_value = (struct cv_bytes){ value, len };
    return true;
}
