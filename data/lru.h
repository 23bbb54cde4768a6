/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded cache keyed by bytes: when it is full, the entry that was longest out of use goes. For one thread.
 */
#ifndef DATA_LRU_H
#define DATA_LRU_H

#include <culvert/err.h>

struct lru;

/* free_value is called for every value that leaves the cache. max 0 keeps one entry. NULL: no memory. */
struct lru *lru_new(size_t max, void (*free_value)(void *));
void lru_free(struct lru *lru);
/* The value, borrowed until the next put; NULL: none. */
void *lru_get(struct lru *lru, const void *key, size_t len);
/* Add a value under a key that is not there. Takes the value also when it fails, with false. */
CV_MUST_CHECK bool lru_put(struct lru *lru, const void *key, size_t len, void *take_value);

#endif
