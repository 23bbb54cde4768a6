/* SPDX-License-Identifier: Apache-2.0 */
/* Expected bytes are those that the message classes of Kafka's Java clients 4.1 write. */
#include <config.h>

#include "common/wire/produce.h"

#include <stdlib.h>

#include "tests/helper/recording.h"

#include "tests/helper/cmocka_all.h"

#define X10  "78787878787878787878"
#define X130 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

#define METADATA                                                                                   \
    "00000001" /* two brokers */                                                                   \
    "00000002 00000005 0001 68 00002384 ffff 00000006 0001 69 00002385 0001 72"                    \
    "0002 636c 00000005" /* two topics */                                                          \
    "00000002 0000 0002 6162 00"                                                                   \
    "00000002 0000 00000000 00000005 00000002 00000005 00000006 00000001 00000005"                 \
    "         0005 00000001 ffffffff 00000001 00000006 00000000"                                   \
    "         0003 0001 63 00 00000000"
#define INIT_PRODUCER_ID "00000002 0033 0102030405060708 0009"
#define PRODUCED                                                                                   \
    "00000002 0002 6162"                                                                           \
    "00000002 00000000 0000 000000000000004d ffffffffffffffff 0000000000000004"                    \
    "         00000003 0006 ffffffffffffffff ffffffffffffffff ffffffffffffffff"                    \
    "         0001 63"                                                                             \
    "00000001 00000001 0000 0000000100000000 ffffffffffffffff 0000000000000000"                    \
    "00000003"
#define ADD_PARTITIONS                                                                             \
    "00000001 00000002 0002 6162 00000002 00000000 0037 00000003 0000"                             \
    "0001 63 00000001 00000001 001d"
#define TXN_OFFSETS "00 00000001 02 03 6162 03 00000000 0000 00 00000003 0016 00 00 00"

static const struct cv_wire_txn txn = { .id = "tx", .producer_id = 7, .epoch = 2 };

/* Bytes of hex digits among spaces. */
static unsigned char *
bytes_of(const char *hex, size_t *ret_len)
{
    char digits[1024];
    size_t n = 0;

    for (; *hex != '\0'; hex++) {
        assert_true(n + 1 < sizeof(digits));
        if (*hex != ' ')
            digits[n++] = *hex;
    }
    digits[n] = '\0';
    return hex_bytes(digits, ret_len);
}

/* The buffer holds these bytes; it is freed. */
static void
check_bytes(struct cv_buf *out, const char *hex)
{
    struct cv_buf expected = CV_BUF_INIT(4096), got = CV_BUF_INIT(4096);
    size_t len;
    unsigned char *bytes = bytes_of(hex, &len);
    struct cv_err err;

    assert_int_equal(CV_OK, cv_buf_check(out, &err));
    cv_buf_hex(&expected, bytes, len);
    cv_buf_hex(&got, out->data, out->len);
    assert_string_equal(cv_buf_cstr(&expected), cv_buf_cstr(&got));
    cv_buf_free(&expected);
    cv_buf_free(&got);
    cv_buf_free(out);
    free(bytes);
}

static void
requests_of_an_identity_are_written(void **state)
{
    static const char *const topics[] = { "ab", "c" };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    cv_wire_write_topic_metadata(&out, topics, 2, true);
    check_bytes(&out, "00000002 0002 6162 0001 63 01");
    cv_wire_write_topic_metadata(&out, topics + 1, 1, false);
    check_bytes(&out, "00000001 0001 63 00");
    cv_wire_write_find_txn_coordinator(&out, "tx");
    check_bytes(&out, "0002 7478 01");
    cv_wire_write_init_producer_id(&out, "tx", 60000);
    check_bytes(&out, "0002 7478 0000ea60");
    cv_wire_write_init_producer_id(&out, NULL, 60000);
    check_bytes(&out, "ffff 0000ea60");
}

static void
produce_is_written_around_batches(void **state)
{
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    cv_wire_write_produce(&out, "tx", -1, 30000, 1);
    cv_wire_write_produce_topic(&out, "ab", 2);
    cv_wire_write_produce_partition(&out, 0, 3);
    cv_buf_add(&out, "\1\2\3", 3);
    cv_wire_write_produce_partition(&out, 3, 2);
    cv_buf_add(&out, "\4\5", 2);
    check_bytes(&out, "0002 7478 ffff 00007530 00000001 0002 6162 00000002"
                      "00000000 00000003 010203 00000003 00000002 0405");
    cv_wire_write_produce(&out, NULL, 1, 1000, 0);
    check_bytes(&out, "ffff 0001 000003e8 00000000");
}

