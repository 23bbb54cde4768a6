/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kafka/partitioner.h"

#include <string.h>

#include <zlib.h>

#include "common/clock.h"
#include "common/murmur2.h"

bool
partitioner_of(const char *name, enum partitioner *ret)
{
    static const struct {
        const char *name;
        enum partitioner partitioner;
    } names[] = {
        { "murmur2_random", PARTITION_MURMUR2_RANDOM },  { "murmur2", PARTITION_MURMUR2 },
        { "consistent_random", PARTITION_CRC32_RANDOM }, { "consistent", PARTITION_CRC32 },
        { "fnv1a_random", PARTITION_FNV1A_RANDOM },      { "fnv1a", PARTITION_FNV1A },
        { "random", PARTITION_RANDOM },
    };

    for (size_t i = 0; i < CV_COUNT(names); i++)
        if (strcmp(names[i].name, name) == 0) {
            *ret = names[i].partitioner;
            return true;
        }
    return false;
}

/* The hash as a signed number, without its sign. */
static int32_t
fnv1a(struct cv_bytes key, int32_t n)
{
    uint32_t hash = 0x811C9DC5;
    int32_t signed_hash;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 0x01000193;
    signed_hash = (int32_t)hash;
    return (int32_t)((signed_hash < 0 ? -(int64_t)signed_hash : signed_hash) % n);
}

int32_t
partitioner_choose(enum partitioner partitioner, struct cv_bytes key, int32_t n)
{
    switch (partitioner) {
    case PARTITION_MURMUR2_RANDOM:
        if (key.data == NULL)
            return -1;
        /* fall through */
    case PARTITION_MURMUR2:
        return cv_murmur2_partition(key.data, key.len, n);
    case PARTITION_CRC32_RANDOM:
        if (key.len == 0)
            return -1;
        /* fall through */
    case PARTITION_CRC32:
        return (int32_t)(crc32(0, (const Bytef *)key.data, (uInt)key.len) % (uint32_t)n);
    case PARTITION_FNV1A_RANDOM:
        if (key.data == NULL)
            return -1;
        /* fall through */
    case PARTITION_FNV1A:
        return fnv1a(key, n);
    case PARTITION_RANDOM:
        break;
    }
    return -1;
}

int32_t
partitioner_any(int32_t n)
{
    static __thread uint64_t state;

    if (state == 0)
        state = (uint64_t)cv_now_ns() | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int32_t)((state >> 33) % (uint64_t)n);
}
