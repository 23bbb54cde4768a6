/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of record batches as Kafka's clients do it: gzip (RFC 1952), snappy in the frames of snappy-java, LZ4
 * frames with independent blocks of 64 KB, zstd frames. A compressor keeps its state and memory between calls; owned by
 * one thread.
 */
#ifndef COMMON_WIRE_COMPRESS_H
#define COMMON_WIRE_COMPRESS_H

#include "common/buf.h"

/* The numbers of a batch's attributes. */
enum cv_codec { CV_CODEC_NONE, CV_CODEC_GZIP, CV_CODEC_SNAPPY, CV_CODEC_LZ4, CV_CODEC_ZSTD };

#define CV_CODEC_DEFAULT_LEVEL (-1) /* as Java: gzip 6, lz4 1 (fast), zstd 3 (its own -1 cannot be asked for) */

/* "none", "gzip", ...; false: another name. */
bool cv_codec_of(const char *name, enum cv_codec *ret);

struct cv_compressor;
/* Levels are those of the libraries (gzip 1 to 9, lz4 0 to 12 (from 3 the slow one), zstd as ZSTD_minCLevel() to
   ZSTD_maxCLevel()); they are clamped to these. CV_CODEC_NONE makes none: an assertion. */
CV_MUST_CHECK
enum cv_rc cv_compressor_new(enum cv_codec codec, int level, struct cv_compressor **ret, struct cv_err *err);
void cv_compressor_free(struct cv_compressor *compressor);
/* Add the compressed bytes to out, which may already hold some; out may grow for a moment by the library's bound. */
CV_MUST_CHECK
enum cv_rc cv_compress(struct cv_compressor *compressor, const void *data, size_t len, struct cv_buf *out,
                       struct cv_err *err);

#endif
