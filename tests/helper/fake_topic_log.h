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
    char *key;   /* with a NUL behind */
    char *value; /* NULL: tombstone */
    size_t key_len, value_len;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    int cause; /* of a recording (recorded_topic.h): number of the call in calls.json; 0: none */
};

/* Append a record to a partition of a topic, and hand it over if the topic is followed. */
void fake_log_put(const char *topic, int32_t partition, const char *key, const char *value);
void fake_log_put_bytes(const char *topic, struct cv_bytes key, struct cv_bytes value);
void fake_log_put_at(const char *topic, int32_t partition, int64_t offset, const char *key, const char *value);
/* From now on what is put has this timestamp; CV_NO_TIMESTAMP, as at first: none. */
void fake_log_time(const char *topic, int64_t timestamp_ms);

size_t fake_log_count(const char *topic);
const struct fake_record *fake_log_at(const char *topic, size_t i);
const struct fake_record *fake_log_last(const char *topic); /* fails the test when there is none */
/* Every later write to the topic fails with rc; CV_OK: none does. */
void fake_log_fail(const char *topic, enum cv_rc rc);
/* The n-th send or write from now (1: the next) fails with CV_RETRY. */
void fake_log_fail_send(const char *topic, size_t nth);
/* From now on what is sent is neither handed over nor confirmed, until fake_log_answer does that for the i-th of it. */
void fake_log_hold(const char *topic);
void fake_log_answer(const char *topic, size_t i, const struct cv_err *err);
/* How often the topic was read to its end, and the time that the last one had. */
int fake_log_reads(const char *topic, int *ret_timeout_ms);
void fake_records_free(struct fake_record *records, size_t count);
/* Forget all topics. */
void fake_log_reset(void);

#endif
