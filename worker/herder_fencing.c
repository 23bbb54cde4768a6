/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zombie fencing (KIP-618): before tasks of a source write in transactions, or its offsets are changed, the producers
 * of older tasks lose their right to write. The leader decides by the records of the config topic in its own turn;
 * the producers are fenced on the thread of the request, as that waits for Kafka.
 *
 * A round is: begin (in the turn: is there anything to do?), fence, end (in the turn: write the new number of tasks,
 * unless tasks were committed meanwhile). One round a connector at a time.
 */
#include <config.h>

#include <stdio.h>

#include "common/clock.h"
#include "common/kafka/producer.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/herder_forward.h"
#include "worker/herder_private.h"
#include "worker/standalone.h"

#define READ_TIMEOUT_MS    10000
#define PRODUCER_TIMEOUT_MS 30000
#define TASK_CALL_MS       500 /* a task that is asked to stop does not wait longer for the herder */

struct round {
    const char *name;
    struct herder_forward *forward;
    struct config_fencing before;
    struct cv_config *config; /* out: fence producers, then end; NULL: nothing is left to do */
    bool is_signed;
    enum cv_rc outcome;       /* in for the end: of the fencing */
};

/* ---- the right to write to the config topic ---- */

static enum cv_rc
make_leader_producer(void *arg, struct cv_producer **ret, struct cv_err *err)
{
    struct herder *h = arg;
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256], transactional_id[256];
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "%s-configs-leader", h->spec.config->group_id);
    snprintf(transactional_id, sizeof(transactional_id), "connect-cluster-%s", h->spec.config->group_id);
    rc = client_layers_init(&layers, CV_KAFKA_PRODUCER, h->spec.raw, NULL, client_id, &conf, err);
    if (rc == CV_OK) {
        rc = cv_producer_new(&conf, transactional_id, ret, err);
        client_layers_done(&layers);
    }
    return rc;
}

void
herder_claim(struct herder *h)
{
    int64_t claim = herder_is_leader(h) ? (int64_t)atomic_load(&h->generation) + 1 : 0;

    if (h->spec.config->exactly_once == WORKER_EOS_DISABLED || standalone_is(h) || claim == h->claimed)
        return;
    h->claimed = claim;
    config_store_lead(h->configs, claim != 0, make_leader_producer, h);
}

/* ---- a round ---- */

static bool
no_other_round(struct herder *h, const void *arg)
{
    const struct round *r = arg;

    return h->fencing == NULL || cv_hash_get(h->fencing, r->name) == NULL;
}

static enum cv_rc
check_connector(struct herder *h, const char *name, struct cv_config **ret, struct cv_err *err)
{
    struct cv_config *raw = NULL;
    const struct cv_plugin *plugin;
    int type;

    if (config_store_connector(h->configs, name, &raw, err) != CV_OK)
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", name);
    type = herder_type_of(h, raw);
    cv_config_free(raw);
    if (type != CV_SOURCE)
        return cv_fail(err, CV_INVALID, "Connector %s is not a source connector", name);
    return herder_resolved_config(h, name, ret, &plugin, err);
}

static enum cv_rc
run_begin(struct herder *h, void *arg, struct cv_err *err)
{
    struct round *r = arg;
    struct cv_config *config = NULL;
    enum cv_rc rc = CV_OK;

    r->is_signed = h->member != NULL && member_protocol(h->member) == GROUP_SESSIONED;
    if (!herder_leads(h, r->forward, err))
        return err->rc;
    if (check_connector(h, r->name, &config, err) != CV_OK)
        return err->rc;
    if (h->spec.config->exactly_once != WORKER_EOS_ENABLED)
        goto out; /* no task of it has ever had a transactional producer to be fenced */
    rc = config_store_read_to_end(h->configs, READ_TIMEOUT_MS, err);
    if (rc != CV_OK)
        goto out;
    config_store_fencing(h->configs, r->name, &r->before);
    if (!r->before.pending)
        goto out;
    if (r->before.recorded < 0 || (r->before.recorded == 1 && r->before.tasks == 1)) {
        /* nobody to fence, or a single task that fences the one before it by itself */
        rc = config_store_put_fencing(h->configs, r->name, r->before.tasks, err);
        goto out;
    }
    if (h->fencing == NULL)
        h->fencing = cv_hash_new(NULL);
    if (h->fencing == NULL || !cv_hash_put(h->fencing, r->name, h)) {
        rc = cv_fail_memory(err);
        goto out;
    }
    r->config = config;
    return CV_OK;
out:
    cv_config_free(config);
    return rc;
}

