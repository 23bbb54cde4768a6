/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The herder's loop.
 *
 * One turn: config events, requests, timers, the leader's duties, then the group: join if need be, wait for
 * something to happen.
 *
 * Source: org.apache.kafka.connect.runtime.distributed.DistributedHerder.
 */
#include <config.h>

#include "worker/herder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/herder_private.h"
#include "worker/herder_publish.h"
#include "worker/store/file_store.h"
#include "worker/task.h"

#define IDLE_MS          10000
#define ADMIN_TIMEOUT_MS 5000
#define STORE_WAIT_MS    5000
#define SESSION_KEY_LEN  32

void
herder_stage(struct herder *h, const char *stage)
{
    atomic_store(&h->stage_since_ms, cv_now_ms());
    atomic_store(&h->stage, stage);
}

bool
herder_is_leader(const struct herder *h)
{
    return h->member != NULL && member_is_leader(h->member);
}

/* ---- what the config topic says; on its thread ---- */

static void
note(struct herder *h, struct cv_hash *names, const char *name)
{
    cv_lock(&h->calls_lock);
    if (!cv_hash_put(names, name, h))
        h->events.rebalance_needed = true; /* a round looks at everything anew */
    cv_unlock(&h->calls_lock);
    cv_wake_signal(&h->wake);
}

static void
need_rebalance(struct herder *h)
{
    cv_lock(&h->calls_lock);
    h->events.rebalance_needed = true;
    cv_unlock(&h->calls_lock);
    cv_wake_signal(&h->wake);
}

static void
on_connector_changed(void *arg, const char *name, bool is_new)
{
    struct herder *h = arg;

    if (is_new)
        need_rebalance(h);
    else
        note(h, h->events.connectors, name);
}

static void
on_connector_removed(void *arg, const char *name)
{
    (void)name;
    need_rebalance(arg);
}

static void
on_tasks_changed(void *arg, const char *name)
{
    struct herder *h = arg;

    note(h, h->events.tasks, name);
    need_rebalance(h);
}

static void
on_target_changed(void *arg, const char *name)
{
    struct herder *h = arg;

    note(h, h->events.targets, name);
}

static void
on_session_key(void *arg)
{
    (void)arg; /* read from the store where it is needed */
}

/* Of several requests for one connector the one with the wider effect counts. */
static void
on_restart(void *arg, const char *name, bool include_tasks, bool only_failed)
{
    struct herder *h = arg;
    struct restart_request *old, *req = calloc(1, sizeof(*req));

    if (req == NULL)
        return;
    *req = (struct restart_request){ include_tasks, only_failed };
    cv_lock(&h->calls_lock);
    old = cv_hash_get(h->events.restarts, name);
    if (old != NULL) {
        req->include_tasks |= old->include_tasks;
        req->only_failed &= old->only_failed;
    }
    if (!cv_hash_put(h->events.restarts, name, req))
        free(req);
    cv_unlock(&h->calls_lock);
    cv_wake_signal(&h->wake);
}

static void
on_logger(void *arg, const char *name, const char *level)
{
    struct herder *h = arg;
    enum cv_log_level parsed;
    struct cv_err err;

    if (!cv_log_level_parse(level, &parsed) || cv_log_level_set(name, parsed, &err) != CV_OK)
        CV_LOG_WARN(h->log, "a cluster-wide log level is ignored", CV_STR("logger", name), CV_STR("level", level));
}

/* ---- acting on it; on the herder's thread ---- */

/* Move the pending names out, so that the lock is not held while they are acted upon. */
static void
take_events(struct herder *h, struct config_events *ret)
{
    cv_lock(&h->calls_lock);
    *ret = h->events;
    h->events = (struct config_events){ .connectors = cv_hash_new(NULL),
                                        .tasks = cv_hash_new(NULL),
                                        .targets = cv_hash_new(NULL),
                                        .restarts = cv_hash_new(free) };
    cv_unlock(&h->calls_lock);
}

