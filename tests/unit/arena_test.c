/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "tests/helper/failing_alloc.h"

#define BLOCK 1024

static void
nothing_is_taken_before_the_first_byte(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);

    (void)state;
    assert_int_equal(cv_arena_pool_used(pool), 0);
    assert_int_equal(cv_arena_used(arena), 0);
    assert_non_null(cv_arena_alloc(arena, 1));
    assert_int_equal(cv_arena_pool_used(pool), BLOCK);
    assert_int_equal(cv_arena_used(arena), 1);
    cv_arena_free(arena);
    assert_int_equal(cv_arena_pool_used(pool), 0);
    cv_arena_pool_free(pool);
}

static void
free_accepts_null(void **state)
{
    (void)state;
    cv_arena_free(NULL);
    cv_arena_pool_free(NULL);
}

/* Random requests of both kinds, each filled with its own byte: none may touch another. */
static void
objects_are_aligned_and_do_not_overlap(void **state)
{
    enum { N = 3000 };
    static struct {
        unsigned char *at;
        size_t len;
    } spans[N];
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);
    uint32_t random = 1;
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        size_t len;

        random = random * 1664525u + 1013904223u;
        len = random >> 22; /* up to the size of a block */
        len = i % 50 == 0 ? len * 5 : i % 3 == 0 ? len : len % 40;
        spans[i].len = len;
        if (random >> 5 & 1) {
            spans[i].at = cv_arena_alloc(arena, len);
            assert_int_equal((uintptr_t)spans[i].at % CV_ARENA_ALIGN, 0);
        } else {
            spans[i].at = (unsigned char *)cv_arena_reserve(arena, len + (random >> 6 & 63));
            assert_non_null(spans[i].at);
            memset(spans[i].at, 0xff, len + (random >> 6 & 63));
            cv_arena_advance(arena, len);
        }
        assert_non_null(spans[i].at);
        if (len > 0)
            memset(spans[i].at, (int)(i % 251), len);
        total += len;
    }
    assert_int_equal(cv_arena_used(arena), total);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < spans[i].len; k++)
            assert_int_equal(spans[i].at[k], i % 251);
    }
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
zero_bytes_give_a_valid_pointer(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);

    (void)state;
    assert_non_null(cv_arena_alloc(arena, 0));
    assert_non_null(cv_arena_zalloc(arena, 0));
    assert_non_null(cv_arena_reserve(arena, 0));
    cv_arena_free(arena);
    arena = cv_arena_new(NULL);
    assert_non_null(cv_arena_reserve(arena, 0));
    cv_arena_free(arena);
}

static void
copies_end_in_nul(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    char *dup;

    (void)state;
    assert_string_equal(cv_arena_strdup(arena, "text"), "text");
    dup = cv_arena_dup(arena, "ab\0cd", 4);
    assert_memory_equal(dup, "ab\0c", 5);
    assert_string_equal(cv_arena_dup(arena, NULL, 0), "");
    cv_arena_free(arena);
}

