/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash maps: an array of entries in order of insertion, and an open-addressed table of indexes into it.
 *
 * The table holds 32-bit numbers only, probed linearly, so that a lookup touches one line of the table and one
 * entry. Removal leaves a dead entry and a tombstone; both go when the entry array is full and is rebuilt,
 * which only a put does: that is why an iteration may remove as it goes.
 *
 * Keys may be chosen by strangers (topic names, header names): strings are hashed with SipHash-1-3 (Aumasson
 * and Bernstein) under a key drawn once a process, integers are mixed with it. A map belongs to one thread or
 * to one lock.
 */
#include <config.h>

#include "common/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FIRST_ENTRIES 8
#define MAX_ENTRIES   (UINT32_C(1) << 30)
#define SLOT_FREE     UINT32_C(0)
#define SLOT_DEAD     UINT32_MAX /* an entry was here: probing goes on */

enum kind { KIND_NONE, KIND_BYTES, KIND_U64 };

struct entry {
    uint64_t hash;
    uint64_t key_u64;
    char *key; /* owned, NUL-terminated; NULL in an integer map */
    size_t key_len;
    void *value;
    bool live;
};

struct cv_hash {
    struct entry *entries;
    uint32_t *slots; /* index + 1; twice as many as entries, a power of two */
    uint32_t capacity;
    uint32_t used;  /* entries, dead ones included */
    uint32_t first; /* no live entry below */
    uint32_t live;
    enum kind kind;
    void (*free_value)(void *);
};

struct key {
    uint64_t hash;
    uint64_t u64;
    const void *bytes; /* NULL: an integer */
    size_t len;
};

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void
seed_draw(void)
{
    struct timespec now;

    if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
        return;
    /* Before the kernel's pool is ready: addresses and the time are better than a constant. */
    clock_gettime(CLOCK_REALTIME, &now);
    seed[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)&now;
    seed[1] = (uint64_t)now.tv_sec * UINT64_C(0xbf58476d1ce4e5b9) ^ (uint64_t)(uintptr_t)&seed;
}

