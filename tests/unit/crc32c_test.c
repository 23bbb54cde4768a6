/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors are those of RFC 3720, appendix B.4, and the check value that catalogues of CRCs give. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/crc32c.h"

#define LONG_INPUT 20000

typedef uint32_t crc_fn(uint32_t crc, const void *data, size_t len);

static crc_fn *const both[] = { cv_crc32c, cv_crc32c_portable };

static unsigned char long_input[LONG_INPUT];

static int
fill(void **state)
{
    unsigned int seed = 1;

    (void)state;
    for (size_t i = 0; i < LONG_INPUT; i++)
        long_input[i] = (unsigned char)rand_r(&seed);
    return 0;
}

/* One bit after another, as the definition has it. */
static uint32_t
by_definition(const unsigned char *data, size_t len)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void
known_vectors(void **state)
{
    static const unsigned char read10[48] = {
        0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    unsigned char zeros[32], ones[32], up[32], down[32];

    (void)state;
    for (int i = 0; i < 32; i++) {
        zeros[i] = 0;
        ones[i] = 0xff;
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        assert_int_equal(both[i](0, zeros, sizeof(zeros)), 0x8a9136aau);
        assert_int_equal(both[i](0, ones, sizeof(ones)), 0x62a8ab43u);
        assert_int_equal(both[i](0, up, sizeof(up)), 0x46dd794eu);
        assert_int_equal(both[i](0, down, sizeof(down)), 0x113fdb5cu);
        assert_int_equal(both[i](0, read10, sizeof(read10)), 0xd9963a56u);
        assert_int_equal(both[i](0, "123456789", 9), 0xe3069283u);
    }
}

static void
nothing_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        assert_int_equal(both[i](0, "", 0), 0);
        assert_int_equal(both[i](0xe3069283u, "", 0), 0xe3069283u);
    }
}

static void
any_split_gives_the_same(void **state)
{
    const size_t len = 4000; /* some rounds of three lanes and a rest */
    uint32_t whole = by_definition(long_input, len);

    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        for (size_t at = 0; at <= len; at++)
            assert_int_equal(both[i](both[i](0, long_input, at), long_input + at, len - at), whole);
    }
}

static void
every_short_length_at_every_alignment(void **state)
{
    (void)state;
    for (size_t start = 0; start < 16; start++) {
        for (size_t len = 0; len < 200; len++) {
            uint32_t expected = by_definition(long_input + start, len);

            for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
                assert_int_equal(both[i](0, long_input + start, len), expected);
        }
    }
}

static void
instruction_and_table_agree(void **state)
{
    unsigned int seed = 2;

    (void)state;
    for (int round = 0; round < 5000; round++) {
        size_t start = (size_t)rand_r(&seed) % 64;
        size_t len = (size_t)rand_r(&seed) % (LONG_INPUT - start);
        uint32_t before = (uint32_t)rand_r(&seed) << 1;

        assert_int_equal(cv_crc32c(before, long_input + start, len),
                         cv_crc32c_portable(before, long_input + start, len));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(nothing_changes_nothing),
        cmocka_unit_test(any_split_gives_the_same),
        cmocka_unit_test(every_short_length_at_every_alignment),
        cmocka_unit_test(instruction_and_table_agree),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
