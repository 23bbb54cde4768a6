/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config topic: connector configs, target states, task configs, session key; read to its end, then followed
 * (KafkaConfigBackingStore). Getters are for any thread and give copies. Writers block until the record is
 * written and read back, for at most 30 s; only the leader writes, except target states and logger levels.
 */
#ifndef WORKER_CONFIG_STORE_H
#define WORKER_CONFIG_STORE_H

#include <stdatomic.h>

#include "worker/group/member.h"
#include "worker/store/config_records.h"

struct cv_producer;
struct cv_topic_log_spec;
struct config_store;

/* Called on the topic's thread, after the start only, once the state holds the change. */
struct config_listener {
    void *arg;
    void (*connector_changed)(void *arg, const char *name, bool is_new);
    void (*connector_removed)(void *arg, const char *name);
    void (*tasks_changed)(void *arg, const char *name);
    void (*target_changed)(void *arg, const char *name);
    void (*session_key_changed)(void *arg);
    void (*restart_requested)(void *arg, const char *name, bool include_tasks, bool only_failed);
    void (*logger_changed)(void *arg, const char *name, const char *level);
};

CV_MUST_CHECK enum cv_rc config_store_start(const struct cv_topic_log_spec *topic,
                                            const struct config_listener *listener, const atomic_bool *stop,
                                            struct config_store **ret, struct cv_err *err);
void config_store_free(struct config_store *store, int wait_ms);

/* A number that has grown when an answer of this store may be another. */
uint64_t config_store_changes(const struct config_store *store);
/* Offset of the last record that counts + 1; -1: none. Equal across workers that have read the same. */
int64_t config_store_offset(const struct config_store *store);
CV_MUST_CHECK enum cv_rc config_store_read_to_end(struct config_store *store, int timeout_ms,
                                                  struct cv_err *err);

/* Names of all connectors; free each and the array. */
CV_MUST_CHECK enum cv_rc config_store_names(const struct config_store *store, char ***ret, size_t *ret_count,
                                            struct cv_err *err);
bool config_store_has(const struct config_store *store, const char *name);
/* CV_NOT_FOUND: no such connector. */
CV_MUST_CHECK enum cv_rc config_store_connector(const struct config_store *store, const char *name,
                                                struct cv_config **ret, struct cv_err *err);
enum target_state config_store_target(const struct config_store *store, const char *name);
/* Committed task configs; none for an unknown or inconsistent connector. */
int config_store_task_count(const struct config_store *store, const char *name);
/* Whether the connector has, or had before it was stopped or made fewer tasks, such a task. */
bool config_store_knows_task(const struct config_store *store, const char *name, int task);
CV_MUST_CHECK enum cv_rc config_store_task(const struct config_store *store, const char *name, int task,
                                           struct cv_config **ret, struct cv_err *err);
/* Whether the connector's config is the one that its tasks were last made from. */
bool config_store_is_applied(const struct config_store *store, const char *name);
/* What decides whether older tasks of a source must be fenced before its tasks may run (KIP-618). */
struct config_fencing {
    bool pending;     /* tasks were committed since the last record of their count */
    int64_t recorded; /* tasks that the last such record speaks of; -1: there is none */
    int tasks;        /* committed now */
    int generation;   /* grows with every commit of tasks; -1: none yet */
};
void config_store_fencing(const struct config_store *store, const char *name, struct config_fencing *ret);
/* Every unit that is to run, with the offset. */
CV_MUST_CHECK enum cv_rc config_store_units(const struct config_store *store, struct group_config *ret,
                                            struct cv_err *err);
/* false: none yet. */
bool config_store_session_key(const struct config_store *store, struct session_key *ret);

/*
 * From now on what only a leader writes goes out in transactions of a producer that make() makes, each write in one of
 * its own; making it fences the producer of the leader before. It is made at once, with each call, since another may
 * have led meanwhile, and again behind every failure; it is closed when leads is false. The herder's thread, as all
 * writing of a leader.
 */
typedef enum cv_rc config_leader_producer(void *arg, struct cv_producer **ret, struct cv_err *err);
void config_store_lead(struct config_store *store, bool leads, config_leader_producer *make, void *arg);

/* java_order: members as a Java worker writes a config that was patched. target NULL: leave it. */
CV_MUST_CHECK enum cv_rc config_store_put_connector(struct config_store *store, const char *name,
                                                    const struct cv_config *cfg, bool java_order,
                                                    const enum target_state *target, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_remove_connector(struct config_store *store, const char *name,
                                                       struct cv_err *err);
/* All task configs of a connector, then their commit. */
CV_MUST_CHECK enum cv_rc config_store_put_tasks(struct config_store *store, const char *name,
                                                struct cv_config *const *configs, size_t count,
                                                struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_put_fencing(struct config_store *store, const char *name, int64_t tasks,
                                                  struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_put_target(struct config_store *store, const char *name,
                                                 enum target_state target, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_put_session_key(struct config_store *store,
                                                      const struct session_key *key, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_put_restart(struct config_store *store, const char *name,
                                                  bool include_tasks, bool only_failed, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_store_put_logger(struct config_store *store, const char *name,
                                                 const char *level, struct cv_err *err);
/* Whether the start found no topic and made it; whether there is no connector. */
bool config_store_was_created(const struct config_store *store);
bool config_store_is_empty(const struct config_store *store);
/* CV_NOT_FOUND: its topic was deleted. For any thread. */
CV_MUST_CHECK enum cv_rc config_store_check(struct config_store *store, struct cv_err *err);

#endif
