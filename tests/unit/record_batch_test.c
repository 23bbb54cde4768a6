/* SPDX-License-Identifier: Apache-2.0 */
/* Batches against bytes that were written by hand after the description of message format 2. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/crc32c.h"
#include "common/reader.h"
#include "common/wire/record_batch.h"
#include "tests/helper/decompress.h"

#define OUT_MAX ((size_t)16 << 20)

/* Bytes without the NUL of the literal. */
#define BYTES(text) (text), sizeof(text) - 1

static const struct cv_batch_owner nobody = { -1, -1, -1, false };

/* What the head of a batch says. */
struct head {
    uint64_t base_offset;
    uint32_t length, leader_epoch, crc;
    uint8_t magic;
    uint16_t attributes;
    uint32_t last_offset_delta;
    int64_t first_ms, max_ms, producer_id;
    int16_t epoch;
    int32_t sequence, count;
};

/* Of the batch that is all of data; length and checksum are checked. */
static struct head
read_head(const char *data, size_t len)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct head head;

    head.base_offset = cv_read_u64(&in);
    head.length = cv_read_u32(&in);
    head.leader_epoch = cv_read_u32(&in);
    head.magic = cv_read_u8(&in);
    head.crc = cv_read_u32(&in);
    head.attributes = (uint16_t)cv_read_i16(&in);
    head.last_offset_delta = cv_read_u32(&in);
    head.first_ms = cv_read_i64(&in);
    head.max_ms = cv_read_i64(&in);
    head.producer_id = cv_read_i64(&in);
    head.epoch = cv_read_i16(&in);
    head.sequence = cv_read_i32(&in);
    head.count = cv_read_i32(&in);
    assert_false(in.failed);
    assert_int_equal(len - cv_reader_left(&in), CV_RECORD_BATCH_HEAD);
    assert_int_equal(head.base_offset, 0);
    assert_int_equal(head.length, len - 12);
    assert_int_equal(head.leader_epoch, UINT32_MAX);
    assert_int_equal(head.magic, 2);
    assert_int_equal(head.crc, cv_crc32c(0, data + 21, len - 21));
    return head;
}

static void
write_batch(struct cv_batch_writer *writer, struct cv_buf *out, const struct cv_batch_record *records, size_t n,
            const struct cv_batch_owner *owner)
{
    struct cv_err err = CV_ERR_INIT;

    cv_batch_begin(writer, out);
    for (size_t i = 0; i < n; i++)
        cv_batch_add(writer, &records[i]);
    if (cv_batch_end(writer, owner, &err) != CV_OK)
        fail_msg("%s", err.text);
}

/* A batch without compression, alone in out. */
static struct head
one_batch(struct cv_buf *out, const struct cv_batch_record *records, size_t n)
{
    struct cv_batch_writer writer;
    struct cv_err err;

    assert_int_equal(cv_batch_writer_init(&writer, CV_CODEC_NONE, CV_CODEC_DEFAULT_LEVEL, &err), CV_OK);
    write_batch(&writer, out, records, n, &nobody);
    cv_batch_writer_done(&writer);
    return read_head(out->data, out->len);
}

static void
assert_records(const struct cv_buf *out, const char *expected, size_t len)
{
    assert_int_equal(out->len, CV_RECORD_BATCH_HEAD + len);
    assert_memory_equal(out->data + CV_RECORD_BATCH_HEAD, expected, len);
}

static void
a_batch_is_as_it_was_written_by_hand(void **state)
{
    static const char expected[] = "\0\0\0\0\0\0\0\0"                 /* BaseOffset */
                                   "\0\0\0\x3f"                       /* Length from here */
                                   "\xff\xff\xff\xff"                 /* PartitionLeaderEpoch */
                                   "\2"                               /* Magic */
                                   "\x9d\xf4\x20\x5f"                 /* CRC-32C of what follows */
                                   "\0\0"                             /* Attributes */
                                   "\0\0\0\0"                         /* LastOffsetDelta */
                                   "\0\0\0\0\0\0\x03\xe8"             /* BaseTimestamp */
                                   "\0\0\0\0\0\0\x03\xe8"             /* MaxTimestamp */
                                   "\xff\xff\xff\xff\xff\xff\xff\xff" /* ProducerId */
                                   "\xff\xff"                         /* ProducerEpoch */
                                   "\xff\xff\xff\xff"                 /* BaseSequence */
                                   "\0\0\0\1"                         /* number of records */
                                   "\x1a\0\0\0"                       /* Length 13, attributes, deltas */
                                   "\x02k\x04v1"                      /* key, value */
                                   "\x02\x02h\x02x";                  /* one header */
    struct cv_buf headers = CV_BUF_INIT(64), out = CV_BUF_INIT(OUT_MAX);
    struct cv_batch_record record = { "k", 1, "v1", 2, NULL, 0, 1000 };

    (void)state;
    cv_batch_write_header_count(&headers, 1);
    cv_batch_write_header(&headers, "h", "x", 1);
    record.headers = headers.data;
    record.headers_len = headers.len;
    (void)one_batch(&out, &record, 1);
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);
    cv_buf_free(&headers);
    cv_buf_free(&out);
}

