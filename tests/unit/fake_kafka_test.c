/* SPDX-License-Identifier: Apache-2.0 */
/* The fake cluster, driven by the requests that it is there to answer. */
#include <config.h>

#include "tests/helper/fake_kafka.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/wire/produce.h"
#include "common/wire/transport.h"
#include "tests/helper/fake_kafka_batch.h"

#include "tests/helper/cmocka_all.h"

#define BUF_MAX 65536

/* Three records of Kafka's Java clients 4.1: a key, a value, headers of a value and
   of null; no key and an empty value; no value and the earliest time. */
static const unsigned char java_batch[] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5c, 0xff, 0xff, 0xff,
    0xff, 0x02, 0x78, 0x94, 0xd8, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x01,
    0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x69, 0x2c, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00,
    0x03, 0x30, 0x00, 0x00, 0x00, 0x04, 0x6b, 0x31, 0x12, 0x76, 0x61, 0x6c, 0x75, 0x65, 0x20,
    0x6f, 0x6e, 0x65, 0x04, 0x02, 0x68, 0x02, 0x78, 0x02, 0x6e, 0x01, 0x0e, 0x00, 0xd8, 0x04,
    0x02, 0x01, 0x00, 0x00, 0x12, 0x00, 0xcf, 0x0f, 0x04, 0x04, 0x6b, 0x33, 0x01, 0x00,
};
static const unsigned char java_gzip_batch[] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x70, 0xff, 0xff, 0xff,
    0xff, 0x02, 0xc8, 0x91, 0x47, 0x7b, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x01,
    0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x69, 0x2c, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00,
    0x03, 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x33, 0x60, 0x60, 0x60,
    0x60, 0xc9, 0x36, 0x14, 0x2a, 0x4b, 0xcc, 0x29, 0x4d, 0x55, 0xc8, 0xcf, 0x4b, 0x65, 0x61,
    0xca, 0x60, 0xaa, 0x60, 0xca, 0x63, 0xe4, 0x63, 0xb8, 0xc1, 0xc2, 0xc4, 0xc8, 0xc0, 0x20,
    0xc4, 0x70, 0x9e, 0x9f, 0x85, 0x25, 0xdb, 0x98, 0x91, 0x01, 0x00, 0xcc, 0x0a, 0x55, 0xcd,
    0x2b, 0x00, 0x00, 0x00,
};

struct fixture {
    struct fake_kafka *k;
    struct cv_wire_settings *settings;
    struct cv_wire_conn *conns[3]; /* to the nodes; opened when needed */
    struct cv_arena *arena;
};

static void
start(struct fixture *f, int n_brokers, int n_partitions)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    *f = (struct fixture){ .k = fake_kafka_new(n_brokers, n_partitions),
                           .arena = cv_arena_new(NULL) };
    assert_int_equal(CV_OK,
                     cv_config_set(cfg, "bootstrap.servers", fake_kafka_servers(f->k), &err));
    assert_int_equal(CV_OK, cv_wire_settings_new(cfg, "test", &f->settings, &err));
    cv_config_free(cfg);
}

static void
disconnect(struct fixture *f)
{
    for (size_t i = 0; i < CV_COUNT(f->conns); i++) {
        cv_wire_close(f->conns[i]);
        f->conns[i] = NULL;
    }
}

static void
stop(struct fixture *f)
{
    disconnect(f);
    cv_wire_settings_free(f->settings);
    cv_arena_free(f->arena);
    fake_kafka_free(f->k);
}

static struct cv_wire_conn *
conn_to(struct fixture *f, int node)
{
    struct cv_err err;

    if (f->conns[node - 1] == NULL &&
        cv_wire_open(f->settings, "127.0.0.1", fake_kafka_port(f->k, node), cv_mono_ms() + 5000,
                     NULL, &f->conns[node - 1], &err) != CV_OK)
        fail_msg("%s", err.text);
    return f->conns[node - 1];
}

/* The body is freed. After a failure the connection is closed. */
static enum cv_rc
call(struct fixture *f, int node, enum cv_wire_api api, struct cv_buf *body,
     struct cv_wire_response *ret)
{
    struct cv_err err;
    enum cv_rc rc =
        cv_wire_call(conn_to(f, node), api, body, cv_mono_ms() + 5000, NULL, ret, &err);

    cv_buf_free(body);
    if (rc != CV_OK) {
        cv_wire_close(f->conns[node - 1]);
        f->conns[node - 1] = NULL;
    }
    return rc;
}

static void
call_well(struct fixture *f, int node, enum cv_wire_api api, struct cv_buf *body,
          struct cv_wire_response *ret)
{
    if (call(f, node, api, body, ret) != CV_OK)
        fail_msg("no answer to %s", cv_wire_api_name(api));
}

