/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka transaction of one processing thread: what its tasks write, how full it is, what is to
 * be printed once it has committed. Bytes of records live in its arena until it has ended.
 */
#ifndef STREAMS_ENGINE_TXN_H
#define STREAMS_ENGINE_TXN_H

#include "common/arena.h"
#include "common/buf.h"
#include "streams/engine/rule.h"
#include "streams/io/broker.h"

struct txn {
    struct broker *broker;
    bool open;
    int64_t begin_ms; /* monotonic */
    int64_t since_ms; /* monotonic, when the last commit began */
    int64_t ended_ms; /* and when it ended */
    size_t records;   /* taken from inputs */
    size_t bytes;     /* written */
    struct cv_arena *arena;
    struct cv_arena_pool *pool;
    struct cv_delivery delivery; /* of everything but changelog records */
    struct cv_buf console;
};

CV_MUST_CHECK
enum cv_rc txn_init(struct txn *txn, struct broker *broker, struct cv_err *err);
void txn_done(struct txn *txn);

/* Begin one unless it is open. */
CV_MUST_CHECK
enum cv_rc txn_begin(struct txn *txn, struct cv_err *err);
/* Write what a record gave rise to: topics now, the console after the commit. */
CV_MUST_CHECK
enum cv_rc txn_write(struct txn *txn, const struct output *out, int64_t timestamp_ms,
                     struct cv_err *err);
CV_MUST_CHECK
enum cv_rc txn_send(struct txn *txn, const struct out_record *rec, struct cv_delivery *delivery,
                    struct cv_err *err);
/* Long enough or full enough to take no more records. */
bool txn_ripe(const struct txn *txn, int interval_ms);
/* To be committed: full, or the last commit is so long ago. So a record that comes after a pause does not wait. But
   where more records lie ready (more), a commit that took long is followed by as long a time of work, up to the interval:
   a slow broker must not make ever smaller transactions. */
bool txn_due(const struct txn *txn, int interval_ms, bool more);
/* Until it is due; -1: nothing is open. */
int txn_due_in(const struct txn *txn, int interval_ms);
/* Its commit begins. */
void txn_commits(struct txn *txn);
/* It has ended: forget what it held. */
void txn_end(struct txn *txn);

#endif
