/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crc32 instruction of SSE 4.2 has a latency of three cycles and starts one a cycle, so a long input is read as
 * three lanes at once. Lanes are joined by a multiplication with x^(8n) modulo the polynomial: one carry-less product,
 * which the crc32 instruction reduces. ARMv8's instruction is used where the compiler may assume it. All others look up
 * eight bytes at a time in tables.
 */
#include <config.h>

#include "common/crc32c.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected: the highest bit is x^0 */

typedef uint32_t update_fn(uint32_t crc, const unsigned char *at, size_t len);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static update_fn *update; /* set once, with the tables */
static uint32_t tables[8][256];

/* The compiler makes one load of it. */
static inline uint64_t
load_le64(const unsigned char *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* ---- tables ---- */

static uint32_t
times_x(uint32_t poly)
{
    return poly >> 1 ^ (poly & 1 ? POLYNOMIAL : 0);
}

static void
make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = times_x(crc);
        tables[0][byte] = crc;
    }
    for (int zeros = 1; zeros < 8; zeros++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = tables[zeros - 1][byte];

            tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

static uint32_t
update_by_table(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = load_le64(at) ^ crc;

        crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
              tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
              tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; len > 0; at++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    return crc;
}

/* ---- instructions ---- */

#if defined(__x86_64__)

#define LANE ((size_t)256) /* of bytes, a multiple of 8: long enough to hide the joining, short for small batches */

static uint32_t behind_one_lane, behind_two_lanes; /* multipliers, see shift */

/* x^n modulo the polynomial. */
static uint32_t
x_to_the(size_t n)
{
    uint32_t poly = 0x80000000u;

    for (; n > 0; n--)
        poly = times_x(poly);
    return poly;
}

/* The product of two reflected polynomials comes out one bit low, which is a factor x, and the reduction adds x^32: so
   the multiplier for n bytes is x^(8n - 33). */
__attribute__((target("sse4.2,pclmul"))) static inline uint32_t
shift(uint32_t crc, uint32_t multiplier)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)crc), _mm_cvtsi32_si128((int)multiplier), 0);

    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t
update_by_instruction(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 3 * LANE; at += 3 * LANE, len -= 3 * LANE) {
        uint64_t first = crc, second = 0, third = 0;

        for (size_t i = 0; i < LANE; i += 8) {
            first = _mm_crc32_u64(first, load_le64(at + i));
            second = _mm_crc32_u64(second, load_le64(at + LANE + i));
            third = _mm_crc32_u64(third, load_le64(at + 2 * LANE + i));
        }
        crc = shift((uint32_t)first, behind_two_lanes) ^ shift((uint32_t)second, behind_one_lane) ^ (uint32_t)third;
    }
    for (; len >= 8; at += 8, len -= 8)
        crc = (uint32_t)_mm_crc32_u64(crc, load_le64(at));
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}

static update_fn *
find_instruction(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("pclmul"))
        return NULL;
    behind_one_lane = x_to_the(8 * LANE - 33);
    behind_two_lanes = x_to_the(16 * LANE - 33);
    return update_by_instruction;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

static uint32_t
update_by_instruction(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8)
        crc = __crc32cd(crc, load_le64(at));
    for (; len > 0; at++, len--)
        crc = __crc32cb(crc, *at);
    return crc;
}

static update_fn *
find_instruction(void)
{
    return update_by_instruction;
}

#else

static update_fn *
find_instruction(void)
{
    return NULL;
}

#endif

static void
choose(void)
{
    make_tables();
    update = find_instruction();
    if (update == NULL)
        update = update_by_table;
}

uint32_t
cv_crc32c(uint32_t crc, const void *data, size_t len)
{
    pthread_once(&once, choose);
    return ~update(~crc, data, len);
}

uint32_t
cv_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    pthread_once(&once, choose);
    return ~update_by_table(~crc, data, len);
}
