/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/producing.h"

#include <stdio.h>

#include "common/clock.h"
#include "tests/helper/cmocka_all.h"

#define MANY_MS 20000

int producing_done;

void
producing_count_done(struct cv_delivery *delivery)
{
    (void)delivery;
    producing_done++;
}

void
producing_start(struct producing *p, int n_brokers, int n_partitions)
{
    *p = (struct producing){ .layer = cv_config_new() };
    assert_non_null(p->layer);
    if (n_brokers > 0)
        p->k = fake_kafka_new(n_brokers, n_partitions);
    producing_done = 0;
    cv_delivery_init(&p->delivery, producing_count_done);
    producing_set(p, "bootstrap.servers", p->k != NULL ? fake_kafka_servers(p->k) : NOWHERE);
    producing_set(p, "retry.backoff.ms", "5");
    producing_set(p, "reconnect.backoff.ms", "5");
    producing_set(p, "reconnect.backoff.max.ms", "20");
}

void
producing_set(struct producing *p, const char *key, const char *value)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(p->layer, key, value, &err), CV_OK);
}

void
producing_start_topic(struct producing *p, int n_brokers, int n_partitions)
{
    producing_start(p, n_brokers, 0);
    fake_kafka_create_topic(p->k, "t", n_partitions);
}

void
producing_start_with(struct producing *p, int n_brokers, int n_partitions, const char *key,
                     const char *value)
{
    producing_start_topic(p, n_brokers, n_partitions);
    producing_set(p, key, value);
    producing_open(p, NULL);
}

enum cv_rc
producing_try_open(struct producing *p, const char *transactional_id, struct cv_err *err)
{
    struct cv_kafka_conf conf = {
        .role = CV_KAFKA_PRODUCER, .client_id = "test", .layers = { p->layer }, .n_layers = 1
    };

    return cv_producer_new(&conf, transactional_id, &p->producer, err);
}

void
producing_open(struct producing *p, const char *transactional_id)
{
    struct cv_err err = CV_ERR_INIT;

    if (producing_try_open(p, transactional_id, &err) != CV_OK)
        fail_msg("%s", err.text);
}

void
producing_stop(struct producing *p)
{
    cv_producer_free(p->producer, 0);
    assert_int_equal(p->delivery.pending, 1);
    cv_config_free(p->layer);
    fake_kafka_free(p->k);
}

void
producing_stop_after(struct producing *p, int n_partitions, int count)
{
    producing_flush(p, MANY_MS);
    producing_expect_numbers(p, "t", n_partitions, count);
    producing_stop(p);
}

struct cv_bytes
producing_bytes(const char *text)
{
    return (struct cv_bytes){ text, text != NULL ? strlen(text) : 0 };
}

struct cv_producer_topic *
producing_topic(struct producing *p, const char *name)
{
    struct cv_producer_topic *topic = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_producer_topic(p->producer, name, &topic, &err), CV_OK);
    return topic;
}

enum cv_rc
producing_send(struct producing *p, const char *topic, int32_t partition, const char *key,
               const char *text, struct cv_delivery *delivery, struct cv_err *err)
{
    return cv_producer_send(p->producer, producing_topic(p, topic), partition,
                            producing_bytes(key), producing_bytes(text), NULL, CV_NO_TIMESTAMP,
                            delivery, err);
}

void
producing_put(struct producing *p, const char *topic, int32_t partition, const char *text,
              struct cv_delivery *delivery)
{
    struct cv_err err = CV_ERR_INIT;

    if (producing_send(p, topic, partition, NULL, text, delivery, &err) != CV_OK)
        fail_msg("%s", err.text);
    (void)cv_producer_poll(p->producer, 0);
}

void
producing_flush(struct producing *p, int timeout_ms)
{
    struct cv_err err = CV_ERR_INIT;

    if (cv_producer_flush(p->producer, timeout_ms, &err) != CV_OK)
        fail_msg("%s", err.text);
}

void
producing_await(struct producing *p, const struct cv_delivery *delivery, int timeout_ms)
{
    int64_t end_ms = cv_mono_ms() + timeout_ms;

    while (delivery->pending > 1) {
        if (cv_mono_ms() >= end_ms)
            fail_msg("%zu messages have no report", delivery->pending - 1);
        (void)cv_producer_poll(p->producer, 10);
    }
}

void
producing_expect_failed(struct producing *p, const struct cv_delivery *delivery, size_t count,
                        enum cv_rc rc, const char *text)
{
    producing_await(p, delivery, MANY_MS);
    assert_int_equal(delivery->failed, count);
    assert_int_equal(delivery->err.rc, rc);
    if (strstr(delivery->err.text, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, delivery->err.text);
}

const char *
producing_number(int i)
{
    static char texts[NUMBERS_MAX][8];

    assert_in_range(i, 0, NUMBERS_MAX - 1);
    if (texts[i][0] == '\0')
        (void)snprintf(texts[i], sizeof(texts[i]), "%d", i);
    return texts[i];
}

void
producing_send_numbers(struct producing *p, const char *topic, int n_partitions, int from, int to)
{
    struct cv_err err = CV_ERR_INIT;

    for (int i = from; i < to; i++) {
        enum cv_rc rc;

        while ((rc = producing_send(p, topic, i % n_partitions, NULL, producing_number(i),
                                    &p->delivery, &err)) == CV_RETRY)
            (void)cv_producer_poll(p->producer, 5);
        if (rc != CV_OK)
            fail_msg("%s", err.text);
        if (i % 50 == 0)
            (void)cv_producer_poll(p->producer, 0);
    }
    (void)cv_producer_poll(p->producer, 0);
}

void
producing_write_numbers(struct producing *p, const char *topic, int n_partitions, int from, int to)
{
    producing_send_numbers(p, topic, n_partitions, from, to);
    producing_flush(p, MANY_MS);
}

void
producing_expect_numbers(struct producing *p, const char *topic, int n_partitions, int count)
{
    for (int part = 0; part < n_partitions; part++) {
        size_t n;
        const struct fake_kafka_record *records = fake_kafka_records(p->k, topic, part, &n);

        for (size_t i = 0; i < n; i++)
            assert_string_equal(producing_number((int)i * n_partitions + part), records[i].value);
        assert_int_equal((count - part + n_partitions - 1) / n_partitions, n);
    }
    assert_int_equal(0, p->delivery.failed);
}

size_t
producing_count(struct producing *p, const char *topic, int partition)
{
    size_t n;

    (void)fake_kafka_records(p->k, topic, partition, &n);
    return n;
}

struct fake_kafka_record
producing_record(struct producing *p, const char *topic, int partition, size_t i)
{
    size_t n;
    const struct fake_kafka_record *records = fake_kafka_records(p->k, topic, partition, &n);

    assert_true(i < n);
    return records[i];
}
