/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Any thread.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid sequence at data, 1 to 4; 0 if there is none within len bytes. */
size_t cv_utf8_sequence(const char *data, size_t len);
/* Position of the first byte that is not part of valid UTF-8, len if all is valid. */
size_t cv_utf8_check(const char *data, size_t len);
/* Encode one code point (no surrogate, at most U+10FFFF); returns its length. */
size_t cv_utf8_encode(uint32_t code, char out[4]);
/* The code of four hexadecimal digits, -1 if one of them is not. */
int cv_utf8_hex4(const char digits[4]);

#endif
