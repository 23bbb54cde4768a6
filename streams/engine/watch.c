/* SPDX-License-Identifier: Apache-2.0 */
/* Followers of tables; see watch.h. */
#include "streams/engine/watch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_write.h"

#define KEEP_ALIVE_MS 15000

struct follower {
    struct follower *next;
    const char *table;
    void *arg;
};

struct watch {
    watch_take *take;
    watch_close *close;
    atomic_uint count; /* written under the lock */
    struct cv_lock lock;
    struct follower *followers;
    int64_t told_ms; /* monotonic, of the last keep-alive */
};

struct watch *
watch_new(watch_take *take, watch_close *close)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    watch->take = take;
    watch->close = close;
    cv_lock_init(&watch->lock, CV_RANK_TASK);
    return watch;
}

/* Take the follower at *at out of the list and let it go. */
static void
drop(struct watch *watch, struct follower **at)
{
    struct follower *gone = *at;

    *at = gone->next;
    atomic_fetch_sub(&watch->count, 1);
    watch->close(gone->arg);
    free(gone);
}

void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    while (watch->followers != NULL)
        drop(watch, &watch->followers);
    cv_lock_done(&watch->lock);
    free(watch);
}

enum cv_rc
watch_add(struct watch *watch, const char *table, void *follower, struct cv_err *err)
{
    struct follower *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        watch->close(follower);
        return cv_fail_memory(err);
    }
    f->table = table;
    f->arg = follower;
    cv_lock(&watch->lock);
    f->next = watch->followers;
    watch->followers = f;
    atomic_fetch_add(&watch->count, 1);
    cv_unlock(&watch->lock);
    return CV_OK;
}

bool
watch_wants(struct watch *watch, const char *table)
{
    bool wanted = false;

    if (atomic_load(&watch->count) == 0)
        return false;
    cv_lock(&watch->lock);
    for (const struct follower *f = watch->followers; f != NULL && !wanted; f = f->next)
        wanted = strcmp(f->table, table) == 0;
    cv_unlock(&watch->lock);
    return wanted;
}

static void
tell(struct watch *watch, const char *table, const char *text, size_t len)
{
    struct follower **at = &watch->followers;

    cv_lock_assert_held(&watch->lock);
    while (*at != NULL) {
        if ((table == NULL || strcmp((*at)->table, table) == 0) &&
            !watch->take((*at)->arg, text, len))
            drop(watch, at);
        else
            at = &(*at)->next;
    }
}

void
watch_tell(struct watch *watch, const char *table, const char *text, size_t len)
{
    if (atomic_load(&watch->count) == 0)
        return;
    cv_lock(&watch->lock);
    tell(watch, table, text, len);
    cv_unlock(&watch->lock);
}

void
watch_end(struct watch *watch, const char *table)
{
    struct follower **at = &watch->followers;

    cv_lock(&watch->lock);
    while (*at != NULL) {
        if (strcmp((*at)->table, table) == 0)
            drop(watch, at);
        else
            at = &(*at)->next;
    }
    cv_unlock(&watch->lock);
}

void
watch_state_event(const char *task, const char *state, struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    cv_buf_str(out, "event: state\ndata: ");
    cv_json_object(&w);
    cv_json_key(&w, "task");
    cv_json_string(&w, task);
    cv_json_key(&w, "state");
    cv_json_string(&w, state);
    cv_json_object_end(&w);
    cv_buf_str(out, "\n\n");
}

void
watch_keep_alive(struct watch *watch)
{
    static const char comment[] = ": alive\n\n";

    if (atomic_load(&watch->count) == 0)
        return;
    cv_lock(&watch->lock);
    if (cv_mono_ms() - watch->told_ms >= KEEP_ALIVE_MS) {
        watch->told_ms = cv_mono_ms();
        tell(watch, NULL, comment, sizeof(comment) - 1);
    }
    cv_unlock(&watch->lock);
}
