/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics, their partitions and who leads them, from Metadata; and messages until their batch is made.
 *
 * Metadata is asked for topics that are new, and for those of which a partition has no leader or moved. A topic that is
 * missing may have been made a moment ago, or be made by the question: its messages wait for a while.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS      50   /* between questions about what is missing */
#define DELETED_MS      2000
#define EXPIRE_EVERY_MS 100

void
producer_topic_free(void *arg)
{
    struct cv_producer_topic *topic = arg;

    for (int32_t i = 0; i < topic->n_made; i++)
        free(topic->partitions[i]);
    free(topic->partitions);
    free(topic->name);
    free(topic);
}

/* What a partition is with any sender stays. */
static void
forget_partition(struct partition *part)
{
    *part = (struct partition){ .topic = part->topic,
                                .id = part->id,
                                .next_number = part->next_number,
                                .batch_bytes = part->batch_bytes,
                                .last_offset = part->last_offset };
}

void
topics_forget(struct sender *s)
{
    struct cv_producer_topic *topic;

    while ((topic = s->topics) != NULL) {
        s->topics = topic->next;
        topic->next = topic->next_active = NULL;
        topic->first_active = topic->last_active = NULL;
        topic->known = topic->active = topic->wanted = false;
        topic->n_partitions = 0;
        topic->missing_since_ms = 0;
        topic->asked = topic->told = 0;
        for (int32_t i = 0; i < topic->n_made; i++)
            forget_partition(topic->partitions[i]);
    }
}

/* ---- what has something to send ---- */

void
topics_queue(struct sender *s, struct cv_producer_topic *topic)
{
    topic->active = true;
    topic->next_active = NULL;
    if (s->active == NULL)
        s->active = topic;
    else
        s->last_active->next_active = topic;
    s->last_active = topic;
}

void
topics_activate(struct sender *s, struct partition *part)
{
    struct cv_producer_topic *topic = part->topic;

    if (part->active)
        return;
    part->active = true;
    part->next_active = NULL;
    if (topic->first_active == NULL)
        topic->first_active = part;
    else
        topic->last_active->next_active = part;
    topic->last_active = part;
    if (!topic->active)
        topics_queue(s, topic);
}

/* One partition for all messages that may go anywhere and come within a while, so that they make few batches. */
static int32_t
sticky(const struct sender *s, struct cv_producer_topic *topic)
{
    int64_t now_ms;

    if (s->settings->sticky_ms == 0)
        return partitioner_any(topic->n_partitions);
    now_ms = cv_mono_ms();
    if (now_ms >= topic->sticky_until_ms || topic->sticky >= topic->n_partitions) {
        topic->sticky = partitioner_any(topic->n_partitions);
        topic->sticky_until_ms = now_ms + s->settings->sticky_ms;
    }
    return topic->sticky;
}

static int32_t
choose(const struct sender *s, struct cv_producer_topic *topic, struct cv_bytes key)
{
    int32_t id = partitioner_choose(s->settings->partitioner, key, topic->n_partitions);

    return id >= 0 ? id : sticky(s, topic);
}

/* ---- placing ---- */

void
topics_want(struct sender *s, struct cv_producer_topic *topic)
{
    if (!topic->known) {
        topic->known = true;
        topic->next = s->topics;
        s->topics = topic;
    }
    topic->wanted = true;
    s->wants_metadata = true;
    sender_due(s, s->metadata_ms);
}

void
topics_place(struct sender *s, struct message *msg)
{
    struct cv_producer_topic *topic = msg->topic;
    int32_t id = msg->partition;
    struct partition *part;

    if (topic->n_partitions == 0 || id >= topic->n_partitions) {
        message_push(&topic->unplaced, msg);
        if (!topic->wanted)
            topics_want(s, topic);
        return;
    }
    part = topic->partitions[id >= 0 ? id : choose(s, topic, msg->key)];
    msg->partition = part->id;
    message_push(&part->waiting, msg);
    topics_activate(s, part);
}

/* ---- metadata ---- */