static void
counts_of_produce_can_be_filled_in(void **state)
{
    struct cv_buf out = CV_BUF_INIT(4096);
    size_t topics_end, partitions_end, batch_end;

    (void)state;
    cv_wire_write_produce(&out, NULL, -1, 1000, 0);
    topics_end = out.len;
    cv_wire_write_produce_topic(&out, "ab", 0);
    partitions_end = out.len;
    cv_wire_write_produce_partition(&out, 3, 0);
    batch_end = out.len;
    cv_buf_add(&out, "\4\5", 2);
    cv_wire_put_u32(&out, batch_end - 4, (uint32_t)(out.len - batch_end));
    cv_wire_put_u32(&out, partitions_end - 4, 1);
    cv_wire_put_u32(&out, topics_end - 4, 0x01020304);
    check_bytes(&out, "ffff ffff 000003e8 01020304 0002 6162 00000001 00000003 00000002 0405");
}

static void
requests_of_a_transaction_are_written(void **state)
{
    static const struct cv_wire_topic_partition parts[] = { { "ab", 0 }, { "ab", 3 }, { "c", 1 } };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    cv_wire_write_add_partitions(&out, &txn, parts, 3);
    check_bytes(&out, "0002 7478 0000000000000007 0002"
                      "00000002 0002 6162 00000002 00000000 00000003 0001 63 00000001 00000001");
    cv_wire_write_add_partitions(&out, &txn, NULL, 0);
    check_bytes(&out, "0002 7478 0000000000000007 0002 00000000");
    cv_wire_write_add_offsets(&out, &txn, "g");
    check_bytes(&out, "0002 7478 0000000000000007 0002 0001 67");
    cv_wire_write_end_txn(&out, &txn, true);
    check_bytes(&out, "0002 7478 0000000000000007 0002 01");
    cv_wire_write_end_txn(&out, &txn, false);
    check_bytes(&out, "0002 7478 0000000000000007 0002 00");
}

static void
offsets_of_a_transaction_are_written_in_the_flexible_form(void **state)
{
    static const char metadata[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const struct cv_wire_offset offsets[] = { { "ab", 0, 9, NULL },
                                                     { "ab", 3, 10, metadata },
                                                     { "c", 1, 11, "" } };
    static const struct cv_wire_group_member member = { .group = "g",
                                                        .generation = 4,
                                                        .member_id = "m" };
    static const struct cv_wire_group_member none = { .group = "g",
                                                      .generation = -1,
                                                      .member_id = "",
                                                      .instance_id = "i" };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    cv_wire_write_txn_offsets(&out, &txn, &member, offsets, 3);
    check_bytes(&out, "03 7478 02 67 0000000000000007 0002 00000004 02 6d 00 03"
                      "03 6162 03 00000000 0000000000000009 ffffffff 00 00"
                      "00000003 000000000000000a ffffffff 8301" X130 "00 00"
                      "02 63 02 00000001 000000000000000b ffffffff 01 00 00 00");
    cv_wire_write_txn_offsets(&out, &txn, &none, NULL, 0);
    check_bytes(&out, "03 7478 02 67 0000000000000007 0002 ffffffff 01 02 69 01 00");
}

static void
header_of_a_flexible_request_has_tags(void **state)
{
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    cv_buf_add(&out, "\xff", 1); /* what came before stays */
    cv_wire_frame_begin(&out, CV_WIRE_TXN_OFFSET_COMMIT, 77, "cid");
    cv_buf_add(&out, "\1\2\3", 3);
    cv_wire_frame_end(&out, 1);
    check_bytes(&out, "ff 00000011 001c 0003 0000004d 0003 636964 00 010203");
    cv_wire_frame_begin(&out, CV_WIRE_END_TXN, 77, NULL);
    cv_wire_frame_end(&out, 0);
    check_bytes(&out, "0000000a 001a 0001 0000004d ffff");
}

static void
names_over_the_bound_are_refused(void **state)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct cv_err err;
    char *name = calloc(1, 32769);
    struct cv_wire_group_member member = { .group = name, .member_id = "" };

    (void)state;
    assert_non_null(name);
    memset(name, 'n', 32768);
    cv_wire_write_produce_topic(&out, name, 1);
    assert_int_not_equal(CV_OK, cv_buf_check(&out, &err));
    cv_buf_reset(&out);
    cv_wire_write_txn_offsets(&out, &txn, &member, NULL, 0);
    assert_int_not_equal(CV_OK, cv_buf_check(&out, &err));
    cv_buf_reset(&out);
    name[32767] = '\0';
    cv_wire_write_txn_offsets(&out, &txn, &member, NULL, 0);
    assert_int_equal(CV_OK, cv_buf_check(&out, &err));
    assert_memory_equal("\3tx\x80\x80\2nnn", out.data, 9);
    cv_buf_free(&out);
    free(name);
}

