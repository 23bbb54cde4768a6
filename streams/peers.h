/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All workers of the application, as Kafka's consumer group knows them: each carries the URL of its
 * REST in its client.id, and the group knows which tasks each one has. So nothing of its own must
 * be kept up to date, and a worker that has died is gone when the group says so.
 */
#ifndef STREAMS_PEERS_H
#define STREAMS_PEERS_H

#include "common/buf.h"
#include "common/kafka/admin.h"
#include "streams/engine/status.h"
#include "streams/sql/plan.h"

/* "culvert-streams-member http://host:port": what follows the blank is the URL. */
#define PEER_CLIENT_ID "culvert-streams-member"

struct peer {
    char id[256];  /* worker.id */
    char url[300]; /* "": it does not say */
    bool self;
    size_t n_tasks;
    /* what it answered: peers_ask */
    int status; /* 0: nothing, see err */
    struct cv_buf answer;
    struct cv_err err;
};

struct peers {
    struct peer *items; /* by id */
    size_t count;
    char unowned[TASK_ID_MAX]; /* a task that nobody has at this moment; "": none */
};

/* own: this worker's id. partitions: of each source, as topics_sources counted them; NULL: not
   counted yet, unowned is not looked for. CV_RETRY while Kafka is away. */
CV_MUST_CHECK
enum cv_rc peers_find(struct cv_admin *admin, const struct plan *plan, const int32_t *partitions,
                      const char *own, struct peers *ret, struct cv_err *err);
void peers_done(struct peers *peers);

struct peers_call {
    const char *method;
    const char *path; /* with its query, to which "&tasks=N" is added: how many the peer has */
    const char *body; /* JSON; NULL: none */
    size_t body_len;
    int timeout_ms;
    const struct cv_config *tls; /* ssl.* keys for https */
};

/* Ask all but this worker, at once, and wait for their answers. */
void peers_ask(struct peers *peers, const struct peers_call *call);

#endif