static struct cv_wire_topic_metadata
metadata(struct fixture *f, const char *topic)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_topic_metadata got;
    struct cv_wire_response resp;
    struct cv_err err;

    cv_wire_write_topic_metadata(&body, &topic, 1, true);
    call_well(f, 1, CV_WIRE_METADATA, &body, &resp);
    if (cv_wire_read_topic_metadata(resp.body, resp.len, f->arena, &got, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(1, got.n_topics);
    assert_string_equal(topic, got.topics[0].name);
    return got;
}

static int32_t
leader_of(struct fixture *f, const char *topic, int32_t partition)
{
    struct cv_wire_topic_metadata got = metadata(f, topic);

    for (size_t i = 0; i < got.topics[0].n_partitions; i++) {
        if (got.topics[0].partitions[i].id == partition)
            return got.topics[0].partitions[i].leader;
    }
    fail_msg("partition %d is not told of", (int)partition);
    return -2;
}

/* A batch of equal records, with what else is in its head. */
struct batch {
    int64_t producer_id;
    int16_t epoch;
    int32_t first_sequence;
    int32_t count;
    int16_t attributes;
    const char *value;
};

#define NO_PRODUCER -1, -1, -1
#define TRANSACTIONAL 0x10

static void
write_batch(struct cv_buf *out, const struct batch *batch)
{
    size_t start_pos = out->len, value_len = strlen(batch->value);

    assert_true(value_len < 50 && batch->count < 60);
    cv_buf_be64(out, 0);
    cv_buf_be32(out, 0);
    cv_buf_be32(out, (uint32_t)-1);
    cv_buf_char(out, 2);
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)batch->attributes);
    cv_buf_be32(out, (uint32_t)batch->count - 1);
    cv_buf_be64(out, 1000);
    cv_buf_be64(out, 1000);
    cv_buf_be64(out, (uint64_t)batch->producer_id);
    cv_buf_be16(out, (uint16_t)batch->epoch);
    cv_buf_be32(out, (uint32_t)batch->first_sequence);
    cv_buf_be32(out, (uint32_t)batch->count);
    for (int32_t i = 0; i < batch->count; i++) {
        cv_buf_char(out, (char)((6 + value_len) * 2)); /* all varints are of one byte */
        cv_buf_char(out, 0);
        cv_buf_char(out, 0);
        cv_buf_char(out, (char)(i * 2));
        cv_buf_char(out, 1); /* no key */
        cv_buf_char(out, (char)(value_len * 2));
        cv_buf_add(out, batch->value, value_len);
        cv_buf_char(out, 0);
    }
    cv_wire_put_u32(out, start_pos + 8, (uint32_t)(out->len - start_pos - 12));
    cv_wire_put_u32(out, start_pos + 17,
                    fake_crc32c(out->data + start_pos + 21, out->len - start_pos - 21));
}

struct produced {
    int16_t error;
    int64_t base;
};

static void
write_bytes_for(struct cv_buf *body, const char *transactional_id, int16_t acks, const char *topic,
                int32_t partition, const void *batch, size_t len)
{
    cv_wire_write_produce(body, transactional_id, acks, 1000, 1);
    cv_wire_write_produce_topic(body, topic, 1);
    cv_wire_write_produce_partition(body, partition, (uint32_t)len);
    cv_buf_add(body, batch, len);
}

static struct produced
read_produced(const struct cv_wire_response *resp)
{
    struct cv_wire_produced got = cv_wire_read_produced(resp->body, resp->len);
    struct produced produced;
    struct cv_err err;

    assert_true(cv_wire_produced_next(&got));
    produced = (struct produced){ .error = got.error, .base = got.base_offset };
    assert_false(cv_wire_produced_next(&got));
    assert_int_equal(CV_OK, cv_wire_produced_finish(&got, &err));
    return produced;
}

static struct produced
produce_bytes(struct fixture *f, int node, const void *batch, size_t len)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;

    write_bytes_for(&body, NULL, -1, "t", 0, batch, len);
    call_well(f, node, CV_WIRE_PRODUCE, &body, &resp);
    return read_produced(&resp);
}

/* To partition 0 of "t", at node 1; false: the connection was closed. */
static bool
try_produce(struct fixture *f, const char *transactional_id, const struct batch *batch,
            struct produced *ret)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX), bytes = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;

    write_batch(&bytes, batch);
    write_bytes_for(&body, transactional_id, -1, "t", 0, bytes.data, bytes.len);
    cv_buf_free(&bytes);
    if (call(f, 1, CV_WIRE_PRODUCE, &body, &resp) != CV_OK)
        return false;
    *ret = read_produced(&resp);
    return true;
}

static struct produced
produce(struct fixture *f, const struct batch *batch)
{
    struct produced got = { 0 };

    if (!try_produce(f, batch->attributes & TRANSACTIONAL ? "tx" : NULL, batch, &got))
        fail_msg("Produce is not answered");
    return got;
}

static void
check_produced(struct fixture *f, const struct batch *batch, int16_t error, int64_t base)
{
    struct produced got = produce(f, batch);

    assert_int_equal(error, got.error);
    assert_int_equal(base, got.base);
}

static size_t
count_records(struct fixture *f)
{
    size_t n;

    (void)fake_kafka_records(f->k, "t", 0, &n);
    return n;
}

