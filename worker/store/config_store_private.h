/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the config store share: config_store.c (follows the topic, answers), config_store_write.c. */
#ifndef WORKER_CONFIG_STORE_PRIVATE_H
#define WORKER_CONFIG_STORE_PRIVATE_H

#include "common/thread.h"
#include "worker/store/config_state.h"
#include "worker/store/config_store.h"

struct cv_producer_topic;

struct config_store {
    struct cv_topic_log *log;
    struct config_listener listener;
    struct cv_log *logger;
    atomic_bool followed;

    struct cv_lock lock;
    struct config_state state;
    int64_t offset;
    _Atomic uint64_t changes;

    /* the herder's thread */
    config_leader_producer *make_leader; /* NULL: leaders write without transactions, or this is none */
    void *make_leader_arg;
    struct cv_producer *leader; /* NULL: to be made */
    struct cv_producer_topic *leader_topic;
    bool in_transaction; /* one of several records */
};

/* ---- config_store_write.c ---- */

/* Give up the leader's producer, which aborts what it has begun. */
void config_store_leader_close(struct config_store *store);

#endif
