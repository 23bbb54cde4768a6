/* SPDX-License-Identifier: Apache-2.0 */
/* Adjusted names: see avro_name.h. Java counts in UTF-16, so a character beyond U+FFFF is two that are replaced. */
#include <config.h>

#include "data/avro_name.h"

#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"

const char *const avro_name_modes[] = { "none", "avro", "avro_unicode", NULL };

static bool
is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* The escape of the unicode mode begins with _, which is therefore escaped itself. */
static bool
is_good(uint32_t c, bool first, enum avro_name_mode mode, bool is_field)
{
    if (is_letter(c) || (c == '_' && mode == AVRO_NAME_AVRO))
        return true;
    return !first && (is_digit(c) || (c == '.' && !is_field));
}

static void
replace(struct cv_buf *out, uint32_t unit, bool first, enum avro_name_mode mode)
{
    if (mode == AVRO_NAME_UNICODE) {
        cv_buf_printf(out, unit <= 0xff ? "_u00%x" : "_u%x", unit);
        return;
    }
    cv_buf_char(out, '_');
    if (first && is_digit(unit)) /* 1a and 2a stay two names */
        cv_buf_char(out, (char)unit);
}

/* The code point at utf8, and how many bytes it takes; a byte that begins none stands for itself. */
static uint32_t
code_point(const char *utf8, size_t len, size_t *ret_len)
{
    const unsigned char *p = (const unsigned char *)utf8;
    size_t n = cv_utf8_sequence(utf8, len);
    uint32_t code = n <= 1 ? p[0] : p[0] & (0x7fu >> n);

    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3f);
    *ret_len = n == 0 ? 1 : n;
    return code;
}

void
avro_name(struct cv_buf *out, const char *utf8, enum avro_name_mode mode, bool is_field)
{
    size_t len = strlen(utf8), n = 0;

    if (mode == AVRO_NAME_NONE) {
        cv_buf_add(out, utf8, len);
        return;
    }
    for (size_t at = 0; at < len; at += n) {
        uint32_t code = code_point(utf8 + at, len - at, &n);

        if (is_good(code, at == 0, mode, is_field)) {
            cv_buf_char(out, (char)code);
        } else if (code > 0xffff) {
            replace(out, 0xd800 + ((code - 0x10000) >> 10), at == 0, mode);
            replace(out, 0xdc00 + ((code - 0x10000) & 0x3ff), false, mode);
        } else {
            replace(out, code, at == 0, mode);
        }
    }
}