static void
topics_are_made_and_led_by_all_nodes(void **state)
{
    struct cv_wire_topic_metadata got;
    struct fixture f;

    (void)state;
    start(&f, 2, 3);
    got = metadata(&f, "t");
    assert_int_equal(2, got.n_brokers);
    assert_int_equal(2, got.brokers[1].node);
    assert_int_equal(fake_kafka_port(f.k, 2), got.brokers[1].port);
    assert_int_equal(0, got.topics[0].error);
    assert_int_equal(3, got.topics[0].n_partitions);
    assert_int_equal(1, leader_of(&f, "t", 0));
    assert_int_equal(2, leader_of(&f, "t", 1));
    assert_int_equal(1, leader_of(&f, "t", 2));
    fake_kafka_move_leader(f.k, "t", 0, 2);
    assert_int_equal(2, leader_of(&f, "t", 0));
    fake_kafka_move_leader(f.k, "t", 0, -1);
    assert_int_equal(-1, leader_of(&f, "t", 0));
    fake_kafka_stop(f.k, 2);
    assert_int_equal(-1, leader_of(&f, "t", 1));
    assert_int_equal(1, metadata(&f, "t").n_brokers);
    fake_kafka_create_topic(f.k, "t", 5);
    assert_int_equal(5, metadata(&f, "t").topics[0].n_partitions);
    stop(&f);
}

static void
topics_stay_unknown_or_in_error_as_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 0);
    assert_int_equal(CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION, metadata(&f, "t").topics[0].error);
    fake_kafka_create_topic(f.k, "t", 1);
    assert_int_equal(0, metadata(&f, "t").topics[0].error);
    fake_kafka_topic_error(f.k, "t", CV_WIRE_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(CV_WIRE_TOPIC_AUTHORIZATION_FAILED, metadata(&f, "t").topics[0].error);
    fake_kafka_topic_error(f.k, "t", 0);
    fake_kafka_fail(f.k, CV_WIRE_METADATA, CV_WIRE_LEADER_NOT_AVAILABLE, 2);
    assert_int_equal(CV_WIRE_LEADER_NOT_AVAILABLE, metadata(&f, "t").topics[0].error);
    assert_int_equal(CV_WIRE_LEADER_NOT_AVAILABLE, metadata(&f, "t").topics[0].error);
    assert_int_equal(0, metadata(&f, "t").topics[0].error);
    assert_int_equal(6, fake_kafka_count(f.k, CV_WIRE_METADATA));
    stop(&f);
}

static void
records_of_a_java_client_are_kept(void **state)
{
    const struct fake_kafka_record *got;
    struct produced produced;
    struct fixture f;
    size_t n;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    produced = produce_bytes(&f, 1, java_batch, sizeof(java_batch));
    assert_int_equal(0, produced.error);
    assert_int_equal(0, produced.base);
    produced = produce_bytes(&f, 1, java_gzip_batch, sizeof(java_gzip_batch));
    assert_int_equal(0, produced.error);
    assert_int_equal(3, produced.base);
    check_produced(&f, &(struct batch){ NO_PRODUCER, 2, 0, "own" }, 0, 6);
    got = fake_kafka_records(f.k, "t", 0, &n);
    assert_int_equal(6, n);
    assert_string_equal("k1", got[0].key);
    assert_string_equal("value one", got[0].value);
    assert_int_equal(INT64_C(1700000000000), got[0].timestamp);
    assert_int_equal(2, got[0].n_headers);
    assert_string_equal("h", got[0].headers[0].key);
    assert_memory_equal("x", got[0].headers[0].value, 1);
    assert_int_equal(1, got[0].headers[0].value_len);
    assert_string_equal("n", got[0].headers[1].key);
    assert_null(got[0].headers[1].value);
    assert_null(got[1].key);
    assert_non_null(got[1].value);
    assert_int_equal(0, got[1].value_len);
    assert_int_equal(1, got[1].offset);
    assert_null(got[2].value);
    assert_int_equal(INT64_C(1699999999000), got[2].timestamp);
    assert_int_equal(0, got[2].batch);
    assert_int_equal(1, got[3].codec);
    assert_int_equal(3, got[3].n_records);
    assert_int_equal(1, got[3].batch);
    assert_int_equal(6, got[4].offset);
    assert_string_equal("own", got[4].value);
    assert_int_equal(7, got[5].offset);
    assert_int_equal(-1, got[5].sequence);
    assert_int_equal(FAKE_NO_TXN, got[5].txn);
    assert_null(fake_kafka_records(f.k, "t", 1, &n));
    assert_int_equal(0, n);
    stop(&f);
}