static void
events_done(struct config_events *events)
{
    cv_hash_free(events->connectors);
    cv_hash_free(events->tasks);
    cv_hash_free(events->targets);
    cv_hash_free(events->restarts);
}

static void
each(struct herder *h, const struct cv_hash *names, void (*act)(struct herder *h, const char *name))
{
    struct cv_hash_entry at;
    size_t i = 0;

    while (cv_hash_next(names, &i, &at))
        act(h, at.key);
}

static void
restart_changed_connector(struct herder *h, const char *name)
{
    if (!herder_runs_connector(h, name))
        return;
    herder_stop_connector(h, name);
    if (config_store_has(h->configs, name))
        herder_start_connector(h, name);
}

static void
act_on_events(struct herder *h)
{
    struct config_events events;
    struct cv_hash_entry at;
    size_t i = 0;

    take_events(h, &events);
    each(h, events.connectors, restart_changed_connector);
    each(h, events.targets, herder_apply_target);
    each(h, events.tasks, herder_stop_tasks_of); /* the coming round starts them with their new configs */
    while (cv_hash_next(events.restarts, &i, &at)) {
        const struct restart_request *req = at.value;

        herder_restart_plan(h, at.key, req->include_tasks, req->only_failed);
    }
    if (events.rebalance_needed)
        member_request_rejoin(h->member, "the config topic changed");
    events_done(&events);
}

/* ---- timers and duties ---- */

/* The first call that is ready, out of the queue if take is set; NULL: none. */
static struct herder_call *
ready_call(struct herder *h, bool take)
{
    struct herder_call **at, *call, *prev = NULL;

    cv_lock(&h->calls_lock);
    for (at = &h->calls_head; (call = *at) != NULL; prev = call, at = &call->next)
        if (call->ready == NULL || call->ready(h, call->arg))
            break;
    if (call != NULL && take) {
        *at = call->next;
        if (h->calls_tail == call)
            h->calls_tail = prev;
        call->state = CALL_RUNNING;
    }
    cv_unlock(&h->calls_lock);
    return call;
}

static void
run_calls(struct herder *h)
{
    struct herder_call *call;

    while ((call = ready_call(h, true)) != NULL) {
        call->rc = call->run(h, call->arg, &call->err);
        cv_lock(&h->calls_lock);
        call->state = CALL_DONE;
        cv_cond_signal(&h->calls_done);
        cv_unlock(&h->calls_lock);
    }
}

/* What running connectors are due for. Returns when the next is due; 0: none. */
static int64_t
run_due(struct herder *h)
{
    struct cv_hash_entry at;
    int64_t next = 0;
    size_t i = 0;

    herder_end_publications(h);
    while (cv_hash_next(h->connectors, &i, &at)) {
        struct running_connector *c = at.value;

        if (c->tasks_due_ms != 0 && c->tasks_due_ms <= cv_mono_ms()) {
            herder_stage(h, "generating task configs");
            herder_reconfigure_tasks(h, c);
        }
        if (c->check_due_ms != 0 && c->check_due_ms <= cv_mono_ms())
            herder_check_connector(h, c);
        if (c->tasks_due_ms != 0 && (next == 0 || c->tasks_due_ms < next))
            next = c->tasks_due_ms;
        if (c->check_due_ms != 0 && (next == 0 || c->check_due_ms < next))
            next = c->check_due_ms;
    }
    return next;
}

