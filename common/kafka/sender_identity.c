/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer id and epoch that batches carry (KIP-98), without transactions: any broker gives one.
 *
 * When sequences are broken, a new one begins them anew, once all that is on its way is answered: what is written then
 * is known, but for what the broker wrote without saying so, which comes twice. Whoever has no right to idempotence
 * (brokers before 2.8 want one) goes on without.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"

#define BACKOFF_MS   100
#define RENEWALS_MAX 5 /* in a row, without a batch written between */

static void
do_without(struct sender *s, const char *why)
{
    CV_LOG_WARN(s->handle->log, "going on without idempotence: a connection that breaks may repeat messages",
                CV_STR("client", s->handle->client_id), CV_STR("error", why));
    cv_lock(&s->lock);
    s->idempotent = false;
    cv_unlock(&s->lock);
}

static void
refused(struct sender *s, rd_kafka_resp_err_t code)
{
    char text[256];

    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED && s->settings->may_do_without) {
        do_without(s, rd_kafka_err2str(code));
    } else if (kafka_class(code) == CV_RETRY) {
        (void)snprintf(text, sizeof(text), "no producer id yet: %s", rd_kafka_err2str(code));
        kafka_complain(s->handle, "GETPID", text);
        s->identity_ms = cv_mono_ms() + BACKOFF_MS;
    } else {
        sender_break(s, code, NULL, "the producer failed for good");
    }
}

static void
answered(struct sender *s, const struct cv_wire_response *answer)
{
    struct cv_wire_producer_id got;
    struct cv_err err;

    if (answer == NULL)
        return;
    if (cv_wire_read_init_producer_id(answer->body, answer->len, &got, &err) != CV_OK) {
        link_failed(s, &s->control, &err);
    } else if (got.error != 0) {
        refused(s, (rd_kafka_resp_err_t)got.error);
    } else {
        s->producer_id = got.id;
        s->epoch = got.epoch;
        s->identity++;
    }
}

bool
identity_ready(struct sender *s, int64_t now_ms)
{
    if (s->renewing && s->in_flight == 0) {
        s->renewing = false;
        s->producer_id = CV_WIRE_NO_PRODUCER;
    }
    if (!s->idempotent || s->producer_id != CV_WIRE_NO_PRODUCER)
        return true;
    if (s->active == NULL || s->settings->transactional_id != NULL || sender_broke(s))
        return false;
    if (now_ms < s->identity_ms) {
        sender_due(s, s->identity_ms);
        return false;
    }
    if (questions_possible(s, now_ms)) {
        cv_buf_reset(&s->body);
        cv_wire_write_init_producer_id(&s->body, NULL, INT32_MAX);
        questions_ask(s, CV_WIRE_INIT_PRODUCER_ID, answered);
    }
    return false;
}

void
identity_renew(struct sender *s, rd_kafka_resp_err_t code, bool loudly)
{
    s->gap = s->settings->transactional_id != NULL;
    if (s->gap || !s->idempotent || s->renewing)
        return;
    s->renewing = true;
    if (!loudly)
        return;
    if (++s->renewals > RENEWALS_MAX) {
        sender_break(s, code, NULL, "the producer failed for good");
        return;
    }
    CV_LOG_WARN(s->handle->log, "the producer begins anew; what Kafka wrote without saying so comes twice",
                CV_STR("client", s->handle->client_id), CV_INT("batches", s->in_flight),
                CV_STR("error", rd_kafka_err2str(code)));
}
