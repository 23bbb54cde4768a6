/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status topic: states of connectors and tasks, and the topics that connectors use (KafkaStatusBackingStore).
 * Any thread. Writes are sent and forgotten; a stored value is seen once it has been read back.
 */
#ifndef WORKER_STATUS_STORE_H
#define WORKER_STATUS_STORE_H

#include <stdatomic.h>

#include "worker/status.h"

struct cv_topic_log_spec;
struct status_store;

CV_MUST_CHECK enum cv_rc status_store_start(const struct cv_topic_log_spec *topic, const char *worker_id,
                                            const atomic_bool *stop, struct status_store **ret,
                                            struct cv_err *err);
void status_store_free(struct status_store *store, int wait_ms);

/* A number that has grown when an answer of this store may be another. */
uint64_t status_store_changes(const struct status_store *store);

/* Copies; CV_NOT_FOUND. task STATUS_CONNECTOR: the connector. */
CV_MUST_CHECK enum cv_rc status_store_get(const struct status_store *store, const char *connector, int task,
                                          struct status *ret, struct cv_err *err);
/* Numbers of the tasks that have a status, ascending; free the array. */
CV_MUST_CHECK enum cv_rc status_store_tasks(const struct status_store *store, const char *connector,
                                            int **ret, size_t *ret_count, struct cv_err *err);
/* Connectors that have a status; free each and the array. */
CV_MUST_CHECK enum cv_rc status_store_connectors(const struct status_store *store, char ***ret,
                                                 size_t *ret_count, struct cv_err *err);

/*
 * Write a status of this worker; DESTROYED writes a tombstone. safe: only if no other worker has written a newer
 * generation (UNASSIGNED and FAILED are written so).
 */
void status_store_put(struct status_store *store, const char *connector, int task, enum status_state state,
                      const char *trace, const char *version, int32_t generation, bool safe);
/* Wait until what was put is written. */
void status_store_flush(struct status_store *store, int timeout_ms);

/* Active topics. */
void status_store_topic_used(struct status_store *store, const char *connector, int task, const char *topic);
CV_MUST_CHECK enum cv_rc status_store_topics(const struct status_store *store, const char *connector,
                                             char ***ret, size_t *ret_count, struct cv_err *err);
/* How often a topic was forgotten, by whomever; read it at any time. */
const atomic_uint *status_store_topic_resets(const struct status_store *store);
void status_store_topics_reset(struct status_store *store, const char *connector);
/* Whether no connector has a status. */
bool status_store_is_empty(const struct status_store *store);
/* CV_NOT_FOUND: its topic was deleted. For any thread. */
CV_MUST_CHECK enum cv_rc status_store_check(struct status_store *store, struct cv_err *err);

#endif