/* The leader keeps a session key that is no older than inter.worker.key.ttl.ms. */
static void
keep_session_key(struct herder *h)
{
    struct session_key key = { .len = SESSION_KEY_LEN };
    struct cv_err err;

    if (!member_is_leader(h->member) || member_rejoin_pending(h->member) ||
        member_protocol(h->member) != GROUP_SESSIONED)
        return;
    if (config_store_session_key(h->configs, &key) && key.len == SESSION_KEY_LEN &&
        strcmp(key.algorithm, h->spec.config->key_algorithm) == 0 &&
        cv_now_ms() < key.created_ms + h->spec.config->key_ttl_ms)
        return;
    key.len = SESSION_KEY_LEN;
    key.created_ms = cv_now_ms();
    snprintf(key.algorithm, sizeof(key.algorithm), "%s", h->spec.config->key_algorithm);
    /* the kernel's: OpenSSL's would keep two more megabytes of a worker that has no other use for it */
    if (getrandom(key.key, SESSION_KEY_LEN, 0) != SESSION_KEY_LEN)
        return;
    if (config_store_put_session_key(h->configs, &key, &err) != CV_OK)
        CV_LOG_WARN(h->log, "could not write a session key, trying again", CV_ERR(&err));
}

static bool
in_group(const struct herder *h)
{
    return member_generation(h->member) >= 0 && !member_rejoin_pending(h->member);
}

/* By when the loop must turn again. The rebalance that is due is asked for. */
static int64_t
next_turn_ms(struct herder *h, int64_t due_ms)
{
    int64_t now_ms = cv_mono_ms(), deadline_ms = now_ms + IDLE_MS;

    if (h->assignment_pending && h->sync_retry_ms < deadline_ms)
        deadline_ms = h->sync_retry_ms;
    if (due_ms != 0 && due_ms < deadline_ms)
        deadline_ms = due_ms;
    if (h->scheduled_rebalance_ms != 0 && h->scheduled_rebalance_ms <= now_ms) {
        h->scheduled_rebalance_ms = 0;
        member_request_rejoin(h->member, "the scheduled rebalance is due");
    }
    if (h->scheduled_rebalance_ms != 0 && h->scheduled_rebalance_ms < deadline_ms)
        deadline_ms = h->scheduled_rebalance_ms;
    return in_group(h) && ready_call(h, false) != NULL ? now_ms : deadline_ms;
}

static enum cv_rc
turn(struct herder *h, struct cv_err *err)
{
    int64_t deadline_ms;
    enum cv_rc rc;

    if (h->out_of_sync && !herder_sync(h)) {
        cv_wake_wait(&h->wake, h->sync_retry_ms);
        return CV_OK;
    }
    act_on_events(h);
    herder_claim(h); /* first: what the leader before left open keeps the config topic from being read to its end */
    herder_act_on_assignment(h);
    if (in_group(h)) { /* requests wait while a rebalance is under way, as they do in Connect */
        run_calls(h);
        keep_session_key(h);
    }
    deadline_ms = next_turn_ms(h, run_due(h));
    herder_stage(h, "ensuring membership in the cluster");
    rc = member_poll(h->member, &h->wake, deadline_ms, err);
    if (rc == CV_RETRY) {
        CV_LOG_WARN(h->log, "the group coordinator is away, trying again", CV_ERR(err));
        return CV_OK;
    }
    return rc;
}

/* ---- start and end ---- */

static const struct cv_local_log in_memory; /* configs and statuses of a standalone worker */

static bool
is_alone(const struct herder *h)
{
    return h->spec.config->mode == WORKER_STANDALONE;
}

/* What the names of the worker's own clients begin with. */
static const char *
client_base(const struct herder *h)
{
    return is_alone(h) ? "connect" : h->spec.config->group_id;
}

/* The offsets of a standalone worker are in a file. */
static enum cv_rc
open_offset_file(struct herder *h, struct cv_local_log *ret, struct cv_topic_log_spec *spec, struct cv_err *err)
{
    if (file_store_new(h->spec.config->offset_file, &h->offset_file, err) != CV_OK)
        return err->rc;
    *ret = file_store_local(h->offset_file);
    spec->local = ret;
    return CV_OK;
}

/* A log spec for one of the three topics; layers must outlive the start. */
static enum cv_rc
make_topic(struct herder *h, const char *topic, const char *prefix, int32_t partitions, int32_t replication,
           struct client_layers layers[2], struct cv_config **ret_settings, struct cv_topic_log_spec *ret,
           struct cv_err *err)
{
    static const char *const own[] = { "topic", "partitions", "replication.factor", "cleanup.policy",
                                       "file.filename" };
    char client_id[256];

