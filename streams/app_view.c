/* SPDX-License-Identifier: Apache-2.0 */
/* What others see of a worker and may do to it, from any thread; see app.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/log.h"
#include "streams/app_private.h"

#define LEARN_MS 1000

/* ---- what others see ---- */

void
app_view(struct app *app, struct app_view *ret)
{
    struct task_status *tasks;
    size_t count;

    *ret = (struct app_view){ 0 };
    cv_lock(&app->lock);
    ret->state = app->state;
    memcpy(ret->why, app->why, sizeof(ret->why));
    ret->assigned = app->assigned;
    ret->share = app->share;
    ret->paused = app->paused;
    cv_unlock(&app->lock);
    tasks = app_tasks(app, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].id, "global") == 0)
            continue;
        ret->tasks++;
        ret->tasks_failed += tasks[i].state == TASK_FAILED;
        ret->tasks_running += tasks[i].state == TASK_RUNNING;
    }
    free(tasks);
}

struct task_status *
app_tasks(struct app *app, size_t *ret_count)
{
    return status_board_copy(app->board, ret_count);
}

void
app_loop_stats(struct app *app, struct loop_stats *ret)
{
    *ret = (struct loop_stats){ 0 };
    cv_lock(&app->lock);
    for (size_t i = 0; i < app->n_loops; i++) {
        struct loop_stats one;

        loop_stats(app->loops[i], &one);
        ret->commits += one.commits;
        ret->commits_failed += one.commits_failed;
        ret->commit_us += one.commit_us;
        ret->process_us += one.process_us;
        ret->poll_us += one.poll_us;
    }
    cv_unlock(&app->lock);
}

const struct plan *
app_plan(const struct app *app)
{
    return app->plan;
}

const char *
app_directory(const struct app *app)
{
    return app->config->pipeline_directory;
}

const char *
app_state_directory(const struct app *app)
{
    return app->dir;
}

const char *
app_global_path(const struct app *app)
{
    return app->plan->n_globals > 0 ? app->global_path : NULL;
}

const struct cv_config *
app_keys(const struct app *app)
{
    return app->config->raw;
}

struct watch *
app_watch(struct app *app)
{
    return app->watch;
}

/* ---- what others do ---- */

enum cv_rc
app_peers(struct app *app, struct peers *ret, struct cv_err *err)
{
    bool open;
    enum cv_rc rc;

    cv_lock(&app->lock);
    open = app->admin_open;
    app->admin_users += open;
    cv_unlock(&app->lock);
    if (!open)
        return cv_fail(err, CV_RETRY, "the worker is starting or stopping");
    rc = peers_find(app->admin, app->plan, app->partitions, app->worker_id, ret, err);
    cv_lock(&app->lock);
    app->admin_users--;
    cv_cond_signal(&app->changed);
    cv_unlock(&app->lock);
    return rc;
}

static void
pause_path(const struct app *app, char *out, size_t size)
{
    snprintf(out, size, "%s/paused", app->dir);
}

/* For the loops that are there and those that come. */
static void
set_paused(struct app *app, bool on)
{
    cv_lock(&app->lock);
    app->paused = on;
    for (size_t i = 0; i < app->n_loops; i++)
        loop_pause(app->loops[i], on);
    cv_unlock(&app->lock);
}

/* Whether the answer of GET /pipelines/{pipeline} says so. */
static bool
says_paused(const struct cv_buf *answer)
{
    struct cv_json_reader in;
    bool paused = false;

    cv_json_reader_init(&in, answer->data, answer->len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return false;
    while (cv_json_next(&in) == CV_JSON_KEY) {
        if (!cv_json_text_is(&in, "paused"))
            (void)cv_json_skip(&in);
        else
            paused = cv_json_next(&in) == CV_JSON_TRUE;
    }
    return paused;
}

void
app_learn_paused(struct app *app)
{
    struct peers peers = { 0 };
    struct cv_err err = CV_ERR_INIT;
    char path[4096];
    char url[200];
    struct peers_call call = { .method = "GET", .path = url, .timeout_ms = LEARN_MS,
                               .tls = app->config->raw };
    bool on;

    pause_path(app, path, sizeof(path));
    on = access(path, F_OK) == 0;
    snprintf(url, sizeof(url), "/pipelines/%s", app->plan->name);
    if (!on && app_peers(app, &peers, &err) == CV_OK)
        peers_ask(&peers, &call);
    for (size_t i = 0; i < peers.count; i++)
        on |= peers.items[i].status == 200 && says_paused(&peers.items[i].answer);
    peers_done(&peers);
    if (on && app_pause(app, true, &err) != CV_OK)
        CV_LOG_WARN(app->log, "that the pipeline is paused could not be noted", CV_ERR(&err));
    if (on)
        CV_LOG_INFO(app->log, "the pipeline is paused", CV_STR("pipeline", app->plan->name));
}

enum cv_rc
app_pause(struct app *app, bool on, struct cv_err *err)
{
    char path[4096];
    bool open_here;
    int fd;

    cv_lock(&app->lock);
    open_here = app->admin_open;
    cv_unlock(&app->lock);
    if (!open_here)
        return cv_fail(err, CV_RETRY, "the worker is starting or stopping");
    pause_path(app, path, sizeof(path));
    if (on) {
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
            return cv_fail_errno(err, CV_INTERNAL, errno, "could not make \"%s\"", path);
        close(fd);
    } else if (unlink(path) != 0 && errno != ENOENT) {
        return cv_fail_errno(err, CV_INTERNAL, errno, "could not delete \"%s\"", path);
    }
    set_paused(app, on);
    return CV_OK;
}

enum cv_rc
app_restart_task(struct app *app, const char *task, struct cv_err *err)
{
    size_t count;
    struct task_status *tasks = app_tasks(app, &count);
    enum cv_rc rc = cv_fail(err, CV_NOT_FOUND, "this worker has no task \"%s\"", task);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].id, task) != 0 || strcmp(task, "global") == 0)
            continue;
        rc = CV_OK;
        cv_lock(&app->lock);
        for (size_t l = 0; l < app->n_loops && rc == CV_OK; l++)
            rc = loop_restart(app->loops[l], task, err);
        cv_unlock(&app->lock);
    }
    free(tasks);
    return rc;
}

enum cv_rc
app_image(struct app *app, const char *task, struct database *into, int64_t deadline_ms, struct cv_err *err)
{
    struct image *image = NULL;
    size_t asked = 0;
    enum cv_rc rc;

    cv_lock(&app->lock);
    if (app->n_loops > 0)
        image = image_new(task, into, app->n_loops);
    while (image != NULL && asked < app->n_loops && loop_image(app->loops[asked], image, err) == CV_OK)
        asked++;
    for (size_t i = asked; image != NULL && i < app->n_loops; i++) { /* which will not be asked */
        image_pass(image);
        image_unref(image);
    }
    cv_unlock(&app->lock);
    if (image == NULL)
        return cv_fail(err, CV_RETRY, "the worker is starting or stopping");
    rc = image_wait(image, deadline_ms, err);
    image_unref(image);
    return rc;
}
