/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What REST may ask. A request is a function and its argument, run by the herder's loop; the asking thread waits
 * for it with a deadline. A request that has not begun when the deadline passes is taken back; one that runs is
 * waited for, because its argument is on the asker's stack, and every step of it has a deadline of its own.
 */
#include <config.h>

#include "worker/herder_request.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "worker/herder_private.h"
#include "worker/validate.h"

/* ---- calls ---- */

/* Take a call that has not begun out of the queue. The lock is held. */
static bool
take_back(struct herder *h, struct herder_call *call)
{
    struct herder_call **at = &h->calls_head, *prev = NULL;

    for (; *at != NULL; prev = *at, at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            if (h->calls_tail == call)
                h->calls_tail = prev;
            call->state = CALL_CANCELLED;
            return true;
        }
    return false;
}

/* What the herder does, behind the sentence that is said of it. */
static enum cv_rc
fail_with_stage(struct herder *h, enum cv_rc rc, const char *sentence, struct cv_err *err)
{
    char since[CV_ISO_MAX];

    cv_format_iso_ms(atomic_load(&h->stage_since_ms), since);
    return cv_fail(err, rc, "%s The worker is currently %s, which began at %s.", sentence, atomic_load(&h->stage),
                   since);
}

enum cv_rc
herder_timed_out(struct herder *h, struct cv_err *err)
{
    return fail_with_stage(h, CV_RETRY, "Request timed out.", err);
}

enum cv_rc
herder_is_starting(struct herder *h, struct cv_err *err)
{
    return fail_with_stage(h, CV_RETRY, "Worker is still starting up.", err);
}

enum cv_rc
herder_call(struct herder *h, enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err), void *arg,
            int timeout_ms, struct cv_err *err)
{
    return herder_call_when(h, NULL, run, arg, timeout_ms, err);
}

enum cv_rc
herder_call_when(struct herder *h, bool (*ready)(struct herder *h, const void *arg),
                 enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err), void *arg, int timeout_ms,
                 struct cv_err *err)
{
    struct herder_call call = { .run = run, .arg = arg, .ready = ready, .state = CALL_QUEUED };
    int64_t deadline = cv_mono_ms() + timeout_ms;
    enum cv_rc rc;

    cv_lock(&h->calls_lock);
    if (h->closed) {
        cv_unlock(&h->calls_lock);
        return cv_fail(err, CV_INTERNAL, "Worker is shutting down");
    }
    if (h->calls_tail != NULL)
        h->calls_tail->next = &call;
    else
        h->calls_head = &call;
    h->calls_tail = &call;
    cv_unlock(&h->calls_lock);
    cv_wake_signal(&h->wake);
    cv_lock(&h->calls_lock);
    while (call.state != CALL_DONE && call.state != CALL_CANCELLED)
        if (!cv_cond_wait(&h->calls_done, &h->calls_lock, call.state == CALL_QUEUED ? deadline : -1) &&
            call.state == CALL_QUEUED)
            take_back(h, &call);
    rc = call.state == CALL_DONE ? call.rc : CV_RETRY;
    cv_unlock(&h->calls_lock);
    if (call.state == CALL_CANCELLED)
        return herder_timed_out(h, err);
    if (rc != CV_OK)
        *err = call.err;
    return rc;
}

/* ---- forwarding ---- */

static enum cv_rc
no_leader(struct cv_err *err)
{
    return cv_fail(err, CV_CONFLICT,
                   "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was "
                   "underway.");
}

/* Where the request must go; NULL url: not known. */
enum cv_rc
herder_forward_to(const char *url, struct herder_forward *forward, struct cv_err *err)
{
    if (forward == NULL || forward->hop == HERDER_HOP_FALSE)
        return cv_fail(err, CV_CONFLICT,
                       "Cannot complete request because of a conflicting operation (e.g. worker rebalance)");
    if (url == NULL || url[0] == '\0')
        return no_leader(err);
    snprintf(forward->url, sizeof(forward->url), "%s", url);
    return CV_OK;
}

enum cv_rc
herder_find_owner(struct herder *h, const char *name, int32_t unit, bool here, struct herder_forward *forward,
                  bool *ret_here, struct cv_err *err)
{
    *ret_here = here;
    if (here)
        return CV_OK;
    if (!herder_is_leader(h))
        return herder_forward_to(member_leader_url(h->member), forward, err);
    return herder_forward_to(member_owner_url(h->member, name, unit), forward, err);
}

/* Whether this worker leads; else forward is filled, or *err. */
bool
herder_leads(struct herder *h, struct herder_forward *forward, struct cv_err *err)
{
    err->rc = CV_OK;
    if (herder_is_leader(h) && !member_rejoin_pending(h->member))
        return true;
    if (herder_is_leader(h))
        return true; /* an old leader acts until the next assignment */
    (void)(herder_forward_to(member_leader_url(h->member), forward, err) == CV_OK);
    return false;
}

/* ---- the herder thread ---- */

#define UNHEALTHY "Worker was unable to handle this request and may be unable to handle other requests."

static enum cv_rc
run_ping(struct herder *h, void *arg, struct cv_err *err)
{
    (void)h;
    (void)arg;
    (void)err;
    return CV_OK;
}

/* Without one of its topics a worker runs on what it knew, and the next start would find nothing. */
static enum cv_rc
check_topics(struct herder *h, struct cv_err *err)
{
    if (config_store_check(h->configs, err) != CV_OK || offset_store_check(h->offsets, err) != CV_OK)
        return err->rc;
    return status_store_check(h->statuses, err);
}

enum cv_rc
herder_health(struct herder *h, struct cv_err *err)
{
    struct cv_err why;
    enum cv_rc rc;

    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    rc = herder_call(h, run_ping, NULL, HERDER_HEALTH_TIMEOUT_MS, &why);
    if (rc == CV_OK && check_topics(h, &why) != CV_OK)
        return cv_fail(err, CV_INTERNAL, UNHEALTHY " %s", why.text);
    if (rc == CV_OK) {
        *err = (struct cv_err){ .rc = CV_OK,
                                .text = "Worker has completed startup and is ready to handle requests." };
        return CV_OK;
    }
    if (rc == CV_RETRY)
        return fail_with_stage(h, CV_INTERNAL, UNHEALTHY, err);
    return cv_fail(err, CV_INTERNAL, UNHEALTHY " %s", why.text);
}

/* ---- validation and the rest ---- */

enum cv_rc
herder_validate(struct herder *h, const struct cv_config *config, struct config_infos *ret, struct cv_err *err)
{
    struct validate_spec spec = { .plugins = h->spec.plugins, .secrets = h->spec.secrets,
                                  .worker = h->spec.config };

    return validate_connector(&spec, config, ret, err);
}

enum cv_rc
herder_plugin_rows(struct herder *h, const struct cv_plugin *plugin, struct config_infos *ret,
                   struct cv_err *err)
{
    return validate_plugin_rows(h->spec.plugins, plugin, ret, err);
}

void
herder_about(struct herder *h, struct herder_about *ret)
{
    *ret = (struct herder_about){ .worker_id = h->spec.worker_id,
                                  .url = h->spec.url,
                                  .cluster_id = atomic_load(&h->started) ? h->cluster_id : "" };
}

enum cv_rc
herder_logger_set(struct herder *h, const char *name, const char *level, struct cv_err *err)
{
    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    return config_store_put_logger(h->configs, name, level, err);
}