static void
zalloc_clears_memory_that_was_used_before(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);
    const char *zeroed;

    (void)state;
    memset(cv_arena_alloc(arena, BLOCK), 0xff, BLOCK);
    cv_arena_free(arena);
    arena = cv_arena_new(pool);
    zeroed = cv_arena_zalloc(arena, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
a_big_object_leaves_the_current_block_in_use(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);
    char *first = cv_arena_alloc(arena, 16);
    char *big = cv_arena_alloc(arena, 10 * BLOCK);

    (void)state;
    assert_non_null(big);
    assert_int_equal(cv_arena_pool_used(pool), 11 * BLOCK);
    assert_ptr_equal(cv_arena_alloc(arena, 16), first + 16);
    assert_int_equal(cv_arena_pool_used(pool), 11 * BLOCK);
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
reserve_is_contiguous_and_advance_keeps_only_what_was_written(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);
    char *at = cv_arena_reserve(arena, 600);
    char *next;

    (void)state;
    memcpy(at, "abc", 3);
    cv_arena_advance(arena, 3);
    next = cv_arena_reserve(arena, 600);
    assert_ptr_equal(next, at + 3);
    cv_arena_advance(arena, 600);
    assert_int_equal(cv_arena_used(arena), 603);
    /* What is left can be had to the last byte, one more needs a new block. */
    assert_ptr_equal(cv_arena_reserve(arena, BLOCK - 603), at + 603);
    assert_int_equal(cv_arena_pool_used(pool), BLOCK);
    assert_non_null(cv_arena_reserve(arena, BLOCK - 602));
    assert_int_equal(cv_arena_pool_used(pool), 2 * BLOCK);
    assert_memory_equal(at, "abc", 3);
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
freed_blocks_serve_the_next_arena(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);
    char *first = cv_arena_alloc(arena, 100);
    char *big = cv_arena_alloc(arena, 5 * BLOCK);

    (void)state;
    assert_non_null(big);
    cv_arena_free(arena);
    arena = cv_arena_new(pool);
    failing_alloc_at(1);
    assert_ptr_equal(cv_arena_alloc(arena, 100), first);
    assert_ptr_equal(cv_arena_alloc(arena, 7 * BLOCK), big); /* blocks of eight; one of nine is not kept */
    assert_null(cv_arena_alloc(arena, 9 * BLOCK));
    assert_true(failing_alloc_stop());
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
the_pool_is_full_at_its_budget(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 3 * BLOCK);
    struct cv_arena *one = cv_arena_new(pool);
    struct cv_arena *two = cv_arena_new(pool);

    (void)state;
    assert_non_null(cv_arena_alloc(one, 1));
    assert_non_null(cv_arena_alloc(two, 1));
    assert_false(cv_arena_pool_full(pool));
    /* Not a hard limit: an object larger than the whole budget is had. */
    assert_non_null(cv_arena_alloc(two, 4 * BLOCK));
    assert_true(cv_arena_pool_full(pool));
    assert_int_equal(cv_arena_pool_used(pool), 6 * BLOCK);
    cv_arena_free(two);
    assert_false(cv_arena_pool_full(pool));
    assert_int_equal(cv_arena_pool_used(pool), BLOCK);
    cv_arena_free(one);
    cv_arena_pool_free(pool);
}

static void
a_pool_without_budget_is_never_full(void **state)
{
    struct cv_arena_pool *pool = cv_arena_pool_new(BLOCK, 0);
    struct cv_arena *arena = cv_arena_new(pool);

    (void)state;
    assert_non_null(cv_arena_alloc(arena, 100 * BLOCK));
    assert_false(cv_arena_pool_full(pool));
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

static void
without_memory_the_arena_stays_as_it_was(void **state)
{
    struct cv_arena_pool *pool;
    struct cv_arena *arena;
    char *at;

    (void)state;
    failing_alloc_at(1);
    assert_null(cv_arena_pool_new(BLOCK, 0));
    assert_true(failing_alloc_stop());
    pool = cv_arena_pool_new(BLOCK, 0);
    failing_alloc_at(1);
    assert_null(cv_arena_new(pool));
    assert_true(failing_alloc_stop());
    arena = cv_arena_new(pool);
    at = cv_arena_alloc(arena, 16);
    failing_alloc_at(1);
    assert_null(cv_arena_alloc(arena, 5 * BLOCK));
    failing_alloc_at(1);
    assert_null(cv_arena_reserve(arena, 5 * BLOCK));
    failing_alloc_at(1);
    assert_null(cv_arena_zalloc(arena, 5 * BLOCK));
    assert_true(failing_alloc_stop());
    assert_null(cv_arena_alloc(arena, SIZE_MAX));
    assert_null(cv_arena_alloc(arena, SIZE_MAX - 8));
    assert_null(cv_arena_reserve(arena, SIZE_MAX));
    assert_null(cv_arena_dup(arena, "", SIZE_MAX));
    assert_int_equal(cv_arena_used(arena), 16);
    assert_int_equal(cv_arena_pool_used(pool), BLOCK);
    assert_ptr_equal(cv_arena_alloc(arena, 16), at + 16);
    cv_arena_free(arena);
    cv_arena_pool_free(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_before_the_first_byte),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(objects_are_aligned_and_do_not_overlap),
        cmocka_unit_test(zero_bytes_give_a_valid_pointer),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(zalloc_clears_memory_that_was_used_before),
        cmocka_unit_test(a_big_object_leaves_the_current_block_in_use),
        cmocka_unit_test(reserve_is_contiguous_and_advance_keeps_only_what_was_written),
        cmocka_unit_test(freed_blocks_serve_the_next_arena),
        cmocka_unit_test(the_pool_is_full_at_its_budget),
        cmocka_unit_test(a_pool_without_budget_is_never_full),
        cmocka_unit_test(without_memory_the_arena_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
