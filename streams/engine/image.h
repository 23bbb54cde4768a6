/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the tables that a task keeps in memory, for a question of a person. Only the task's thread may touch them,
 * and between two commits only: it copies them into the asker's connection, which waits, and goes on; the question then
 * takes its own time. The file is looked at from the same moment on.
 *
 * The asker and each thread that was asked have a reference. Any thread, but for image_begin to image_end, in which the
 * asker's connection is the task's thread's.
 */
#ifndef STREAMS_ENGINE_IMAGE_H
#define STREAMS_ENGINE_IMAGE_H

#include "streams/store/database.h"

struct image;

/* into is borrowed until image_wait returns; threads: how many are asked. NULL: memory is out. */
struct image *image_new(const char *task, struct database *into, size_t threads);
void image_unref(struct image *image);

/* The asker: until it is made, or refused, or the deadline (monotonic ms) is over: CV_RETRY. */
CV_MUST_CHECK
enum cv_rc image_wait(struct image *image, int64_t deadline_ms, struct cv_err *err);

/* A thread that was asked: who has the task begins, which is false if nobody waits any more, and ends; who has not
   passes. Each gives its reference back behind that. */
const char *image_task(const struct image *image);
bool image_begin(struct image *image, struct database **ret_into);
void image_end(struct image *image, enum cv_rc rc, const struct cv_err *err);
void image_pass(struct image *image);

#endif
