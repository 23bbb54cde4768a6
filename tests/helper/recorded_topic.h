/* SPDX-License-Identifier: Apache-2.0 */
/* The topics that Apache Kafka Connect wrote, as lines of tests/data/topics. */
#ifndef TESTS_RECORDED_TOPIC_H
#define TESTS_RECORDED_TOPIC_H

#include "tests/helper/fake_topic_log.h"

/* All lines of a file of tests/data/topics; free with fake_records_free. */
struct fake_record *recorded_topic_read(const char *file, size_t *ret_count);
/* Append to a topic of fake_topic_log.h what the calls from first to last made Connect write. */
void recorded_topic_load(const char *topic, const char *file, int first, int last);

#endif
