/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kafka/stats.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/json_read.h"

#define STATS_INTERVAL_MS "5000"

/* ---- reading ---- */

static bool
begin(struct cv_json_reader *r)
{
    return cv_json_next(r) == CV_JSON_OBJECT;
}

/* The next key of the object; at its end false, with *ok as it was. */
static bool
next_key(struct cv_json_reader *r, bool *ok)
{
    enum cv_json_token token = *ok ? cv_json_next(r) : CV_JSON_BAD;

    *ok = token == CV_JSON_KEY || token == CV_JSON_OBJECT_END;
    return token == CV_JSON_KEY;
}

static bool
read_number(struct cv_json_reader *r, int64_t *ret)
{
    return cv_json_next(r) == CV_JSON_NUMBER && cv_json_int64(r, ret);
}

static bool
read_broker(struct cv_json_reader *r, struct kafka_totals *t)
{
    bool ok = begin(r);

    while (next_key(r, &ok)) {
        if (!cv_json_text_is(r, "state")) {
            ok = cv_json_skip(r) != CV_JSON_BAD;
        } else {
            ok = cv_json_next(r) == CV_JSON_STRING;
            t->connections += ok && cv_json_text_is(r, "UP");
        }
    }
    return ok;
}

/* Records behind the end: of what the program had, or, when nothing waits for it, of what was read for it, which passes
   the markers of transactions. */
static bool
read_partition(struct cv_json_reader *r, struct kafka_totals *t)
{
    int64_t waiting = 0, had = -1, next = -1, end = -1, at;
    bool ok = begin(r);

    while (next_key(r, &ok)) {
        int64_t *into = cv_json_text_is(r, "fetchq_cnt")    ? &waiting
                        : cv_json_text_is(r, "app_offset")  ? &had
                        : cv_json_text_is(r, "next_offset") ? &next
                        : cv_json_text_is(r, "hi_offset")   ? &end
                                                            : NULL;

        ok = into != NULL ? read_number(r, into) : cv_json_skip(r) != CV_JSON_BAD;
    }
    at = waiting == 0 && next >= 0 ? next : had;
    if (ok && end >= 0 && at >= 0 && end - at > t->lag_max)
        t->lag_max = end - at > 0 ? end - at : 0;
    return ok;
}

static bool
read_topic(struct cv_json_reader *r, struct kafka_totals *t)
{
    bool ok = begin(r);

    while (next_key(r, &ok)) {
        if (!cv_json_text_is(r, "partitions")) {
            ok = cv_json_skip(r) != CV_JSON_BAD;
            continue;
        }
        for (ok = begin(r); next_key(r, &ok);)
            ok = read_partition(r, t);
    }
    return ok;
}

bool
kafka_stats_read(const char *json, size_t len, struct kafka_totals *ret)
{
    struct kafka_totals t = { .lag_max = -1 };
    struct cv_json_reader r;
    bool ok;

    cv_json_reader_init(&r, json, len);
    for (ok = begin(&r); next_key(&r, &ok);) {
        int64_t *into = cv_json_text_is(&r, "tx")         ? &t.requests
                        : cv_json_text_is(&r, "tx_bytes") ? &t.bytes_out
                        : cv_json_text_is(&r, "rx")       ? &t.responses
                        : cv_json_text_is(&r, "rx_bytes") ? &t.bytes_in
                                                          : NULL;
        bool brokers = cv_json_text_is(&r, "brokers"), topics = cv_json_text_is(&r, "topics");

        if (into != NULL)
            ok = read_number(&r, into);
        else if (!brokers && !topics)
            ok = cv_json_skip(&r) != CV_JSON_BAD;
        else
            for (ok = begin(&r); next_key(&r, &ok);)
                ok = brokers ? read_broker(&r, &t) : read_topic(&r, &t);
    }
    if (ok)
        *ret = t;
    return ok;
}

/* ---- counting ---- */

static void
add(_Atomic int64_t *total, int64_t now, int64_t *seen)
{
    atomic_fetch_add_explicit(total, now - *seen, memory_order_relaxed);
    *seen = now;
}

