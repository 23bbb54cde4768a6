/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash maps keyed by string (any bytes; copied) or by 64-bit integer (a map uses one kind). Values are
 * pointers that the map does not own, unless free_value is given. Iteration is in order of insertion
 * (removal keeps the order of the others). Seeded per process against chosen collisions.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <culvert/err.h>

struct cv_hash;

struct cv_hash *cv_hash_new(void (*free_value)(void *)); /* NULL when memory is out */
void cv_hash_free(struct cv_hash *map);
void cv_hash_clear(struct cv_hash *map);
size_t cv_hash_count(const struct cv_hash *map);

/* Put replaces (the old value is freed by free_value). false when memory is out: nothing changed. */
CV_MUST_CHECK bool cv_hash_put(struct cv_hash *map, const char *key, void *value);
CV_MUST_CHECK bool cv_hash_put_bytes(struct cv_hash *map, const void *key, size_t len, void *value);
CV_MUST_CHECK bool cv_hash_put_u64(struct cv_hash *map, uint64_t key, void *value);
void *cv_hash_get(const struct cv_hash *map, const char *key); /* NULL: none */
void *cv_hash_get_bytes(const struct cv_hash *map, const void *key, size_t len);
void *cv_hash_get_u64(const struct cv_hash *map, uint64_t key);
bool cv_hash_remove(struct cv_hash *map, const char *key); /* whether it was there; frees the value */
bool cv_hash_remove_bytes(struct cv_hash *map, const void *key, size_t len);
bool cv_hash_remove_u64(struct cv_hash *map, uint64_t key);

/* size_t i = 0; while (cv_hash_next(map, &i, &entry)) ... ; removing the current entry meanwhile is fine. */
struct cv_hash_entry {
    const char *key; /* NUL-terminated behind len; NULL in an integer map */
    size_t key_len;
    uint64_t key_u64;
    void *value;
};
bool cv_hash_next(const struct cv_hash *map, size_t *inout_i, struct cv_hash_entry *ret);

#endif
