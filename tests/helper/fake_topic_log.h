/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topics behind common/kafka/topic_log.h, in memory: link fake_topic_log.c in front of libkafka.a, and the
 * stores run without a broker. A topic is made by its name when it is first mentioned; what is written is handed to
 * the handler at once. One thread.
 */
#ifndef TESTS_FAKE_TOPIC_LOG_H
#define TESTS_FAKE_TOPIC_LOG_H

#include "common/kafka/topic_log.h"

struct fake_record {
    char *key;
    char *value; /* NULL: tombstone */
    int32_t partition;
    int64_t offset;
    int cause; /* number of the call in calls.json; 0: none */
};

/* Append a record to a partition of a topic, and hand it over if the topic is followed. */
void fake_log_put(const char *topic, int32_t partition, const char *key, const char *value);
/* Append what the calls from first to last made Connect write: the lines of tests/data/topics/FILE. */
void fake_log_load(const char *topic, const char *file, int first, int last);

size_t fake_log_count(const char *topic);
const struct fake_record *fake_log_at(const char *topic, size_t i);
const struct fake_record *fake_log_last(const char *topic); /* fails the test when there is none */
/* Every later write to the topic fails with rc; CV_OK: none does. */
void fake_log_fail(const char *topic, enum cv_rc rc);
/* Forget all topics. */
void fake_log_reset(void);

/* All lines of a file of tests/data/topics; free with fake_records_free. */
struct fake_record *fake_records_read(const char *file, size_t *ret_count);
void fake_records_free(struct fake_record *records, size_t count);

#endif
