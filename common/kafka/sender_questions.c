/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to brokers. The thread does not wait for what any broker can tell (metadata, producer ids): such a question
 * is asked over a connection of its own, one at a time, and its answer is taken when the poll sees it. So a broker that
 * hangs costs only what it was asked for; when its time is over, another is asked. Steps of a transaction are waited
 * for, since nothing moves without them.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"

#define PATIENCE_MAX_MS 8000 /* where brokers did not answer sooner */

/* ---- who is asked ---- */

/* The brokers that are known, one after the other: those that the configuration names, and those that lead. */
static bool
choose_control(struct sender *s)
{
    const struct cv_wire_settings *wire = s->settings->wire;
    size_t i = s->next_bootstrap++, n_peers = 0;
    struct cv_err err;

    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        n_peers++;
    i %= wire->n_bootstrap + n_peers;
    if (i < wire->n_bootstrap)
        return link_set(&s->control, wire->bootstrap[i].host, wire->bootstrap[i].port, &err) == CV_OK;
    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        if (i-- == wire->n_bootstrap)
            return link_set(&s->control, peer->link.host, peer->link.port, &err) == CV_OK;
    return false;
}

struct cv_wire_conn *
links_control(struct sender *s, int64_t now_ms)
{
    struct link *link = &s->control;

    if (link->asked.answered == NULL && link_expires(link, now_ms))
        link_close(s, link);
    if (link->conn == NULL && link->dial == NULL && (now_ms < link->not_before_ms || !choose_control(s))) {
        sender_due(s, link->not_before_ms);
        return NULL;
    }
    return link_open(s, link, now_ms);
}

/* ---- asking ---- */

bool
questions_possible(struct sender *s, int64_t now_ms)
{
    return s->control.asked.answered == NULL && links_control(s, now_ms) != NULL;
}

void
questions_ask(struct sender *s, enum cv_wire_api api, answer_fn *answered)
{
    struct link *link = &s->control;
    int64_t now_ms = cv_mono_ms();
    int32_t id;
    struct cv_err err;

    if (cv_buf_check(&s->body, &err) != CV_OK) {
        sender_complain(s, err.text);
        answered(s, NULL);
    } else if (cv_wire_send(link->conn, api, &s->body, &id, &err) != CV_OK) {
        link_failed(s, link, &err);
        answered(s, NULL);
    } else {
        link_count(s, s->body.len, 0);
        link->used_ms = now_ms;
        link->revents = 0;
        link->asked = (struct asked){ answered, api, id, now_ms + s->patience_ms };
        sender_due(s, link->asked.deadline_ms);
    }
}

/* ---- answers ---- */

static void
end(struct sender *s, struct link *link, const struct cv_wire_response *answer)
{
    answer_fn *answered = link->asked.answered;

    link->asked.answered = NULL;
    answered(s, answer);
}

void
questions_drop(struct sender *s, struct link *link)
{
    if (link->asked.answered != NULL)
        end(s, link, NULL);
}

/* The answer, if it comes until the deadline; 0: if it is there. */
static enum cv_rc
receive(struct sender *s, struct link *link, int64_t deadline_ms, struct cv_err *err)
{
    struct cv_wire_response answer;

    if (cv_wire_receive(link->conn, deadline_ms, &s->halt, &answer, err) != CV_OK)
        return cv_err_context(err, "%s", cv_wire_api_name(link->asked.api));
    if (answer.body == NULL)
        return CV_OK;
    if (answer.correlation_id != link->asked.correlation_id)
        return cv_fail(err, CV_INVALID, "%s answered a %s request that was not made", cv_wire_peer(link->conn),
                       cv_wire_api_name(link->asked.api));
    link_count(s, 0, answer.len);
    s->patience_ms = SENDER_QUESTION_MS;
    end(s, link, &answer);
    return CV_OK;
}

void
questions_wait_longer(struct sender *s)
{
    s->patience_ms = s->patience_ms * 2 < PATIENCE_MAX_MS ? s->patience_ms * 2 : PATIENCE_MAX_MS;
}

static enum cv_rc
give_up(struct sender *s, const struct link *link, struct cv_err *err)
{
    questions_wait_longer(s);
    return cv_fail(err, CV_RETRY, "no answer to %s from %s in time", cv_wire_api_name(link->asked.api),
                   cv_wire_peer(link->conn));
}

void
questions_serve(struct sender *s, int64_t now_ms)
{
    struct link *link = &s->control;
    enum cv_rc rc = CV_OK;
    struct cv_err err;

    if (link->asked.answered != NULL && link->revents != 0)
        rc = receive(s, link, 0, &err);
    if (rc == CV_OK && link->asked.answered != NULL && now_ms >= link->asked.deadline_ms)
        rc = give_up(s, link, &err);
    if (rc != CV_OK)
        link_failed(s, link, &err);
    else if (link->asked.answered != NULL)
        sender_due(s, link->asked.deadline_ms);
}

/* ---- waiting for an answer ---- */

static enum cv_rc
await(struct sender *s, struct link *link, int64_t deadline_ms, struct cv_err *err)
{
    int64_t until_ms = deadline_ms < link->asked.deadline_ms ? deadline_ms : link->asked.deadline_ms;
    enum cv_rc rc = receive(s, link, until_ms, err);

    if (rc == CV_OK && link->asked.answered != NULL)
        rc = give_up(s, link, err);
    if (rc != CV_OK)
        link_failed(s, link, err);
    else if (link->conn == NULL) /* nobody could read it */
        rc = cv_fail(err, CV_RETRY, "no connection to %s:%d", link->host, link->port);
    return rc;
}

enum cv_rc
link_call(struct sender *s, struct link *link, enum cv_wire_api api, int64_t deadline_ms, struct cv_wire_response *ret,
          struct cv_err *err)
{
    size_t len = s->body.len;

    if (cv_buf_check(&s->body, err) != CV_OK)
        return err->rc;
    if (link->asked.answered != NULL && await(s, link, deadline_ms, err) != CV_OK)
        return err->rc;
    if (cv_wire_call(link->conn, api, &s->body, deadline_ms, &s->halt, ret, err) != CV_OK) {
        link_failed(s, link, err);
        return err->rc;
    }
    link->used_ms = cv_mono_ms();
    link_count(s, len, ret->len);
    return CV_OK;
}
