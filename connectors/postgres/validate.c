/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation: first what needs no server, then the server, asked at its address, over an ordinary and over a
 * replication connection at the same time. The answer comes within five seconds: a probe that has not come back by then
 * is left to itself, with a configuration of its own, and wiped when it ends.
 */
#include "connectors/postgres/validate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/thread.h"
#include "connectors/postgres/config_check.h"
#include "connectors/postgres/name.h"
#include "connectors/postgres/probe.h"
#include "connectors/postgres/signal_channel.h"

#define LIMIT_MS 5000

struct probe {
    struct pg_config config;
    void (*ask)(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors);
    int timeout_ms;
    struct cv_config_errors errors;
    struct cv_thread *thread;
    atomic_int users; /* the thread and who waits for it; the last one frees */
};

static void
probe_release(struct probe *probe)
{
    /* release: what this user wrote is seen by the one who frees; acquire: by that one, of all others */
    if (atomic_fetch_sub_explicit(&probe->users, 1, memory_order_acq_rel) > 1)
        return;
    pg_config_done(&probe->config);
    cv_config_errors_done(&probe->errors);
    free(probe);
}

static void
probe_run(void *arg)
{
    struct probe *probe = arg;

    probe->ask(&probe->config, probe->timeout_ms, &probe->errors);
    probe_release(probe);
}

static enum cv_rc
probe_start(const struct cv_config *cfg, void (*ask)(const struct pg_config *, int, struct cv_config_errors *),
            int timeout_ms, struct probe **ret, struct cv_err *err)
{
    struct probe *probe = calloc(1, sizeof(*probe));

    if (probe == NULL)
        return cv_fail_memory(err);
    probe->ask = ask;
    probe->timeout_ms = timeout_ms;
    atomic_init(&probe->users, 2);
    if (pg_config_parse(cfg, &probe->config, err) == CV_OK &&
        cv_thread_start("pg-validate", probe_run, probe, &probe->thread, err) == CV_OK) {
        *ret = probe;
        return CV_OK;
    }
    pg_config_done(&probe->config);
    free(probe);
    return err->rc;
}

/* Wait for it and take its errors over. false: it is not back. NULL was never started. */
static bool
probe_end(struct probe *probe, int64_t deadline_ms, struct cv_config_errors *errors)
{
    bool ended;

    if (probe == NULL)
        return true;
    ended = cv_thread_join(probe->thread, deadline_ms);
    if (!ended)
        cv_thread_abandon(probe->thread);
    for (size_t i = 0; ended && i < probe->errors.count; i++)
        cv_config_errors_add(errors, probe->errors.items[i].key, "%s", probe->errors.items[i].text);
    probe_release(probe);
    return ended;
}

/* Each probe says what the next one cannot see: an address that does not answer explains why there is no login, and the
   login why there is no replication. */
static void
take_first(struct probe *const probes[], size_t count, int limit_ms, int64_t deadline_ms,
           struct cv_config_errors *errors)
{
    struct cv_config_errors none = { 0 };
    size_t before = errors->count;

    for (size_t i = 0; i < count; i++) {
        if (probe_end(probes[i], deadline_ms, errors->count == before ? errors : &none) || errors->count > before)
            continue;
        cv_config_errors_add(errors, "database.hostname", "Connection validation timed out after %d ms%s", limit_ms,
                             i == 0 ? ": the host name was not resolved" : "");
    }
    cv_config_errors_done(&none);
}

/* All at once. */
static enum cv_rc
ask_server(const struct cv_config *cfg, const struct pg_config *config, struct cv_config_errors *errors,
           struct cv_err *err)
{
    static void (*const asks[])(const struct pg_config *, int, struct cv_config_errors *) = {
        probe_address, probe_database, probe_replication
    };
    int limit_ms = config->validation_timeout_ms > 0 && config->validation_timeout_ms < LIMIT_MS
                       ? (int)config->validation_timeout_ms
                       : LIMIT_MS;
    int64_t deadline = cv_mono_ms() + limit_ms;
    struct probe *probes[CV_COUNT(asks)] = { NULL };
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < CV_COUNT(asks) && rc == CV_OK; i++)
        rc = probe_start(cfg, asks[i], limit_ms - 200, &probes[i], err);
    take_first(probes, CV_COUNT(asks), limit_ms, deadline, errors);
    return rc;
}

enum cv_rc
pg_validate(const struct cv_config *cfg, struct cv_config_errors *errors, struct cv_err *err)
{
    struct pg_config config;
    struct namer *namer = NULL;
    size_t before = errors->count;
    enum cv_rc rc = CV_OK;

    check_together(cfg, errors);
    signal_channels_check(cfg, errors);
    if (errors->count == before)
        check_not_served(cfg, errors);
    if (errors->count > before)
        return CV_OK;
    if (pg_config_parse(cfg, &config, err) != CV_OK)
        cv_config_errors_add(errors, "connector.class", "%s", err->text);
    else if (namer_new(&config, &namer, err) != CV_OK)
        cv_config_errors_add(errors, "topic.naming.strategy", "The 'topic.naming.strategy' value is invalid: %s",
                             err->text);
    else
        rc = ask_server(cfg, &config, errors, err);
    namer_free(namer);
    pg_config_done(&config);
    return rc;
}
