/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer that writes to a fake cluster, for its unit tests: numbers go out as texts, and are
 * looked for in the partitions. Retries and connections that broke wait a few milliseconds only.
 */
#ifndef TESTS_PRODUCING_H
#define TESTS_PRODUCING_H

#include "common/kafka/producer.h"
#include "tests/helper/fake_kafka.h"

#define NOWHERE "127.0.0.1:1"

struct producing {
    struct fake_kafka *k; /* NULL: there is none at all, and servers are NOWHERE */
    struct cv_config *layer;
    struct cv_producer *producer;
    struct cv_delivery delivery; /* of all that is sent as numbers; pending 1 while there are none */
};

/* Deliveries whose done was called. */
extern int producing_done;
void producing_count_done(struct cv_delivery *delivery);

/* n_brokers 0: none. n_partitions as of fake_kafka_new. */
void producing_start(struct producing *p, int n_brokers, int n_partitions);
/* With a topic "t" that has so many partitions; others stay unknown. */
void producing_start_topic(struct producing *p, int n_brokers, int n_partitions);
/* The same with a setting, and opened. */
void producing_start_with(struct producing *p, int n_brokers, int n_partitions, const char *key,
                          const char *value);
/* Before it is opened. */
void producing_set(struct producing *p, const char *key, const char *value);
/* transactional_id NULL: none. */
void producing_open(struct producing *p, const char *transactional_id);
enum cv_rc producing_try_open(struct producing *p, const char *transactional_id, struct cv_err *err);
/* Also where it was not opened, or freed by the test and NULL. */
void producing_stop(struct producing *p);
/* The same when all is written: numbers below count to "t". */
void producing_stop_after(struct producing *p, int n_partitions, int count);

struct cv_bytes producing_bytes(const char *text);
struct cv_producer_topic *producing_topic(struct producing *p, const char *name);
/* One message; text and key must stay. */
enum cv_rc producing_send(struct producing *p, const char *topic, int32_t partition,
                          const char *key, const char *text, struct cv_delivery *delivery,
                          struct cv_err *err);
/* The same, which must go well. */
void producing_put(struct producing *p, const char *topic, int32_t partition, const char *text,
                   struct cv_delivery *delivery);
void producing_flush(struct producing *p, int timeout_ms);
/* Poll until this has no message without report. */
void producing_await(struct producing *p, const struct cv_delivery *delivery, int timeout_ms);
/* The same; so many failed, the first of them so, and its text holds this. */
void producing_expect_failed(struct producing *p, const struct cv_delivery *delivery, size_t count,
                             enum cv_rc rc, const char *text);

/* Numbers below NUMBERS_MAX, i to partition i mod n_partitions; a full queue is polled for room. */
#define NUMBERS_MAX 20000
const char *producing_number(int i);
void producing_send_numbers(struct producing *p, const char *topic, int n_partitions, int from,
                            int to);
/* The same, until they are written. */
void producing_write_numbers(struct producing *p, const char *topic, int n_partitions, int from,
                             int to);
/* All below count are there, each once and in order, and nothing else. */
void producing_expect_numbers(struct producing *p, const char *topic, int n_partitions, int count);

/* Records in a partition, and one of them. */
size_t producing_count(struct producing *p, const char *topic, int partition);
struct fake_kafka_record producing_record(struct producing *p, const char *topic, int partition,
                                          size_t i);

#endif
