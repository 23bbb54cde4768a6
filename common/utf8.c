/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 by the table of well-formed byte sequences (RFC 3629, section 4): the lead byte gives the
 * length and bounds of the second byte, all others are 80..BF.
 */
#include "common/utf8.h"

#include <string.h>

static bool
is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t
cv_utf8_sequence(const char *data, size_t len)
{
    unsigned char lead;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t n;

    if (len == 0)
        return 0;
    lead = (unsigned char)data[0];
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        n = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        n = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        n = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (len < n || (unsigned char)data[1] < low || (unsigned char)data[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!is_tail(data[i]))
            return 0;
    return n;
}

size_t
cv_utf8_check(const char *data, size_t len)
{
    size_t pos = 0;

    while (pos < len) {
        uint64_t word;
        size_t n;

        if (len - pos >= sizeof(word)) {
            memcpy(&word, data + pos, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                pos += sizeof(word);
                continue;
            }
        }
        n = cv_utf8_sequence(data + pos, len - pos);
        if (n == 0)
            return pos;
        pos += n;
    }
    return len;
}

size_t
cv_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

int
cv_utf8_hex4(const char digits[4])
{
    int code = 0;

    for (int i = 0; i < 4; i++) {
        char c = digits[i];

        if (c >= '0' && c <= '9')
            code = code * 16 + (c - '0');
        else if (c >= 'a' && c <= 'f')
            code = code * 16 + (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            code = code * 16 + (c - 'A' + 10);
        else
            return -1;
    }
    return code;
}
