/* SPDX-License-Identifier: Apache-2.0 */
/* What herder.c, herder_work.c and the files of herder_request.h share. Fields without a note belong to the herder's
   thread. */
#ifndef WORKER_HERDER_PRIVATE_H
#define WORKER_HERDER_PRIVATE_H

#include <stdatomic.h>

#include "common/thread.h"
#include "worker/clients.h"
#include "worker/group/member.h"
#include "worker/herder.h"
#include "worker/plugins.h"
#include "worker/store/config_store.h"
#include "worker/store/offset_store.h"
#include "worker/store/status_store.h"
#include "worker/worker_config.h"

struct cv_admin;
struct cv_hash;
struct cv_log;
struct publisher;
struct task;

/* A connector that this worker runs. */
struct running_connector {
    char *name;
    const struct cv_plugin *plugin; /* NULL: its class is not known */
    enum status_state state;
    int32_t generation;   /* of the group, when it was started */
    int64_t tasks_due_ms; /* when its task configs are to be made again; 0: not */
    int64_t backoff_ms;
    bool publishing;      /* its task configs are on their way to the leader */
    bool publish_again;   /* and are to be made anew when they are there */
    int64_t up_since_ms;  /* since when it is RUNNING */
    int64_t check_due_ms; /* when the plugin is asked whether it is well; 0: not */
};

/* A task that this worker runs. */
struct running_task {
    struct herder *herder;
    char *connector;
    int id;
    int32_t generation; /* of the group, when it was started */
    struct task *task; /* NULL: it could not be started, its status says why */
};

/* What REST asks: run on the herder's thread by the loop. */
struct herder_call {
    enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err);
    void *arg;
    bool (*ready)(struct herder *h, const void *arg); /* asked in every turn, calls_lock held; NULL: it is */
    enum { CALL_QUEUED, CALL_RUNNING, CALL_DONE, CALL_CANCELLED } state; /* under calls_lock */
    enum cv_rc rc;
    struct cv_err err;
    struct herder_call *next;
};

/* What the config topic said since the loop last looked; under calls_lock. */
struct config_events {
    bool rebalance_needed;
    struct cv_hash *connectors; /* names whose config changed */
    struct cv_hash *tasks;      /* names whose task set changed */
    struct cv_hash *targets;    /* names whose target state changed */
    struct cv_hash *restarts;   /* name to struct restart_request */
};

struct restart_request {
    bool include_tasks;
    bool only_failed;
};

struct herder {
    struct herder_spec spec;
    struct cv_log *log;
    struct cv_thread *thread;
    struct cv_wake wake;
    atomic_bool stop;
    atomic_bool started; /* the stores are read and the group was joined once */
    const char *_Atomic stage; /* what the thread does, for time-outs; constant texts */
    _Atomic int64_t stage_since_ms;

    struct cv_lock calls_lock;
    struct cv_cond calls_done;
    struct herder_call *calls_head, *calls_tail; /* under calls_lock */
    struct config_events events;                 /* under calls_lock */
    bool closed;                                 /* no more calls; under calls_lock */

    struct cv_admin *admin;
    struct cv_kafka_stats admin_stats;
    char admin_id[256];
    struct config_store *configs;  /* set before started */
    struct status_store *statuses;
    struct offset_store *offsets;
    struct file_store *offset_file; /* standalone only */
    char cluster_id[64];

    int64_t claimed;         /* the right to write to the config topic in transactions: generation + 1; 0: not */
    struct cv_hash *fencing; /* connectors whose older tasks are being fenced */

    struct publisher *publisher; /* NULL: nothing was sent to a leader so far */
    struct group_member *member;
    struct group_work assignment;  /* what the last round gave us */
    int64_t assignment_offset;
    int16_t assignment_error;
    _Atomic int32_t generation;
    char client_id[256];           /* of the group's connection; set before started */
    char leader_url[512];          /* of the last round, for metrics; under running_lock */
    enum group_protocol protocol;  /* the same */
    bool assignment_pending;       /* the round is not acted upon yet */
    bool had_revocations;
    int64_t scheduled_rebalance_ms; /* 0: none */
    int sync_tries;                /* to read the config topic as far as the assignment, that failed */
    int64_t sync_retry_ms;         /* no other before; 0: at once */
    bool out_of_sync;              /* out of the group until the topic can be read */

    _Atomic uint64_t connector_starts, connector_failures; /* since the worker started, for metrics */
    _Atomic uint64_t task_starts, task_failures;

    struct cv_lock running_lock;   /* of the two maps; only the herder's thread changes them */
    struct cv_hash *connectors;    /* struct running_connector by name */
    struct cv_hash *tasks;         /* struct running_task by "name-id" */
};

