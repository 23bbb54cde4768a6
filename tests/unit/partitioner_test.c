/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors are those of Sarama and librdkafka for FNV-1a, the check value of CRC-32, and Java's for murmur2. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "common/kafka/partitioner.h"

#define N INT32_MAX /* so that the hash is seen */

static const struct cv_bytes null_key = { NULL, 0 };

static struct cv_bytes
bytes(const char *text)
{
    return (struct cv_bytes){ text, strlen(text) };
}

static void
names_are_librdkafkas(void **state)
{
    static const struct {
        const char *name;
        enum partitioner partitioner;
    } rows[] = {
        { "random", PARTITION_RANDOM },
        { "consistent", PARTITION_CRC32 },
        { "consistent_random", PARTITION_CRC32_RANDOM },
        { "murmur2", PARTITION_MURMUR2 },
        { "murmur2_random", PARTITION_MURMUR2_RANDOM },
        { "fnv1a", PARTITION_FNV1A },
        { "fnv1a_random", PARTITION_FNV1A_RANDOM },
    };
    static const char *const others[] = { "", "Random", "murmur", "murmur2_randomly" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        enum partitioner found = (enum partitioner)-1;

        assert_true(partitioner_of(rows[i].name, &found));
        assert_int_equal(found, rows[i].partitioner);
    }
    for (size_t i = 0; i < CV_COUNT(others); i++) {
        enum partitioner found = PARTITION_CRC32;

        assert_false(partitioner_of(others[i], &found));
        assert_int_equal(found, PARTITION_CRC32);
    }
}

static void
fnv1a_is_a_signed_number_without_its_sign(void **state)
{
    static const struct {
        const char *key;
        int32_t n, partition;
    } rows[] = {
        { "kafka", N, 0xd33c4e1 },
        { "", N, 0x7ee3623b },
        { "kafka", 10, 0xd33c4e1 % 10 },
        { "", 7, 0x7ee3623b % 7 },
        { "kafka", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        assert_int_equal(partitioner_choose(PARTITION_FNV1A, bytes(rows[i].key), rows[i].n), rows[i].partition);
        assert_int_equal(partitioner_choose(PARTITION_FNV1A_RANDOM, bytes(rows[i].key), rows[i].n),
                         rows[i].partition);
    }
}

static void
crc32_is_a_number_without_sign(void **state)
{
    static const struct {
        const char *key;
        int32_t n;
        uint32_t hash;
    } rows[] = {
        { "123456789", N, 0xCBF43926 }, /* above INT32_MAX */
        { "123456789", 10, 0xCBF43926 },
        { "123456789", 7, 0xCBF43926 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        int32_t expected = (int32_t)(rows[i].hash % (uint32_t)rows[i].n);

        assert_int_equal(partitioner_choose(PARTITION_CRC32, bytes(rows[i].key), rows[i].n), expected);
        assert_int_equal(partitioner_choose(PARTITION_CRC32_RANDOM, bytes(rows[i].key), rows[i].n), expected);
    }
}

static void
murmur2_is_javas(void **state)
{
    static const struct {
        const char *key;
        int32_t n, partition;
    } rows[] = {
        { "[\"foo\",{\"filename\":\"/data/in.txt\"}]", 25, 0 },
        { "[\"jdbc\",{\"protocol\":\"1\",\"table\":\"db.accounts\"}]", 25, 14 },
        { "status-connector-foo", 5, 3 },
        { "status-task-foo-0", 5, 1 },
        { "status-topic-orders:connector-foo", 5, 4 },
        { "", N, 275646681 },
        { "abc", N, 479470107 },
        { "21", N, -973932308 & INT32_MAX },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        assert_int_equal(partitioner_choose(PARTITION_MURMUR2, bytes(rows[i].key), rows[i].n), rows[i].partition);
        assert_int_equal(partitioner_choose(PARTITION_MURMUR2_RANDOM, bytes(rows[i].key), rows[i].n),
                         rows[i].partition);
    }
}

static void
null_and_empty_keys_go_where_the_partitioner_says(void **state)
{
    static const struct {
        enum partitioner partitioner;
        int32_t of_null, of_empty; /* -1: any */
    } rows[] = {
        { PARTITION_RANDOM, -1, -1 },
        { PARTITION_CRC32, 0, 0 },
        { PARTITION_CRC32_RANDOM, -1, -1 },
        { PARTITION_MURMUR2, 275646681, 275646681 },
        { PARTITION_MURMUR2_RANDOM, -1, 275646681 },
        { PARTITION_FNV1A, 0x7ee3623b, 0x7ee3623b },
        { PARTITION_FNV1A_RANDOM, -1, 0x7ee3623b },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        assert_int_equal(partitioner_choose(rows[i].partitioner, null_key, N), rows[i].of_null);
        assert_int_equal(partitioner_choose(rows[i].partitioner, bytes(""), N), rows[i].of_empty);
    }
    assert_int_equal(partitioner_choose(PARTITION_RANDOM, bytes("k"), 5), -1);
}

/* Of 7000 each of 7 gets some 1000; less than 800 has a chance of one in 10^11. */
static void
any_partition_is_one_of_all(void **state)
{
    int counts[7] = { 0 };

    (void)state;
    for (int i = 0; i < 7000; i++) {
        int32_t partition = partitioner_any(7);

        assert_in_range(partition, 0, 6);
        counts[partition]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(counts[i] > 800);
    assert_int_equal(partitioner_any(1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_librdkafkas),
        cmocka_unit_test(fnv1a_is_a_signed_number_without_its_sign),
        cmocka_unit_test(crc32_is_a_number_without_sign),
        cmocka_unit_test(murmur2_is_javas),
        cmocka_unit_test(null_and_empty_keys_go_where_the_partitioner_says),
        cmocka_unit_test(any_partition_is_one_of_all),
    };

    return cmocka_run_group_tests_name("partitioner", tests, NULL, NULL);
}
