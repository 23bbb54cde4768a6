/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner's side of a producer (producer.c) and its sender (sender*.c) share: messages, the batches that they
 * travel in, and the reports of both. Each belongs to one side at a time; the sender's mailbox passes them over.
 */
#ifndef COMMON_KAFKA_PRODUCER_PRIVATE_H
#define COMMON_KAFKA_PRODUCER_PRIVATE_H

#include "common/kafka/handle.h"
#include "common/kafka/producer.h"
#include "common/kafka/producer_settings.h"

struct partition;

struct message {
    struct message *next;
    struct cv_producer_topic *topic;
    struct cv_delivery *delivery; /* NULL: nobody asks */
    char *own;                    /* headers, and key and value where nobody asks; NULL: nothing */
    struct cv_bytes key, value;
    struct cv_bytes headers; /* as a record has them */
    int64_t timestamp_ms;
    int64_t taken_us; /* monotonic, when it came, where linger.ms or delivery.timeout.ms want it */
    size_t size;      /* about what it takes of a request */
    int32_t partition;
    rd_kafka_resp_err_t code; /* why it failed, where that was before it came into a batch */
};

struct message_list {
    struct message *first, *last;
    size_t count, bytes;
};

static inline void
message_push(struct message_list *list, struct message *msg)
{
    msg->next = NULL;
    if (list->first == NULL)
        list->first = msg;
    else
        list->last->next = msg;
    list->last = msg;
    list->count++;
    list->bytes += msg->size;
}

static inline struct message *
message_pop(struct message_list *list)
{
    struct message *msg = list->first;

    list->first = msg->next;
    list->count--;
    list->bytes -= msg->size;
    return msg;
}

/* Put all of more behind list; more becomes empty. */
static inline void
message_append(struct message_list *list, struct message_list *more)
{
    if (more->first == NULL)
        return;
    if (list->first == NULL)
        list->first = more->first;
    else
        list->last->next = more->first;
    list->last = more->last;
    list->count += more->count;
    list->bytes += more->bytes;
    *more = (struct message_list){ 0 };
}

/* Messages of one partition that stay together from their first request to their report. */
struct batch {
    struct batch *next;
    struct partition *partition;
    struct message_list messages;
    uint64_t number;     /* in its partition */
    unsigned identity;   /* whose sequence it has; 0: none yet */
    int32_t sequence;    /* of its first message */
    int64_t tries;
    rd_kafka_resp_err_t code;
    int64_t base_offset; /* -1: not told */
    int64_t lost_from;   /* the partition had this offset before, and what was behind it is gone; -1: nothing is lost */
};

struct batch_list {
    struct batch *first, *last;
};

static inline void
batch_push(struct batch_list *list, struct batch *batch)
{
    batch->next = NULL;
    if (list->first == NULL)
        list->first = batch;
    else
        list->last->next = batch;
    list->last = batch;
}

static inline struct batch *
batch_pop(struct batch_list *list)
{
    struct batch *batch = list->first;

    if (batch != NULL)
        list->first = batch->next;
    return batch;
}

/* What became of messages. They hold all that their reports are made of: none is lost where memory is out. */
struct reports {
    struct batch_list batches;
    struct message_list failed; /* which were in none */
};

static inline bool
reports_empty(const struct reports *reports)
{
    return reports->batches.first == NULL && reports->failed.first == NULL;
}

/* Put all of more behind reports; more becomes empty. */
static inline void
reports_append(struct reports *reports, struct reports *more)
{
    if (reports->batches.first == NULL) {
        reports->batches = more->batches;
    } else if (more->batches.first != NULL) {
        reports->batches.last->next = more->batches.first;
        reports->batches.last = more->batches.last;
    }
    more->batches = (struct batch_list){ 0 };
    message_append(&reports->failed, &more->failed);
}

/* The owner makes it, and knows its name; all else is the sender's. */
struct cv_producer_topic {
    char *name;
    struct cv_producer_topic *next;        /* that the sender knows */
    struct cv_producer_topic *next_active; /* whose partitions have something to send */
    bool known, active;
    bool wanted;                  /* its metadata */
    bool was_there;               /* once: then it is waited for less long */
    struct partition **partitions;
    int32_t n_partitions;         /* 0: not there, as far as is known */
    int32_t n_made;               /* those behind n_partitions wait for the topic to have them again */
    struct partition *first_active, *last_active;
    struct message_list unplaced; /* until there are partitions */
    int64_t missing_since_ms;     /* 0: it is there, or nobody looked */
    rd_kafka_resp_err_t code;     /* why it is missing, or was when it was given up; NO_ERROR: it is there */
    uint64_t asked, told;         /* by which question its metadata was last asked for, and told */
    int32_t sticky;               /* where messages without a key go */
    int64_t sticky_until_ms;
};

void producer_topic_free(void *topic);

#endif
