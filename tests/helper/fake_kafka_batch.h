/* SPDX-License-Identifier: Apache-2.0 */
/* Record batches (magic 2) as a broker takes them from a producer, read whole and strictly. */
#ifndef TESTS_FAKE_KAFKA_BATCH_H
#define TESTS_FAKE_KAFKA_BATCH_H

#include "common/arena.h"
#include "tests/helper/fake_kafka.h"

struct fake_batch {
    int16_t attributes;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t epoch;
    int32_t first_sequence;
    int32_t count; /* of records */
    bool transactional;
    int codec;
    /* Offsets count from 0. A compressed batch is one row. In the arena. */
    struct fake_kafka_record *rows;
    size_t n_rows;
};

/* One batch that fills the data. An error code, with *ret_why; 0 if it is as it must be. */
int16_t fake_batch_read(const void *data, size_t len, struct cv_arena *arena,
                        struct fake_batch *ret, const char **ret_why);
/* The sequence so many records later: behind the highest comes 0. */
int32_t fake_sequence_add(int32_t sequence, int32_t count);
/* CRC-32C, bit by bit. */
uint32_t fake_crc32c(const void *data, size_t len);

#endif
