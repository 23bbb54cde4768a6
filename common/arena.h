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
struct cv_arena;

/* block_bytes: size of an ordinary block; budget_bytes: bound over all blocks in use, 0 for none. */
struct cv_arena_pool *cv_arena_pool_new(size_t block_bytes, size_t budget_bytes);
void cv_arena_pool_free(struct cv_arena_pool *pool); /* all its arenas must be freed before */
/* Bytes of blocks in use by arenas, and whether that is at or over the budget. */
size_t cv_arena_pool_used(const struct cv_arena_pool *pool);
bool cv_arena_pool_full(const struct cv_arena_pool *pool);

/* NULL when memory is out; the budget is not a hard limit here (one object may be larger than all of it):
   who fills arenas asks cv_arena_pool_full before starting a new one. pool NULL: blocks from malloc. */
struct cv_arena *cv_arena_new(struct cv_arena_pool *pool);
void cv_arena_free(struct cv_arena *arena);
size_t cv_arena_used(const struct cv_arena *arena); /* bytes handed out */

/* Aligned for any object, not zeroed; NULL when memory is out. Zero bytes give a valid pointer. */
void *cv_arena_alloc(struct cv_arena *arena, size_t len);
void *cv_arena_zalloc(struct cv_arena *arena, size_t len);
char *cv_arena_strdup(struct cv_arena *arena, const char *str);
void *cv_arena_dup(struct cv_arena *arena, const void *data, size_t len); /* with a NUL behind it */

/* At least len contiguous bytes, valid until the next call on the arena except advance. */
char *cv_arena_reserve(struct cv_arena *arena, size_t len);
/* Keep the first len bytes of what reserve returned. */
void cv_arena_advance(struct cv_arena *arena, size_t len);

#endif