static bool
make_partitions(struct sender *s, struct cv_producer_topic *topic, int32_t n)
{
    struct partition **grown;

    if (n <= topic->n_made)
        return true;
    grown = realloc(topic->partitions, (size_t)n * sizeof(struct partition *));
    if (grown == NULL)
        return false;
    topic->partitions = grown;
    while (topic->n_made < n) {
        struct partition *part = calloc(1, sizeof(*part));

        if (part == NULL)
            return false;
        part->topic = topic;
        part->id = topic->n_made;
        part->last_offset = -1;
        part->batch_bytes = s->settings->batch_bytes;
        topic->partitions[topic->n_made++] = part;
    }
    return true;
}

static const struct cv_wire_broker *
broker_of(const struct cv_wire_topic_metadata *metadata, int32_t node)
{
    for (size_t i = 0; i < metadata->n_brokers; i++)
        if (metadata->brokers[i].node == node)
            return &metadata->brokers[i];
    return NULL;
}

/* The messages of a topic that has partitions now; those for one that it has not fail. */
static void
place_all(struct sender *s, struct cv_producer_topic *topic)
{
    struct message_list list = topic->unplaced, lost = { 0 };

    topic->unplaced = (struct message_list){ 0 };
    while (list.first != NULL) {
        struct message *msg = message_pop(&list);

        if (msg->partition >= topic->n_partitions)
            message_push(&lost, msg);
        else
            topics_place(s, msg);
    }
    batches_fail_messages(s, &lost, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
}

/* Ids of partitions run from 0 without a gap. */
static int32_t
count_of(const struct cv_wire_topic *found)
{
    int32_t n = 0;

    for (size_t i = 0; i < found->n_partitions; i++)
        if (found->partitions[i].id >= n && found->partitions[i].id < INT16_MAX * 8)
            n = found->partitions[i].id + 1;
    return n;
}

/* Keys go on to other partitions than before, as with any client of Kafka. */
static void
tell_growth(const struct cv_producer_topic *topic, int32_t n)
{
    CV_LOG_WARN(cv_log_get("culvert.kafka"),
                "a topic has got more partitions: messages of a key may go to another one than those before, and are in "
                "order from here on only",
                CV_STR("topic", topic->name), CV_INT("before", topic->n_made), CV_INT("partitions", n));
}

static void
take_topic(struct sender *s, struct cv_producer_topic *topic, const struct cv_wire_topic *found,
           const struct cv_wire_topic_metadata *metadata)
{
    int32_t n = count_of(found);
    struct cv_err err;

    if (topic->n_made > 0 && n > topic->n_made)
        tell_growth(topic, n);
    if (n == 0 || !make_partitions(s, topic, n))
        return;
    topic->wanted = false;
    for (size_t i = 0; i < found->n_partitions; i++) {
        const struct cv_wire_broker *leader = broker_of(metadata, found->partitions[i].leader);
        struct partition *part;

        if (found->partitions[i].id < 0 || found->partitions[i].id >= n)
            continue;
        part = topic->partitions[found->partitions[i].id];
        part->leader = leader == NULL ? NULL : links_peer(s, leader, &err);
        topic->wanted |= part->leader == NULL;
    }
    topic->n_partitions = n;
    topic->was_there = true;
    topic->missing_since_ms = 0;
    topic->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    topic->told = s->metadata_asked;
    place_all(s, topic);
}

/* Messages to it wait again, for another time that it is there. */
static void
topic_is_missing(struct sender *s, struct cv_producer_topic *topic, rd_kafka_resp_err_t code, int64_t now_ms)
{
    topic->code = code;
    topic->told = s->metadata_asked;
    if (topic->missing_since_ms == 0)
        topic->missing_since_ms = now_ms;
}

static void
take_metadata(struct sender *s, const struct cv_wire_topic_metadata *metadata, int64_t now_ms)
{
    for (struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next)
        for (size_t i = 0; topic->wanted && i < metadata->n_topics; i++) {
            if (strcmp(metadata->topics[i].name, topic->name) != 0)
                continue;
            if (metadata->topics[i].error == 0)
                take_topic(s, topic, &metadata->topics[i], metadata);
            else
                topic_is_missing(s, topic, (rd_kafka_resp_err_t)metadata->topics[i].error, now_ms);
            break;
        }
}

/*
 * A name in bootstrap.servers, or one that its brokers gave, may come to lead to brokers of another cluster. A producer id
 * is of one cluster, so that who has one cannot go on; who has none waits until the right ones are back.
 */
static bool
is_elsewhere(struct sender *s, const char *cluster)
{
    char text[256];

    if (cluster[0] == '\0' || strcmp(cluster, s->handle->cluster) == 0)
        return false;
    if (s->handle->cluster[0] == '\0') {
        (void)snprintf(s->handle->cluster, sizeof(s->handle->cluster), "%s", cluster);
        return false;
    }
    (void)snprintf(text, sizeof(text),
                   "messages went to the cluster with id \"%s\", and the brokers are of \"%s\" now: correct "
                   "bootstrap.servers or what its names lead to, and restart",
                   s->handle->cluster, cluster);
    if (s->settings->idempotent)
        sender_break(s, RD_KAFKA_RESP_ERR__INVALID_ARG, text, "Kafka is another cluster");
    else
        sender_complain(s, text);
    return true;
}

/* About what is wanted. */
static bool
write_question(struct sender *s, bool all)
{
    size_t n = 0;
    const char **names;

    for (struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next) {
        topic->wanted |= all;
        n += topic->wanted;
    }
    names = calloc(n + 1, sizeof(*names));
    if (names == NULL)
        return false;
    s->metadata_asked++;
    n = 0;
    for (struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next)
        if (topic->wanted) {
            topic->asked = s->metadata_asked;
            names[n++] = topic->name;
        }
    cv_buf_reset(&s->body);
    cv_wire_write_topic_metadata(&s->body, names, n, true);
    free(names);
    return n > 0;
}

static void
read_answer(struct sender *s, const struct cv_wire_response *answer)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_topic_metadata metadata;
    struct cv_err err;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(&err)
                                  : cv_wire_read_topic_metadata(answer->body, answer->len, arena, &metadata, &err);

    if (rc != CV_OK)
        link_failed(s, &s->control, &err);
    else if (!is_elsewhere(s, metadata.cluster_id))
        take_metadata(s, &metadata, cv_mono_ms());
    cv_arena_free(arena);
}

