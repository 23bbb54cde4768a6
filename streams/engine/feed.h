/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task writes to one repartition topic: changes, each to the partition of its key, and
 * watermarks to all partitions. Belongs to the task's thread.
 */
#ifndef STREAMS_ENGINE_FEED_H
#define STREAMS_ENGINE_FEED_H

#include "streams/engine/rule.h"

struct feed;

/* partitions: of each source's topic, by its number in the plan. upstream: number of the task. */
CV_MUST_CHECK
enum cv_rc feed_new(const struct plan *plan, size_t source, const int32_t *partitions,
                    int32_t upstream, struct feed **ret, struct cv_err *err);
void feed_free(struct feed *feed);

/* Append a change; two when its key has changed: a delete at the old place, a creation at the new
   one. */
CV_MUST_CHECK
enum cv_rc feed_change(struct feed *feed, const struct change *change, struct outputs *out,
                       struct cv_err *err);
/* Append a watermark for every partition, unless they have it already. */
CV_MUST_CHECK
enum cv_rc feed_watermark(struct feed *feed, int64_t watermark_ms, bool idle, struct outputs *out,
                          struct cv_err *err);
/* Whether a watermark would be new to them. */
bool feed_lacks(const struct feed *feed, int64_t watermark_ms, bool idle);
/* The transaction was given up: nothing is known of what they have. */
void feed_forget(struct feed *feed);

#endif