/* One thing wrong with a batch: bytes put over those at pos, and the CRC made right again. */
static void
bad_batches_are_refused_with_a_complaint(void **state)
{
    static const struct {
        size_t pos;
        unsigned char byte;
        int16_t error;
        const char *complaint;
    } rows[] = {
        { 7, 1, CV_WIRE_INVALID_RECORD, "base offset" },
        { 11, 0, CV_WIRE_INVALID_RECORD, "its length" },
        { 16, 1, CV_WIRE_UNSUPPORTED_FOR_MESSAGE_FORMAT, "magic" },
        { 20, 0, CV_WIRE_CORRUPT_MESSAGE, "CRC" },
        { 22, 0x20, CV_WIRE_INVALID_RECORD, "attributes" },
        { 22, 0x08, CV_WIRE_INVALID_RECORD, "attributes" },
        { 21, 0x01, CV_WIRE_INVALID_RECORD, "attributes" },
        { 22, 0x07, CV_WIRE_INVALID_RECORD, "codec" },
        { 22, 0x10, CV_WIRE_INVALID_RECORD, "without a producer id" },
        { 26, 9, CV_WIRE_INVALID_RECORD, "last offset delta" },
        { 34, 1, CV_WIRE_INVALID_RECORD, "highest timestamp" },
        { 43, 0, CV_WIRE_INVALID_RECORD, "do not go together" },
        { 52, 0, CV_WIRE_INVALID_RECORD, "do not go together" },
        { 60, 1, CV_WIRE_INVALID_RECORD, "last offset delta" },
        { 61, 0x7e, CV_WIRE_INVALID_RECORD, "beyond its batch" },
        { 61, 0x0e, CV_WIRE_INVALID_RECORD, "ends too early" },
        { 62, 1, CV_WIRE_INVALID_RECORD, "a record has attributes" },
        { 64, 2, CV_WIRE_INVALID_RECORD, "count from 0" },
        { 66, 0x7e, CV_WIRE_INVALID_RECORD, "ends too early" },
        { 66, 0x02, CV_WIRE_INVALID_RECORD, "ends too early" },
        { 68, 0x00, CV_WIRE_INVALID_RECORD, NULL }, /* a byte of the value: still well */
        { 69, 0x02, CV_WIRE_INVALID_RECORD, "ends too early" },
    };
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_buf bytes = CV_BUF_INIT(BUF_MAX);
        struct produced got;
        const char *complaint;

        write_batch(&bytes, &(struct batch){ NO_PRODUCER, 2, 0, "ab" });
        bytes.data[rows[i].pos] = (char)rows[i].byte;
        if (rows[i].pos != 20)
            cv_wire_put_u32(&bytes, 17, fake_crc32c(bytes.data + 21, bytes.len - 21));
        got = produce_bytes(&f, 1, bytes.data, bytes.len);
        complaint = fake_kafka_take_complaint(f.k);
        if (rows[i].complaint == NULL) {
            assert_int_equal(0, got.error);
            assert_string_equal("", complaint);
        } else {
            assert_int_equal(rows[i].error, got.error);
            assert_int_equal(-1, got.base);
            if (strstr(complaint, rows[i].complaint) == NULL)
                fail_msg("at %zu: \"%s\"", rows[i].pos, complaint);
        }
        cv_buf_free(&bytes);
    }
    stop(&f);
}

static void
batch_cut_off_anywhere_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    for (size_t len = 0; len < sizeof(java_batch); len++) {
        assert_int_not_equal(0, produce_bytes(&f, 1, java_batch, len).error);
        assert_string_not_equal("", fake_kafka_take_complaint(f.k));
    }
    assert_int_equal(0, count_records(&f));
    stop(&f);
}

static void
crc_is_castagnolis(void **state)
{
    (void)state;
    assert_int_equal(0xe3069283, fake_crc32c("123456789", 9));
    assert_int_equal(0, fake_crc32c("", 0));
}

static void
sequences_are_kept_in_order(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    check_produced(&f, &(struct batch){ 7, 0, 1, 1, 0, "a" }, CV_WIRE_UNKNOWN_PRODUCER_ID, -1);
    check_produced(&f, &(struct batch){ 7, 0, 0, 2, 0, "a" }, 0, 0);
    check_produced(&f, &(struct batch){ 7, 0, 3, 1, 0, "c" }, CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER,
                   -1);
    check_produced(&f, &(struct batch){ 7, 0, 2, 1, 0, "b" }, 0, 2);
    check_produced(&f, &(struct batch){ 7, 0, 0, 2, 0, "a" }, 0, 0); /* known still */
    assert_int_equal(3, count_records(&f));
    for (int i = 3; i < 7; i++)
        check_produced(&f, &(struct batch){ 7, 0, i, 1, 0, "c" }, 0, i);
    check_produced(&f, &(struct batch){ 7, 0, 2, 1, 0, "b" }, 0, 2);
    check_produced(&f, &(struct batch){ 7, 0, 0, 2, 0, "a" }, CV_WIRE_DUPLICATE_SEQUENCE_NUMBER,
                   -1);
    check_produced(&f, &(struct batch){ 7, 1, 5, 1, 0, "d" }, CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER,
                   -1);
    check_produced(&f, &(struct batch){ 7, 1, 0, 1, 0, "d" }, 0, 7);
    check_produced(&f, &(struct batch){ 7, 0, 7, 1, 0, "e" }, CV_WIRE_INVALID_PRODUCER_EPOCH, -1);
    fake_kafka_forget(f.k);
    check_produced(&f, &(struct batch){ 7, 1, 1, 1, 0, "d" }, CV_WIRE_UNKNOWN_PRODUCER_ID, -1);
    assert_int_equal(8, count_records(&f));
    stop(&f);
}

static void
sequences_begin_anew_behind_the_highest(void **state)
{
    (void)state;
    assert_int_equal(INT32_MAX, fake_sequence_add(INT32_MAX - 1, 1));
    assert_int_equal(0, fake_sequence_add(INT32_MAX, 1));
    assert_int_equal(4, fake_sequence_add(INT32_MAX - 1, 6));
}

