/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as records of the config topic (first byte c), the status topic (s) or the offset topic
 * (o): lines of key, tab and value; without a tab a tombstone. Records of others and broken ones are
 * skipped, and do not take the good ones with them.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/helper/fake_topic_log.h"
#include "worker/store/config_store.h"
#include "worker/store/offset_store.h"
#include "worker/store/status_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- records ---- */

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
feed(const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t len = end == NULL ? size : (size_t)(end - data);
        const char *tab = memchr(data, '\t', len);
        size_t key_len = tab == NULL ? len : (size_t)(tab - data);

        fake_log_put_bytes("topic", (struct cv_bytes){ data, key_len },
                           (struct cv_bytes){ tab == NULL ? NULL : tab + 1, tab == NULL ? 0 : len - key_len - 1 });
        data += len + (end != NULL);
        size -= len + (end != NULL);
    }
}

/* ---- who is told of changes: names are texts ---- */

static void
on_connector(void *arg, const char *name, bool is_new)
{
    (void)arg;
    (void)is_new;
    must(strlen(name) < SIZE_MAX);
}

static void
on_name(void *arg, const char *name)
{
    on_connector(arg, name, false);
}

static void
on_session_key(void *arg)
{
    (void)arg;
}

static void
on_restart(void *arg, const char *name, bool include_tasks, bool only_failed)
{
    on_connector(arg, name, include_tasks && only_failed);
}

static void
on_logger(void *arg, const char *name, const char *level)
{
    on_connector(arg, name, false);
    on_connector(arg, level, false);
}

static void
feed_configs(const struct cv_topic_log_spec *spec, const char *data, size_t size)
{
    static const struct config_listener listener = { .connector_changed = on_connector,
                                                     .connector_removed = on_name,
                                                     .tasks_changed = on_name,
                                                     .target_changed = on_name,
                                                     .session_key_changed = on_session_key,
                                                     .restart_requested = on_restart,
                                                     .logger_changed = on_logger };
    struct config_store *store = NULL;
    atomic_bool stop = false;
    struct cv_err err;

    must(config_store_start(spec, &listener, &stop, &store, &err) == CV_OK);
    feed(data, size);
    (void)config_store_offset(store);
    config_store_free(store, 0);
}

static void
feed_statuses(const struct cv_topic_log_spec *spec, const char *data, size_t size)
{
    struct status_store *store = NULL;
    struct status status = { 0 };
    atomic_bool stop = false;
    struct cv_err err;

    must(status_store_start(spec, "127.0.0.1:8083", &stop, &store, &err) == CV_OK);
    feed(data, size);
    if (status_store_get(store, "a", STATUS_CONNECTOR, &status, &err) == CV_OK)
        must(status.worker_id != NULL);
    status_done(&status);
    status_store_free(store, 0);
}

static void
feed_offsets(const struct cv_topic_log_spec *spec, const char *data, size_t size)
{
    struct offset_store *store = NULL;
    atomic_bool stop = false;
    struct cv_err err;

    must(offset_store_start(spec, &stop, &store, &err) == CV_OK);
    feed(data, size);
    offset_store_free(store, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cv_topic_log_spec spec = { .topic = { .name = "topic" } };
    struct cv_err err;

    if (size == 0)
        return 0;
    must(cv_log_level_set("culvert", CV_LOG_LEVEL_OFF, &err) == CV_OK);
    if (data[0] == 's')
        feed_statuses(&spec, (const char *)data + 1, size - 1);
    else if (data[0] == 'o')
        feed_offsets(&spec, (const char *)data + 1, size - 1);
    else
        feed_configs(&spec, (const char *)data + 1, size - 1);
    fake_log_reset();
    return 0;
}
