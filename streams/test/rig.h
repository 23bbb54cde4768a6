/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline at work in memory, for tests: sources that pretend, a Kafka of three partitions a
 * topic, all tasks on one thread, and clocks that stand still unless they are moved.
 */
#ifndef STREAMS_TEST_RIG_H
#define STREAMS_TEST_RIG_H

#include "streams/sql/plan.h"
#include "streams/test/memory_kafka.h"

struct rig;

CV_MUST_CHECK
enum cv_rc rig_new(const struct plan *plan, struct rig **ret, struct cv_err *err);
void rig_free(struct rig *rig); /* its files, too */

void rig_at(struct rig *rig, int64_t ms); /* what follows is committed then */
CV_MUST_CHECK
enum cv_rc rig_sql(struct rig *rig, const char *sql, struct cv_err *err);
/* Let it work until nothing moves. CV_INVALID: a task failed. */
CV_MUST_CHECK
enum cv_rc rig_work(struct rig *rig, struct cv_err *err);
/* Die at a step of the next commit and start again. CV_NOT_FOUND: there is no such step. */
CV_MUST_CHECK
enum cv_rc rig_crash(struct rig *rig, const char *step, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rig_lose_state(struct rig *rig, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rig_wait(struct rig *rig, int64_t ms, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc rig_watermark(struct rig *rig, int64_t ms, struct cv_err *err);

struct memory_kafka *rig_kafka(struct rig *rig);
/* The lines of console sinks so far: "SINK VALUE" each. */
const char *rig_console(const struct rig *rig);
/* State file of the n-th task of the group that has the table; NULL past the last. */
const char *rig_task_file(struct rig *rig, const char *table, int32_t n, char *out, size_t size);

#endif
