/* SPDX-License-Identifier: Apache-2.0 */
/* What cv_compress makes is read back by each library's own decoder, which is what brokers and consumers use. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/compress.h"
#include "tests/helper/decompress.h"

#define LARGE   ((size_t)1 << 20)
#define OUT_MAX ((size_t)8 << 20)

static const struct {
    enum cv_codec codec;
    const char *magic;
    size_t magic_len;
    int levels[5];
    size_t level_count;
    int min, max;
} rows[] = {
    { CV_CODEC_GZIP, "\x1f\x8b\x08", 3, { CV_CODEC_DEFAULT_LEVEL, 1, 6, 9 }, 4, 1, 9 },
    { CV_CODEC_SNAPPY, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16, { CV_CODEC_DEFAULT_LEVEL, 5 }, 2, 0, 0 },
    /* Version 1, independent blocks, no sum and no size; 64 KB; the descriptor's sum. */
    { CV_CODEC_LZ4, "\x04\x22\x4d\x18\x60\x40\x82", 7, { CV_CODEC_DEFAULT_LEVEL, 0, 2, 3, 9 }, 5, 0, 12 },
    { CV_CODEC_ZSTD, "\x28\xb5\x2f\xfd", 4, { CV_CODEC_DEFAULT_LEVEL, 1, 3, -7, 12 }, 5, -131072, 22 },
};

/* ---- inputs ---- */

static char *text;   /* LARGE of JSON, very repetitive */
static char *noise;  /* LARGE that no library can shrink */
static char *decoded; /* LARGE + 1 */

static int
make_inputs(void **state)
{
    unsigned int seed = 1;
    size_t len = 0;

    (void)state;
    text = malloc(LARGE + 128);
    noise = malloc(LARGE);
    decoded = malloc(LARGE + 1);
    if (text == NULL || noise == NULL || decoded == NULL)
        return 1;
    for (int i = 0; len < LARGE; i++)
        len += (size_t)sprintf(text + len, "{\"id\":%d,\"name\":\"customer %d\",\"status\":\"active\"}\n", i, i % 100);
    for (size_t i = 0; i < LARGE; i++)
        noise[i] = (char)(rand_r(&seed) >> 7);
    return 0;
}

static int
free_inputs(void **state)
{
    (void)state;
    free(text);
    free(noise);
    free(decoded);
    return 0;
}

/* ---- tests ---- */

static struct cv_compressor *
new_compressor(enum cv_codec codec, int level)
{
    struct cv_compressor *compressor = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (cv_compressor_new(codec, level, &compressor, &err) != CV_OK)
        fail_msg("%s", err.text);
    return compressor;
}

/* Compress behind what out has, check the new bytes; returns their number. */
static size_t
round_trip(size_t row, struct cv_compressor *compressor, struct cv_buf *out, const char *data, size_t len)
{
    struct cv_err err = CV_ERR_INIT;
    size_t before = out->len;

    if (cv_compress(compressor, data, len, out, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_true(out->len - before >= rows[row].magic_len);
    assert_memory_equal(out->data + before, rows[row].magic, rows[row].magic_len);
    assert_int_equal(decompress(rows[row].codec, out->data + before, out->len - before, decoded, LARGE + 1), len);
    if (len > 0)
        assert_memory_equal(decoded, data, len);
    return out->len - before;
}

static void
every_input_comes_back(void **state)
{
    static const size_t lengths[] = { 0,     1,         2,          100,           32767, 32768, 32769,
                                      65535, 65536,     65537,      3 * 32768 + 1, 200000, LARGE - 1, LARGE };

    (void)state;
    for (size_t row = 0; row < CV_COUNT(rows); row++) {
        for (size_t level = 0; level < rows[row].level_count; level++) {
            struct cv_compressor *compressor = new_compressor(rows[row].codec, rows[row].levels[level]);
            struct cv_buf out = CV_BUF_INIT(OUT_MAX);

            for (size_t i = 0; i < CV_COUNT(lengths); i++) {
                cv_buf_reset(&out);
                round_trip(row, compressor, &out, text, lengths[i]);
                cv_buf_reset(&out);
                round_trip(row, compressor, &out, noise, lengths[i]);
            }
            cv_buf_reset(&out);
            round_trip(row, compressor, &out, NULL, 0);
            cv_buf_free(&out);
            cv_compressor_free(compressor);
        }
    }
}

static void
repetition_shrinks_and_noise_hardly_grows(void **state)
{
    (void)state;
    for (size_t row = 0; row < CV_COUNT(rows); row++) {
        struct cv_compressor *compressor = new_compressor(rows[row].codec, CV_CODEC_DEFAULT_LEVEL);
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);

        assert_in_range(round_trip(row, compressor, &out, text, LARGE), 1, LARGE / 4);
        assert_in_range(round_trip(row, compressor, &out, noise, LARGE), LARGE, LARGE + LARGE / 500);
        cv_buf_free(&out);
        cv_compressor_free(compressor);
    }
}

static void
a_higher_level_makes_less(void **state)
{
    static const struct {
        size_t row;
        int low, high;
    } levels[] = { { 0, 1, 9 }, { 2, 0, 9 }, { 3, -100, 15 } };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(levels); i++) {
        struct cv_compressor *low = new_compressor(rows[levels[i].row].codec, levels[i].low);
        struct cv_compressor *high = new_compressor(rows[levels[i].row].codec, levels[i].high);
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);
        size_t low_len = round_trip(levels[i].row, low, &out, text, LARGE);
        size_t high_len = round_trip(levels[i].row, high, &out, text, LARGE);

        assert_true(high_len < low_len);
        cv_buf_free(&out);
        cv_compressor_free(low);
        cv_compressor_free(high);
    }
}

