/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a sink task share: sink_task.c (its loop), sink_partitions.c (what the group gives it, and
   commits), sink_records.c (messages to records to the plugin), sink_topics.c (what it subscribes to). Everything
   here belongs to the task's thread. */
#ifndef WORKER_SINK_PRIVATE_H
#define WORKER_SINK_PRIVATE_H

#include "common/kafka/consumer.h"
#include "worker/task_private.h"

struct cv_hash;
struct cv_regex;
struct dead_letters;

#define SINK_NO_OFFSET (-1)

/* A partition that the group gave to this task. */
struct sink_part {
    char *topic;
    int32_t partition;
    int64_t position;  /* behind the last record read, SINK_NO_OFFSET: none yet */
    int64_t put;       /* position up to which put has taken everything */
    int64_t committed; /* the last commit that was answered; before it, where reading began */
    int64_t sent;      /* by the commit under way; SINK_NO_OFFSET: none */
    int64_t rewind;    /* go there before the next poll; SINK_NO_OFFSET: nowhere */
    bool sink_paused;  /* the plugin asked for it */
    bool is_paused;    /* in the consumer */
};

struct sink_runtime {
    struct cv_sink_ctx ctx; /* first: the plugin's way back */
    struct task *task;
    const struct cv_sink_ops *ops;
    struct cv_sink_task *sink;
    struct pipeline *pipe;
    bool wants_headers;
    struct cv_consumer *consumer;
    struct dead_letters *dead; /* NULL: no dead letter queue */
    struct cv_hash *used; /* topics told to the status store */
    unsigned resets;      /* of topics, when they were told */

    struct sink_part *parts;
    size_t n_parts;
    struct cv_err rebalance_err; /* of a callback, for the loop */

    struct cv_consumed *msgs; /* of the batch: its records may point into them */
    size_t n_msgs;
    size_t max_msgs;
    size_t in_a_row; /* messages since there were none */
    size_t *origin;            /* message of each record */
    struct cv_record *records; /* room for a batch */
    struct cv_arena_pool *pool;
    struct cv_batch batch;
    bool held; /* put wants the batch again */
    int64_t put_due_ms;
    int retry_after_ms; /* asked for by the plugin, -1: not */

    struct cv_regex *regex; /* topics.regex; NULL: topics */
    char **subscribed;
    size_t n_subscribed;
    int64_t subscribe_due_ms;
    int64_t metadata_ms;
    int64_t commit_due_ms;
    int64_t commit_sent_us; /* the commit under way; 0: none is */
    unsigned commits_late;  /* answers to come that nobody waits for any more */
};

/* ---- sink_partitions.c ---- */

struct sink_part *sink_part_find(const struct sink_runtime *rt, const char *topic, int32_t partition);
/* For cv_consumer_events; arg is the struct sink_runtime. */
void sink_assigned(void *arg, struct cv_topic_partitions *parts);
void sink_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost);
void sink_committed(void *arg, const struct cv_err *err);
/* How much was read and is not committed. */
void sink_count_active(struct sink_runtime *rt);
/* Commit what is durable of the partitions named, of all with only NULL. closing: wait for the answer. */
void sink_commit(struct sink_runtime *rt, const struct cv_topic_partitions *only, bool closing);
/* Make the consumer's pauses and positions what they should be. */
CV_MUST_CHECK enum cv_rc sink_apply_pauses(struct sink_runtime *rt, struct cv_err *err);
CV_MUST_CHECK enum cv_rc sink_apply_rewinds(struct sink_runtime *rt, struct cv_err *err);
/* Tell the plugin that all partitions are closed. */
void sink_close_all(struct sink_runtime *rt);
void sink_parts_done(struct sink_runtime *rt);

/* ---- sink_records.c ---- */

/* Messages of the last poll to records of the batch. */
CV_MUST_CHECK enum cv_rc sink_batch_convert(struct sink_runtime *rt, struct cv_err *err);
/* Give the batch, maybe empty, to the plugin. */
CV_MUST_CHECK enum cv_rc sink_batch_put(struct sink_runtime *rt, struct cv_err *err);
/* Take the records of partitions that are no longer ours out of a kept batch. */
void sink_batch_forget(struct sink_runtime *rt, const struct cv_topic_partitions *gone);
void sink_batch_drop(struct sink_runtime *rt);
/* For struct cv_sink_ctx. */
enum cv_rc sink_report(struct cv_sink_ctx *ctx, const struct cv_record *rec, const struct cv_err *why,
                       struct cv_err *err);

/* ---- sink_topics.c ---- */

/* Subscribe to "topics", or read the pattern "topics.regex" for sink_topics_refresh. */
CV_MUST_CHECK enum cv_rc sink_subscribe(struct sink_runtime *rt, struct cv_err *err);
/* topics.regex: match the topics that there are now. */
CV_MUST_CHECK enum cv_rc sink_topics_refresh(struct sink_runtime *rt, struct cv_err *err);
void sink_topics_done(struct sink_runtime *rt);

#endif
