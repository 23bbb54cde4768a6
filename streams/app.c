/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streams worker; see app.h. Start order: topics, GLOBAL tables, processing threads, group. Stop
 * order: the reverse; each thread commits what it has processed. Kafka being away is waited for at
 * every step.
 */
#include "streams/app_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "streams/assignment.h"
#include "streams/io/kafka_broker.h"
#include "streams/member.h"
#include "streams/relay.h"
#include "streams/topics.h"

#define RETRY_MS     1000
#define SAY_EVERY_MS 5000
#define REVOKE_MS    30000
#define STOP_MS      30000

static bool
write_follower(void *relay, const char *text, size_t len)
{
    return relay_write(relay, text, len);
}

static void
close_follower(void *relay)
{
    relay_end(relay);
    relay_unref(relay);
}

enum cv_rc
app_new(const struct streams_config *config, const struct plan *plan, struct app **ret,
        struct cv_err *err)
{
    struct app *app = calloc(1, sizeof(*app));
    enum cv_rc rc;

    if (app == NULL)
        return cv_fail_memory(err);
    app->config = config;
    app->plan = plan;
    app->log = cv_log_get("culvert.streams");
    app->lock_fd = -1;
    app->wake.fd = -1;
    cv_lock_init(&app->lock, CV_RANK_WORKER_STATE);
    snprintf(app->why, sizeof(app->why), "connecting to Kafka at %s", config->bootstrap_servers);
    cv_cond_init(&app->changed);
    app->board = status_board_new();
    app->watch = watch_new(write_follower, close_follower);
    app->partitions = calloc(plan->n_sources + 1, sizeof(*app->partitions));
    rc = cv_wake_init(&app->wake, err);
    if (rc == CV_OK && (app->board == NULL || app->watch == NULL || app->partitions == NULL))
        rc = cv_fail_memory(err);
    if (rc != CV_OK) {
        app_free(app);
        return rc;
    }
    *ret = app;
    return CV_OK;
}

void
app_free(struct app *app)
{
    if (app == NULL)
        return;
    if (app->lock_fd >= 0)
        close(app->lock_fd);
    status_board_free(app->board);
    watch_free(app->watch);
    cv_cond_done(&app->changed);
    cv_wake_done(&app->wake);
    cv_lock_done(&app->lock);
    free(app->partitions);
    free(app);
}

void
app_stop(struct app *app)
{
    atomic_store(&app->stop, true);
    cv_wake_signal(&app->wake);
}

void
app_set_url(struct app *app, const char *url)
{
    snprintf(app->url, sizeof(app->url), "%s", url);
}

static void
set_state(struct app *app, enum app_state state, const char *why)
{
    cv_lock(&app->lock);
    app->state = state;
    snprintf(app->why, sizeof(app->why), "%s", why);
    cv_unlock(&app->lock);
}

/* ---- the state directory ---- */

static enum cv_rc
make_directories(struct app *app, struct cv_err *err)
{
    const char *dir = app->config->state_dir;

    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return cv_fail_errno(err, CV_INVALID, errno, "could not create state.dir \"%s\"", dir);
    if ((size_t)snprintf(app->dir, sizeof(app->dir), "%s/%s", dir, app->plan->application_id) >=
        sizeof(app->dir) - 64)
        return cv_fail(err, CV_INVALID, "state.dir is too long");
    if (mkdir(app->dir, 0750) != 0 && errno != EEXIST)
        return cv_fail_errno(err, CV_INVALID, errno, "could not create the directory \"%s\"",
                             app->dir);
    snprintf(app->global_path, sizeof(app->global_path), "%s/global.db", app->dir);
    snprintf(app->topics_path, sizeof(app->topics_path), "%s/topics", app->dir);
    return CV_OK;
}

