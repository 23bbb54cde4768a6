/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of connectors: read, changed and reset by REST. */
#include <config.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "data/json.h"
#include "worker/herder_private.h"

struct offsets_arg {
    const char *name;
    const char *json; /* NULL: reset */
    struct cv_buf *out;
    struct herder_forward *forward;
};

/* Offsets of sinks, and altered ones, come with a later version. */
static enum cv_rc
check_source(struct herder *h, const char *name, struct cv_err *err)
{
    struct cv_config *cfg = NULL;
    int type;

    if (config_store_connector(h->configs, name, &cfg, err) != CV_OK)
        return err->rc;
    type = herder_type_of(h, cfg);
    cv_config_free(cfg);
    if (type != CV_SOURCE)
        return cv_fail(err, CV_INTERNAL,
                       "Offsets of sink connectors are not served in this version; use Kafka's consumer group tool on "
                       "group connect-%s",
                       name);
    return CV_OK;
}

static enum cv_rc
write_offsets(struct herder *h, const char *name, struct cv_buf *out, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_list(h->offsets, name, arena, &items, &count, err);

    cv_buf_str(out, "{\"offsets\":[");
    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        cv_buf_str(out, i > 0 ? ",{\"partition\":" : "{\"partition\":");
        cv_connect_json_write(out, items[i].partition);
        cv_buf_str(out, ",\"offset\":");
        cv_connect_json_write(out, items[i].offset);
        cv_buf_char(out, '}');
    }
    cv_buf_str(out, "]}");
    cv_arena_free(arena);
    return rc;
}

static enum cv_rc
run_offsets_get(struct herder *h, void *arg, struct cv_err *err)
{
    struct offsets_arg *a = arg;

    if (check_source(h, a->name, err) != CV_OK)
        return err->rc;
    return write_offsets(h, a->name, a->out, err);
}

enum cv_rc
herder_offsets_get(struct herder *h, const char *name, struct cv_buf *ret_json, struct cv_err *err)
{
    struct offsets_arg a = { .name = name, .out = ret_json };

    return herder_call(h, run_offsets_get, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* A write whose end the herder waits for. */
struct written {
    struct cv_wake wake;
    struct cv_err err;
    atomic_int result; /* 0: not yet, 1: written, 2: failed */
};

static void
on_written(void *arg, const struct cv_err *err)
{
    struct written *written = arg;

    if (err != NULL)
        written->err = *err;
    atomic_store(&written->result, err == NULL ? 1 : 2);
    cv_wake_signal(&written->wake);
}

static enum cv_rc
write_and_wait(struct herder *h, const char *name, const struct cv_offset *items, size_t count,
               struct cv_err *err)
{
    struct written written = { .result = 0 };
    enum cv_rc rc = cv_wake_init(&written.wake, err);

    if (rc != CV_OK || count == 0) {
        cv_wake_done(&written.wake);
        return rc;
    }
    rc = offset_store_write(h->offsets, name, items, count, on_written, &written, err);
    while (rc == CV_OK && atomic_load(&written.result) == 0)
        cv_wake_wait(&written.wake, cv_mono_ms() + 1000);
    if (rc == CV_OK && atomic_load(&written.result) == 2) {
        *err = written.err;
        rc = err->rc;
    }
    cv_wake_done(&written.wake);
    return rc;
}

static enum cv_rc
reset_offsets(struct herder *h, const char *name, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_list(h->offsets, name, arena, &items, &count, err);

    for (size_t i = 0; rc == CV_OK && i < count; i++)
        items[i].offset = NULL;
    if (rc == CV_OK)
        rc = write_and_wait(h, name, items, count, err);
    cv_arena_free(arena);
    return rc;
}

static enum cv_rc
run_offsets_alter(struct herder *h, void *arg, struct cv_err *err)
{
    struct offsets_arg *a = arg;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    if (check_source(h, a->name, err) != CV_OK)
        return err->rc;
    if (config_store_target(h->configs, a->name) != TARGET_STOPPED ||
        config_store_task_count(h->configs, a->name) > 0)
        return cv_fail(err, CV_INVALID,
                       "Connectors must be in the STOPPED state before their offsets can be modified. This can be done "
                       "for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint",
                       a->name);
    if (a->json != NULL)
        return cv_fail(err, CV_INTERNAL, "Altering offsets is not served in this version; they can be reset");
    if (reset_offsets(h, a->name, err) != CV_OK)
        return err->rc;
    cv_buf_str(a->out, "{\"message\":\"The offsets for this connector have been reset successfully\"}");
    return CV_OK;
}

enum cv_rc
herder_offsets_alter(struct herder *h, const char *name, const char *json, size_t len,
                     struct herder_forward *forward, struct cv_buf *ret_json, struct cv_err *err)
{
    struct offsets_arg a = { .name = name, .json = json, .out = ret_json, .forward = forward };

    (void)len;
    return herder_call(h, run_offsets_alter, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}
