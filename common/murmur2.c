/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MurmurHash2 with the seed and the little-endian reading of Kafka's Java clients, so that a key lands in
 * the partition in which a Java producer puts it.
 */
#include "common/murmur2.h"

#include <assert.h>

#define MURMUR2_SEED  0x9747b28cu
#define MURMUR2_MULT  0x5bd1e995u
#define MURMUR2_SHIFT 24

uint32_t
cv_murmur2(const void *data, size_t len)
{
    const unsigned char *at = data;
    uint32_t hash = MURMUR2_SEED ^ (uint32_t)len;

    for (; len >= 4; at += 4, len -= 4) {
        uint32_t k = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                     (uint32_t)at[3] << 24;

        k *= MURMUR2_MULT;
        k ^= k >> MURMUR2_SHIFT;
        k *= MURMUR2_MULT;
        hash *= MURMUR2_MULT;
        hash ^= k;
    }
    switch (len) {
    case 3:
        hash ^= (uint32_t)at[2] << 16;
        /* fall through */
    case 2:
        hash ^= (uint32_t)at[1] << 8;
        /* fall through */
    case 1:
        hash ^= at[0];
        hash *= MURMUR2_MULT;
        break;
    default:
        break;
    }
    hash ^= hash >> 13;
    hash *= MURMUR2_MULT;
    hash ^= hash >> 15;
    return hash;
}

int32_t
cv_murmur2_partition(const void *key, size_t len, int32_t partitions)
{
    assert(partitions > 0);
    return (int32_t)(cv_murmur2(key, len) & 0x7fffffff) % partitions;
}