    if (is_alone(h)) {
        *ret = (struct cv_topic_log_spec){ .topic = { .name = prefix }, .local = &in_memory };
        return CV_OK;
    }
    *ret = (struct cv_topic_log_spec){ .topic = { .name = topic, .partitions = partitions,
                                                  .replication = replication },
                                       .admin = h->admin };
    *ret_settings = cv_config_with_prefix(h->spec.raw, prefix);
    if (*ret_settings == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < CV_COUNT(own); i++)
        cv_config_remove(*ret_settings, own[i]);
    ret->topic.configs = *ret_settings;
    snprintf(client_id, sizeof(client_id), "%s-%s", client_base(h), topic);
    if (client_layers_init(&layers[0], CV_KAFKA_CONSUMER, h->spec.raw, NULL, client_id, &ret->consumer, err) != CV_OK)
        return err->rc;
    ret->stable_start = h->spec.config->exactly_once == WORKER_EOS_ENABLED;
    if (ret->stable_start && client_layers_read_committed(&layers[0], &ret->consumer, err) != CV_OK)
        return err->rc;
    return client_layers_init(&layers[1], CV_KAFKA_PRODUCER, h->spec.raw, NULL, client_id, &ret->producer, err);
}

enum store { STORE_OFFSETS, STORE_STATUSES, STORE_CONFIGS };

static enum cv_rc
open_store(struct herder *h, enum store which, struct cv_err *err)
{
    const struct worker_config *c = h->spec.config;
    const struct config_listener listener = { .arg = h,
                                              .connector_changed = on_connector_changed,
                                              .connector_removed = on_connector_removed,
                                              .tasks_changed = on_tasks_changed,
                                              .target_changed = on_target_changed,
                                              .session_key_changed = on_session_key,
                                              .restart_requested = on_restart,
                                              .logger_changed = on_logger };
    struct client_layers layers[2] = { 0 };
    struct cv_config *settings = NULL;
    struct cv_topic_log_spec spec;
    struct cv_local_log offset_file;
    enum cv_rc rc;

    switch (which) {
    case STORE_OFFSETS:
        rc = make_topic(h, c->offset_topic, "offset.storage.", c->offset_partitions, c->offset_replication, layers,
                        &settings, &spec, err);
        if (rc == CV_OK && is_alone(h))
            rc = open_offset_file(h, &offset_file, &spec, err);
        if (rc == CV_OK)
            rc = offset_store_start(&spec, &h->stop, &h->offsets, err);
        break;
    case STORE_STATUSES:
        rc = make_topic(h, c->status_topic, "status.storage.", c->status_partitions, c->status_replication, layers,
                        &settings, &spec, err);
        if (rc == CV_OK)
            rc = status_store_start(&spec, h->spec.worker_id, &h->stop, &h->statuses, err);
        break;
    default:
        rc = make_topic(h, c->config_topic, "config.storage.", 1, c->config_replication, layers, &settings, &spec,
                        err);
        if (rc == CV_OK)
            rc = config_store_start(&spec, &listener, &h->stop, &h->configs, err);
        break;
    }
    client_layers_done(&layers[0]);
    client_layers_done(&layers[1]);
    cv_config_free(settings);
    return rc;
}

static enum cv_rc
open_admin(struct herder *h, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    enum cv_rc rc;

    snprintf(h->admin_id, sizeof(h->admin_id), "%s-shared-admin", client_base(h));
    rc = client_layers_init(&layers, CV_KAFKA_ADMIN, h->spec.raw, NULL, h->admin_id, &conf, err);
    if (rc == CV_OK) {
        conf.stats = &h->admin_stats;
        rc = cv_admin_new(&conf, &h->admin, err);
        client_layers_done(&layers);
    }
    return rc;
}

