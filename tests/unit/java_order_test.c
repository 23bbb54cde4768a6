/* SPDX-License-Identifier: Apache-2.0 */
/* data/java_order.c: the expected orders were printed by java.util.HashMap of Java 17. */
#include "data/java_order.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"

struct order_case {
    const char *put[13];
    const char *iterated[13];
};

static const struct order_case cases[] = {
    { { "table", "protocol" }, { "protocol", "table" } },
    { { "topic", "partition", "cluster" }, { "cluster", "partition", "topic" } },
    { { "server", "database" }, { "server", "database" } },
    /* the offsets of a PostgreSQL source: snapshot, stream, stream with transaction metadata */
    { { "snapshot", "snapshot_completed", "last_snapshot_record", "lsn", "txId", "ts_usec" },
      { "last_snapshot_record", "lsn", "txId", "ts_usec", "snapshot", "snapshot_completed" } },
    { { "ts_usec", "txId", "lsn", "lsn_commit", "messageType", "lsn_proc" },
      { "lsn_proc", "messageType", "lsn_commit", "lsn", "txId", "ts_usec" } },
    { { "lsn", "transaction_data_collection_order_public.cust", "ts_usec", "messageType",
        "transaction_id", "txId", "lsn_commit", "lsn_proc" },
      { "transaction_id", "lsn_proc", "messageType", "lsn_commit", "lsn", "txId", "ts_usec",
        "transaction_data_collection_order_public.cust" } },
    /* nine of these share a bucket of the first table, which therefore grows before it is full */
    { { "a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "k11", "l12" },
      { "j10", "k11", "l12", "a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9" } },
    { { "a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "k11", "l12", "m13" },
      { "j10", "k11", "l12", "m13", "a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9" } },
    { { "zażółć", "日本語", "😀 smile", "é", "plain", "" },
      { "", "😀 smile", "zażółć", "plain", "é", "日本語" } },
    /* equal hashes share a bucket and keep their order */
    { { "Aa", "BB", "AaAa", "BBBB", "AaBB", "BBAa" }, { "Aa", "BB", "AaAa", "BBBB", "AaBB", "BBAa" } },
};

static size_t
count_of(const char *const names[13])
{
    size_t n = 0;

    while (n < 13 && names[n] != NULL)
        n++;
    return n;
}

static void
strings_iterate_as_in_a_hash_map(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    size_t order[13];

    (void)state;
    for (size_t c = 0; c < CV_COUNT(cases); c++) {
        size_t n = count_of(cases[c].put);

        assert_int_equal(n, count_of(cases[c].iterated));
        assert_int_equal(java_order_strings(cases[c].put, n, order, &err), CV_OK);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(cases[c].put[order[i]], cases[c].iterated[i]);
    }
}

static void
map_entries_move_with_their_keys(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t c = 0; c < CV_COUNT(cases); c++) {
        size_t n = count_of(cases[c].put);
        struct cv_value *map = cv_map_new(arena, n);

        for (size_t i = 0; i < n; i++)
            assert_int_equal(
                cv_map_put(arena, map, cases[c].put[i], cv_cstring(cases[c].put[i]), &err), CV_OK);
        assert_int_equal(java_order_map(map, &err), CV_OK);
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(map->map.entries[i].key.bytes.data, cases[c].iterated[i]);
            assert_string_equal(map->map.entries[i].value.bytes.data, cases[c].iterated[i]);
        }
    }
    cv_arena_free(arena);
}

static void
check_scalars(const struct cv_value *put, const struct cv_value *iterated, uint32_t n)
{
    struct cv_map_entry entries[8];
    struct cv_value map = { .type = CV_MAP, .map = { .entries = entries, .count = n } };
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < n; i++)
        entries[i] = (struct cv_map_entry){ .key = put[i], .value = cv_null(NULL) };
    assert_int_equal(java_order_map(&map, &err), CV_OK);
    for (size_t i = 0; i < n; i++)
        assert_true(cv_value_equal(&entries[i].key, &iterated[i]));
}

static void
keys_that_are_no_strings_hash_as_boxed_values(void **state)
{
    const struct cv_value longs[] = { cv_int(CV_INT64, 1000000007), cv_int(CV_INT64, -1),
                                      cv_int(CV_INT64, 3), cv_int(CV_INT64, 17) };
    const struct cv_value longs_out[] = { longs[1], longs[3], longs[2], longs[0] };
    const struct cv_value doubles[] = { cv_float64(1.5), cv_float64(-2.25), cv_float64(100.0),
                                        cv_float64(0.1) };
    const struct cv_value doubles_out[] = { doubles[1], doubles[3], doubles[0], doubles[2] };
    const struct cv_value booleans[] = { cv_boolean(true), cv_boolean(false) };
    const struct cv_value booleans_out[] = { booleans[1], booleans[0] };

    (void)state;
    check_scalars(longs, longs_out, 4);
    check_scalars(doubles, doubles_out, 4);
    check_scalars(booleans, booleans_out, 2);
}

static void
hash_is_that_of_utf16(void **state)
{
    (void)state;
    assert_int_equal(java_string_hash("", 0), 0);
    assert_int_equal(java_string_hash("日本語", strlen("日本語")), 25921943);
    assert_int_equal(java_string_hash("😀 smile", strlen("😀 smile")), -1559691765);
    assert_int_equal(java_string_hash("lsn_proc", 8), 1469054158);
    /* cut in the middle of a character: no read past the end */
    assert_int_equal(java_string_hash("\xe6\x97", 2), 31 * 0xfffd + 0xfffd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_iterate_as_in_a_hash_map),
        cmocka_unit_test(map_entries_move_with_their_keys),
        cmocka_unit_test(keys_that_are_no_strings_hash_as_boxed_values),
        cmocka_unit_test(hash_is_that_of_utf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
