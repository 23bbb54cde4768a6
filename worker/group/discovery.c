/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FindCoordinator at one broker after the other: first those that the cluster named itself,
 * beginning with the one that answered last, then those of bootstrap.servers, which may be long
 * gone.
 */
#include <config.h>

#include "worker/group/discovery.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"

#define BODY_MAX 65536

static void
addresses_free(struct cv_wire_address *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        free(list[i].host);
    free(list);
}

void
discovery_done(struct discovery *d)
{
    addresses_free(d->brokers, d->n_brokers);
    free(d->coordinator.host);
    d->brokers = NULL;
    d->n_brokers = 0;
    d->coordinator.host = NULL;
}

static const struct cv_wire_address *
broker_at(const struct discovery *d, size_t i)
{
    return i < d->n_brokers ? &d->brokers[i] : &d->settings->bootstrap[i - d->n_brokers];
}

static enum cv_rc
open_broker(const struct discovery *d, const struct cv_wire_address *broker,
            struct cv_wire_conn **ret, struct cv_err *err)
{
    return cv_wire_open(d->settings, broker->host, broker->port,
                        cv_mono_ms() + d->settings->connect_timeout_ms, d->stop, ret, err);
}

/* Learn the brokers of the cluster; without them, those known already do. */
static void
learn_brokers(struct discovery *d, struct cv_wire_conn *conn, struct cv_arena *arena)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX);
    struct cv_wire_metadata metadata;
    struct cv_wire_address *list = NULL;
    struct cv_wire_response resp;
    struct cv_err err;
    size_t i, count = 0;
    enum cv_rc rc;

    cv_wire_write_metadata(&body);
    rc = cv_wire_call(conn, CV_WIRE_METADATA, &body, cv_mono_ms() + d->request_timeout_ms, d->stop,
                      &resp, &err);
    if (rc == CV_OK)
        rc = cv_wire_read_metadata(resp.body, resp.len, arena, &metadata, &err);
    cv_buf_free(&body);
    if (rc != CV_OK || metadata.n_brokers == 0)
        return;
    list = calloc(metadata.n_brokers, sizeof(*list));
    for (i = 0; list != NULL && i < metadata.n_brokers; i++) {
        list[count].host = strdup(metadata.brokers[i].host);
        list[count].port = metadata.brokers[i].port;
        count += list[count].host != NULL;
    }
    if (count == 0) {
        free(list);
        return;
    }
    addresses_free(d->brokers, d->n_brokers);
    d->brokers = list;
    d->n_brokers = count;
    d->turn = 0;
}

static enum cv_rc
find_failed(const struct discovery *d, const struct cv_wire_find_coordinator *found,
            struct cv_err *err)
{
    switch (found->error) {
    case CV_WIRE_GROUP_AUTHORIZATION_FAILED:
        return cv_fail(err, CV_INVALID,
                       "not authorized to look up the group \"%s\": grant Read on the group to the "
                       "worker's user",
                       d->group_id);
    case CV_WIRE_INVALID_GROUP_ID:
        return cv_fail(err, CV_INVALID, "the brokers refuse group.id \"%s\": choose another",
                       d->group_id);
    default:
        return cv_fail(err, CV_RETRY, "no coordinator for the group \"%s\": %s (%d)", d->group_id,
                       cv_wire_error_name(found->error), found->error);
    }
}

static enum cv_rc
ask(struct discovery *d, struct cv_wire_conn *conn, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX);
    struct cv_wire_find_coordinator found;
    struct cv_wire_response resp;
    enum cv_rc rc;
    char *host;

    cv_wire_write_find_coordinator(&body, d->group_id);
    rc = cv_wire_call(conn, CV_WIRE_FIND_COORDINATOR, &body, cv_mono_ms() + d->request_timeout_ms,
                      d->stop, &resp, err);
    if (rc == CV_OK)
        rc = cv_wire_read_find_coordinator(resp.body, resp.len, arena, &found, err);
    if (rc == CV_OK && found.error != 0)
        rc = find_failed(d, &found, err);
    if (rc == CV_OK) {
        host = strdup(found.broker.host);
        if (host == NULL) {
            rc = cv_fail_memory(err);
        } else {
            free(d->coordinator.host);
            d->coordinator = (struct cv_wire_address){ .host = host, .port = found.broker.port };
        }
    }
    cv_buf_free(&body);
    return rc;
}

/* Ask one broker, and connect to the coordinator that it names, which may be itself. */
static enum cv_rc
find_by(struct discovery *d, const struct cv_wire_address *broker, struct cv_wire_conn **ret,
        struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_conn *conn = NULL;
    enum cv_rc rc;
    bool same;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = open_broker(d, broker, &conn, err);
    if (rc == CV_OK)
        rc = ask(d, conn, arena, err);
    if (rc != CV_OK)
        goto out;
    same = strcmp(d->coordinator.host, broker->host) == 0 && d->coordinator.port == broker->port;
    learn_brokers(d, conn, arena); /* broker may be gone after this */
    if (!same) {
        cv_wire_close(conn);
        conn = NULL;
        rc = open_broker(d, &d->coordinator, &conn, err);
    }
    if (rc == CV_OK) {
        *ret = conn;
        conn = NULL;
    }
out:
    cv_wire_close(conn);
    cv_arena_free(arena);
    return rc;
}

enum cv_rc
discovery_find(struct discovery *d, struct cv_wire_conn **ret, struct cv_err *err)
{
    size_t count = d->n_brokers + d->settings->n_bootstrap, i, first = d->turn;
    enum cv_rc rc = CV_RETRY;

    for (i = 0; i < count; i++) {
        d->turn = (first + i) % count;
        rc = find_by(d, broker_at(d, d->turn), ret, err);
        if (rc != CV_RETRY)
            return rc;
        /* A failure after the brokers were learned anew: the next call begins with those. */
        if (d->n_brokers + d->settings->n_bootstrap != count)
            break;
    }
    d->turn = d->turn + 1 < d->n_brokers + d->settings->n_bootstrap ? d->turn + 1 : 0;
    return rc;
}

enum cv_rc
discovery_reconnect(struct discovery *d, int64_t deadline_ms, struct cv_wire_conn **ret,
                    struct cv_err *err)
{
    if (d->coordinator.host == NULL)
        return cv_fail(err, CV_RETRY, "no coordinator is known");
    return cv_wire_open(d->settings, d->coordinator.host, d->coordinator.port, deadline_ms, d->stop,
                        ret, err);
}