static void
errors_come_as_often_as_told(void **state)
{
    const struct batch batch = { NO_PRODUCER, 1, 0, "a" };
    struct fixture f;

    (void)state;
    start(&f, 2, 2);
    fake_kafka_create_topic(f.k, "t", 2);
    fake_kafka_fail(f.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 2);
    check_produced(&f, &batch, CV_WIRE_NOT_ENOUGH_REPLICAS, -1);
    check_produced(&f, &batch, CV_WIRE_NOT_ENOUGH_REPLICAS, -1);
    check_produced(&f, &batch, 0, 0);
    fake_kafka_fail_after(f.k, CV_WIRE_PRODUCE, CV_WIRE_REQUEST_TIMED_OUT, 1);
    check_produced(&f, &batch, CV_WIRE_REQUEST_TIMED_OUT, -1);
    assert_int_equal(2, count_records(&f));
    fake_kafka_fail_partition(f.k, "t", 1, CV_WIRE_KAFKA_STORAGE_ERROR, 1);
    check_produced(&f, &batch, 0, 2);
    fake_kafka_fail_partition(f.k, "t", 0, CV_WIRE_KAFKA_STORAGE_ERROR, 1);
    check_produced(&f, &batch, CV_WIRE_KAFKA_STORAGE_ERROR, -1);
    fake_kafka_move_leader(f.k, "t", 0, 2);
    check_produced(&f, &batch, CV_WIRE_NOT_LEADER_OR_FOLLOWER, -1);
    assert_int_equal(0, produce_bytes(&f, 2, java_batch, sizeof(java_batch)).error);
    fake_kafka_max_bytes(f.k, sizeof(java_batch) - 1);
    assert_int_equal(CV_WIRE_MESSAGE_TOO_LARGE,
                     produce_bytes(&f, 2, java_batch, sizeof(java_batch)).error);
    stop(&f);
}

static void
connections_are_closed_before_or_after(void **state)
{
    const struct batch first = { 7, 0, 0, 1, 0, "a" }, second = { 7, 0, 1, 1, 0, "b" };
    struct produced got;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    fake_kafka_drop(f.k, CV_WIRE_PRODUCE, 2, FAKE_BEFORE);
    assert_false(try_produce(&f, NULL, &first, &got));
    assert_false(try_produce(&f, NULL, &first, &got));
    assert_int_equal(0, count_records(&f));
    check_produced(&f, &first, 0, 0);
    fake_kafka_drop(f.k, CV_WIRE_PRODUCE, 1, FAKE_AFTER);
    assert_false(try_produce(&f, NULL, &second, &got));
    assert_int_equal(2, count_records(&f));
    check_produced(&f, &second, 0, 1);
    assert_int_equal(2, count_records(&f));
    assert_int_equal(5, fake_kafka_count(f.k, CV_WIRE_PRODUCE));
    assert_int_equal(4, fake_kafka_connections(f.k));
    stop(&f);
}

static void
many_connections_come_one_after_the_other(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    for (int i = 0; i < 100; i++) {
        (void)metadata(&f, "t");
        disconnect(&f);
    }
    assert_int_equal(100, fake_kafka_connections(f.k));
    stop(&f);
}

static void
answers_come_late_as_told(void **state)
{
    const struct batch batch = { NO_PRODUCER, 1, 0, "a" };
    int64_t begun_ms = cv_mono_ms();
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    fake_kafka_delay(f.k, CV_WIRE_PRODUCE, 150);
    check_produced(&f, &batch, 0, 0);
    assert_true(cv_mono_ms() - begun_ms >= 150);
    fake_kafka_delay(f.k, CV_WIRE_PRODUCE, 0);
    assert_true(fake_kafka_wait(f.k, CV_WIRE_PRODUCE, 1, 1000));
    assert_false(fake_kafka_wait(f.k, CV_WIRE_PRODUCE, 2, 20));
    stop(&f);
}

static void
stopped_node_comes_back_on_its_port(void **state)
{
    const struct batch batch = { NO_PRODUCER, 1, 0, "a" };
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;
    struct fixture f;
    int port;

    (void)state;
    start(&f, 2, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    check_produced(&f, &batch, 0, 0);
    port = fake_kafka_port(f.k, 1);
    fake_kafka_stop(f.k, 1);
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "127.0.0.1", port, cv_mono_ms() + 2000,
                                            NULL, &conn, &err));
    fake_kafka_start(f.k, 1);
    assert_int_equal(port, fake_kafka_port(f.k, 1));
    disconnect(&f);
    check_produced(&f, &batch, 0, 1); /* what was there is there */
    stop(&f);
}

static void
nothing_is_answered_when_nobody_waits(void **state)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    struct fixture f;
    int32_t id;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    write_bytes_for(&body, NULL, 0, "t", 0, java_batch, sizeof(java_batch));
    assert_int_equal(CV_OK, cv_wire_send(conn_to(&f, 1), CV_WIRE_PRODUCE, &body, &id, &err));
    (void)metadata(&f, "t"); /* the next answer is that of the next request */
    assert_int_equal(3, count_records(&f));
    fake_kafka_fail(f.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 1);
    assert_int_equal(CV_RETRY, call(&f, 1, CV_WIRE_PRODUCE, &body, &resp));
    stop(&f);
}

