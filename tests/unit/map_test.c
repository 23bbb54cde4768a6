/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/map.h"
#include "tests/helper/failing_alloc.h"

static int freed;

static void
count_free(void *value)
{
    (void)value;
    freed++;
}

static void *
ptr(uintptr_t n)
{
    return (void *)n;
}

/* The values in order, as "1 2 3 ". */
static void
expect_order(const struct cv_hash *map, const char *expected)
{
    struct cv_hash_entry entry;
    char text[200] = "";
    size_t i = 0;

    while (cv_hash_next(map, &i, &entry))
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%zu ", (size_t)entry.value);
    assert_string_equal(text, expected);
}

static void
an_empty_map_has_nothing(void **state)
{
    struct cv_hash *map = cv_hash_new(NULL);

    (void)state;
    assert_int_equal(cv_hash_count(map), 0);
    assert_null(cv_hash_get(map, "a"));
    assert_null(cv_hash_get_u64(map, 0));
    assert_false(cv_hash_remove(map, "a"));
    expect_order(map, "");
    cv_hash_clear(map);
    cv_hash_free(map);
    cv_hash_free(NULL);
}

static void
put_replaces_and_frees_the_old_value(void **state)
{
    struct cv_hash *map = cv_hash_new(count_free);

    (void)state;
    freed = 0;
    assert_true(cv_hash_put(map, "a", ptr(1)));
    assert_true(cv_hash_put(map, "b", ptr(2)));
    assert_true(cv_hash_put(map, "a", ptr(3)));
    assert_int_equal(freed, 1);
    assert_int_equal(cv_hash_count(map), 2);
    assert_ptr_equal(cv_hash_get(map, "a"), ptr(3));
    expect_order(map, "3 2 ");
    /* The same value again stays alive. */
    assert_true(cv_hash_put(map, "a", ptr(3)));
    assert_int_equal(freed, 1);
    assert_true(cv_hash_remove(map, "b"));
    assert_int_equal(freed, 2);
    cv_hash_free(map);
    assert_int_equal(freed, 3);
}

static void
keys_are_copied_and_may_hold_any_byte(void **state)
{
    struct cv_hash *map = cv_hash_new(NULL);
    struct cv_hash_entry entry;
    char key[] = "a\0b";
    size_t i = 0;

    (void)state;
    assert_true(cv_hash_put_bytes(map, key, 3, ptr(1)));
    assert_true(cv_hash_put_bytes(map, key, 2, ptr(2)));
    assert_true(cv_hash_put_bytes(map, NULL, 0, ptr(3)));
    memset(key, 'x', 3);
    assert_ptr_equal(cv_hash_get_bytes(map, "a\0b", 3), ptr(1));
    assert_ptr_equal(cv_hash_get_bytes(map, "a\0", 2), ptr(2));
    assert_null(cv_hash_get(map, "a"));
    assert_ptr_equal(cv_hash_get(map, ""), ptr(3));
    assert_true(cv_hash_next(map, &i, &entry));
    assert_int_equal(entry.key_len, 3);
    assert_memory_equal(entry.key, "a\0b", 4);
    assert_true(cv_hash_remove_bytes(map, "a\0b", 3));
    assert_null(cv_hash_get_bytes(map, "a\0b", 3));
    assert_int_equal(cv_hash_count(map), 2);
    cv_hash_free(map);
}

static void
a_null_value_is_there_but_gets_null(void **state)
{
    struct cv_hash *map = cv_hash_new(count_free);

    (void)state;
    freed = 0;
    assert_true(cv_hash_put(map, "a", NULL));
    assert_int_equal(cv_hash_count(map), 1);
    assert_null(cv_hash_get(map, "a"));
    assert_true(cv_hash_remove(map, "a"));
    assert_int_equal(freed, 0);
    cv_hash_free(map);
}

static void
iteration_is_in_order_of_insertion(void **state)
{
    struct cv_hash *map = cv_hash_new(NULL);

    (void)state;
    for (uintptr_t n = 1; n <= 12; n++)
        assert_true(cv_hash_put_u64(map, n * 1000, ptr(n)));
    assert_true(cv_hash_remove_u64(map, 1000));
    assert_true(cv_hash_remove_u64(map, 5000));
    assert_true(cv_hash_put_u64(map, 1000, ptr(1)));
    expect_order(map, "2 3 4 6 7 8 9 10 11 12 1 ");
    cv_hash_clear(map);
    expect_order(map, "");
    assert_true(cv_hash_put(map, "now by string", ptr(9)));
    expect_order(map, "9 ");
    cv_hash_free(map);
}

