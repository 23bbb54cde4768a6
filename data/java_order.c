/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HashMap's iteration order by arithmetic, without a hash table: entries sorted by bucket, stable. Splitting a
 * bucket when the table grows keeps the order within it, so how the table grew does not matter, only how large
 * it ended. A bucket that would get its ninth entry also makes a small table grow. (In a large table Java turns it
 * into a tree instead, and the order within that bucket may differ.)
 *
 * Source: java.util.HashMap, java.lang.String.hashCode.
 */
#include <config.h>

#include "data/java_order.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t hash;
    uint32_t bucket;
    size_t index;
};

/* The next code point and its length; a byte that is no UTF-8 counts as U+FFFD. */
static uint32_t
next_code_point(const unsigned char *p, size_t left, size_t *ret_len)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t cp = p[0];

    *ret_len = 1;
    if (len == 1)
        return cp;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len > left)
        return 0xfffd;
    cp &= 0xffu >> (len + 1);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        cp = cp << 6 | (p[i] & 0x3f);
    }
    *ret_len = len;
    return cp;
}

int32_t
java_string_hash(const char *utf8, size_t len)
{
    const unsigned char *p = (const unsigned char *)utf8;
    uint32_t hash = 0;

    while (len > 0) {
        size_t used;
        uint32_t cp = next_code_point(p, len, &used);

        if (cp >= 0x10000) {
            hash = hash * 31 + (0xd800 + ((cp - 0x10000) >> 10));
            cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
        }
        hash = hash * 31 + cp;
        p += used;
        len -= used;
    }
    return (int32_t)hash;
}

static uint32_t
fold64(uint64_t bits)
{
    return (uint32_t)(bits ^ bits >> 32);
}

/* hashCode() of the boxed key. */
static uint32_t
value_hash(const struct cv_value *key)
{
    uint64_t bits64;
    uint32_t bits32;

    if (key->is_null)
        return 0;
    switch (key->type) {
    case CV_STRING:
        return (uint32_t)java_string_hash(key->bytes.data, key->bytes.len);
    case CV_INT64:
        return fold64((uint64_t)key->integer);
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
        return (uint32_t)key->integer;
    case CV_BOOLEAN:
        return key->boolean ? 1231 : 1237;
    case CV_FLOAT32:
        memcpy(&bits32, &key->float32, sizeof(bits32));
        return bits32;
    case CV_FLOAT64:
        memcpy(&bits64, &key->float64, sizeof(bits64));
        return fold64(bits64);
    default:
        return 0;
    }
}

#define TREE_SIZE  64 /* tables below grow instead of making a tree */
#define TREE_BIN   8

static uint32_t
bucket_of(uint32_t hash, uint32_t size)
{
    return (hash ^ hash >> 16) & (size - 1);
}

/* How many of the first n entries are in the bucket of that hash. */
static size_t
bucket_count(const struct slot *slots, size_t n, uint32_t hash, uint32_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += bucket_of(slots[i].hash, size) == bucket_of(hash, size);
    return count;
}

/* The size of a table that began with that many buckets after the entries were put one by one. */
static uint32_t
table_size(const struct slot *slots, size_t count, uint32_t size)
{
    for (size_t i = 0; i < count && size < TREE_SIZE; i++) {
        if (bucket_count(slots, i, slots[i].hash, size) >= TREE_BIN)
            size *= 2;
        if ((i + 1) * 4 > (size_t)size * 3)
            size *= 2;
    }
    while (size < UINT32_C(1) << 30 && count * 4 > (size_t)size * 3)
        size *= 2;
    return size;
}

uint32_t
java_table_for(size_t count)
{
    uint32_t size = 1;

    while (size < count && size < UINT32_C(1) << 30)
        size *= 2;
    return size;
}

uint32_t
java_table_of_copy(size_t count)
{
    return count == 0 ? JAVA_TABLE : java_table_for((size_t)((float)count / 0.75F + 1.0F));
}

static int
by_bucket(const void *a, const void *b)
{
    const struct slot *x = a;
    const struct slot *y = b;

    if (x->bucket != y->bucket)
        return x->bucket < y->bucket ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void
sort_slots(struct slot *slots, size_t count, uint32_t table)
{
    uint32_t size = table_size(slots, count, table);

    for (size_t i = 0; i < count; i++) {
        slots[i].bucket = bucket_of(slots[i].hash, size);
        slots[i].index = i;
    }
    qsort(slots, count, sizeof(*slots), by_bucket);
}

enum cv_rc
java_order_strings(const char *const *keys, size_t count, size_t *ret_order, struct cv_err *err)
{
    struct slot *slots = calloc(count + 1, sizeof(*slots));

    if (slots == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        slots[i].hash = (uint32_t)java_string_hash(keys[i], strlen(keys[i]));
    sort_slots(slots, count, JAVA_TABLE);
    for (size_t i = 0; i < count; i++)
        ret_order[i] = slots[i].index;
    free(slots);
    return CV_OK;
}

enum cv_rc
java_order_config(const struct cv_config *config, uint32_t table, size_t **ret_order, struct cv_err *err)
{
    size_t count = cv_config_count(config);
    struct slot *slots = calloc(count + 1, sizeof(*slots));
    size_t *order = calloc(count + 1, sizeof(*order));

    if (slots == NULL || order == NULL) {
        free(slots);
        free(order);
        return cv_fail_memory(err);
    }
    for (size_t i = 0; i < count; i++)
        slots[i].hash = (uint32_t)java_string_hash(cv_config_key(config, i), strlen(cv_config_key(config, i)));
    sort_slots(slots, count, table);
    for (size_t i = 0; i < count; i++)
        order[i] = slots[i].index;
    free(slots);
    *ret_order = order;
    return CV_OK;
}

#define SMALL 16

enum cv_rc
java_order_map(struct cv_value *map, struct cv_err *err)
{
    return java_order_map_from(map, JAVA_TABLE, err);
}

enum cv_rc
java_order_map_from(struct cv_value *map, uint32_t table, struct cv_err *err)
{
    struct slot small_slots[SMALL];
    struct cv_map_entry small_entries[SMALL];
    size_t count = map->map.count;
    struct slot *slots = small_slots;
    struct cv_map_entry *entries = small_entries;
    enum cv_rc rc = CV_OK;

    if (count < 2)
        return CV_OK;
    if (count > SMALL) {
        slots = calloc(count, sizeof(*slots));
        entries = calloc(count, sizeof(*entries));
        if (slots == NULL || entries == NULL) {
            rc = cv_fail_memory(err);
            goto out;
        }
    }
    for (size_t i = 0; i < count; i++)
        slots[i].hash = value_hash(&map->map.entries[i].key);
    sort_slots(slots, count, table);
    for (size_t i = 0; i < count; i++)
        entries[i] = map->map.entries[slots[i].index];
    memcpy(map->map.entries, entries, count * sizeof(*entries));
out:
    if (slots != small_slots)
        free(slots);
    if (entries != small_entries)
        free(entries);
    return rc;
}