static void
requests_are_done_and_not_answered_as_told(void **state)
{
    const struct batch batch = { NO_PRODUCER, 1, 0, "a" };
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_err err;
    struct fixture f;
    int32_t id;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    fake_kafka_silence(f.k, CV_WIRE_PRODUCE, 1);
    write_bytes_for(&body, NULL, -1, "t", 0, java_batch, sizeof(java_batch));
    assert_int_equal(CV_OK, cv_wire_send(conn_to(&f, 1), CV_WIRE_PRODUCE, &body, &id, &err));
    cv_buf_free(&body);
    check_produced(&f, &batch, 0, 3); /* its answer is the first to come */
    stop(&f);
}

static void
deleted_topic_begins_anew(void **state)
{
    const struct batch batch = { NO_PRODUCER, 1, 0, "a" };
    struct fixture f;

    (void)state;
    start(&f, 1, 0);
    fake_kafka_create_topic(f.k, "t", 1);
    check_produced(&f, &batch, 0, 0);
    fake_kafka_delete_topic(f.k, "t");
    check_produced(&f, &batch, CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION, -1);
    fake_kafka_create_topic(f.k, "t", 1);
    check_produced(&f, &batch, 0, 0);
    stop(&f);
}

static void
hidden_api_is_not_offered(void **state)
{
    struct cv_err err;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    assert_int_equal(CV_OK, cv_wire_check_api(conn_to(&f, 1), CV_WIRE_PRODUCE, &err));
    assert_int_equal(CV_OK, cv_wire_check_api(conn_to(&f, 1), CV_WIRE_TXN_OFFSET_COMMIT, &err));
    disconnect(&f);
    fake_kafka_hide(f.k, CV_WIRE_TXN_OFFSET_COMMIT);
    assert_int_equal(CV_INVALID,
                     cv_wire_check_api(conn_to(&f, 1), CV_WIRE_TXN_OFFSET_COMMIT, &err));
    stop(&f);
}

static void
malformed_request_is_complained_of(void **state)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    cv_wire_write_produce(&body, NULL, -1, 1000, 1);
    assert_int_equal(CV_RETRY, call(&f, 1, CV_WIRE_PRODUCE, &body, &resp));
    assert_string_equal("malformed Produce request: it ends too early",
                        fake_kafka_take_complaint(f.k));
    cv_wire_write_produce(&body, NULL, -1, 1000, 0);
    cv_buf_char(&body, 0);
    assert_int_equal(CV_RETRY, call(&f, 1, CV_WIRE_PRODUCE, &body, &resp));
    assert_string_equal("malformed Produce request: bytes are left at its end",
                        fake_kafka_take_complaint(f.k));
    assert_int_equal(CV_RETRY, call(&f, 1, CV_WIRE_JOIN_GROUP, &body, &resp));
    assert_non_null(strstr(fake_kafka_take_complaint(f.k), "api 11"));
    stop(&f);
}

static struct cv_wire_producer_id
init_producer(struct fixture *f, const char *transactional_id, int node)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_producer_id got;
    struct cv_wire_response resp;
    struct cv_err err;

    cv_wire_write_init_producer_id(&body, transactional_id, 60000);
    call_well(f, node, CV_WIRE_INIT_PRODUCER_ID, &body, &resp);
    assert_int_equal(CV_OK, cv_wire_read_init_producer_id(resp.body, resp.len, &got, &err));
    return got;
}

static struct cv_wire_txn
begin_txn(struct fixture *f)
{
    struct cv_wire_producer_id got = init_producer(f, "tx", 1);

    assert_int_equal(0, got.error);
    return (struct cv_wire_txn){ .id = "tx", .producer_id = got.id, .epoch = got.epoch };
}

static int16_t
add_partition(struct fixture *f, const struct cv_wire_txn *txn, int32_t partition)
{
    const struct cv_wire_topic_partition parts[] = { { "t", 0 }, { "t", partition } };
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_bytes topic;
    struct cv_err err;
    int16_t error;

    cv_wire_write_add_partitions(&body, txn, parts, partition == 0 ? 1 : 2);
    call_well(f, 1, CV_WIRE_ADD_PARTITIONS_TO_TXN, &body, &resp);
    assert_int_equal(CV_OK, cv_wire_read_add_partitions(resp.body, resp.len, &error, &topic, &err));
    return error;
}

static int16_t
add_offsets(struct fixture *f, const struct cv_wire_txn *txn)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    int16_t error;

    cv_wire_write_add_offsets(&body, txn, "g");
    call_well(f, 1, CV_WIRE_ADD_OFFSETS_TO_TXN, &body, &resp);
    assert_int_equal(CV_OK, cv_wire_read_add_offsets(resp.body, resp.len, &error, &err));
    return error;
}

