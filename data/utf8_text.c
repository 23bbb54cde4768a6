/* SPDX-License-Identifier: Apache-2.0 */
/* Nearly all text is valid and is copied as it is; only the rest is looked at byte by byte. */
#include <config.h>

#include "data/utf8_text.h"

#include <string.h>

#include "common/arena.h"
#include "common/utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Whether second may follow first in a character (or in a surrogate, which counts as one malformed piece). */
static bool
may_follow(unsigned char first, unsigned char second)
{
    if ((second & 0xc0) != 0x80)
        return false;
    return first == 0xe0 ? second >= 0xa0 : first == 0xf0 ? second >= 0x90 : first == 0xf4 ? second < 0x90 : true;
}

/* How many bytes at data one U+FFFD stands for: the longest piece that begins a character, at least one. */
static size_t
malformed(const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    size_t n = 1;

    if (p[0] < 0xc2 || p[0] > 0xf4 || len < 2 || !may_follow(p[0], p[1]))
        return 1;
    while (n < want && n < len && (p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

enum cv_rc
utf8_text(const void *data, size_t len, struct cv_arena *arena, struct cv_bytes *ret, struct cv_err *err)
{
    const char *at = data;
    size_t valid = cv_utf8_check(at, len);
    size_t used = 0;
    char *out;

    if (valid == len) {
        out = cv_arena_dup(arena, data, len);
        if (out == NULL)
            return cv_fail_memory(err);
        *ret = (struct cv_bytes){ .data = out, .len = len };
        return CV_OK;
    }
    out = len < SIZE_MAX / 3 ? cv_arena_alloc(arena, len * 3 + 1) : NULL;
    if (out == NULL)
        return cv_fail_memory(err);
    while (len > 0) {
        size_t bad;

        valid = cv_utf8_check(at, len);
        memcpy(out + used, at, valid);
        used += valid;
        at += valid;
        len -= valid;
        if (len == 0)
            break;
        bad = malformed(at, len);
        memcpy(out + used, replacement, 3);
        used += 3;
        at += bad;
        len -= bad;
    }
    out[used] = '\0';
    *ret = (struct cv_bytes){ .data = out, .len = used };
    return CV_OK;
}
