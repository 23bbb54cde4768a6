/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka's statistics as totals. */
#include "tests/helper/cmocka_all.h"

#include "common/kafka/stats.h"

static const char text[] =
    "{ \"name\": \"rdkafka#producer-1\", \"ts\":5016483227792, \"replyq\":0, \"msg_cnt\":22710, \"brokers\":{"
    " \"127.0.0.1:9092/2\":{ \"name\":\"127.0.0.1:9092/2\", \"nodeid\":2, \"state\":\"UP\", \"tx\":3, \"req\":{\"Fetch\":3}},"
    " \"GroupCoordinator\":{ \"state\":\"UP\" }, \"127.0.0.1:9093/3\":{ \"state\":\"TRY_CONNECT\", \"connects\":0 } },"
    " \"topics\":{ \"a\":{ \"topic\":\"a\", \"batchsize\":{\"min\":1}, \"partitions\":{"
    " \"0\":{\"partition\":0, \"fetchq_cnt\":10, \"next_offset\":110, \"app_offset\":100, \"hi_offset\":120},"
    " \"1\":{\"fetchq_cnt\":0, \"next_offset\":7, \"app_offset\":5, \"hi_offset\":7},"
    " \"-1\":{\"fetchq_cnt\":0, \"next_offset\":0, \"app_offset\":-1001, \"hi_offset\":-1001} } } },"
    " \"tx\":631, \"tx_bytes\":168584479, \"rx\":632, \"rx_bytes\":31084, \"txmsgs\":4300753 }";

static void
totals_are_read(void **state)
{
    struct kafka_totals t;

    (void)state;
    assert_true(kafka_stats_read(text, sizeof(text) - 1, &t));
    assert_int_equal(t.connections, 2);
    assert_int_equal(t.requests, 631);
    assert_int_equal(t.bytes_out, 168584479);
    assert_int_equal(t.responses, 632);
    assert_int_equal(t.bytes_in, 31084);
    assert_int_equal(t.lag_max, 20); /* the ten that wait are not had yet */
}

static void
without_a_partition_the_lag_is_not_known(void **state)
{
    static const char none[] = "{\"brokers\":{},\"topics\":{},\"tx\":1,\"tx_bytes\":2,\"rx\":3,\"rx_bytes\":4}";
    struct kafka_totals t;

    (void)state;
    assert_true(kafka_stats_read(none, sizeof(none) - 1, &t));
    assert_int_equal(t.lag_max, -1);
    assert_int_equal(t.bytes_in, 4);
}

static void
what_is_cut_or_of_another_shape_counts_nothing(void **state)
{
    static const char *const wrong[] = { "", "[]", "{\"tx\":\"1\"}", "{\"brokers\":[]}", "{\"topics\":{\"a\":1}}",
                                         "{\"topics\":{\"a\":{\"partitions\":{\"0\":{\"hi_offset\":null}}}}}" };
    struct kafka_totals t = { .requests = 42 };

    (void)state;
    for (size_t len = 0; len + 1 < sizeof(text) - 1; len++)
        assert_false(kafka_stats_read(text, len, &t));
    for (size_t i = 0; i < CV_COUNT(wrong); i++)
        assert_false(kafka_stats_read(wrong[i], strlen(wrong[i]), &t));
    assert_int_equal(t.requests, 42);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_read),
        cmocka_unit_test(without_a_partition_the_lag_is_not_known),
        cmocka_unit_test(what_is_cut_or_of_another_shape_counts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