static int16_t
commit_offsets(struct fixture *f, const struct cv_wire_txn *txn, int32_t generation,
               const char *member_id)
{
    static const struct cv_wire_offset offsets[] = { { "in", 0, 5, NULL },
                                                     { "in", 1, 6, "note" },
                                                     { "too", 0, 7, "" } };
    const struct cv_wire_group_member member = { .group = "g",
                                                 .generation = generation,
                                                 .member_id = member_id };
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    int16_t error;

    cv_wire_write_txn_offsets(&body, txn, &member, offsets, CV_COUNT(offsets));
    call_well(f, 1, CV_WIRE_TXN_OFFSET_COMMIT, &body, &resp);
    if (cv_wire_read_txn_offsets(resp.body, resp.len, &error, &err) != CV_OK)
        fail_msg("%s", err.text);
    return error;
}

static int16_t
end_txn(struct fixture *f, const struct cv_wire_txn *txn, bool commit)
{
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    int16_t error;

    cv_wire_write_end_txn(&body, txn, commit);
    call_well(f, 1, CV_WIRE_END_TXN, &body, &resp);
    assert_int_equal(CV_OK, cv_wire_read_end_txn(resp.body, resp.len, &error, &err));
    return error;
}

static struct batch
batch_in(const struct cv_wire_txn *txn, int32_t first_sequence)
{
    return (struct batch){ txn->producer_id, txn->epoch,    first_sequence,
                           2,                TRANSACTIONAL, "a" };
}

static enum fake_kafka_txn
txn_of(struct fixture *f, size_t i)
{
    const struct fake_kafka_record *got;
    size_t n;

    got = fake_kafka_records(f->k, "t", 0, &n);
    assert_true(i < n);
    return got[i].txn;
}

static void
transactions_are_committed_and_aborted(void **state)
{
    struct cv_wire_txn txn;
    struct batch batch;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 2);
    txn = begin_txn(&f);
    batch = batch_in(&txn, 0);
    assert_int_equal(CV_WIRE_INVALID_TXN_STATE, end_txn(&f, &txn, true));
    check_produced(&f, &batch, CV_WIRE_INVALID_TXN_STATE, -1);
    assert_int_equal(CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION, add_partition(&f, &txn, 9));
    check_produced(&f, &batch, CV_WIRE_INVALID_TXN_STATE, -1);
    assert_int_equal(0, add_partition(&f, &txn, 1));
    check_produced(&f, &batch, 0, 0);
    assert_int_equal(FAKE_OPEN, txn_of(&f, 0));
    assert_int_equal(0, end_txn(&f, &txn, true));
    assert_int_equal(0, end_txn(&f, &txn, true));
    assert_int_equal(CV_WIRE_INVALID_TXN_STATE, end_txn(&f, &txn, false));
    assert_int_equal(FAKE_COMMITTED, txn_of(&f, 1));
    batch.first_sequence = 2;
    check_produced(&f, &batch, CV_WIRE_INVALID_TXN_STATE, -1);
    assert_int_equal(0, add_partition(&f, &txn, 0));
    check_produced(&f, &batch, 0, 3); /* behind the marker */
    assert_int_equal(0, end_txn(&f, &txn, false));
    assert_int_equal(FAKE_COMMITTED, txn_of(&f, 1));
    assert_int_equal(FAKE_ABORTED, txn_of(&f, 2));
    stop(&f);
}

static void
new_epoch_fences_and_aborts(void **state)
{
    struct cv_wire_txn old, txn;
    struct batch batch;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    fake_kafka_create_topic(f.k, "t", 1);
    old = begin_txn(&f);
    assert_int_equal(0, old.epoch);
    assert_int_equal(0, add_partition(&f, &old, 0));
    batch = batch_in(&old, 0);
    check_produced(&f, &batch, 0, 0);
    txn = begin_txn(&f);
    assert_int_equal(old.producer_id, txn.producer_id);
    assert_int_equal(1, txn.epoch);
    assert_int_equal(FAKE_ABORTED, txn_of(&f, 0));
    batch.first_sequence = 2;
    check_produced(&f, &batch, CV_WIRE_INVALID_PRODUCER_EPOCH, -1);
    assert_int_equal(CV_WIRE_INVALID_PRODUCER_EPOCH, add_partition(&f, &old, 0));
    assert_int_equal(CV_WIRE_INVALID_PRODUCER_EPOCH, add_offsets(&f, &old));
    assert_int_equal(CV_WIRE_INVALID_PRODUCER_EPOCH, end_txn(&f, &old, true));
    old.producer_id = 1;
    assert_int_equal(CV_WIRE_INVALID_PRODUCER_ID_MAPPING, end_txn(&f, &old, true));
    assert_int_equal(0, add_partition(&f, &txn, 0));
    batch = batch_in(&txn, 0);
    check_produced(&f, &batch, 0, 3);
    stop(&f);
}

