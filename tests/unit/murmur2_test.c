/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors are those of Kafka's own tests of its Java and C clients. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "common/murmur2.h"

static const struct {
    const char *key;
    int32_t hash;
} vectors[] = {
    { "21", -973932308 },
    { "foobar", -790332482 },
    { "a-little-bit-long-string", -985981536 },
    { "a-little-bit-longer-string", -1486304829 },
    { "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
    { "abc", 479470107 },
    { "", 275646681 },
};

static void
hashes_are_those_of_the_java_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        assert_int_equal((int32_t)cv_murmur2(vectors[i].key, strlen(vectors[i].key)), vectors[i].hash);
}

/* Keys of the offset and status topics, where Java workers chose the partition. */
static void
connect_keys_land_where_java_puts_them(void **state)
{
    static const struct {
        const char *key;
        int32_t partitions;
        int32_t partition;
    } rows[] = {
        { "[\"foo\",{\"filename\":\"/data/in.txt\"}]", 25, 0 },
        { "[\"jdbc\",{\"protocol\":\"1\",\"table\":\"db.accounts\"}]", 25, 14 },
        { "status-connector-foo", 5, 3 },
        { "status-task-foo-0", 5, 1 },
        { "status-topic-orders:connector-foo", 5, 4 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cv_murmur2_partition(rows[i].key, strlen(rows[i].key), rows[i].partitions),
                         rows[i].partition);
}

static void
partitions_come_from_the_lower_31_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        for (int32_t n = 1; n < 50; n++)
            assert_int_equal(cv_murmur2_partition(vectors[i].key, strlen(vectors[i].key), n),
                             (vectors[i].hash & INT32_MAX) % n);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_java_client),
        cmocka_unit_test(connect_keys_land_where_java_puts_them),
        cmocka_unit_test(partitions_come_from_the_lower_31_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