/* What the question did not name is asked for at once, what it did not settle a while later. */
static void
answered(struct sender *s, const struct cv_wire_response *answer)
{
    bool unnamed = false;

    if (answer != NULL)
        read_answer(s, answer);
    s->wants_metadata = false;
    for (const struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next) {
        s->wants_metadata |= topic->wanted;
        unnamed |= topic->wanted && topic->asked != s->metadata_asked;
    }
    s->metadata_ms = s->wants_metadata && !unnamed ? cv_mono_ms() + BACKOFF_MS : 0;
    if (s->wants_metadata)
        sender_due(s, s->metadata_ms);
}

void
topics_refresh(struct sender *s, int64_t now_ms)
{
    bool all = s->settings->metadata_age_ms > 0 && now_ms >= s->refresh_ms;

    if (s->topics == NULL || (!s->wants_metadata && !all))
        return;
    if (now_ms < s->metadata_ms) {
        sender_due(s, s->metadata_ms);
        return;
    }
    if (!questions_possible(s, now_ms) || !write_question(s, all))
        return;
    s->wants_metadata = true;
    if (all)
        s->refresh_ms = now_ms + s->settings->metadata_age_ms;
    questions_ask(s, CV_WIRE_METADATA, answered);
}

void
topics_command(struct sender *s, struct command *command)
{
    struct cv_producer_topic *topic = command->topic;

    if (command->code != RD_KAFKA_RESP_ERR__IN_PROGRESS) { /* the first look at it: what is asked from now on counts */
        command->code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
        command->question = s->metadata_asked + 1;
        topics_want(s, topic);
    }
    command->n_partitions = topic->n_partitions;
    if (topic->told >= command->question)
        command->code = topic->code;
    else if (cv_mono_ms() >= command->deadline_ms)
        command->code = topic->n_partitions > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__TIMED_OUT;
    else
        sender_due(s, command->deadline_ms);
}

