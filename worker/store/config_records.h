/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the config topic, byte for byte Connect's: keys by prefix, values as JSON. Pure functions.
 */
#ifndef WORKER_CONFIG_RECORDS_H
#define WORKER_CONFIG_RECORDS_H

#include <culvert/config.h>

#include "common/buf.h"
#include "worker/status.h"

/* A key or value of a configuration is no longer than this. */
#define CV_PROPERTY_MAX ((size_t)1 << 20)

enum config_key {
    CONFIG_KEY_UNKNOWN,
    CONFIG_KEY_CONNECTOR,   /* connector-<name> */
    CONFIG_KEY_TARGET,      /* target-state-<name> */
    CONFIG_KEY_TASK,        /* task-<name>-<n> */
    CONFIG_KEY_COMMIT,      /* commit-<name> */
    CONFIG_KEY_FENCING,     /* tasks-fencing-<name> */
    CONFIG_KEY_SESSION,     /* session-key */
    CONFIG_KEY_RESTART,     /* restart-connector-<name> */
    CONFIG_KEY_LOGGER,      /* logger-cluster-<namespace> */
};

/* Kind of a key; name (connector or logger) is copied into the buffer, the task's number into *ret_task. */
enum config_key config_key_parse(const char *key, size_t len, struct cv_buf *name, int32_t *ret_task);
void config_key_write(struct cv_buf *out, enum config_key kind, const char *name, int32_t task);

/* {"properties":{...}}; members as in cfg (table 0), or as a java.util.HashMap has them that began with a table of
   that size (data/java_order.h). */
CV_MUST_CHECK enum cv_rc config_write_properties(struct cv_buf *out, const struct cv_config *cfg,
                                                 uint32_t table, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_read_properties(const void *data, size_t len, struct cv_config **ret,
                                                struct cv_err *err);

void config_write_target(struct cv_buf *out, enum target_state target);
CV_MUST_CHECK enum cv_rc config_read_target(const void *data, size_t len, enum target_state *ret,
                                            struct cv_err *err);

/* {"tasks":n} and {"task-count":n} */
void config_write_count(struct cv_buf *out, const char *member, int64_t count);
CV_MUST_CHECK enum cv_rc config_read_count(const void *data, size_t len, const char *member, int64_t *ret,
                                           struct cv_err *err);

struct session_key {
    unsigned char key[64];
    size_t len;
    char algorithm[32];
    int64_t created_ms;
};
void config_write_session_key(struct cv_buf *out, const struct session_key *key);
CV_MUST_CHECK enum cv_rc config_read_session_key(const void *data, size_t len, struct session_key *ret,
                                                 struct cv_err *err);

void config_write_restart(struct cv_buf *out, bool include_tasks, bool only_failed);
CV_MUST_CHECK enum cv_rc config_read_restart(const void *data, size_t len, bool *ret_include_tasks,
                                             bool *ret_only_failed, struct cv_err *err);

void config_write_logger(struct cv_buf *out, const char *level);
CV_MUST_CHECK enum cv_rc config_read_logger(const void *data, size_t len, struct cv_buf *ret_level,
                                            struct cv_err *err);

#endif
