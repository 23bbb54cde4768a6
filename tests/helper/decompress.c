/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/decompress.h"

#include "tests/helper/cmocka_all.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static size_t
gunzip(const char *data, size_t len, char *out, size_t out_size)
{
    z_stream in = { .next_in = (z_const Bytef *)data, .avail_in = (uInt)len, .next_out = (Bytef *)out,
                    .avail_out = (uInt)out_size };

    assert_int_equal(inflateInit2(&in, 15 + 16), Z_OK);
    assert_int_equal(inflate(&in, Z_FINISH), Z_STREAM_END);
    assert_int_equal(in.avail_in, 0);
    assert_int_equal(inflateEnd(&in), Z_OK);
    return out_size - in.avail_out;
}

static uint32_t
read_be32(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static size_t
unsnappy(const char *data, size_t len, char *out, size_t out_size)
{
    size_t pos = 16, made = 0;

    assert_true(len >= pos);
    assert_memory_equal(data, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
    while (pos < len) {
        size_t block_len, plain_len = out_size - made;

        assert_true(len - pos >= 4);
        block_len = read_be32(data + pos);
        pos += 4;
        assert_true(block_len <= len - pos);
        assert_int_equal(snappy_uncompress(data + pos, block_len, out + made, &plain_len), SNAPPY_OK);
        assert_in_range(plain_len, 1, 32 * 1024);
        made += plain_len;
        pos += block_len;
    }
    return made;
}

static size_t
unlz4(const char *data, size_t len, char *out, size_t out_size)
{
    LZ4F_dctx *ctx;
    LZ4F_frameInfo_t info;
    size_t pos = len, made = out_size, taken;

    assert_false(LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)));
    assert_false(LZ4F_isError(LZ4F_getFrameInfo(ctx, &info, data, &pos)));
    assert_int_equal(info.blockSizeID, LZ4F_max64KB);
    assert_int_equal(info.blockMode, LZ4F_blockIndependent);
    assert_int_equal(info.contentChecksumFlag, LZ4F_noContentChecksum);
    assert_int_equal(info.blockChecksumFlag, LZ4F_noBlockChecksum);
    assert_int_equal(info.contentSize, 0);
    taken = len - pos;
    assert_int_equal(LZ4F_decompress(ctx, out, &made, data + pos, &taken, NULL), 0);
    assert_int_equal(pos + taken, len);
    LZ4F_freeDecompressionContext(ctx);
    return made;
}

static size_t
unzstd(const char *data, size_t len, char *out, size_t out_size)
{
    size_t made = ZSTD_decompress(out, out_size, data, len);

    assert_false(ZSTD_isError(made));
    assert_int_equal(ZSTD_findFrameCompressedSize(data, len), len);
    return made;
}

size_t
decompress(enum cv_codec codec, const char *data, size_t len, char *out, size_t out_size)
{
    switch (codec) {
    case CV_CODEC_GZIP:
        return gunzip(data, len, out, out_size);
    case CV_CODEC_SNAPPY:
        return unsnappy(data, len, out, out_size);
    case CV_CODEC_LZ4:
        return unlz4(data, len, out, out_size);
    case CV_CODEC_ZSTD:
        return unzstd(data, len, out, out_size);
    case CV_CODEC_NONE:
        break;
    }
    fail_msg("no codec %d", (int)codec);
    return 0;
}