static void
topics_are_read_with_their_leaders(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_topic_metadata got;
    struct cv_err err;
    size_t len;
    unsigned char *body = bytes_of(METADATA, &len);

    (void)state;
    assert_int_equal(CV_OK, cv_wire_read_topic_metadata(body, len, arena, &got, &err));
    free(body);
    assert_int_equal(2, got.n_brokers);
    assert_int_equal(6, got.brokers[1].node);
    assert_string_equal("i", got.brokers[1].host);
    assert_int_equal(9093, got.brokers[1].port);
    assert_int_equal(2, got.n_topics);
    assert_string_equal("ab", got.topics[0].name);
    assert_int_equal(0, got.topics[0].error);
    assert_int_equal(2, got.topics[0].n_partitions);
    assert_int_equal(0, got.topics[0].partitions[0].id);
    assert_int_equal(5, got.topics[0].partitions[0].leader);
    assert_int_equal(1, got.topics[0].partitions[1].id);
    assert_int_equal(-1, got.topics[0].partitions[1].leader);
    assert_int_equal(CV_WIRE_LEADER_NOT_AVAILABLE, got.topics[0].partitions[1].error);
    assert_string_equal("c", got.topics[1].name);
    assert_int_equal(CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION, got.topics[1].error);
    assert_int_equal(0, got.topics[1].n_partitions);
    cv_arena_free(arena);
}

static void
identity_is_read(void **state)
{
    struct cv_wire_producer_id got;
    struct cv_err err;
    size_t len;
    unsigned char *body = bytes_of(INIT_PRODUCER_ID, &len);

    (void)state;
    assert_int_equal(CV_OK, cv_wire_read_init_producer_id(body, len, &got, &err));
    assert_int_equal(CV_WIRE_CONCURRENT_TRANSACTIONS, got.error);
    assert_int_equal(INT64_C(0x0102030405060708), got.id);
    assert_int_equal(9, got.epoch);
    free(body);
}

static void
produced_partitions_are_read_one_at_a_time(void **state)
{
    static const struct {
        const char *topic;
        int32_t partition;
        int16_t error;
        int64_t base_offset;
    } rows[] = { { "ab", 0, 0, 77 }, { "ab", 3, 6, -1 }, { "c", 1, 0, INT64_C(1) << 32 } };
    struct cv_wire_produced got;
    struct cv_err err;
    size_t len;
    unsigned char *body = bytes_of(PRODUCED, &len);

    (void)state;
    got = cv_wire_read_produced(body, len);
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        assert_true(cv_wire_produced_next(&got));
        assert_int_equal(strlen(rows[i].topic), got.topic_len);
        assert_memory_equal(rows[i].topic, got.topic, got.topic_len);
        assert_int_equal(rows[i].partition, got.partition);
        assert_int_equal(rows[i].error, got.error);
        assert_int_equal(rows[i].base_offset, got.base_offset);
    }
    assert_false(cv_wire_produced_next(&got));
    assert_false(cv_wire_produced_next(&got));
    assert_int_equal(CV_OK, cv_wire_produced_finish(&got, &err));
    free(body);
}