/* One worker a directory: the lock is held until the process ends. */
static enum cv_rc
lock_directory(struct app *app, struct cv_err *err)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/lock", app->dir);
    app->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (app->lock_fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not open \"%s\"", path);
    if (flock(app->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return cv_fail(err, CV_CONFLICT,
                       "another worker uses the state directory \"%s\"; stop it, or give this one "
                       "a state.dir of its own",
                       app->dir);
    return CV_OK;
}

/* The name stays with the state: who has the directory is that member. */
static enum cv_rc
find_worker_id(struct app *app, struct cv_err *err)
{
    char path[4096];
    uint64_t id;
    FILE *file;

    snprintf(app->worker_id, sizeof(app->worker_id), "%s", app->config->worker_id);
    if (app->worker_id[0] != '\0')
        return CV_OK;
    snprintf(path, sizeof(path), "%s/worker.id", app->dir);
    file = fopen(path, "re");
    if (file != NULL) {
        int n = fscanf(file, "%100[0-9a-zA-Z._-]", app->worker_id);

        fclose(file);
        if (n == 1)
            return CV_OK;
    }
    if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return cv_fail(err, CV_INTERNAL, "could not draw a random worker id");
    snprintf(app->worker_id, sizeof(app->worker_id), "w-%016llx", (unsigned long long)id);
    file = fopen(path, "we");
    if (file == NULL || fprintf(file, "%s\n", app->worker_id) < 0 || fclose(file) != 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not write \"%s\"", path);
    return CV_OK;
}

/* ---- Kafka's side ---- */

/* Try until it works, a person must look, or the worker is stopped (CV_OK: look at stop). */
static enum cv_rc
wait_for(struct app *app, enum cv_rc (*step)(struct app *app, struct cv_err *err),
         struct cv_err *err)
{
    struct cv_log_limit limit = { 0 };
    uint64_t suppressed;

    while (!atomic_load(&app->stop)) {
        enum cv_rc rc = step(app, err);

        if (rc != CV_RETRY && rc != CV_NOT_FOUND)
            return rc;
        set_state(app, APP_STARTING, err->text);
        if (cv_log_limit(&limit, SAY_EVERY_MS, &suppressed))
            CV_LOG_WARN(app->log, "not ready to start, trying again", CV_ERR(err));
        cv_wake_wait(&app->wake, cv_mono_ms() + RETRY_MS);
    }
    return CV_OK;
}

static enum cv_rc
make_admin(struct app *app, struct cv_err *err)
{
    struct cv_kafka_conf conf = { .role = CV_KAFKA_ADMIN,
                                  .client_id = "culvert-streams-admin",
                                  .layers = { app->config->clients, app->config->admin },
                                  .n_layers = 2,
                                  .log = cv_log_get("culvert.streams.kafka") };

    return cv_admin_new(&conf, &app->admin, err);
}

static enum cv_rc
find_topics(struct app *app, struct cv_err *err)
{
    return topics_sources(app->admin, app->plan, app->partitions, err);
}

static enum cv_rc
create_topics(struct app *app, struct cv_err *err)
{
    return topics_create(app->admin, app->plan, app->partitions, app->config->replication_factor,
                         err);
}

static enum cv_rc
make_broker(struct app *app, const char *transactional_id, struct broker **ret, struct cv_err *err)
{
    struct kafka_broker_spec spec = {
        .common = app->config->clients,
        .consumer = app->config->consumer,
        .producer = app->config->producer,
        .group_id = app->plan->application_id,
        .transactional_id = transactional_id,
        .at_least_once = app->plan->at_least_once,
        .member = member_consumer(app->member),
        .stop = &app->stop,
        .transaction_timeout_ms = app->config->transaction_timeout_ms,
    };

    return kafka_broker_new(&spec, ret, err);
}

static enum cv_rc
start_global(struct app *app, struct cv_err *err)
{
    struct global_spec spec = { .plan = app->plan,
                                .partitions = app->partitions,
                                .path = app->global_path,
                                .board = app->board };

    if (app->plan->n_globals == 0)
        return CV_OK;
    if (make_broker(app, NULL, &spec.broker, err) != CV_OK)
        return err->rc;
    if (global_new(&spec, &app->global, err) != CV_OK)
        return err->rc;
    return cv_thread_start("global", global_run, app->global, &app->global_thread, err);
}

static enum cv_rc
global_ready(struct app *app, struct cv_err *err)
{
    if (app->global == NULL)
        return CV_OK;
    switch (global_state(app->global, err)) {
    case GLOBAL_READY:
        return CV_OK;
    case GLOBAL_FAILED:
        return err->rc == CV_RETRY ? CV_INTERNAL : err->rc;
    default:
        return cv_fail(err, CV_RETRY, "the GLOBAL tables are being read");
    }
}

/* Quick, unlike other waits: loading takes milliseconds as a rule. */
static enum cv_rc
wait_for_global(struct app *app, struct cv_err *err)
{
    while (!atomic_load(&app->stop)) {
        enum cv_rc rc = global_ready(app, err);

        if (rc != CV_RETRY)
            return rc;
        set_state(app, APP_STARTING, err->text);
        cv_wake_wait(&app->wake, cv_mono_ms() + 20);
    }
    return CV_OK;
}

/* ---- the group's member ---- */

static void
set_assigned(struct app *app, bool assigned)
{
    cv_lock(&app->lock);
    app->assigned = assigned;
    app->share = app->assignment == NULL ? 0 : assignment_count(app->assignment);
    cv_unlock(&app->lock);
}

static void
on_assigned(void *arg, struct cv_topic_partitions *parts)
{
    struct app *app = arg;

    if (app->loops == NULL) /* stopping: it comes too late */
        return;
    assignment_add(app->assignment, parts);
    set_assigned(app, true);
}

static void
on_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost)
{
    struct app *app = arg;

    if (app->loops == NULL) /* stopping: the threads have closed all tasks */
        return;
    assignment_remove(app->assignment, parts, lost, cv_mono_ms() + REVOKE_MS);
    cv_lock(&app->lock);
    app->share = assignment_count(app->assignment);
    cv_unlock(&app->lock);
}

