/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one batch, freed as one. An arena takes blocks from a pool; the pool keeps freed blocks for the
 * next arena and bounds what all its arenas hold together. One thread owns a pool and its arenas.
 *
 * Two ways to take memory: cv_arena_alloc for objects, and reserve/advance for output of unknown length, in
 * which reserve promises a contiguous span, the writer fills it, and advance keeps what was written.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <culvert/err.h>

struct cv_arena_pool;
struct cv_arena_block;
struct cv_arena_deferred;

/* The fields are those of arena.c and of the inline functions here; callers leave them alone. */
struct cv_arena {
    char *next;  /* first free byte of the current block; NULL: no block yet */
    size_t left; /* free bytes from there */
    size_t used; /* bytes handed out */
    struct cv_arena_block *blocks;
    struct cv_arena_pool *pool;
    struct cv_arena_deferred *deferred; /* latest first */
};

/* block_bytes: size of an ordinary block; budget_bytes: bound over all blocks in use, 0 for none. NULL when
   memory is out. */
struct cv_arena_pool *cv_arena_pool_new(size_t block_bytes, size_t budget_bytes);
void cv_arena_pool_free(struct cv_arena_pool *pool); /* all its arenas must be freed before */
/* Bytes of blocks in use by arenas, and whether that is at or over the budget. */
size_t cv_arena_pool_used(const struct cv_arena_pool *pool);
bool cv_arena_pool_full(const struct cv_arena_pool *pool);

/* NULL when memory is out; the budget is not a hard limit here (one object may be larger than all of it):
   who fills arenas asks cv_arena_pool_full before starting a new one. pool NULL: blocks from malloc. An
   arena holds no block before the first byte is asked for. */
struct cv_arena *cv_arena_new(struct cv_arena_pool *pool);
void cv_arena_free(struct cv_arena *arena);
/* Have fn(arg) called when the arena is freed, the latest first, while its memory is still there: to drop a
   reference that something in the arena needs. false when memory is out: fn will not be called. */
CV_MUST_CHECK bool cv_arena_defer(struct cv_arena *arena, void (*fn)(void *), void *arg);
static inline size_t
cv_arena_used(const struct cv_arena *arena) /* bytes handed out */
{
    return arena->used;
}

/* The slow halves: the current block has no room. */
void *cv_arena_alloc_block(struct cv_arena *arena, size_t len);
char *cv_arena_reserve_block(struct cv_arena *arena, size_t len);

#define CV_ARENA_ALIGN 16

/* Aligned for any object, not zeroed; NULL when memory is out. Zero bytes give a valid pointer. */
static inline void *
cv_arena_alloc(struct cv_arena *arena, size_t len)
{
    size_t pad = -(uintptr_t)arena->next & (CV_ARENA_ALIGN - 1);
    char *at;

    if (arena->left <= pad || len > arena->left - pad)
        return cv_arena_alloc_block(arena, len);
    at = arena->next + pad;
    arena->next = at + len;
    arena->left -= pad + len;
    arena->used += len;
    return at;
}
CV_API void *cv_arena_zalloc(struct cv_arena *arena, size_t len);
char *cv_arena_strdup(struct cv_arena *arena, const char *str);
CV_API void *cv_arena_dup(struct cv_arena *arena, const void *data, size_t len); /* with a NUL behind it */

/* At least len contiguous bytes, valid until the next call on the arena except advance. NULL when memory is
   out. */
static inline char *
cv_arena_reserve(struct cv_arena *arena, size_t len)
{
    return len < arena->left ? arena->next : cv_arena_reserve_block(arena, len);
}
/* Keep the first len bytes of what reserve returned. */
static inline void
cv_arena_advance(struct cv_arena *arena, size_t len)
{
    arena->next += len;
    arena->left -= len;
    arena->used += len;
}

#endif
