/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a codec: what the library needs between calls, how much it may write, and how it writes one input as one
 * frame straight into the caller's buffer. snappy has no frame of its own; Kafka's clients use that of snappy-java: a
 * header of 16 bytes (a magic, version and oldest compatible version), then blocks of at most 32 KB of input, each
 * behind its compressed length.
 */
#include <config.h>

#include "common/wire/compress.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_MAX ((size_t)INT32_MAX) /* a batch's length is an int32 */

#define GZIP_WINDOW_BITS  (15 + 16) /* the largest window, in gzip's wrapper */
#define GZIP_MEMORY_LEVEL 8         /* zlib's default, and Java's */

#define SNAPPY_BLOCK        ((size_t)32 * 1024)
#define SNAPPY_BLOCK_HEADER ((size_t)4)

static const unsigned char snappy_header[16] = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
};

struct codec {
    const char *name;
    int default_level;
    enum cv_rc (*init)(struct cv_compressor *compressor, struct cv_err *err); /* NULL: needs nothing */
    void (*done)(struct cv_compressor *compressor);                           /* of what init left, which may be part */
    size_t (*bound)(struct cv_compressor *compressor, size_t len);
    enum cv_rc (*compress)(struct cv_compressor *compressor, const char *data, size_t len, char *out, size_t out_size,
                           size_t *ret_len, struct cv_err *err);
};

struct cv_compressor {
    const struct codec *codec;
    int level;
    union {
        z_stream gzip;
        struct {
            LZ4F_cctx *ctx;
            LZ4F_preferences_t preferences;
        } lz4;
        ZSTD_CCtx *zstd;
    };
};

static int
clamp(int level, int min, int max)
{
    return level < min ? min : level > max ? max : level;
}

/* ---- gzip ---- */

static enum cv_rc
gzip_init(struct cv_compressor *compressor, struct cv_err *err)
{
    int status = deflateInit2(&compressor->gzip, clamp(compressor->level, Z_BEST_SPEED, Z_BEST_COMPRESSION), Z_DEFLATED,
                              GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);

    if (status == Z_MEM_ERROR)
        return cv_fail_memory(err);
    if (status != Z_OK)
        return cv_fail(err, CV_INTERNAL, "zlib could not set up compression: %s", zError(status));
    return CV_OK;
}

static void
gzip_done(struct cv_compressor *compressor)
{
    (void)deflateEnd(&compressor->gzip);
}

static size_t
gzip_bound(struct cv_compressor *compressor, size_t len)
{
    return deflateBound(&compressor->gzip, len);
}

static enum cv_rc
gzip_compress(struct cv_compressor *compressor, const char *data, size_t len, char *out, size_t out_size,
              size_t *ret_len, struct cv_err *err)
{
    z_stream *gzip = &compressor->gzip;
    size_t rest;
    int status;

    gzip->next_in = (z_const Bytef *)data;
    gzip->avail_in = (uInt)len;
    gzip->next_out = (Bytef *)out;
    gzip->avail_out = (uInt)out_size;
    status = deflate(gzip, Z_FINISH);
    rest = gzip->avail_out;
    (void)deflateReset(gzip); /* now: the bound of a stream that is done leaves out the wrapper */
    if (status != Z_STREAM_END)
        return cv_fail(err, CV_INTERNAL, "zlib could not compress %zu bytes: status %d", len, status);
    *ret_len = out_size - rest;
    return CV_OK;
}

/* ---- snappy ---- */

static size_t
snappy_bound(struct cv_compressor *compressor, size_t len)
{
    size_t blocks = len / SNAPPY_BLOCK + 1; /* the last may be empty: its bound is more than none */

    (void)compressor;
    return sizeof(snappy_header) + blocks * (SNAPPY_BLOCK_HEADER + snappy_max_compressed_length(SNAPPY_BLOCK));
}

static enum cv_rc
snappy_frame(struct cv_compressor *compressor, const char *data, size_t len, char *out, size_t out_size,
             size_t *ret_len, struct cv_err *err)
{
    size_t pos = sizeof(snappy_header);

    (void)compressor;
    memcpy(out, snappy_header, sizeof(snappy_header));
    while (len > 0) {
        size_t take = len < SNAPPY_BLOCK ? len : SNAPPY_BLOCK;
        size_t block_len = out_size - pos - SNAPPY_BLOCK_HEADER;
        uint32_t wire_len;

        if (snappy_compress(data, take, out + pos + SNAPPY_BLOCK_HEADER, &block_len) != SNAPPY_OK)
            return cv_fail(err, CV_INTERNAL, "snappy could not compress a block of %zu bytes", take);
        wire_len = htobe32((uint32_t)block_len);
        memcpy(out + pos, &wire_len, sizeof(wire_len));
        pos += SNAPPY_BLOCK_HEADER + block_len;
        data += take;
        len -= take;
    }
    *ret_len = pos;
    return CV_OK;
}

/* ---- lz4 ---- */

static enum cv_rc
lz4_init(struct cv_compressor *compressor, struct cv_err *err)
{
    LZ4F_preferences_t *preferences = &compressor->lz4.preferences;

    preferences->frameInfo.blockSizeID = LZ4F_max64KB;
    preferences->frameInfo.blockMode = LZ4F_blockIndependent;
    preferences->compressionLevel = clamp(compressor->level, 0, LZ4F_compressionLevel_max());
    preferences->autoFlush = 1; /* each call has the whole input: blocks are made from it, without a copy */
    if (LZ4F_isError(LZ4F_createCompressionContext(&compressor->lz4.ctx, LZ4F_VERSION)))
        return cv_fail_memory(err);
    return CV_OK;
}