/* ---- messages that end here ---- */

/* The ones at the front that came before. */
static void
expire_list(struct sender *s, struct message_list *list, int64_t before_us)
{
    struct message_list old = { 0 };

    while (list->first != NULL && list->first->taken_us < before_us)
        message_push(&old, message_pop(list));
    batches_fail_messages(s, &old, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
}

static void
expire_again(struct sender *s, struct partition *part, int64_t before_us)
{
    while (part->again.first != NULL && part->again.first->messages.first->taken_us < before_us)
        batches_fail(s, batch_pop(&part->again), RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
}

/* Everything of a topic that is not on its way. */
static void
fail_topic(struct sender *s, struct cv_producer_topic *topic, rd_kafka_resp_err_t code)
{
    batches_fail_messages(s, &topic->unplaced, code);
    for (int32_t i = 0; i < topic->n_made; i++) {
        struct partition *part = topic->partitions[i];

        while (part->again.first != NULL)
            batches_fail(s, batch_pop(&part->again), code);
        batches_fail_messages(s, &part->waiting, code);
    }
}

/* How long a topic that is missing is waited for: not at all where waiting helps nothing, less long where it was
   deleted. */
static int64_t
patience(const struct sender *s, const struct cv_producer_topic *topic)
{
    if (kafka_class(topic->code) == CV_INVALID)
        return 0;
    return topic->was_there && s->settings->missing_ms > DELETED_MS ? DELETED_MS : s->settings->missing_ms;
}

static void
expire_topic(struct sender *s, struct cv_producer_topic *topic, int64_t before_us)
{
    expire_list(s, &topic->unplaced, before_us);
    for (int32_t i = 0; i < topic->n_made; i++) {
        expire_again(s, topic->partitions[i], before_us);
        expire_list(s, &topic->partitions[i]->waiting, before_us);
    }
}

/* It is gone: its messages are, too, and others begin to wait for it anew. */
static void
give_up(struct sender *s, struct cv_producer_topic *topic)
{
    fail_topic(s, topic, topic->code);
    topic->wanted = false;
    topic->missing_since_ms = 0;
    topic->n_partitions = 0;
}

/* Without what has nothing to send any more. */
static void
prune_active(struct sender *s)
{
    struct cv_producer_topic *topic, *next_topic = s->active;

    s->active = NULL;
    while ((topic = next_topic) != NULL) {
        struct partition *part, *next = topic->first_active;

        next_topic = topic->next_active;
        topic->active = false;
        topic->first_active = NULL;
        while ((part = next) != NULL) {
            next = part->next_active;
            part->active = false;
            if (partition_has_more(part))
                topics_activate(s, part);
        }
    }
}

void
topics_expire(struct sender *s, int64_t now_ms)
{
    bool expires = s->settings->message_timeout_ms > 0;
    int64_t before_us = expires ? cv_mono_us() - s->settings->message_timeout_ms * 1000 : 0;

    if (!s->wants_metadata && (!expires || s->active == NULL))
        return;
    sender_due(s, s->expire_ms);
    if (now_ms < s->expire_ms)
        return;
    s->expire_ms = now_ms + EXPIRE_EVERY_MS;
    sender_due(s, s->expire_ms);
    for (struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next) {
        if (topic->missing_since_ms != 0 && topic->wanted && now_ms - topic->missing_since_ms >= patience(s, topic))
            give_up(s, topic);
        if (expires)
            expire_topic(s, topic, before_us);
    }
    prune_active(s);
}

void
topics_purge(struct sender *s, rd_kafka_resp_err_t code)
{
    struct message_list inbox;

    cv_lock(&s->lock);
    inbox = s->inbox;
    s->inbox = (struct message_list){ 0 };
    cv_unlock(&s->lock);
    for (struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next)
        fail_topic(s, topic, code);
    batches_fail_messages(s, &inbox, code);
    prune_active(s);
}