void herder_stage(struct herder *h, const char *stage);
bool herder_is_leader(const struct herder *h);

/* herder_request.c: run a function in the herder's turn, and wait for it. */
CV_MUST_CHECK enum cv_rc herder_call(struct herder *h,
                                     enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err),
                                     void *arg, int timeout_ms, struct cv_err *err);
/* The same in the first turn that finds it ready. */
CV_MUST_CHECK enum cv_rc herder_call_when(struct herder *h, bool (*ready)(struct herder *h, const void *arg),
                                          enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err), void *arg,
                                          int timeout_ms, struct cv_err *err);
/* CV_RETRY with what the herder does instead. */
enum cv_rc herder_timed_out(struct herder *h, struct cv_err *err);
enum cv_rc herder_is_starting(struct herder *h, struct cv_err *err);
/* Where the request must go (url NULL: not known): CV_OK with forward filled, or CV_CONFLICT. */
CV_MUST_CHECK enum cv_rc herder_forward_to(const char *url, struct herder_forward *forward, struct cv_err *err);
/* A connector or task runs here, or the request goes to its owner by way of the leader: *ret_here, or forward is
   filled. */
CV_MUST_CHECK enum cv_rc herder_find_owner(struct herder *h, const char *name, int32_t unit, bool here,
                                           struct herder_forward *forward, bool *ret_here, struct cv_err *err);
/* Whether this worker leads; else forward is filled (err->rc CV_OK), or *err. */
CV_MUST_CHECK bool herder_leads(struct herder *h, struct herder_forward *forward, struct cv_err *err);

/* herder_read.c: enum cv_plugin_kind of a connector config; -1: unknown. */
int herder_type_of(struct herder *h, const struct cv_config *cfg);

/* herder_work.c: running connectors and tasks. */
void herder_start_connector(struct herder *h, const char *name);
void herder_start_task(struct herder *h, const char *name, int task);
/* Stop what is given, or everything (work NULL); returns when stopped or given up. destroyed: statuses go too. */
void herder_stop_work(struct herder *h, const struct group_work *work);
void herder_stop_connector(struct herder *h, const char *name);
void herder_stop_tasks_of(struct herder *h, const char *name);
bool herder_runs_connector(const struct herder *h, const char *name);
bool herder_runs_task(const struct herder *h, const char *name, int task);
/* NULL: it does not run here. */
const struct running_task *herder_running_task(const struct herder *h, const char *name, int task);
/* Whether another worker has run it since it was started here: this one was out of the group, and did not know. task
   STATUS_CONNECTOR: the connector. */
bool herder_was_taken_over(const struct herder *h, const char *name, int task);
void herder_apply_target(struct herder *h, const char *name);
/* Make the task configs of a connector that runs here, and publish them if they changed. */
void herder_reconfigure_tasks(struct herder *h, struct running_connector *connector);
/* Look at what came of those that were sent to the leader. */
void herder_end_publications(struct herder *h);
/* Ask the plugin of a connector whether it is well. */
void herder_check_connector(struct herder *h, struct running_connector *connector);
/* What of a restart request runs here, added to *ret; false when memory is out. */
bool herder_restart_units(struct herder *h, const char *name, bool include_tasks, bool only_failed,
                          struct group_work *ret);
void herder_put_restarting(struct herder *h, const struct group_work *work);
void herder_restart_plan(struct herder *h, const char *name, bool include_tasks, bool only_failed);
void running_connector_free(void *connector);
void running_task_free(void *task);

/* herder_fencing.c: exactly once. */
/* Take or give up the right to write to the config topic, as leadership says. */
void herder_claim(struct herder *h);
/* On a task's thread (arg: the herder). CV_RETRY, CV_CONFLICT: not now. */
CV_MUST_CHECK enum cv_rc herder_fence_for_task(void *herder, const char *connector, struct cv_err *err);
/* CV_FENCED: newer task configs were committed. */
CV_MUST_CHECK enum cv_rc herder_check_generation(void *herder, const char *connector, int generation,
                                                 struct cv_err *err);

/* herder_group.c: the group. */
struct group_callbacks herder_group_callbacks(struct herder *h);
/* Act on the last round, if that is due. */
void herder_act_on_assignment(struct herder *h);
/* Read the config topic to its end, if that is due; false: not done yet. */
bool herder_sync(struct herder *h);
/* The released callback of a group member. */
void herder_released(void *herder, const struct group_work *work, struct group_work *ret);

/* Resolve, and find the class. */
CV_MUST_CHECK enum cv_rc herder_resolved_config(struct herder *h, const char *name, struct cv_config **ret,
                                                const struct cv_plugin **ret_plugin, struct cv_err *err);

#endif