static void
lz4_done(struct cv_compressor *compressor)
{
    (void)LZ4F_freeCompressionContext(compressor->lz4.ctx);
}

static size_t
lz4_bound(struct cv_compressor *compressor, size_t len)
{
    return LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(len, &compressor->lz4.preferences);
}

static enum cv_rc
lz4_compress(struct cv_compressor *compressor, const char *data, size_t len, char *out, size_t out_size,
             size_t *ret_len, struct cv_err *err)
{
    LZ4F_cctx *ctx = compressor->lz4.ctx;
    size_t pos, made;

    pos = made = LZ4F_compressBegin(ctx, out, out_size, &compressor->lz4.preferences);
    if (!LZ4F_isError(made) && len > 0) {
        made = LZ4F_compressUpdate(ctx, out + pos, out_size - pos, data, len, NULL);
        pos += made;
    }
    if (!LZ4F_isError(made)) {
        made = LZ4F_compressEnd(ctx, out + pos, out_size - pos, NULL);
        pos += made;
    }
    if (LZ4F_isError(made))
        return cv_fail(err, CV_INTERNAL, "lz4 could not compress %zu bytes: %s", len, LZ4F_getErrorName(made));
    *ret_len = pos;
    return CV_OK;
}

/* ---- zstd ---- */

static enum cv_rc
zstd_init(struct cv_compressor *compressor, struct cv_err *err)
{
    size_t status;

    compressor->zstd = ZSTD_createCCtx();
    if (compressor->zstd == NULL)
        return cv_fail_memory(err);
    status = ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel,
                                    clamp(compressor->level, ZSTD_minCLevel(), ZSTD_maxCLevel()));
    if (ZSTD_isError(status))
        return cv_fail(err, CV_INTERNAL, "zstd could not set up compression: %s", ZSTD_getErrorName(status));
    return CV_OK;
}

static void
zstd_done(struct cv_compressor *compressor)
{
    (void)ZSTD_freeCCtx(compressor->zstd);
}

static size_t
zstd_bound(struct cv_compressor *compressor, size_t len)
{
    (void)compressor;
    return ZSTD_compressBound(len);
}

static enum cv_rc
zstd_compress(struct cv_compressor *compressor, const char *data, size_t len, char *out, size_t out_size,
              size_t *ret_len, struct cv_err *err)
{
    size_t made = ZSTD_compress2(compressor->zstd, out, out_size, data, len);

    if (ZSTD_isError(made))
        return cv_fail(err, CV_INTERNAL, "zstd could not compress %zu bytes: %s", len, ZSTD_getErrorName(made));
    *ret_len = made;
    return CV_OK;
}

/* ---- all ---- */

static const struct codec codecs[] = {
    [CV_CODEC_NONE] = { .name = "none" },
    [CV_CODEC_GZIP] = { "gzip", 6, gzip_init, gzip_done, gzip_bound, gzip_compress },
    [CV_CODEC_SNAPPY] = { "snappy", 0, NULL, NULL, snappy_bound, snappy_frame },
    [CV_CODEC_LZ4] = { "lz4", 1, lz4_init, lz4_done, lz4_bound, lz4_compress },
    [CV_CODEC_ZSTD] = { "zstd", 3, zstd_init, zstd_done, zstd_bound, zstd_compress },
};

bool
cv_codec_of(const char *name, enum cv_codec *ret)
{
    for (size_t i = 0; i < CV_COUNT(codecs); i++) {
        if (strcmp(codecs[i].name, name) == 0) {
            *ret = (enum cv_codec)i;
            return true;
        }
    }
    return false;
}

enum cv_rc
cv_compressor_new(enum cv_codec codec, int level, struct cv_compressor **ret, struct cv_err *err)
{
    struct cv_compressor *compressor;

    assert(codec > CV_CODEC_NONE && codec < CV_COUNT(codecs));
    compressor = calloc(1, sizeof(*compressor));
    if (compressor == NULL)
        return cv_fail_memory(err);
    compressor->codec = &codecs[codec];
    compressor->level = level == CV_CODEC_DEFAULT_LEVEL ? compressor->codec->default_level : level;
    if (compressor->codec->init != NULL && compressor->codec->init(compressor, err) != CV_OK) {
        cv_compressor_free(compressor);
        return err->rc;
    }
    *ret = compressor;
    return CV_OK;
}

void
cv_compressor_free(struct cv_compressor *compressor)
{
    if (compressor == NULL)
        return;
    if (compressor->codec->done != NULL)
        compressor->codec->done(compressor);
    free(compressor);
}

enum cv_rc
cv_compress(struct cv_compressor *compressor, const void *data, size_t len, struct cv_buf *out, struct cv_err *err)
{
    const struct codec *codec = compressor->codec;
    size_t bound, made = 0;
    char *at;

    if (len > INPUT_MAX)
        return cv_fail(err, CV_INVALID, "cannot compress %zu bytes as one batch: a batch has at most %zu", len,
                       INPUT_MAX);
    bound = codec->bound(compressor, len);
    at = cv_buf_reserve(out, bound);
    if (at == NULL)
        return cv_buf_check(out, err);
    if (codec->compress(compressor, data, len, at, bound, &made, err) != CV_OK)
        return err->rc;
    cv_buf_used(out, made);
    return CV_OK;
}
