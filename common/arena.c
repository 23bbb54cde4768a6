/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one batch: blocks from a pool, bumped through, given back as one.
 *
 * Blocks return to the pool's lists and are used again, so that a steady load allocates nothing. A request that no
 * ordinary block can hold gets a block of its own, twice, four or eight times as large; one beyond that goes back to
 * malloc, which sorts all that is free whenever it meets a large block. What the pool keeps and what its arenas use stay
 * within the budget together.
 */
#include "common/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BLOCK_BYTES (16 * 1024)
#define SIZES               4 /* of blocks that are kept: 1, 2, 4 and 8 ordinary ones */

struct cv_arena_block {
    alignas(CV_ARENA_ALIGN) struct cv_arena_block *next;
    size_t bytes; /* of data */
    alignas(CV_ARENA_ALIGN) char data[];
};

struct cv_arena_deferred {
    void (*fn)(void *);
    void *arg;
    struct cv_arena_deferred *next;
};

struct cv_arena_pool {
    size_t block_bytes;
    size_t budget_bytes;
    size_t used_bytes;
    size_t kept_bytes;
    struct cv_arena_block *kept[SIZES];
};

struct cv_arena_pool *
cv_arena_pool_new(size_t block_bytes, size_t budget_bytes)
{
    struct cv_arena_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pool->block_bytes = block_bytes;
    pool->budget_bytes = budget_bytes;
    return pool;
}

void
cv_arena_pool_free(struct cv_arena_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->used_bytes == 0);
    for (unsigned size = 0; size < SIZES; size++)
        while (pool->kept[size] != NULL) {
            struct cv_arena_block *block = pool->kept[size];

            pool->kept[size] = block->next;
            free(block);
        }
    free(pool);
}

size_t
cv_arena_pool_used(const struct cv_arena_pool *pool)
{
    return pool->used_bytes;
}

bool
cv_arena_pool_full(const struct cv_arena_pool *pool)
{
    return pool->budget_bytes > 0 && pool->used_bytes >= pool->budget_bytes;
}

static size_t
ordinary_bytes(const struct cv_arena *arena)
{
    return arena->pool == NULL ? DEFAULT_BLOCK_BYTES : arena->pool->block_bytes;
}

/* The smallest that holds so many bytes; SIZES: none. */
static unsigned
size_for(const struct cv_arena_pool *pool, size_t bytes)
{
    unsigned size = 0;

    while (size < SIZES && pool->block_bytes << size < bytes)
        size++;
    return size;
}

/* A block of at least len bytes at the head of the arena's list; NULL when memory is out. */
static struct cv_arena_block *
block_new(struct cv_arena *arena, size_t len)
{
    struct cv_arena_pool *pool = arena->pool;
    size_t bytes = len > ordinary_bytes(arena) ? len : ordinary_bytes(arena);
    unsigned size = pool != NULL ? size_for(pool, bytes) : SIZES;
    struct cv_arena_block *block;

    if (size < SIZES)
        bytes = pool->block_bytes << size;
    if (size < SIZES && pool->kept[size] != NULL) {
        block = pool->kept[size];
        pool->kept[size] = block->next;
        pool->kept_bytes -= bytes;
    } else {
        if (bytes > SIZE_MAX - sizeof(*block))
            return NULL;
        block = malloc(sizeof(*block) + bytes);
        if (block == NULL)
            return NULL;
        block->bytes = bytes;
    }
    if (pool != NULL)
        pool->used_bytes += bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

static void
block_free(struct cv_arena_pool *pool, struct cv_arena_block *block)
{
    unsigned size = pool != NULL ? size_for(pool, block->bytes) : SIZES;

    if (pool != NULL)
        pool->used_bytes -= block->bytes;
    if (size == SIZES || (pool->budget_bytes > 0 &&
                          pool->used_bytes + pool->kept_bytes + block->bytes > pool->budget_bytes)) {
        free(block);
        return;
    }
    block->next = pool->kept[size];
    pool->kept[size] = block;
    pool->kept_bytes += block->bytes;
}

struct cv_arena *
cv_arena_new(struct cv_arena_pool *pool)
{
    struct cv_arena *arena = calloc(1, sizeof(*arena));

    if (arena != NULL)
        arena->pool = pool;
    return arena;
}

void
cv_arena_free(struct cv_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct cv_arena_deferred *d = arena->deferred; d != NULL; d = d->next)
        d->fn(d->arg);
    while (arena->blocks != NULL) {
        struct cv_arena_block *block = arena->blocks;

        arena->blocks = block->next;
        block_free(arena->pool, block);
    }
    free(arena);
}

bool
cv_arena_defer(struct cv_arena *arena, void (*fn)(void *), void *arg)
{
    struct cv_arena_deferred *d = cv_arena_alloc(arena, sizeof(*d));

    if (d == NULL)
        return false;
    *d = (struct cv_arena_deferred){ .fn = fn, .arg = arg, .next = arena->deferred };
    arena->deferred = d;
    return true;
}

void *
cv_arena_alloc_block(struct cv_arena *arena, size_t len)
{
    /* A big object leaves the rest of the current block to the small ones that follow. */
    bool own = len > ordinary_bytes(arena) / 4;
    struct cv_arena_block *block = block_new(arena, own && len > 0 ? len : 1);

    if (block == NULL)
        return NULL;
    if (!own || arena->left < block->bytes - len) {
        arena->next = block->data + len;
        arena->left = block->bytes - len;
    }
    arena->used += len;
    return block->data;
}

void *
cv_arena_zalloc(struct cv_arena *arena, size_t len)
{
    void *at = cv_arena_alloc(arena, len);

    return at == NULL ? NULL : memset(at, 0, len);
}

void *
cv_arena_dup(struct cv_arena *arena, const void *data, size_t len)
{
    char *at = len == SIZE_MAX ? NULL : cv_arena_alloc(arena, len + 1);

    if (at == NULL)
        return NULL;
    if (len > 0)
        memcpy(at, data, len);
    at[len] = '\0';
    return at;
}

char *
cv_arena_strdup(struct cv_arena *arena, const char *str)
{
    return cv_arena_dup(arena, str, strlen(str));
}

char *
cv_arena_reserve_block(struct cv_arena *arena, size_t len)
{
    struct cv_arena_block *block;

    /* Exactly enough is enough; asking for nothing still needs an address. */
    if (len > 0 && len == arena->left)
        return arena->next;
    block = block_new(arena, len > 0 ? len : 1);
    if (block == NULL)
        return NULL;
    arena->next = block->data;
    arena->left = block->bytes;
    return arena->next;
}
