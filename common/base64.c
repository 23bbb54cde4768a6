/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, sections 4 and 5), three bytes to four characters at a time. */
#include "common/number.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t
encode(char *out, const void *data, size_t len, const char *alphabet)
{
    const unsigned char *in = data;
    char *p = out;

    for (; len >= 3; len -= 3, in += 3) {
        uint32_t word = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

        *p++ = alphabet[word >> 18];
        *p++ = alphabet[word >> 12 & 63];
        *p++ = alphabet[word >> 6 & 63];
        *p++ = alphabet[word & 63];
    }
    if (len > 0) {
        uint32_t word = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0);

        *p++ = alphabet[word >> 18];
        *p++ = alphabet[word >> 12 & 63];
        *p++ = len > 1 ? alphabet[word >> 6 & 63] : '=';
        *p++ = '=';
    }
    return (size_t)(p - out);
}

size_t
cv_base64_into(char *out, const void *data, size_t len)
{
    return encode(out, data, len, standard);
}

void
cv_base64(struct cv_buf *out, const void *data, size_t len)
{
    char *room = cv_buf_reserve(out, CV_BASE64_LEN(len));

    if (room != NULL)
        cv_buf_used(out, encode(room, data, len, standard));
}

void
cv_base64_url(struct cv_buf *out, const void *data, size_t len)
{
    char *room = cv_buf_reserve(out, CV_BASE64_LEN(len));

    if (room != NULL)
        cv_buf_used(out, encode(room, data, len, url_safe));
}

/* The six bits of a character, -1 if it is not of the alphabet. */
static int
sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

enum cv_rc
cv_base64_decode(const char *text, size_t len, struct cv_buf *out, struct cv_err *err)
{
    size_t start = out->len;
    size_t pad = 0;
    char *p;

    if (len % 4 != 0)
        return cv_fail(err, CV_INVALID, "base64 text of %zu characters: not a multiple of four",
                       len);
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    p = cv_buf_reserve(out, len / 4 * 3);
    if (p == NULL)
        return cv_buf_check(out, err);
    for (size_t i = 0; i < len; i += 4) {
        size_t n = i + 4 == len ? 4 - pad : 4;
        uint32_t word = 0;

        for (size_t j = 0; j < 4; j++) {
            int bits = j < n ? sextet(text[i + j]) : 0;

            if (bits < 0) {
                cv_buf_truncate(out, start);
                return cv_fail(err, CV_INVALID, "base64 text: bad character at position %zu",
                               i + j);
            }
            word = word << 6 | (uint32_t)bits;
        }
        p[0] = (char)(word >> 16);
        p[1] = (char)(word >> 8);
        p[2] = (char)word;
        p += 3;
    }
    if (len > 0)
        cv_buf_used(out, len / 4 * 3 - pad);
    return CV_OK;
}
