/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of the compression libraries, which are what brokers and consumers use, for tests of what compresses. */
#ifndef TESTS_DECOMPRESS_H
#define TESTS_DECOMPRESS_H

#include "common/wire/compress.h"

/* How much was made. The test fails where it does not end with the input, or the frame is none of Java's. */
size_t decompress(enum cv_codec codec, const char *data, size_t len, char *out, size_t out_size);

#endif