static inline uint64_t
rotl(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t
hash_bytes(const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t last = (uint64_t)len << 56;
    uint64_t v[4] = { seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                      seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573) };

    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)at[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t
hash_u64(uint64_t key)
{
    uint64_t x = (key ^ seed[0]) * (seed[1] | 1);

    x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static struct key
key_of_bytes(const void *key, size_t len)
{
    return (struct key){ .hash = hash_bytes(key, len), .bytes = len == 0 ? "" : key, .len = len };
}

static struct key
key_of_u64(uint64_t key)
{
    return (struct key){ .hash = hash_u64(key), .u64 = key };
}

struct cv_hash *
cv_hash_new(void (*free_value)(void *))
{
    struct cv_hash *map;

    pthread_once(&seed_once, seed_draw);
    map = calloc(1, sizeof(*map));
    if (map != NULL)
        map->free_value = free_value;
    return map;
}

static void
value_free(const struct cv_hash *map, void *value)
{
    if (map->free_value != NULL && value != NULL)
        map->free_value(value);
}

void
cv_hash_clear(struct cv_hash *map)
{
    for (uint32_t i = map->first; i < map->used; i++) {
        if (map->entries[i].live) {
            free(map->entries[i].key);
            value_free(map, map->entries[i].value);
        }
    }
    free(map->entries);
    free(map->slots);
    *map = (struct cv_hash){ .free_value = map->free_value };
}

void
cv_hash_free(struct cv_hash *map)
{
    if (map == NULL)
        return;
    cv_hash_clear(map);
    free(map);
}

size_t
cv_hash_count(const struct cv_hash *map)
{
    return map->live;
}

static inline bool
entry_is(const struct entry *entry, const struct key *key)
{
    if (entry->hash != key->hash)
        return false;
    if (key->bytes == NULL)
        return entry->key_u64 == key->u64;
    return entry->key_len == key->len && memcmp(entry->key, key->bytes, key->len) == 0;
}

/* The slot of the key, NULL if there is none. A map is asked with the kind of key that it holds. */
static uint32_t *
slot_find(const struct cv_hash *map, const struct key *key)
{
    uint32_t mask = map->capacity * 2 - 1;

    if (map->live == 0)
        return NULL;
    assert(map->kind == (key->bytes == NULL ? KIND_U64 : KIND_BYTES));
    for (uint32_t at = (uint32_t)key->hash & mask;; at = (at + 1) & mask) {
        uint32_t slot = map->slots[at];

        if (slot == SLOT_FREE)
            return NULL;
        if (slot != SLOT_DEAD && entry_is(&map->entries[slot - 1], key))
            return &map->slots[at];
    }
}

static void
slot_fill(struct cv_hash *map, uint32_t index)
{
    uint32_t mask = map->capacity * 2 - 1;
    uint32_t at = (uint32_t)map->entries[index].hash & mask;

    while (map->slots[at] != SLOT_FREE)
        at = (at + 1) & mask;
    map->slots[at] = index + 1;
}

/* Drop the dead entries, and double if most are alive. A slot is used up for every entry, dead or alive, and
   there are twice as many slots: probing always finds a free one. */
static bool
rebuild(struct cv_hash *map)
{
    uint32_t capacity = map->capacity == 0                       ? FIRST_ENTRIES
                        : map->live > map->capacity - map->capacity / 4 ? map->capacity * 2
                                                                        : map->capacity;
    struct entry *entries;
    uint32_t *slots;
    uint32_t used = 0;

    if (capacity > MAX_ENTRIES)
        return false;
    entries = malloc(capacity * sizeof(*entries));
    slots = calloc((size_t)capacity * 2, sizeof(*slots));
    if (entries == NULL || slots == NULL) {
        free(entries);
        free(slots);
        return false;
    }
    for (uint32_t i = map->first; i < map->used; i++) {
        if (map->entries[i].live)
            entries[used++] = map->entries[i];
    }
    free(map->entries);
    free(map->slots);
    map->entries = entries;
    map->slots = slots;
    map->capacity = capacity;
    map->used = used;
    map->first = 0;
    for (uint32_t i = 0; i < used; i++)
        slot_fill(map, i);
    return true;
}

static bool
put(struct cv_hash *map, const struct key *key, void *value)
{
    uint32_t *slot = slot_find(map, key);
    struct entry *entry;
    char *copy = NULL;

    if (slot != NULL) {
        entry = &map->entries[*slot - 1];
        if (entry->value != value) {
            value_free(map, entry->value);
            entry->value = value;
        }
        return true;
    }
    if (map->used == map->capacity && !rebuild(map))
        return false;
    if (key->bytes != NULL) {
        copy = malloc(key->len + 1);
        if (copy == NULL)
            return false;
        memcpy(copy, key->bytes, key->len);
        copy[key->len] = '\0';
    }
    map->kind = key->bytes == NULL ? KIND_U64 : KIND_BYTES;
    map->entries[map->used] = (struct entry){
        .hash = key->hash, .key_u64 = key->u64, .key = copy, .key_len = key->len, .value = value, .live = true
    };
    slot_fill(map, map->used);
    map->used++;
    map->live++;
    return true;
}

static void *
get(const struct cv_hash *map, const struct key *key)
{
    const uint32_t *slot = slot_find(map, key);

    return slot == NULL ? NULL : map->entries[*slot - 1].value;
}

static bool
remove_key(struct cv_hash *map, const struct key *key)
{
    uint32_t *slot = slot_find(map, key);
    struct entry *entry;
    char *owned;
    void *value;

    if (slot == NULL)
        return false;
    entry = &map->entries[*slot - 1];
    *slot = SLOT_DEAD;
    owned = entry->key;
    value = entry->value;
    *entry = (struct entry){ .live = false };
    map->live--;
    while (map->first < map->used && !map->entries[map->first].live)
        map->first++;
    free(owned);
    value_free(map, value);
    return true;
}

bool
cv_hash_put(struct cv_hash *map, const char *key, void *value)
{
    return cv_hash_put_bytes(map, key, strlen(key), value);
}

bool
cv_hash_put_bytes(struct cv_hash *map, const void *key, size_t len, void *value)
{
    const struct key k = key_of_bytes(key, len);

    return put(map, &k, value);
}

bool
cv_hash_put_u64(struct cv_hash *map, uint64_t key, void *value)
{
    const struct key k = key_of_u64(key);

    return put(map, &k, value);
}

void *
cv_hash_get(const struct cv_hash *map, const char *key)
{
    return cv_hash_get_bytes(map, key, strlen(key));
}

void *
cv_hash_get_bytes(const struct cv_hash *map, const void *key, size_t len)
{
    const struct key k = key_of_bytes(key, len);

    return get(map, &k);
}

void *
cv_hash_get_u64(const struct cv_hash *map, uint64_t key)
{
    const struct key k = key_of_u64(key);

    return get(map, &k);
}

bool
cv_hash_remove(struct cv_hash *map, const char *key)
{
    return cv_hash_remove_bytes(map, key, strlen(key));
}

bool
cv_hash_remove_bytes(struct cv_hash *map, const void *key, size_t len)
{
    const struct key k = key_of_bytes(key, len);

    return remove_key(map, &k);
}

bool
cv_hash_remove_u64(struct cv_hash *map, uint64_t key)
{
    const struct key k = key_of_u64(key);

    return remove_key(map, &k);
}

bool
cv_hash_next(const struct cv_hash *map, size_t *inout_i, struct cv_hash_entry *ret)
{
    size_t i = *inout_i < map->first ? map->first : *inout_i;

    while (i < map->used && !map->entries[i].live)
        i++;
    if (i >= map->used) {
        *inout_i = i;
        return false;
    }
    *ret = (struct cv_hash_entry){ .key = map->entries[i].key,
                                   .key_len = map->entries[i].key_len,
                                   .key_u64 = map->entries[i].key_u64,
                                   .value = map->entries[i].value };
    *inout_i = i + 1;
    return true;
}