static enum cv_rc
fence_task(struct herder *h, const struct round *r, int task, struct cv_err *err)
{
    struct cv_producer *producer = NULL;
    enum cv_rc rc =
        client_transactional_producer(h->spec.config, h->spec.raw, r->config, r->name, task, NULL, &producer,
                                      err);

    if (rc == CV_OK)
        rc = cv_producer_txn_init(producer, PRODUCER_TIMEOUT_MS, err);
    cv_producer_free(producer, 0);
    return rc;
}

/* On the thread of the request. */
static enum cv_rc
fence_tasks(struct herder *h, const struct round *r, struct cv_err *err)
{
    CV_LOG_INFO(h->log, "fencing the producers of older tasks", CV_STR("connector", r->name),
                CV_INT("tasks", r->before.recorded));
    for (int i = 0; i < (int)r->before.recorded; i++)
        if (fence_task(h, r, i, err) != CV_OK)
            return cv_err_context(err, "Failed to perform zombie fencing for connector %s, task %d", r->name, i);
    return CV_OK;
}

static enum cv_rc
run_end(struct herder *h, void *arg, struct cv_err *err)
{
    struct round *r = arg;
    struct config_fencing now;

    cv_hash_remove(h->fencing, r->name);
    if (r->outcome != CV_OK)
        return CV_OK; /* the caller knows */
    if (!herder_is_leader(h))
        return cv_fail(err, CV_CONFLICT,
                       "Cannot complete request because of a conflicting operation (e.g. worker rebalance)");
    if (config_store_read_to_end(h->configs, READ_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    config_store_fencing(h->configs, r->name, &now);
    if (now.generation != r->before.generation)
        return cv_fail(err, CV_CONFLICT,
                       "Fencing failed because new task configurations were generated for the connector");
    return config_store_put_fencing(h->configs, r->name, now.tasks, err);
}

static enum cv_rc
do_round(struct herder *h, struct round *r, int timeout_ms, struct cv_err *err)
{
    struct cv_err why = CV_ERR_INIT;
    enum cv_rc rc = herder_call_when(h, no_other_round, run_begin, r, timeout_ms, err);

    if (rc != CV_OK || r->config == NULL)
        return rc;
    r->outcome = fence_tasks(h, r, &why);
    rc = herder_call(h, run_end, r, HERDER_REQUEST_TIMEOUT_MS, err);
    cv_config_free(r->config);
    if (r->outcome == CV_OK)
        return rc;
    *err = why;
    return err->rc = CV_INTERNAL;
}

enum cv_rc
herder_fence(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    struct round r = { .name = name, .forward = forward };

    if (standalone_is(h))
        return cv_fail(err, CV_INTERNAL,
                       "Kafka Connect in standalone mode does not support exactly-once source connectors.");
    return do_round(h, &r, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* ---- for tasks ---- */

enum cv_rc
herder_fence_for_task(void *herder, const char *connector, struct cv_err *err)
{
    struct herder *h = herder;
    struct herder_forward forward = { .hop = HERDER_HOP_NONE };
    struct round r = { .name = connector, .forward = &forward };
    enum cv_rc rc = do_round(h, &r, TASK_CALL_MS, err);

    if (rc == CV_OK && forward.url[0] != '\0')
        rc = herder_forward_fence(h, forward.url, connector, r.is_signed, err);
    return rc;
}

enum cv_rc
herder_check_generation(void *herder, const char *connector, int generation, struct cv_err *err)
{
    struct herder *h = herder;
    struct config_fencing now;

    if (config_store_read_to_end(h->configs, READ_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    config_store_fencing(h->configs, connector, &now);
    if (now.generation != generation)
        return cv_fail(err, CV_FENCED,
                       "Cannot start source task for connector %s with exactly-once support as it has already been "
                       "reconfigured",
                       connector);
    return CV_OK;
}
