/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's membership in the consumer group: a consumer that is subscribed to the anchor topics
 * and never reads. It is a static member, so a worker that restarts gets its tasks back at once.
 *
 * After an outage Kafka may take two joins of the same worker for two workers and fence the older
 * one, for good as librdkafka sees it. Then the consumer is replaced by a new one; only fences that
 * repeat without an outage mean that another process uses the same name. Member's thread.
 */
#ifndef STREAMS_MEMBER_H
#define STREAMS_MEMBER_H

#include "common/kafka/consumer.h"
#include "streams/sql/plan.h"
#include "streams/streams_config.h"

struct member;

struct member_spec {
    const struct streams_config *config; /* borrowed, like all below */
    const struct plan *plan;
    const char *worker_id;
    const char *url; /* of its REST, for the other workers; "": none */
    const char *topics_path; /* file that keeps which topics the group has taken notice of */
    struct cv_consumer_events events; /* partitions come with the offsets set already */
};

CV_MUST_CHECK
enum cv_rc member_new(const struct member_spec *spec, struct member **ret, struct cv_err *err);
/* Leaves the group. */
void member_free(struct member *member);

/* Where its consumer stands: for brokers, whose offsets it fences. The consumer changes only in
   member_rejoin. */
struct cv_consumer *const *member_consumer(const struct member *member);

CV_MUST_CHECK
enum cv_rc member_join(struct member *member, struct cv_err *err);
/* Rebalances, for a moment. CV_FENCED: close all tasks, wait for member_backoff_ms, then
   member_rejoin; CV_INVALID: fenced too often, err names the cause. */
CV_MUST_CHECK
enum cv_rc member_poll(struct member *member, struct cv_err *err);
int member_backoff_ms(const struct member *member);
CV_MUST_CHECK
enum cv_rc member_rejoin(struct member *member, struct cv_err *err);

/* ---- how often it was fenced ---- */

#define FENCES_MAX       3
#define FENCES_WITHIN_MS 60000

struct fences {
    int count; /* without an outage between them */
    int64_t first_ms;
    int64_t last_ms;
};

/* Once more, now; down_ms: when Kafka was last seen away, 0 never. true: that is too often. */
bool fences_add(struct fences *fences, int64_t now_ms, int64_t down_ms);

#endif