static void
offsets_are_those_of_committed_transactions(void **state)
{
    struct cv_wire_txn txn;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    txn = begin_txn(&f);
    assert_int_equal(CV_WIRE_INVALID_TXN_STATE, commit_offsets(&f, &txn, 3, "m"));
    assert_non_null(strstr(fake_kafka_take_complaint(f.k), "did not announce"));
    assert_int_equal(0, add_offsets(&f, &txn));
    fake_kafka_group(f.k, "g", 3, "m");
    assert_int_equal(CV_WIRE_ILLEGAL_GENERATION, commit_offsets(&f, &txn, 2, "m"));
    assert_int_equal(CV_WIRE_UNKNOWN_MEMBER_ID, commit_offsets(&f, &txn, 3, "other"));
    assert_int_equal(0, commit_offsets(&f, &txn, 3, "m"));
    assert_int_equal(-1, fake_kafka_offset(f.k, "g", "in", 0));
    assert_int_equal(0, end_txn(&f, &txn, false));
    assert_int_equal(-1, fake_kafka_offset(f.k, "g", "in", 0));
    assert_int_equal(0, add_offsets(&f, &txn));
    assert_int_equal(0, commit_offsets(&f, &txn, 3, "m"));
    assert_int_equal(0, end_txn(&f, &txn, true));
    assert_int_equal(5, fake_kafka_offset(f.k, "g", "in", 0));
    assert_int_equal(6, fake_kafka_offset(f.k, "g", "in", 1));
    assert_int_equal(7, fake_kafka_offset(f.k, "g", "too", 0));
    assert_int_equal(-1, fake_kafka_offset(f.k, "g", "too", 1));
    stop(&f);
}

static void
coordinator_moves_as_told(void **state)
{
    struct cv_wire_find_coordinator found;
    struct cv_buf body = CV_BUF_INIT(BUF_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    struct fixture f;

    (void)state;
    start(&f, 2, 1);
    assert_int_equal(0, init_producer(&f, NULL, 2).error);
    assert_int_equal(CV_WIRE_NOT_COORDINATOR, init_producer(&f, "tx", 2).error);
    fake_kafka_move_coordinator(f.k, 2);
    assert_int_equal(0, init_producer(&f, "tx", 2).error);
    cv_wire_write_find_txn_coordinator(&body, "tx");
    call_well(&f, 1, CV_WIRE_FIND_COORDINATOR, &body, &resp);
    assert_int_equal(CV_OK,
                     cv_wire_read_find_coordinator(resp.body, resp.len, f.arena, &found, &err));
    assert_int_equal(2, found.broker.node);
    assert_int_equal(fake_kafka_port(f.k, 2), found.broker.port);
    fake_kafka_stop(f.k, 2);
    fake_kafka_be_stale(f.k, true);
    cv_wire_write_find_txn_coordinator(&body, "tx");
    call_well(&f, 1, CV_WIRE_FIND_COORDINATOR, &body, &resp);
    assert_int_equal(CV_OK,
                     cv_wire_read_find_coordinator(resp.body, resp.len, f.arena, &found, &err));
    assert_int_equal(2, found.broker.node);
    fake_kafka_be_stale(f.k, false);
    cv_wire_write_find_txn_coordinator(&body, "tx");
    call_well(&f, 1, CV_WIRE_FIND_COORDINATOR, &body, &resp);
    assert_int_equal(CV_OK,
                     cv_wire_read_find_coordinator(resp.body, resp.len, f.arena, &found, &err));
    assert_int_equal(CV_WIRE_COORDINATOR_NOT_AVAILABLE, found.error);
    stop(&f);
}

static void
producers_have_ids_of_their_own(void **state)
{
    struct cv_wire_producer_id first, second;
    struct fixture f;

    (void)state;
    start(&f, 1, 1);
    first = init_producer(&f, NULL, 1);
    second = init_producer(&f, NULL, 1);
    assert_int_equal(0, first.epoch);
    assert_int_not_equal(first.id, second.id);
    fake_kafka_fail(f.k, CV_WIRE_INIT_PRODUCER_ID, CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS, 1);
    first = init_producer(&f, NULL, 1);
    assert_int_equal(CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS, first.error);
    assert_int_equal(-1, first.id);
    stop(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_made_and_led_by_all_nodes),
        cmocka_unit_test(topics_stay_unknown_or_in_error_as_told),
        cmocka_unit_test(records_of_a_java_client_are_kept),
        cmocka_unit_test(bad_batches_are_refused_with_a_complaint),
        cmocka_unit_test(batch_cut_off_anywhere_is_refused),
        cmocka_unit_test(crc_is_castagnolis),
        cmocka_unit_test(sequences_are_kept_in_order),
        cmocka_unit_test(sequences_begin_anew_behind_the_highest),
        cmocka_unit_test(errors_come_as_often_as_told),
        cmocka_unit_test(connections_are_closed_before_or_after),
        cmocka_unit_test(many_connections_come_one_after_the_other),
        cmocka_unit_test(answers_come_late_as_told),
        cmocka_unit_test(stopped_node_comes_back_on_its_port),
        cmocka_unit_test(nothing_is_answered_when_nobody_waits),
        cmocka_unit_test(requests_are_done_and_not_answered_as_told),
        cmocka_unit_test(deleted_topic_begins_anew),
        cmocka_unit_test(hidden_api_is_not_offered),
        cmocka_unit_test(malformed_request_is_complained_of),
        cmocka_unit_test(transactions_are_committed_and_aborted),
        cmocka_unit_test(new_epoch_fences_and_aborts),
        cmocka_unit_test(offsets_are_those_of_committed_transactions),
        cmocka_unit_test(coordinator_moves_as_told),
        cmocka_unit_test(producers_have_ids_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