static void
levels_beyond_the_library_are_its_extremes(void **state)
{
    (void)state;
    for (size_t row = 0; row < CV_COUNT(rows); row++) {
        const int beyond[] = { INT_MIN, INT_MAX }, extreme[] = { rows[row].min, rows[row].max };

        for (int i = 0; i < 2; i++) {
            struct cv_compressor *one = new_compressor(rows[row].codec, beyond[i]);
            struct cv_compressor *other = new_compressor(rows[row].codec, extreme[i]);
            struct cv_buf out = CV_BUF_INIT(OUT_MAX);
            size_t len = round_trip(row, one, &out, text, 5000);

            assert_int_equal(round_trip(row, other, &out, text, 5000), len);
            assert_memory_equal(out.data, out.data + len, len);
            cv_buf_free(&out);
            cv_compressor_free(one);
            cv_compressor_free(other);
        }
    }
}

/* The bytes of one call do not depend on those before it, nor on what is in front of them. */
static void
the_same_input_makes_the_same_bytes_behind_others(void **state)
{
    (void)state;
    for (size_t row = 0; row < CV_COUNT(rows); row++) {
        struct cv_compressor *compressor = new_compressor(rows[row].codec, CV_CODEC_DEFAULT_LEVEL);
        struct cv_buf out = CV_BUF_INIT(OUT_MAX);
        size_t first, second;

        cv_buf_str(&out, "head");
        first = round_trip(row, compressor, &out, text, 70000);
        round_trip(row, compressor, &out, noise, 500);
        second = round_trip(row, compressor, &out, text, 70000);
        assert_int_equal(second, first);
        assert_memory_equal(out.data + out.len - second, out.data + 4, first);
        assert_memory_equal(out.data, "head", 4);
        assert_int_equal(out.data[out.len], '\0');
        cv_buf_free(&out);
        cv_compressor_free(compressor);
    }
}

static void
a_buffer_too_small_is_an_error(void **state)
{
    (void)state;
    for (size_t row = 0; row < CV_COUNT(rows); row++) {
        struct cv_compressor *compressor = new_compressor(rows[row].codec, CV_CODEC_DEFAULT_LEVEL);
        struct cv_buf out = CV_BUF_INIT(1000);
        struct cv_err err = CV_ERR_INIT;

        cv_buf_str(&out, "head");
        assert_int_equal(cv_compress(compressor, noise, 5000, &out, &err), CV_NO_MEMORY);
        assert_non_null(strstr(err.text, "1000"));
        assert_string_equal(out.data, "head");

        /* the compressor is as good as before */
        cv_buf_free(&out);
        cv_buf_init(&out, OUT_MAX);
        round_trip(row, compressor, &out, noise, 5000);
        cv_buf_free(&out);
        cv_compressor_free(compressor);
    }
}

static void
more_than_a_batch_may_hold_is_an_error(void **state)
{
    struct cv_compressor *compressor = new_compressor(CV_CODEC_LZ4, CV_CODEC_DEFAULT_LEVEL);
    struct cv_buf out = CV_BUF_INIT(OUT_MAX);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_compress(compressor, text, (size_t)INT32_MAX + 1, &out, &err), CV_INVALID);
    assert_string_equal(err.text, "cannot compress 2147483648 bytes as one batch: a batch has at most 2147483647");
    assert_int_equal(out.len, 0);
    cv_buf_free(&out);
    cv_compressor_free(compressor);
    cv_compressor_free(NULL);
}

static void
names_are_those_of_kafka(void **state)
{
    static const struct {
        const char *name;
        enum cv_codec codec;
    } names[] = {
        { "none", CV_CODEC_NONE }, { "gzip", CV_CODEC_GZIP }, { "snappy", CV_CODEC_SNAPPY },
        { "lz4", CV_CODEC_LZ4 },   { "zstd", CV_CODEC_ZSTD },
    };
    enum cv_codec codec;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        codec = (enum cv_codec)99;
        assert_true(cv_codec_of(names[i].name, &codec));
        assert_int_equal(codec, names[i].codec);
        assert_int_equal(codec, i); /* the number in a batch's attributes */
    }
    codec = CV_CODEC_ZSTD;
    assert_false(cv_codec_of("", &codec));
    assert_false(cv_codec_of("LZ4", &codec));
    assert_false(cv_codec_of("lz4x", &codec));
    assert_int_equal(codec, CV_CODEC_ZSTD);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_comes_back),
        cmocka_unit_test(repetition_shrinks_and_noise_hardly_grows),
        cmocka_unit_test(a_higher_level_makes_less),
        cmocka_unit_test(levels_beyond_the_library_are_its_extremes),
        cmocka_unit_test(the_same_input_makes_the_same_bytes_behind_others),
        cmocka_unit_test(a_buffer_too_small_is_an_error),
        cmocka_unit_test(more_than_a_batch_may_hold_is_an_error),
        cmocka_unit_test(names_are_those_of_kafka),
    };

    return cmocka_run_group_tests(tests, make_inputs, free_inputs);
}
