/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a worker, for app.c and app_view.c only. */
#ifndef STREAMS_APP_PRIVATE_H
#define STREAMS_APP_PRIVATE_H

#include <stdatomic.h>

#include "streams/app.h"
#include "streams/engine/global.h"

struct app {
    const struct streams_config *config;
    const struct plan *plan;
    struct cv_log *log;
    struct status_board *board;
    struct watch *watch;
    atomic_bool stop;
    struct cv_wake wake;

    char dir[4000]; /* state.dir/application */
    char global_path[4096];
    char topics_path[4096];
    char worker_id[128];
    char url[300];
    int lock_fd;

    struct cv_admin *admin;
    int32_t *partitions;
    struct global *global;
    struct cv_thread *global_thread;
    struct loop **loops;
    struct cv_thread **threads;
    size_t n_loops;
    struct member *member;
    struct assignment *assignment;

    struct cv_lock lock; /* guards what follows */
    enum app_state state;
    char why[1024];
    bool assigned;
    size_t share;
    bool paused;
    bool admin_open; /* admin and partitions may be used, also by others */
    int admin_users;
    struct cv_cond changed;
};

/* Stand still from the start if the pipeline was paused when this worker ended, or is for others. */
void app_learn_paused(struct app *app);

#endif
