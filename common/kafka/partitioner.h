/* SPDX-License-Identifier: Apache-2.0 */
/* Which partition a key belongs to, as the clients do it whose names the settings have. Internal to common/kafka. */
#ifndef COMMON_KAFKA_PARTITIONER_H
#define COMMON_KAFKA_PARTITIONER_H

#include <culvert/value.h>

enum partitioner {
    PARTITION_MURMUR2_RANDOM, /* Java's; null keys anywhere */
    PARTITION_MURMUR2,
    PARTITION_CRC32_RANDOM, /* librdkafka's; empty keys anywhere */
    PARTITION_CRC32,
    PARTITION_FNV1A_RANDOM, /* Sarama's; null keys anywhere */
    PARTITION_FNV1A,
    PARTITION_RANDOM
};

/* "murmur2_random", "consistent", ...; false: another name. */
bool partitioner_of(const char *name, enum partitioner *ret);
/* From 0 to n - 1; -1: any. */
int32_t partitioner_choose(enum partitioner partitioner, struct cv_bytes key, int32_t n);
/* From 0 to n - 1. */
int32_t partitioner_any(int32_t n);

#endif