/* In polls. librdkafka frees the text. */
static int
on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_totals now;

    (void)rk;
    if (!kafka_stats_read(json, len, &now))
        return 0;
    cv_lock(&handle->lock);
    if (handle->stats != NULL) {
        add(&handle->stats->requests, now.requests, &handle->seen.requests);
        add(&handle->stats->responses, now.responses, &handle->seen.responses);
        add(&handle->stats->bytes_out, now.bytes_out, &handle->seen.bytes_out);
        add(&handle->stats->bytes_in, now.bytes_in, &handle->seen.bytes_in);
        atomic_store_explicit(&handle->stats->connections, now.connections, memory_order_relaxed);
        atomic_store_explicit(&handle->stats->lag_max, now.lag_max, memory_order_relaxed);
    }
    cv_unlock(&handle->lock);
    return 0;
}

void
kafka_stats_socket(struct kafka_handle *handle, bool opened)
{
    cv_lock(&handle->lock);
    if (handle->stats != NULL && handle->counts_sockets) {
        atomic_fetch_add_explicit(opened ? &handle->stats->opened : &handle->stats->closed, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&handle->stats->connections, opened ? 1 : -1, memory_order_relaxed);
    }
    cv_unlock(&handle->lock);
}

/* On librdkafka's threads, in place of its own two calls. */
static int
on_socket(int domain, int type, int protocol, void *opaque)
{
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        kafka_stats_socket(opaque, true);
    return fd;
}

static int
on_closesocket(int fd, void *opaque)
{
    kafka_stats_socket(opaque, false);
    return close(fd);
}

static void
count_message(struct kafka_handle *handle, bool sent, size_t size)
{
    cv_lock(&handle->lock);
    if (handle->stats != NULL) {
        atomic_fetch_add_explicit(sent ? &handle->stats->requests : &handle->stats->responses, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(sent ? &handle->stats->bytes_out : &handle->stats->bytes_in, (int64_t)size,
                                  memory_order_relaxed);
    }
    cv_unlock(&handle->lock);
}

/* On librdkafka's threads, as the next. */
static rd_kafka_resp_err_t
on_request(rd_kafka_t *rk, int fd, const char *broker, int32_t id, int16_t key, int16_t version, int32_t correlation,
           size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)id, (void)key, (void)version, (void)correlation;
    count_message(opaque, true, size);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_response(rd_kafka_t *rk, int fd, const char *broker, int32_t id, int16_t key, int16_t version, int32_t correlation,
            size_t size, int64_t rtt, rd_kafka_resp_err_t code, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)id, (void)key, (void)version, (void)correlation, (void)rtt;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        count_message(opaque, false, size);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t size)
{
    rd_kafka_resp_err_t code = rd_kafka_interceptor_add_on_request_sent(rk, "culvert", on_request, opaque);

    (void)conf, (void)text, (void)size;
    return code != RD_KAFKA_RESP_ERR_NO_ERROR
               ? code
               : rd_kafka_interceptor_add_on_response_received(rk, "culvert", on_response, opaque);
}

/* librdkafka hands out statistics in polls: of consumers only, since nobody polls an admin client. */
enum cv_rc
kafka_stats_ask(struct kafka_handle *handle, const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf,
                struct cv_err *err)
{
    handle->stats = conf->stats;
    handle->seen = (struct kafka_totals){ 0 };
    if (conf->stats == NULL)
        return CV_OK;
    if (conf->role != CV_KAFKA_CONSUMER) {
        handle->counts_sockets = true;
        rd_kafka_conf_set_socket_cb(rdconf, on_socket);
        rd_kafka_conf_set_closesocket_cb(rdconf, on_closesocket);
        if (rd_kafka_conf_interceptor_add_on_new(rdconf, "culvert", on_new, handle) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return cv_fail(err, CV_INTERNAL, "could not count what the Kafka client sends");
        return CV_OK;
    }
    rd_kafka_conf_set_stats_cb(rdconf, on_stats);
    return kafka_rdconf_set(rdconf, "statistics.interval.ms", STATS_INTERVAL_MS, err);
}

void
kafka_stats_end(struct kafka_handle *handle)
{
    cv_lock(&handle->lock);
    if (handle->stats != NULL)
        atomic_store_explicit(&handle->stats->connections, 0, memory_order_relaxed);
    handle->stats = NULL;
    cv_unlock(&handle->lock);
}