static void
null_is_not_empty(void **state)
{
    static const struct {
        struct cv_batch_record record;
        const char *expected;
        size_t len;
    } rows[] = {
        { { NULL, 0, NULL, 0, NULL, 0, 5 }, BYTES("\x0c\0\0\0\x01\x01\0") },
        { { "", 0, "", 0, NULL, 0, 5 }, BYTES("\x0c\0\0\0\0\0\0") },
        { { NULL, 0, "v", 1, NULL, 0, 5 }, BYTES("\x0e\0\0\0\x01\x02v\0") },
        { { "k", 1, NULL, 0, NULL, 0, 5 }, BYTES("\x0e\0\0\0\x02k\x01\0") },
        { { "", 0, NULL, 0, BYTES("\0"), 5 }, BYTES("\x0c\0\0\0\0\x01\0") },
        { { NULL, 0, NULL, 0, BYTES("\x02\x02h\0"), 5 }, BYTES("\x12\0\0\0\x01\x01\x02\x02h\0") },
    };
    struct cv_buf headers = CV_BUF_INIT(64);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);

        (void)one_batch(&out, &rows[i].record, 1);
        assert_records(&out, rows[i].expected, rows[i].len);
        cv_buf_free(&out);
    }
    cv_batch_write_header_count(&headers, 3);
    cv_batch_write_header(&headers, "a", NULL, 0);
    cv_batch_write_header(&headers, "", "", 0);
    cv_batch_write_header(&headers, "c", "\0\xff", 2);
    assert_int_equal(headers.len, 11);
    assert_memory_equal(headers.data, "\x06\x02" "a\x01\0\0\x02" "c\x04\0\xff", 11);
    cv_buf_free(&headers);
}

static void
times_and_offsets_count_from_the_first_record(void **state)
{
    static const struct cv_batch_record some[] = { { NULL, 0, NULL, 0, NULL, 0, 1000 },
                                                   { NULL, 0, NULL, 0, NULL, 0, 1500 },
                                                   { NULL, 0, NULL, 0, NULL, 0, 900 } };
    static const struct cv_batch_record far[] = { { NULL, 0, NULL, 0, NULL, 0, INT64_MAX },
                                                  { NULL, 0, NULL, 0, NULL, 0, 0 } };
    static const struct cv_batch_record falling[] = { { NULL, 0, NULL, 0, NULL, 0, -1 },
                                                      { NULL, 0, NULL, 0, NULL, 0, -65 } };
    struct cv_buf out = CV_BUF_INIT(OUT_MAX);
    struct head head = one_batch(&out, some, 3);

    (void)state;
    assert_records(&out, BYTES("\x0c\0\0\0\x01\x01\0"
                               "\x0e\0\xe8\x07\x02\x01\x01\0"     /* 500 */
                               "\x0e\0\xc7\x01\x04\x01\x01\0"));  /* -100 */
    assert_int_equal(head.count, 3);
    assert_int_equal(head.last_offset_delta, 2);
    assert_int_equal(head.first_ms, 1000);
    assert_int_equal(head.max_ms, 1500);
    cv_buf_reset(&out);
    head = one_batch(&out, far, 2);
    assert_records(&out, BYTES("\x0c\0\0\0\x01\x01\0"
                               "\x1e\0\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x01\x01\0"));
    assert_true(head.first_ms == INT64_MAX && head.max_ms == INT64_MAX);
    cv_buf_reset(&out);
    head = one_batch(&out, falling, 2);
    assert_records(&out, BYTES("\x0c\0\0\0\x01\x01\0"
                               "\x0c\0\x7f\x02\x01\x01\0")); /* -64 */
    assert_true(head.first_ms == -1 && head.max_ms == -1);
    cv_buf_free(&out);
}

static int64_t
read_varint(struct cv_reader *in)
{
    uint64_t u = 0;

    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cv_read_u8(in);

        u |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
    }
    fail_msg("a number is longer than 10 bytes");
    return 0;
}