static enum cv_rc
make_member(struct app *app, struct cv_err *err)
{
    const struct member_spec spec = { .config = app->config,
                                      .plan = app->plan,
                                      .worker_id = app->worker_id,
                                      .url = app->url,
                                      .topics_path = app->topics_path,
                                      .events = { .arg = app,
                                                  .assigned = on_assigned,
                                                  .revoked = on_revoked } };

    return member_new(&spec, &app->member, err);
}

static enum cv_rc
start_loops(struct app *app, struct cv_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = app->config->num_threads > 0 ? (size_t)app->config->num_threads
                   : cores > 0                  ? (size_t)cores
                                                : 1;
    enum cv_rc rc = CV_OK;

    app->loops = calloc(count, sizeof(*app->loops));
    app->threads = calloc(count, sizeof(*app->threads));
    if (app->loops == NULL || app->threads == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < count && rc == CV_OK; i++) {
        struct loop_spec spec = { .plan = app->plan, .board = app->board, .watch = app->watch };
        char name[16];
        char id[512];

        snprintf(name, sizeof(name), "streams-%u", (unsigned)(i & 0xFFF));
        snprintf(id, sizeof(id), "%s-%s-%zu", app->plan->application_id, app->worker_id, i);
        rc = make_broker(app, id, &spec.broker, err);
        if (rc == CV_OK)
            rc = loop_new(&spec, &app->loops[i], err);
        if (rc != CV_OK)
            break;
        cv_lock(&app->lock);
        loop_pause(app->loops[i], app->paused);
        app->n_loops++;
        cv_unlock(&app->lock);
        rc = cv_thread_start(name, loop_run, app->loops[i], &app->threads[i], err);
    }
    return rc;
}

static enum cv_rc
make_assignment(struct app *app, struct cv_err *err)
{
    const struct task_spec base = {
        .plan = app->plan,
        .partitions = app->partitions,
        .state_dir = app->dir,
        .global_path = app->global != NULL ? app->global_path : NULL,
        .start_offset = app->config->auto_offset_reset == 1 ? CV_OFFSET_END : CV_OFFSET_BEGINNING,
    };

    return assignment_new(&base, app->loops, app->n_loops, &app->assignment, err);
}

/* The consumer is fenced for good: a new one takes its place, once no task uses the old one. State
   files stay, so the tasks go on where Kafka's last commit left them. */
static enum cv_rc
rejoin(struct app *app, struct cv_err *err)
{
    CV_LOG_WARN(app->log, "the group has fenced this worker, joining it anew", CV_ERR(err));
    set_state(app, APP_STARTING, err->text);
    set_assigned(app, false);
    while (!assignment_clear(app->assignment, cv_mono_ms() + RETRY_MS)) {
        if (atomic_load(&app->stop))
            return CV_OK;
    }
    cv_wake_wait(&app->wake, cv_mono_ms() + member_backoff_ms(app->member));
    if (atomic_load(&app->stop))
        return CV_OK;
    if (member_rejoin(app->member, err) != CV_OK)
        return err->rc;
    set_state(app, APP_RUNNING, "");
    return CV_OK;
}

