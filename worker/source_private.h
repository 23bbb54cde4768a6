/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a source task share: source_task.c (the loop), source_send.c (batches to Kafka),
   source_offsets.c (offsets without transactions), source_transaction.c (exactly once). The task's thread. */
#ifndef WORKER_SOURCE_PRIVATE_H
#define WORKER_SOURCE_PRIVATE_H

#include <stdatomic.h>

#include "common/kafka/producer.h"
#include "worker/task_private.h"

#define SOURCE_BLOCK_BYTES  (64 * 1024)
#define SOURCE_FULL_WAIT_MS 5
#define SOURCE_ENDING_WAIT_MS 1 /* between looks for the end of a commit */

struct connector_offsets;
struct cv_admin;
struct cv_arena_pool;
struct cv_hash;
struct topic_creation;

/* A topic that the task writes to. */
struct cv_topic {
    struct cv_producer_topic *handle; /* NULL: nothing was sent there yet, and it may have to be made */
    char *name;
    bool opening; /* while handles of several are got */
    unsigned used; /* 1 + the resets that there were when it was told to the status store; 0: not yet */
    bool found;    /* Kafka has it */
    char *source;  /* the source's own name of what goes there; NULL: nothing yet */
    bool several;  /* and others */
};

/* One batch on its way. */
struct source_chunk {
    struct cv_delivery delivery;
    struct cv_batch batch;
    struct source_chunk *next;
    size_t messages;
    bool delivered;
};

/* Offsets by partition; a commit under way has a set of its own. */
struct source_offsets {
    struct cv_arena *arena;
    struct cv_offset *items;
    size_t count;
    size_t cap;
};

enum source_boundary { BOUNDARY_POLL, BOUNDARY_INTERVAL, BOUNDARY_CONNECTOR };

/* Exactly once. */
struct source_transaction {
    bool on;
    enum source_boundary boundary;
    int64_t interval_ms;
    int64_t due_ms;      /* of the next commit by interval */
    bool open;
    bool closing;             /* it is to be committed when its messages are delivered; batches are held meanwhile */
    int64_t closing_until_ms; /* the patience for that */
    int64_t ending_ms;        /* since when they are, and Kafka commits; 0: they are not */
    int64_t asked_ms;         /* when it was last asked to */
    bool split;          /* the source is inside of what must not be split */
    bool commit_asked;   /* by the source: behind the present batch */
    bool abort_asked;
    size_t records;      /* in the open one */
};

struct source_runtime {
    struct cv_source_ctx ctx; /* first: the plugin's way back */
    struct task *task;
    struct cv_direct direct;
    struct pipeline *pipe;
    struct cv_producer *producer;
    struct topic_creation *creation;
    struct cv_admin *admin; /* for creating topics; NULL: not made yet */
    struct cv_hash *routes; /* struct cv_topic (or &source_dropped) by the source's topic name */
    struct cv_hash *topics; /* struct cv_topic by Kafka's name, owned */
    size_t n_unopened;      /* of them, without handle */
    struct cv_arena_pool *pool;
    struct connector_offsets *offsets;
    struct cv_source_task *source;
    const struct cv_source_ops *ops;
    int64_t rest_until_ms; /* the source asked not to be polled before */

    struct source_chunk *head, *tail; /* on their way */
    struct source_chunk *held, *held_tail; /* for the next transaction */
    struct source_offsets committable;
    struct source_offsets committing;
    bool commit_running;
    int64_t commit_started_us;
    int64_t commit_due_ms;
    atomic_int commit_result; /* 0: none yet, 1: written, 2: failed; set on the store's thread */
    struct cv_err commit_problem; /* written before commit_result */

    struct source_transaction txn;
};

/* source_send.c */
struct cv_topic *source_ctx_topic(struct cv_source_ctx *ctx, const char *name, struct cv_err *err);
void source_topic_free(void *topic);
struct source_chunk *source_chunk_new(struct source_runtime *rt);
void source_chunk_free(struct source_chunk *chunk);
/* Take delivered batches off the head: their offsets become committable. */
CV_MUST_CHECK enum cv_rc source_retire(struct source_runtime *rt, struct cv_err *err);
/* Kafka takes no more for now: let reports come in, keep the source alive. */
CV_MUST_CHECK enum cv_rc source_wait_for_room(struct source_runtime *rt, struct cv_err *err);
/* Everything of the batch to Kafka. The chunk is in the queue in any case. */
CV_MUST_CHECK enum cv_rc source_produce(struct source_runtime *rt, struct source_chunk *chunk, struct cv_err *err);

/* source_offsets.c */
void source_offsets_clear(struct source_offsets *offsets);
/* Remember an offset that may be stored; replaces that of an equal partition. */
CV_MUST_CHECK enum cv_rc source_offsets_put(struct source_offsets *offsets, const struct cv_offset *offset,
                                            struct cv_err *err);
/* Give back the memory of values that were replaced, when it is much. */
CV_MUST_CHECK enum cv_rc source_offsets_compact(struct source_offsets *offsets, struct cv_err *err);
CV_MUST_CHECK enum cv_rc source_commit_start(struct source_runtime *rt, struct cv_err *err);
/* Nothing while the commit is under way; else take note of its end. */
CV_MUST_CHECK enum cv_rc source_commit_finish(struct source_runtime *rt, struct cv_err *err);
/* Tell the source what is durable now; empties the set. */
CV_MUST_CHECK enum cv_rc source_commit_tell(struct source_runtime *rt, struct source_offsets *offsets,
                                            struct cv_err *err);

/* source_transaction.c */
/* Fence the tasks before this one, make the producer, check that the task is still wanted. CV_RETRY: not now. */
CV_MUST_CHECK enum cv_rc source_transaction_start(struct source_runtime *rt, struct cv_err *err);
/* A message is about to be sent. */
CV_MUST_CHECK enum cv_rc source_transaction_begin(struct source_runtime *rt, struct cv_err *err);
/* Behind each poll: commit or abort if that is due. chunk: what it brought; NULL: nothing. */
CV_MUST_CHECK enum cv_rc source_transaction_take(struct source_runtime *rt, struct source_chunk *chunk,
                                                 struct cv_err *err);
/* Between polls: end the commit that is under way, if its messages are delivered. */
CV_MUST_CHECK enum cv_rc source_transaction_proceed(struct source_runtime *rt, struct cv_err *err);
/* The task stops or pauses: commit what may be. */
CV_MUST_CHECK enum cv_rc source_transaction_end(struct source_runtime *rt, struct cv_err *err);
/* What is open is aborted, what is held is forgotten. */
void source_transaction_drop(struct source_runtime *rt);

#endif