/* A value of so many bytes is written with its length in so many bytes, and the record's length is that of the rest. */
static void
check_length(size_t len, size_t len_bytes)
{
    char *value = calloc(1, len + 1);
    struct cv_batch_record record = { "key", 3, value, len, NULL, 0, 7 };
    struct cv_buf out = CV_BUF_INIT(OUT_MAX);
    struct cv_reader in;
    int64_t of_record;
    size_t before;

    memset(value, 'v', len);
    (void)one_batch(&out, &record, 1);
    assert_true(out.len - CV_RECORD_BATCH_HEAD <= cv_batch_record_size(3, len, 0));
    in = cv_reader_of(out.data + CV_RECORD_BATCH_HEAD, out.len - CV_RECORD_BATCH_HEAD);
    of_record = read_varint(&in);
    assert_int_equal(of_record, cv_reader_left(&in));
    assert_memory_equal(cv_read_bytes(&in, 7), "\0\0\0\x06key", 7);
    before = cv_reader_left(&in);
    assert_int_equal(read_varint(&in), len);
    assert_int_equal(before - cv_reader_left(&in), len_bytes);
    assert_memory_equal(cv_read_bytes(&in, len), value, len);
    assert_int_equal(cv_read_u8(&in), 0);
    assert_int_equal(cv_reader_left(&in), 0);
    assert_false(in.failed);
    cv_buf_free(&out);
    free(value);
}

static void
lengths_grow_at_the_borders_of_a_varint(void **state)
{
    static const struct {
        size_t len, bytes;
    } rows[] = { { 0, 1 },    { 1, 1 },    { 63, 1 },      { 64, 2 },      { 65, 2 },
                 { 8191, 2 }, { 8192, 3 }, { 1048575, 3 }, { 1048576, 4 }, { 1048577, 4 } };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++)
        check_length(rows[i].len, rows[i].bytes);
    for (size_t len = 40; len < 64; len++) /* the record's own length passes its border */
        check_length(len, 1);
    for (size_t len = 8170; len < 8192; len++)
        check_length(len, 2);
}

/* More than 63 records: their offsets, too. */
static void
offsets_grow_at_the_borders_of_a_varint(void **state)
{
    static struct cv_batch_record records[8200];
    struct cv_buf out = CV_BUF_INIT(OUT_MAX);
    struct head head = one_batch(&out, records, CV_COUNT(records));
    struct cv_reader in = cv_reader_of(out.data + CV_RECORD_BATCH_HEAD, out.len - CV_RECORD_BATCH_HEAD);

    (void)state;
    assert_int_equal(head.count, CV_COUNT(records));
    assert_int_equal(head.last_offset_delta, CV_COUNT(records) - 1);
    for (size_t i = 0; i < CV_COUNT(records); i++) {
        assert_int_equal(read_varint(&in), i < 64 ? 6 : i < 8192 ? 7 : 8);
        assert_memory_equal(cv_read_bytes(&in, 2), "\0\0", 2);
        assert_int_equal(read_varint(&in), i);
        assert_memory_equal(cv_read_bytes(&in, 3), "\x01\x01\0", 3);
    }
    assert_int_equal(cv_reader_left(&in), 0);
    cv_buf_free(&out);
}

#define MANY 100

/* Records that can be compressed; text must outlive them. */
static void
fill(struct cv_batch_record *records, char text[][32])
{
    for (int i = 0; i < MANY; i++) {
        int len = snprintf(text[i], sizeof(text[i]), "value of record %d", i);

        records[i] = (struct cv_batch_record){ "key", 3, text[i], (size_t)len, NULL, 0, 1000 + i };
    }
}

static void
compressed_records_are_those_without_compression(void **state)
{
    static const enum cv_codec codecs[] = { CV_CODEC_GZIP, CV_CODEC_SNAPPY, CV_CODEC_LZ4, CV_CODEC_ZSTD };
    static const struct cv_batch_owner owner = { 77, 1, 2, true };
    struct cv_batch_record records[MANY];
    char text[MANY][32], plain[16384];
    struct cv_buf expected = CV_BUF_INIT(OUT_MAX);

    (void)state;
    fill(records, text);
    (void)one_batch(&expected, records, MANY);
    for (size_t i = 0; i < CV_COUNT(codecs); i++) {
        struct cv_batch_writer writer;
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);
        struct cv_err err;

        assert_int_equal(cv_batch_writer_init(&writer, codecs[i], CV_CODEC_DEFAULT_LEVEL, &err), CV_OK);
        for (int turn = 0; turn < 3; turn++) { /* a writer is used again, also behind what is there */
            size_t start = out.len, len;
            struct head head;

            write_batch(&writer, &out, records, MANY, &owner);
            head = read_head(out.data + start, out.len - start);
            assert_int_equal(head.attributes, (int)codecs[i] | 0x10);
            assert_int_equal(head.count, MANY);
            assert_int_equal(head.max_ms, 1000 + MANY - 1);
            assert_true(out.len - start < expected.len);
            len = decompress(codecs[i], out.data + start + CV_RECORD_BATCH_HEAD,
                             out.len - start - CV_RECORD_BATCH_HEAD, plain, sizeof(plain));
            assert_records(&expected, plain, len);
        }
        cv_batch_writer_done(&writer);
        cv_buf_free(&out);
    }
    cv_buf_free(&expected);
}