/* The member's life: heartbeats and rebalances. */
static enum cv_rc
be_member(struct app *app, struct cv_err *err)
{
    set_state(app, APP_RUNNING, "");
    CV_LOG_INFO(app->log, "worker runs", CV_STR("application", app->plan->application_id),
                CV_STR("worker", app->worker_id), CV_INT("threads", app->n_loops));
    while (!atomic_load(&app->stop)) {
        enum cv_rc rc = member_poll(app->member, err);

        if (rc == CV_FENCED)
            rc = rejoin(app, err);
        if (rc != CV_OK)
            return rc;
        rc = global_ready(app, err);
        if (rc != CV_OK && rc != CV_RETRY)
            return rc;
    }
    return CV_OK;
}

/* ---- start and stop ---- */

/* Whether other threads may use admin; waits for those that do. */
static void
open_admin(struct app *app, bool on)
{
    cv_lock(&app->lock);
    app->admin_open = on;
    while (!on && app->admin_users > 0)
        (void)cv_cond_wait(&app->changed, &app->lock, -1);
    cv_unlock(&app->lock);
}

static enum cv_rc
start_all(struct app *app, struct cv_err *err)
{
    enum cv_rc rc = make_directories(app, err);

    if (rc == CV_OK)
        rc = lock_directory(app, err);
    if (rc == CV_OK)
        rc = find_worker_id(app, err);
    if (rc == CV_OK)
        rc = make_admin(app, err);
    if (rc == CV_OK)
        rc = wait_for(app, find_topics, err);
    if (rc != CV_OK || atomic_load(&app->stop))
        return rc;
    rc = make_member(app, err);
    if (rc == CV_OK)
        rc = start_global(app, err); /* it reads while the rest is made ready */
    if (rc == CV_OK)
        rc = wait_for(app, create_topics, err);
    if (rc != CV_OK || atomic_load(&app->stop))
        return rc;
    topics_warn(app->admin, app->plan);
    open_admin(app, true);
    if (rc == CV_OK)
        app_learn_paused(app);
    if (rc == CV_OK)
        rc = wait_for_global(app, err);
    if (rc == CV_OK)
        rc = start_loops(app, err);
    if (rc == CV_OK)
        rc = make_assignment(app, err);
    return rc == CV_OK ? member_join(app->member, err) : rc;
}

static void
stop_all(struct app *app)
{
    int64_t deadline = cv_mono_ms() + STOP_MS;
    size_t count = app->n_loops;

    for (size_t i = 0; i < count; i++)
        loop_stop(app->loops[i]);
    cv_lock(&app->lock);
    app->n_loops = 0; /* nobody looks at them any more */
    cv_unlock(&app->lock);
    for (size_t i = 0; i < count; i++) {
        if (!cv_thread_join(app->threads[i], deadline)) {
            /* A thread that hangs in a call would use what is freed below. */
            CV_LOG_ERROR(app->log, "a processing thread did not stop in time", CV_INT("thread", i));
            _exit(1);
        }
        loop_free(app->loops[i]);
    }
    free(app->loops);
    free(app->threads);
    app->loops = NULL;
    app->threads = NULL;
    /* The member goes last: commits carried its generation. Its partitions have no tasks any more.
     */
    member_free(app->member);
    app->member = NULL;
    assignment_free(app->assignment);
    app->assignment = NULL;
    if (app->global != NULL)
        global_stop(app->global);
    cv_thread_join(app->global_thread, -1);
    app->global_thread = NULL;
    global_free(app->global);
    app->global = NULL;
    open_admin(app, false);
    cv_admin_free(app->admin);
    app->admin = NULL;
}

enum cv_rc
app_run(struct app *app, struct cv_err *err)
{
    struct app_view view;
    enum cv_rc rc = start_all(app, err);

    if (rc == CV_OK && !atomic_load(&app->stop))
        rc = be_member(app, err);
    app_view(app, &view);
    if (rc == CV_OK && view.tasks > 0 && view.tasks_failed == view.tasks)
        rc = cv_fail(err, CV_INTERNAL, "all tasks have failed");
    set_state(app, rc == CV_OK ? APP_STOPPING : APP_FAILED, rc == CV_OK ? "" : err->text);
    stop_all(app);
    return rc;
}