/* A topic that another one shows to have been there before is made anew all the same, as in Connect, but not unseen. */
static void
warn_of_lost_topics(const struct herder *h)
{
    const struct worker_config *c = h->spec.config;

    if (config_store_was_created(h->configs) &&
        !(offset_store_is_empty(h->offsets) && status_store_is_empty(h->statuses)))
        CV_LOG_WARN(h->log,
                    "the config topic was missing and is made anew, though Kafka has offsets or statuses of "
                    "connectors: all connectors are lost unless the topic has another name (config.storage.topic) or "
                    "is restored; a connector that is created again goes on at its stored offsets",
                    CV_STR("topic", c->config_topic));
    if (offset_store_was_created(h->offsets) && !config_store_is_empty(h->configs))
        CV_LOG_WARN(h->log,
                    "the offset topic was missing and is made anew, though there are connectors: sources have lost "
                    "their positions and begin again unless the topic has another name (offset.storage.topic); to "
                    "restore it, stop all workers first",
                    CV_STR("topic", c->offset_topic));
}

/* For GET /; asked again at every turn until known. */
static void
learn_cluster_id(struct herder *h)
{
    struct cv_err err;
    char *id = NULL;

    if (h->cluster_id[0] != '\0' || cv_admin_cluster_id(h->admin, ADMIN_TIMEOUT_MS, &id, &err) != CV_OK)
        return;
    snprintf(h->cluster_id, sizeof(h->cluster_id), "%s", id);
    free(id);
}

/* No internal topic has made sure that Kafka is there. */
static enum cv_rc
wait_for_kafka(struct herder *h, struct cv_err *err)
{
    while (h->cluster_id[0] == '\0') {
        if (atomic_load(&h->stop))
            return cv_fail(err, CV_RETRY, "stopped while waiting for Kafka");
        CV_LOG_WARN(h->log, "waiting for Kafka");
        cv_wake_wait(&h->wake, cv_mono_ms() + 1000);
        learn_cluster_id(h);
    }
    return CV_OK;
}

static enum cv_rc
open_member(struct herder *h, struct cv_err *err)
{
    const struct worker_config *c = h->spec.config;
    struct group_spec spec = { .group_id = client_base(h),
                               .alone = is_alone(h),
                               .client_id = h->client_id,
                               .url = h->spec.url,
                               .protocol = (enum group_protocol)c->connect_protocol,
                               .session_timeout_ms = c->session_timeout_ms,
                               .heartbeat_interval_ms = c->heartbeat_interval_ms,
                               .rebalance_timeout_ms = c->rebalance_timeout_ms,
                               .rebalance_max_delay_ms = c->scheduled_rebalance_max_delay_ms,
                               .retry_backoff_ms = (int)c->retry_backoff_ms,
                               .request_timeout_ms = c->request_timeout_ms,
                               .window = { .sample_ms = c->metrics_window_ms,
                                           .n_samples = (unsigned)c->metrics_samples },
                               .worker = h->spec.raw,
                               .callbacks = herder_group_callbacks(h) };

    if (is_alone(h)) { /* no one else's sessions, keys and delays */
        spec.protocol = GROUP_COMPATIBLE;
        spec.retry_backoff_ms = spec.rebalance_max_delay_ms = 0;
    }
    if (c->client_id != NULL && c->client_id[0] != '\0')
        snprintf(h->client_id, sizeof(h->client_id), "%s", c->client_id);
    else
        snprintf(h->client_id, sizeof(h->client_id), "connect-%s", h->spec.worker_id);
    return member_new(&spec, &h->member, err);
}

static enum cv_rc
open_all(struct herder *h, struct cv_err *err)
{
    herder_stage(h, "initializing and reading to the end of internal topics");
    if (open_admin(h, err) != CV_OK)
        return err->rc;
    for (int s = STORE_OFFSETS; s <= STORE_CONFIGS; s++)
        if (open_store(h, (enum store)s, err) != CV_OK)
            return err->rc;
    warn_of_lost_topics(h);
    learn_cluster_id(h);
    if (is_alone(h) && wait_for_kafka(h, err) != CV_OK)
        return err->rc;
    if (open_member(h, err) != CV_OK)
        return err->rc;
    atomic_store(&h->started, true);
    CV_LOG_INFO(h->log, "worker started", CV_STR("worker", h->spec.worker_id),
                CV_STR("group", client_base(h)), CV_INT("offset", config_store_offset(h->configs)));
    return CV_OK;
}

