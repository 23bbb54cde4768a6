/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source offsets of one connector: in the worker's topic, and in a topic of its own where the connector names one
 * (offsets.storage.topic; distributed mode only). With two topics both are read, and the connector's own counts more;
 * what is written goes to both. Any thread, but for opening and closing.
 */
#ifndef WORKER_CONNECTOR_OFFSETS_H
#define WORKER_CONNECTOR_OFFSETS_H

#include <stdatomic.h>

#include "worker/store/offset_store.h"

struct cv_config;
struct worker_config;
struct connector_offsets;

struct connector_offsets_spec {
    const char *connector;
    int task;                                  /* for names of clients; -1: none */
    const struct cv_config *connector_config;  /* references resolved */
    const struct worker_config *worker_config;
    const struct cv_config *worker_raw;
    struct offset_store *worker;               /* borrowed */
    const atomic_bool *stop;                   /* true: give up waiting for Kafka */
};

CV_MUST_CHECK enum cv_rc connector_offsets_open(const struct connector_offsets_spec *spec,
                                                struct connector_offsets **ret, struct cv_err *err);
/* Writes that were begun have been told when it returns. */
void connector_offsets_close(struct connector_offsets *offsets);

/* As the functions of offset_store.h. */
CV_MUST_CHECK enum cv_rc connector_offsets_read(struct connector_offsets *offsets, const struct cv_value *partition,
                                                int timeout_ms, struct cv_arena *arena, struct cv_value **ret,
                                                struct cv_err *err);
CV_MUST_CHECK enum cv_rc connector_offsets_list(struct connector_offsets *offsets, int timeout_ms,
                                                struct cv_arena *arena, struct cv_offset **ret, size_t *ret_count,
                                                struct cv_err *err);
/*
 * Without transactions. Removals go to the worker's topic first, so that they cannot come back from there; then all
 * goes to the connector's own; when that is written, written is called; a copy for the worker's topic follows, whose
 * failure is only logged.
 */
CV_MUST_CHECK enum cv_rc connector_offsets_write(struct connector_offsets *offsets, const struct cv_offset *items,
                                                 size_t count, offset_store_written *written, void *arg,
                                                 struct cv_err *err);

/* For writing in transactions of the caller's producer: the topic, and the bytes of a record in the arena (value data
   NULL: a removal). */
const char *connector_offsets_topic(const struct connector_offsets *offsets);
CV_MUST_CHECK enum cv_rc connector_offsets_encode(struct connector_offsets *offsets, const struct cv_offset *offset,
                                                  struct cv_arena *arena, struct cv_bytes *ret_key,
                                                  struct cv_bytes *ret_value, struct cv_err *err);
/* Behind the transaction: the copy for the worker's topic, if there are two. */
void connector_offsets_copy(struct connector_offsets *offsets, const struct cv_offset *items, size_t count);
/* Before it: the removals among them, from the worker's topic. false: there are none to write there, and written is
   not called. */
CV_MUST_CHECK enum cv_rc connector_offsets_remove_copies(struct connector_offsets *offsets,
                                                         const struct cv_offset *items, size_t count,
                                                         offset_store_written *written, void *arg, bool *ret_begun,
                                                         struct cv_err *err);

#endif
