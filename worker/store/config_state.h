/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the records of the config topic add up to, without the topic: connectors, their target states, their tasks, the
 * session key. Not locked; internal to worker/store.
 */
#ifndef WORKER_CONFIG_STATE_H
#define WORKER_CONFIG_STATE_H

#include <culvert/value.h>

#include "worker/store/config_records.h"

struct cv_hash;

struct task_set {
    struct cv_config **items; /* by number; NULL: not there */
    size_t count;
};

/* What the topic says of one connector; an entry outlives the connector's removal, as in Java. */
struct config_entry {
    char *name;
    struct cv_config *config; /* NULL: no such connector */
    enum target_state target;
    struct task_set tasks;    /* committed */
    struct task_set deferred;
    size_t known_tasks;        /* the most that were ever committed */
    struct cv_config *applied; /* the config at the last complete commit */
    bool inconsistent;
    bool pending_fencing;
    int64_t fencing_count; /* -1: no record of it */
    int generation;        /* of the committed tasks; -1: none */
};

struct config_state {
    struct cv_hash *entries; /* struct config_entry by name */
    struct session_key session;
    bool has_session;
};

/* What a record has changed that somebody may want to act on. */
enum config_event {
    CONFIG_EVENT_NONE,
    CONFIG_EVENT_NEW,
    CONFIG_EVENT_CHANGED,
    CONFIG_EVENT_REMOVED,
    CONFIG_EVENT_TASKS,
    CONFIG_EVENT_TARGET,
    CONFIG_EVENT_SESSION,
};

CV_MUST_CHECK enum cv_rc config_state_init(struct config_state *state, struct cv_err *err);
void config_state_done(struct config_state *state);

/* Take one record, whose key says kind, name and task. CONFIG_EVENT_NONE with *err set: it is skipped, and why. */
enum config_event config_state_apply(struct config_state *state, enum config_key kind, const char *name, int32_t task,
                                     const struct cv_bytes *value, struct cv_err *err);

struct config_entry *config_state_find(const struct config_state *state, const char *name);
/* Tasks that are to run: none of an entry that is NULL, removed or inconsistent. */
size_t config_entry_tasks(const struct config_entry *e);

#endif
