/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streams worker: the group's member, processing threads, the keeper of the GLOBAL tables, and
 * the order in which they start and stop. The calling thread of app_run is the member; other
 * threads only look (app_view).
 */
#ifndef STREAMS_APP_H
#define STREAMS_APP_H

#include "streams/engine/loop.h"
#include "streams/peers.h"
#include "streams/streams_config.h"

struct app;

/* Config and plan are borrowed and must outlive it. */
CV_MUST_CHECK
enum cv_rc app_new(const struct streams_config *config, const struct plan *plan, struct app **ret,
                   struct cv_err *err);
/*
 * Wait for Kafka and the topics, load the GLOBAL tables, join the group, work, until app_stop.
 * Returns CV_OK after an orderly stop, or why the worker could not start or go on. Everything is
 * stopped when it returns.
 */
CV_MUST_CHECK
enum cv_rc app_run(struct app *app, struct cv_err *err);
void app_stop(struct app *app); /* any thread, also a signal handler */
void app_free(struct app *app);
/* Under which other workers reach this one's REST; before app_run. */
void app_set_url(struct app *app, const char *url);

/* ---- what others may see, from any thread ---- */

enum app_state {
    APP_STARTING, /* waits for Kafka, topics or the GLOBAL tables: see why */
    APP_RUNNING,
    APP_FAILED,
    APP_STOPPING,
};

struct app_view {
    enum app_state state;
    char why[1024]; /* STARTING, FAILED */
    bool paused;    /* the pipeline, by app_pause */
    bool assigned;  /* the group has given this worker its share, which may be none */
    size_t share;   /* tasks of it; a thread opens each soon after */
    size_t tasks;
    size_t tasks_failed;
    size_t tasks_running;
};

void app_view(struct app *app, struct app_view *ret);
/* Free with free(); includes an entry "global" when there are GLOBAL tables. */
struct task_status *app_tasks(struct app *app, size_t *ret_count);
void app_loop_stats(struct app *app, struct loop_stats *ret); /* of all threads together */
const struct plan *app_plan(const struct app *app);
const char *app_directory(const struct app *app);
const char *app_state_directory(const struct app *app); /* of the application */
const char *app_global_path(const struct app *app);     /* NULL: no GLOBAL tables */
const struct cv_config *app_keys(const struct app *app); /* of the properties file */
struct watch *app_watch(struct app *app); /* takes relays as followers, with a reference */

/* ---- what others may do, from any thread ---- */

/* The workers of the application. CV_RETRY: Kafka is away, or this worker starts or stops. */
CV_MUST_CHECK
enum cv_rc app_peers(struct app *app, struct peers *ret, struct cv_err *err);
/* Let the tasks of this worker stand still or go on; outlives a restart. */
CV_MUST_CHECK
enum cv_rc app_pause(struct app *app, bool on, struct cv_err *err);
/* Fill the tables in memory of a task of this worker into a connection to its file, which reads that from the same moment
   on. CV_RETRY: not by the deadline (monotonic ms), or not at this moment. */
CV_MUST_CHECK
enum cv_rc app_image(struct app *app, const char *task, struct database *into, int64_t deadline_ms,
                     struct cv_err *err);
/* Begin a task of this worker anew. CV_NOT_FOUND: it has no such task. */
CV_MUST_CHECK
enum cv_rc app_restart_task(struct app *app, const char *task, struct cv_err *err);

#endif
