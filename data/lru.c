/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of entries, the latest used first, and an index by a hash of the key. Two keys of one hash cannot both
 * be indexed: the later one replaces the earlier, which a cache may do at any time, so that collisions cost a
 * miss and need no chains.
 *
 * Most lookups repeat the one before (records of one topic), so the first entry is compared before hashing.
 */
#include <config.h>

#include "data/lru.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

struct entry {
    struct entry *newer;
    struct entry *older;
    void *value;
    uint64_t hash;
    size_t len;
    char key[];
};

struct lru {
    struct cv_hash *index; /* hash to entry */
    void (*free_value)(void *);
    size_t max;
    struct entry *newest;
    struct entry *oldest;
};

/* Fast over kilobytes; what a chosen collision does is said above. */
static uint64_t
hash_bytes(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t hash = len;
    uint64_t word;

    for (; len > 0; p += word, len -= word) {
        uint64_t part = 0;

        word = len < sizeof(part) ? len : sizeof(part);
        memcpy(&part, p, word);
        hash = (hash ^ part) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    return hash;
}

struct lru *
lru_new(size_t max, void (*free_value)(void *))
{
    struct lru *lru = calloc(1, sizeof(*lru));

    if (lru == NULL)
        return NULL;
    lru->index = cv_hash_new(NULL);
    lru->free_value = free_value;
    lru->max = max > 0 ? max : 1;
    if (lru->index == NULL) {
        free(lru);
        return NULL;
    }
    return lru;
}

static void
unlink_entry(struct lru *lru, struct entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        lru->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        lru->oldest = entry->newer;
}

static void
link_newest(struct lru *lru, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = lru->newest;
    if (lru->newest != NULL)
        lru->newest->newer = entry;
    else
        lru->oldest = entry;
    lru->newest = entry;
}

static void
drop(struct lru *lru, struct entry *entry)
{
    unlink_entry(lru, entry);
    cv_hash_remove_u64(lru->index, entry->hash);
    lru->free_value(entry->value);
    free(entry);
}

void
lru_free(struct lru *lru)
{
    if (lru == NULL)
        return;
    while (lru->newest != NULL)
        drop(lru, lru->newest);
    cv_hash_free(lru->index);
    free(lru);
}

static bool
has_key(const struct entry *entry, const void *key, size_t len)
{
    return entry != NULL && entry->len == len && memcmp(entry->key, key, len) == 0;
}

void *
lru_get(struct lru *lru, const void *key, size_t len)
{
    struct entry *entry = lru->newest;

    if (has_key(entry, key, len))
        return entry->value;
    entry = cv_hash_get_u64(lru->index, hash_bytes(key, len));
    if (!has_key(entry, key, len))
        return NULL;
    unlink_entry(lru, entry);
    link_newest(lru, entry);
    return entry->value;
}

bool
lru_put(struct lru *lru, const void *key, size_t len, void *take_value)
{
    struct entry *entry = malloc(sizeof(*entry) + len);
    struct entry *other;

    if (entry == NULL) {
        lru->free_value(take_value);
        return false;
    }
    *entry = (struct entry){ .value = take_value, .hash = hash_bytes(key, len), .len = len };
    memcpy(entry->key, key, len);
    other = cv_hash_get_u64(lru->index, entry->hash);
    if (other != NULL)
        drop(lru, other);
    else if (cv_hash_count(lru->index) >= lru->max)
        drop(lru, lru->oldest);
    if (!cv_hash_put_u64(lru->index, entry->hash, entry)) {
        lru->free_value(take_value);
        free(entry);
        return false;
    }
    link_newest(lru, entry);
    return true;
}
