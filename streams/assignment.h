/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tasks this worker has and which thread runs each. The group is subscribed to the anchor
 * topics only: an assigned (anchor topic, partition n) means task n of that group; the task
 * attaches the other partitions itself. Member's thread.
 */
#ifndef STREAMS_ASSIGNMENT_H
#define STREAMS_ASSIGNMENT_H

#include "streams/engine/loop.h"

struct assignment;

/* loops and plan are borrowed. base: what all task specs have in common. */
CV_MUST_CHECK
enum cv_rc assignment_new(const struct task_spec *base, struct loop **loops, size_t n_loops,
                          struct assignment **ret, struct cv_err *err);
void assignment_free(struct assignment *as);

/* Open the tasks of these anchor partitions, each on the thread with the fewest. */
void assignment_add(struct assignment *as, const struct cv_topic_partitions *parts);
/* Close them: commit and save, unless lost. Waits for the threads at most until the deadline. */
void assignment_remove(struct assignment *as, const struct cv_topic_partitions *parts, bool lost,
                       int64_t deadline_ms);
/* Close all of them as lost. false: not done by the deadline; call again. */
bool assignment_clear(struct assignment *as, int64_t deadline_ms);
size_t assignment_count(const struct assignment *as);

/* Topics to subscribe to; borrowed strings, free the array with free(). */
const char **assignment_topics(const struct plan *plan, size_t *ret_count);

#endif
