/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who follows the changes of tables while they happen: processing threads tell what they have
 * committed, followers come and go. What is told are server-sent events, made once for all
 * followers of a table. Any thread.
 */
#ifndef STREAMS_ENGINE_WATCH_H
#define STREAMS_ENGINE_WATCH_H

#include "common/buf.h"
#include "common/thread.h"

struct watch;

/* Take it all, without waiting. false: the follower has gone. */
typedef bool watch_take(void *follower, const char *text, size_t len);
typedef void watch_close(void *follower);

struct watch *watch_new(watch_take *take, watch_close *close); /* NULL when memory is out */
void watch_free(struct watch *watch);                          /* closes all followers */

/* The follower is the watch's from here on, also on failure. table is borrowed. */
CV_MUST_CHECK
enum cv_rc watch_add(struct watch *watch, const char *table, void *follower, struct cv_err *err);

/* Whether anybody follows the table; cheap when nobody follows any. */
bool watch_wants(struct watch *watch, const char *table);
/* table NULL: to all followers. */
void watch_tell(struct watch *watch, const char *table, const char *text, size_t len);
/* What followers of the table would have to be told is lost: end them. */
void watch_end(struct watch *watch, const char *table);
/* The event that says where a task stands. */
void watch_state_event(const char *task, const char *state, struct cv_buf *out);
/* Now and then, so that silent followers see that we live, and we that they do. */
void watch_keep_alive(struct watch *watch);

#endif