/* Whoever still waits is told that nothing more comes. */
static void
refuse_calls(struct herder *h)
{
    cv_lock(&h->calls_lock);
    h->closed = true;
    for (struct herder_call *call = h->calls_head; call != NULL; call = call->next) {
        call->rc = cv_fail(&call->err, CV_INTERNAL, "Worker is shutting down");
        call->state = CALL_DONE;
    }
    h->calls_head = h->calls_tail = NULL;
    cv_cond_signal(&h->calls_done);
    cv_unlock(&h->calls_lock);
}

static void
close_all(struct herder *h)
{
    herder_stage(h, "shutting down");
    refuse_calls(h);
    if (h->statuses != NULL) {
        herder_stop_work(h, NULL);
        status_store_flush(h->statuses, STORE_WAIT_MS);
    }
    if (h->member != NULL)
        member_leave(h->member, "the worker stops");
    member_free(h->member);
    config_store_free(h->configs, STORE_WAIT_MS);
    status_store_free(h->statuses, STORE_WAIT_MS);
    offset_store_free(h->offsets, STORE_WAIT_MS);
    file_store_free(h->offset_file);
    cv_admin_free(h->admin);
}

static void
run(void *arg)
{
    struct herder *h = arg;
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = open_all(h, &err);

    while (rc == CV_OK && !atomic_load(&h->stop))
        rc = turn(h, &err);
    if (rc != CV_OK && !atomic_load(&h->stop)) {
        CV_LOG_ERROR(h->log, "the herder ends", CV_ERR(&err));
        h->spec.died(h->spec.arg, &err);
    }
    close_all(h);
}

static void
herder_free(struct herder *h)
{
    publisher_free(h->publisher);
    events_done(&h->events);
    group_work_done(&h->assignment);
    cv_hash_free(h->fencing);
    cv_hash_free(h->connectors);
    cv_hash_free(h->tasks);
    cv_wake_done(&h->wake);
    cv_cond_done(&h->calls_done);
    cv_lock_done(&h->calls_lock);
    cv_lock_done(&h->running_lock);
    free(h);
}

enum cv_rc
herder_start(const struct herder_spec *spec, struct herder **ret, struct cv_err *err)
{
    struct herder *h = calloc(1, sizeof(*h));
    struct config_events none;

    if (h == NULL)
        return cv_fail_memory(err);
    h->spec = *spec;
    h->log = cv_log_get("culvert.worker.herder");
    h->wake.fd = -1;
    cv_lock_init(&h->calls_lock, CV_RANK_HERDER_QUEUE);
    cv_cond_init(&h->calls_done);
    cv_lock_init(&h->running_lock, CV_RANK_WORKER_STATE);
    take_events(h, &none);
    events_done(&none);
    h->connectors = cv_hash_new(running_connector_free);
    h->tasks = cv_hash_new(running_task_free);
    herder_stage(h, "awaiting startup");
    if (h->connectors == NULL || h->tasks == NULL || h->events.restarts == NULL) {
        herder_free(h);
        return cv_fail_memory(err);
    }
    if (cv_wake_init(&h->wake, err) != CV_OK || cv_thread_start("herder", run, h, &h->thread, err) != CV_OK) {
        herder_free(h);
        return err->rc;
    }
    *ret = h;
    return CV_OK;
}

void
herder_stop(struct herder *h)
{
    if (h == NULL)
        return;
    atomic_store(&h->stop, true);
    cv_wake_signal(&h->wake);
    cv_thread_join(h->thread, -1);
    herder_free(h);
}
