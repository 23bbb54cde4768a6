/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of common/kafka against a real broker share. Every test makes topics and groups of
 * its own. */
#ifndef TESTS_KAFKA_CLIENT_H
#define TESTS_KAFKA_CLIENT_H

#include "tests/helper/cmocka_all.h"

#include "common/kafka/admin.h"
#include "common/kafka/consumer.h"
#include "common/kafka/producer.h"
#include "common/kafka/topic_log.h"

#define WAIT_MS 20000

/* Fails the test with the error's text. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != CV_OK)                                                                       \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

extern struct cv_admin *admin; /* of the whole run */

/* A client of the test's broker with up to one more key; the layer lives as long as the program. */
struct cv_kafka_conf conf_with(enum cv_kafka_role role, const char *key, const char *value);
struct cv_kafka_conf conf_with2(enum cv_kafka_role role, const char *key, const char *value,
                                const char *key2, const char *value2);
/* "name-<process>-<number>", valid until the program ends. */
const char *unique(const char *name);
/* A topic of that many partitions. */
const char *make_topic(const char *name, int32_t partitions);
const char *make_topic_with(const char *name, int32_t partitions, const char *key,
                            const char *value);

struct cv_bytes text_bytes(const char *text); /* NULL: null */

struct cv_producer *make_producer(const char *transactional_id);
/* Send texts; value NULL: tombstone. */
void send_text(struct cv_producer *producer, const char *topic, int32_t partition, const char *key,
               const char *value);
/* The same from a producer of its own, waiting until it is written. */
void put_text(const char *topic, int32_t partition, const char *key, const char *value);

struct cv_consumer *make_consumer(const char *topic, int32_t partitions, const char *key,
                                  const char *value);
/* The next message, failing after WAIT_MS; free it. EOF events are skipped. */
struct cv_consumed next_message(struct cv_consumer *consumer);
void assert_next(struct cv_consumer *consumer, const char *value);
/* Poll until partition is at its end without having met a message. */
void assert_at_end(struct cv_consumer *consumer, int32_t partition);

int client_tests(void);
int group_tests(void);
int log_tests(void);
int restart_tests(void);

#endif
