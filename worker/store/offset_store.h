/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source offsets in the offset topic, in Connect's own records: key ["connector",{partition}], value
 * {offset} or a tombstone. Any thread.
 *
 * Lookup is by canonical partition (equal as maps), but an existing partition keeps its original key bytes
 * when it is written again, so that Java workers and compaction see one key; new ones are written in Java's
 * HashMap order. Stored values are visible only after being read back.
 */
#ifndef WORKER_OFFSET_STORE_H
#define WORKER_OFFSET_STORE_H

#include <stdatomic.h>

#include <culvert/record.h>

struct cv_topic_log_spec;
struct offset_store;

/* topic: handler and arg are set here. Creates and reads the topic as cv_topic_log_start does. */
CV_MUST_CHECK enum cv_rc offset_store_start(const struct cv_topic_log_spec *topic, const atomic_bool *stop,
                                            struct offset_store **ret, struct cv_err *err);
void offset_store_free(struct offset_store *store, int wait_ms);

/* The stored offset of a partition, copied into arena; *ret NULL: none. Reads to the end of the topic. */
CV_MUST_CHECK enum cv_rc offset_store_read(struct offset_store *store, const char *connector,
                                           const struct cv_value *partition, int timeout_ms,
                                           struct cv_arena *arena, struct cv_value **ret,
                                           struct cv_err *err);
/* Every partition of a connector with its offset, which live in arena. Reads to the end of the topic. */
CV_MUST_CHECK enum cv_rc offset_store_list(struct offset_store *store, const char *connector, int timeout_ms,
                                           struct cv_arena *arena, struct cv_offset **ret,
                                           size_t *ret_count, struct cv_err *err);

const char *offset_store_topic(const struct offset_store *store);
/* The record that stores an offset, in the arena, for who writes it himself; value data NULL: a tombstone. */
CV_MUST_CHECK enum cv_rc offset_store_encode(struct offset_store *store, const char *connector,
                                             const struct cv_offset *offset, struct cv_arena *arena,
                                             struct cv_bytes *ret_key, struct cv_bytes *ret_value,
                                             struct cv_err *err);

/* Called once, on the store's thread: err NULL when every record is written. */
typedef void offset_store_written(void *arg, const struct cv_err *err);

/* Send offsets (offset NULL: tombstone); copied before it returns. CV_OK: written will be called once. */
CV_MUST_CHECK enum cv_rc offset_store_write(struct offset_store *store, const char *connector,
                                            const struct cv_offset *offsets, size_t count,
                                            offset_store_written *written, void *arg, struct cv_err *err);
/* Whether the start found no topic and made it; whether there is no offset. */
bool offset_store_was_created(const struct offset_store *store);
bool offset_store_is_empty(struct offset_store *store);
/* CV_NOT_FOUND: its topic was deleted. For any thread. */
CV_MUST_CHECK enum cv_rc offset_store_check(struct offset_store *store, struct cv_err *err);

#endif
