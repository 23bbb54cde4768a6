/* SPDX-License-Identifier: Apache-2.0 */
/* The task half of the connector; see plugin.c for what is published. */
#ifndef POSTGRES_TASK_H
#define POSTGRES_TASK_H

#include <culvert/plugin.h>

enum cv_rc pg_task_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret,
                         struct cv_err *err);
enum cv_rc pg_task_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms,
                        struct cv_err *err);
enum cv_rc pg_task_offset_commit(struct cv_source_task *base, const struct cv_offset *durable,
                                 struct cv_err *err);
void pg_task_position(struct cv_source_task *base, char *text, size_t size);
void pg_task_wake(struct cv_source_task *base);
void pg_task_free(struct cv_source_task *base);

/* What a user asks of it; see plugin.h and progress.h. */
enum cv_rc pg_task_signal(struct cv_source_task *base, const struct cv_value *signal, struct cv_arena *arena,
                          struct cv_value *ret, struct cv_err *err);

#endif