static void
the_current_entry_may_be_removed_meanwhile(void **state)
{
    struct cv_hash *map = cv_hash_new(NULL);
    struct cv_hash_entry entry;
    uintptr_t seen = 0;
    size_t i = 0;

    (void)state;
    for (uintptr_t n = 1; n <= 100; n++)
        assert_true(cv_hash_put_u64(map, n, ptr(n)));
    while (cv_hash_next(map, &i, &entry)) {
        assert_ptr_equal(entry.value, ptr(++seen));
        if (seen % 3 != 0)
            assert_true(cv_hash_remove_u64(map, entry.key_u64));
    }
    assert_int_equal(seen, 100);
    assert_int_equal(cv_hash_count(map), 33);
    cv_hash_free(map);
}

/* Random puts and removes against an array that cannot be wrong. */
static void
it_agrees_with_an_array_over_many_changes(void **state)
{
    enum { KEYS = 700 };
    static uintptr_t model[KEYS];
    struct cv_hash *strings = cv_hash_new(NULL);
    struct cv_hash *integers = cv_hash_new(NULL);
    uint32_t random = 7;
    size_t count = 0;

    (void)state;
    for (uintptr_t step = 1; step <= 50000; step++) {
        size_t at;
        char key[16];

        random = random * 1664525u + 1013904223u;
        at = (random >> 8) % KEYS;
        (void)snprintf(key, sizeof(key), "key-%zu", at);
        if (random >> 30 != 0 || (step / 5000 % 2 == 0 && random >> 29 != 0)) {
            assert_true(cv_hash_put(strings, key, ptr(step)));
            assert_true(cv_hash_put_u64(integers, at << 32, ptr(step)));
            count += model[at] == 0;
            model[at] = step;
        } else {
            assert_int_equal(cv_hash_remove(strings, key), model[at] != 0);
            assert_int_equal(cv_hash_remove_u64(integers, at << 32), model[at] != 0);
            count -= model[at] != 0;
            model[at] = 0;
        }
        assert_int_equal(cv_hash_count(strings), count);
    }
    for (size_t at = 0; at < KEYS; at++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "key-%zu", at);
        assert_ptr_equal(cv_hash_get(strings, key), ptr(model[at]));
        assert_ptr_equal(cv_hash_get_u64(integers, at << 32), ptr(model[at]));
    }
    cv_hash_free(strings);
    cv_hash_free(integers);
}

static void
a_map_used_as_a_queue_stays_right(void **state)
{
    struct cv_hash *map = cv_hash_new(NULL);
    struct cv_hash_entry entry;

    (void)state;
    for (uintptr_t n = 1; n <= 20000; n++) {
        assert_true(cv_hash_put_u64(map, n, ptr(n)));
        if (n > 10) {
            size_t i = 0;

            assert_true(cv_hash_next(map, &i, &entry));
            assert_int_equal(entry.key_u64, n - 10);
            assert_true(cv_hash_remove_u64(map, entry.key_u64));
        }
    }
    assert_int_equal(cv_hash_count(map), 10);
    cv_hash_free(map);
}

static void
without_memory_put_changes_nothing(void **state)
{
    struct cv_hash *map;

    (void)state;
    failing_alloc_at(1);
    assert_null(cv_hash_new(NULL));
    assert_true(failing_alloc_stop());
    map = cv_hash_new(NULL);
    for (uintptr_t n = 0; n < 20; n++) {
        char key[16];
        long fail = 1;

        (void)snprintf(key, sizeof(key), "k%zu", n);
        for (;; fail++) {
            bool put;

            failing_alloc_at(fail);
            put = cv_hash_put(map, key, ptr(n + 1));
            if (!failing_alloc_stop()) {
                assert_true(put);
                break;
            }
            assert_false(put);
            assert_int_equal(cv_hash_count(map), n);
            assert_null(cv_hash_get(map, key));
        }
        assert_true(fail > 1);
        assert_ptr_equal(cv_hash_get(map, "k0"), ptr(1));
    }
    expect_order(map, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ");
    cv_hash_free(map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(put_replaces_and_frees_the_old_value),
        cmocka_unit_test(keys_are_copied_and_may_hold_any_byte),
        cmocka_unit_test(a_null_value_is_there_but_gets_null),
        cmocka_unit_test(iteration_is_in_order_of_insertion),
        cmocka_unit_test(the_current_entry_may_be_removed_meanwhile),
        cmocka_unit_test(it_agrees_with_an_array_over_many_changes),
        cmocka_unit_test(a_map_used_as_a_queue_stays_right),
        cmocka_unit_test(without_memory_put_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