static void
a_batch_behind_other_bytes_is_the_same(void **state)
{
    static const struct cv_batch_record record = { "k", 1, "v", 1, NULL, 0, 1000 };
    struct cv_buf alone = CV_BUF_INIT(OUT_MAX), out = CV_BUF_INIT(OUT_MAX);
    struct cv_batch_writer writer;
    struct cv_err err;

    (void)state;
    (void)one_batch(&alone, &record, 1);
    assert_int_equal(cv_batch_writer_init(&writer, CV_CODEC_NONE, CV_CODEC_DEFAULT_LEVEL, &err), CV_OK);
    cv_buf_str(&out, "before");
    write_batch(&writer, &out, &record, 1, &nobody);
    cv_buf_str(&out, "between");
    write_batch(&writer, &out, &record, 1, &nobody);
    assert_int_equal(out.len, 6 + alone.len + 7 + alone.len);
    assert_memory_equal(out.data, "before", 6);
    assert_memory_equal(out.data + 6, alone.data, alone.len);
    assert_memory_equal(out.data + 6 + alone.len, "between", 7);
    assert_memory_equal(out.data + 13 + alone.len, alone.data, alone.len);
    cv_batch_writer_done(&writer);
    cv_buf_free(&alone);
    cv_buf_free(&out);
}

static void
an_owner_stands_in_the_head(void **state)
{
    static const struct cv_batch_record record = { NULL, 0, "v", 1, NULL, 0, 1000 };
    static const struct cv_batch_owner owners[] = { { 0x0102030405060708, 0x090a, 0x0b0c0d0e, false },
                                                    { INT64_MAX, INT16_MAX, INT32_MAX, true } };
    static const char *const fields[] = { "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e",
                                          "\x7f\xff\xff\xff\xff\xff\xff\xff\x7f\xff\x7f\xff\xff\xff" };
    struct cv_batch_writer writer;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_batch_writer_init(&writer, CV_CODEC_NONE, CV_CODEC_DEFAULT_LEVEL, &err), CV_OK);
    for (size_t i = 0; i < CV_COUNT(owners); i++) {
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);
        struct head head;

        write_batch(&writer, &out, &record, 1, &owners[i]);
        head = read_head(out.data, out.len);
        assert_int_equal(head.attributes, owners[i].transactional ? 0x10 : 0);
        assert_memory_equal(out.data + 43, fields[i], 14);
        cv_buf_free(&out);
    }
    cv_batch_writer_done(&writer);
}

/* Wherever in the batch it ends. */
static void
no_room_is_told_at_the_end(void **state)
{
    static const enum cv_codec codecs[] = { CV_CODEC_NONE, CV_CODEC_GZIP, CV_CODEC_ZSTD };
    static const struct cv_batch_record record = { "k", 1, "value", 5, NULL, 0, 1000 };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(codecs); i++) {
        for (size_t max = 1; max < CV_RECORD_BATCH_HEAD + 13; max += 8) {
            struct cv_buf out = CV_BUF_INIT(max);
            struct cv_batch_writer writer;
            struct cv_err err = CV_ERR_INIT;

            assert_int_equal(cv_batch_writer_init(&writer, codecs[i], CV_CODEC_DEFAULT_LEVEL, &err), CV_OK);
            cv_batch_begin(&writer, &out);
            cv_batch_add(&writer, &record);
            cv_batch_add(&writer, &record);
            assert_int_equal(cv_batch_end(&writer, &nobody, &err), CV_NO_MEMORY);
            cv_batch_writer_done(&writer);
            cv_buf_free(&out);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_as_it_was_written_by_hand),
        cmocka_unit_test(null_is_not_empty),
        cmocka_unit_test(times_and_offsets_count_from_the_first_record),
        cmocka_unit_test(lengths_grow_at_the_borders_of_a_varint),
        cmocka_unit_test(offsets_grow_at_the_borders_of_a_varint),
        cmocka_unit_test(compressed_records_are_those_without_compression),
        cmocka_unit_test(a_batch_behind_other_bytes_is_the_same),
        cmocka_unit_test(an_owner_stands_in_the_head),
        cmocka_unit_test(no_room_is_told_at_the_end),
    };

    return cmocka_run_group_tests_name("record_batch", tests, NULL, NULL);
}