static void
error_that_says_most_is_told(void **state)
{
    static const struct {
        const char *hex;
        int16_t error;
    } rows[] = {
        { ADD_PARTITIONS, CV_WIRE_TOPIC_AUTHORIZATION_FAILED },
        { "00000000 00000000", 0 },
        { "00000000 00000001 0000 00000002 00000000 0000 00000001 0037", 55 },
        { "00000000 00000001 0000 00000002 00000000 0037 00000001 0000", 55 },
        { "00000000 00000001 0000 00000002 00000000 0033 00000001 0037", 51 },
        { "00000000 00000001 0000 00000002 00000000 0033 00000001 0003", 51 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        size_t len;
        unsigned char *body = bytes_of(rows[i].hex, &len);
        int16_t error = -77;
        struct cv_bytes topic;
        struct cv_err err;

        assert_int_equal(CV_OK, cv_wire_read_add_partitions(body, len, &error, &topic, &err));
        assert_int_equal(rows[i].error, error);
        free(body);
    }
}

static void
first_error_of_offsets_is_told_and_tags_are_skipped(void **state)
{
    static const struct {
        const char *hex;
        int16_t error;
    } rows[] = {
        { TXN_OFFSETS, CV_WIRE_ILLEGAL_GENERATION },
        { "00 00000001 01 00", 0 },
        { "00 00000001 00 00", 0 },
        { "00 00000001 02 03 6162 03 00000000 0019 00 00000003 0016 00 00 00", 25 },
        /* a tag in each place: of the header, a partition, a topic, the body */
        { "01 05 02 aabb 00000001 02 03 6162 02 00000000 0010 02 00 00 81 01 01 aa"
          "01 00 01 bb 01 8001 00",
          16 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        size_t len;
        unsigned char *body = bytes_of(rows[i].hex, &len);
        int16_t error = -77;
        struct cv_err err;

        if (cv_wire_read_txn_offsets(body, len, &error, &err) != CV_OK)
            fail_msg("%s: %s", rows[i].hex, err.text);
        assert_int_equal(rows[i].error, error);
        free(body);
    }
}

static enum cv_rc
read_produced(const void *data, size_t len, struct cv_err *err)
{
    struct cv_wire_produced got = cv_wire_read_produced(data, len);
    size_t sum = 0;

    while (cv_wire_produced_next(&got)) {
        for (size_t i = 0; i < got.topic_len; i++)
            sum += (unsigned char)got.topic[i]; /* where sanitizers look */
    }
    assert_true(sum < 10000);
    return cv_wire_produced_finish(&got, err);
}

enum { OUT_MAX = 64 };

static enum cv_rc
read_any(const char *api, const void *data, size_t len, struct cv_arena *arena, void *out,
         struct cv_err *err)
{
    if (strcmp(api, "Metadata") == 0)
        return cv_wire_read_topic_metadata(data, len, arena, out, err);
    if (strcmp(api, "InitProducerId") == 0)
        return cv_wire_read_init_producer_id(data, len, out, err);
    if (strcmp(api, "Produce") == 0)
        return read_produced(data, len, err);
    if (strcmp(api, "AddPartitionsToTxn") == 0)
        return cv_wire_read_add_partitions(data, len, out, &(struct cv_bytes){ NULL, 0 }, err);
    if (strcmp(api, "AddOffsetsToTxn") == 0)
        return cv_wire_read_add_offsets(data, len, out, err);
    if (strcmp(api, "EndTxn") == 0)
        return cv_wire_read_end_txn(data, len, out, err);
    assert_string_equal("TxnOffsetCommit", api);
    return cv_wire_read_txn_offsets(data, len, out, err);
}

/* body in memory of exactly its length, so that sanitizers see a read past the end. */
static void
check_read(enum cv_rc expected, const char *api, const unsigned char *body, size_t len)
{
    unsigned char untouched[OUT_MAX] = { 0 };
    unsigned char out[OUT_MAX] __attribute__((aligned(16))) = { 0 };
    unsigned char *exact = calloc(1, len + 1);
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;

    assert_true(exact != NULL && arena != NULL);
    memcpy(exact + 1, body, len);
    assert_int_equal(expected, read_any(api, exact + 1, len, arena, out, &err));
    if (expected != CV_OK) {
        assert_memory_equal(untouched, out, OUT_MAX);
        assert_non_null(strstr(err.text, api));
    }
    cv_arena_free(arena);
    free(exact);
}

static void
responses_are_refused_at_every_other_length(void **state)
{
    static const char *const rows[][2] = {
        { "Metadata", METADATA },
        { "InitProducerId", INIT_PRODUCER_ID },
        { "Produce", PRODUCED },
        { "AddPartitionsToTxn", ADD_PARTITIONS },
        { "AddOffsetsToTxn", "00000000 0033" },
        { "EndTxn", "00000000 002f" },
        { "TxnOffsetCommit", TXN_OFFSETS },
        { "TxnOffsetCommit", "01 05 02 aabb 00000001 01 01 00 01 bb" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        unsigned char longer[1024] = { 0 };
        size_t len, cut;
        unsigned char *body = bytes_of(rows[i][1], &len);

        assert_true(len < sizeof(longer));
        memcpy(longer, body, len);
        free(body);
        for (cut = 0; cut <= len + 1; cut++)
            check_read(cut == len ? CV_OK : CV_INVALID, rows[i][0], longer, cut);
    }
}

static void
counts_beyond_the_bytes_left_are_refused(void **state)
{
    static const char *const rows[][2] = {
        { "Metadata", "00000000 7fffffff" },
        { "Metadata", "00000000 00000000 ffff 00000001 7fffffff" },
        { "Metadata", "00000000 00000000 ffff 00000001 00000001 0000 0001 63 00 7fffffff" },
        { "Metadata", "00000000 00000000 ffff 00000001 00000001 0000 0001 63 00"
                      "00000001 0000 00000000 00000005 40000000 00000000" },
        { "Metadata", "00000000 00000000 ffff 00000001 fffffffe" },
        { "Produce", "7fffffff 00000000" },
        { "Produce", "fffffffe 00000000" },
        { "Produce", "00000001 0001 63 7fffffff 00000000" },
        { "Produce", "00000001 ffff 00000000 00000000" },
        { "Produce", "00000001 7fff 00000000 00000000" },
        { "AddPartitionsToTxn", "00000000 7fffffff" },
        { "AddPartitionsToTxn", "00000000 00000001 0000 7fffffff" },
        { "AddPartitionsToTxn", "00000000 00000001 fffe 00000000" },
        { "TxnOffsetCommit", "00 00000001 ffffffff0f 00" },
        { "TxnOffsetCommit", "00 00000001 ffffffff1f 00" },         /* beyond 32 bits */
        { "TxnOffsetCommit", "00 00000001 808080808001 00" },       /* a varint of six bytes */
        { "TxnOffsetCommit", "00 00000001 02 ffffffff0f 01 00 00" }, /* a name */
        { "TxnOffsetCommit", "ffffffff0f 00000001 01 00" },         /* tags */
        { "TxnOffsetCommit", "01 00 ffffffff0f 00000001 01 00" },   /* the size of one */
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        size_t len;
        unsigned char *body = bytes_of(rows[i][1], &len);

        check_read(CV_INVALID, rows[i][0], body, len);
        free(body);
    }
}

static void
versions_and_names_are_those_that_are_spoken(void **state)
{
    (void)state;
    assert_int_equal(7, cv_wire_api_version(CV_WIRE_PRODUCE));
    assert_int_equal(1, cv_wire_api_version(CV_WIRE_INIT_PRODUCER_ID));
    assert_int_equal(3, cv_wire_api_version(CV_WIRE_TXN_OFFSET_COMMIT));
    assert_string_equal("AddOffsetsToTxn", cv_wire_api_name(CV_WIRE_ADD_OFFSETS_TO_TXN));
    assert_string_equal("OUT_OF_ORDER_SEQUENCE_NUMBER", cv_wire_error_name(45));
    assert_string_equal("PRODUCER_FENCED", cv_wire_error_name(90));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_an_identity_are_written),
        cmocka_unit_test(produce_is_written_around_batches),
        cmocka_unit_test(counts_of_produce_can_be_filled_in),
        cmocka_unit_test(requests_of_a_transaction_are_written),
        cmocka_unit_test(offsets_of_a_transaction_are_written_in_the_flexible_form),
        cmocka_unit_test(header_of_a_flexible_request_has_tags),
        cmocka_unit_test(names_over_the_bound_are_refused),
        cmocka_unit_test(topics_are_read_with_their_leaders),
        cmocka_unit_test(identity_is_read),
        cmocka_unit_test(produced_partitions_are_read_one_at_a_time),
        cmocka_unit_test(error_that_says_most_is_told),
        cmocka_unit_test(first_error_of_offsets_is_told_and_tags_are_skipped),
        cmocka_unit_test(responses_are_refused_at_every_other_length),
        cmocka_unit_test(counts_beyond_the_bytes_left_are_refused),
        cmocka_unit_test(versions_and_names_are_those_that_are_spoken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
