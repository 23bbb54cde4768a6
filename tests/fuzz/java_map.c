/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the reader of Java maps. Beyond not crashing: what it accepts, written out again, reads back as the
 * same entries in the same order.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "worker/store/java_map.h"

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* A plain listing of the entries, to compare with. */
struct listing {
    struct cv_buf text;
    struct java_map_writer writer;
    struct cv_buf again;
    uint32_t count;
    bool counting;
};

static void
list_bytes(struct cv_buf *out, const struct cv_bytes *bytes)
{
    cv_buf_be32(out, bytes->data == NULL ? UINT32_MAX : (uint32_t)bytes->len);
    cv_buf_add(out, bytes->data, bytes->len);
}

static enum cv_rc
on_entry(void *arg, const struct cv_bytes *key, const struct cv_bytes *value, struct cv_err *err)
{
    struct listing *listing = arg;

    (void)err;
    listing->count++;
    list_bytes(&listing->text, key);
    list_bytes(&listing->text, value);
    if (!listing->counting)
        java_map_put(&listing->writer, key, value);
    return CV_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listing first = { .text = CV_BUF_INIT(OUT_MAX), .again = CV_BUF_INIT(OUT_MAX), .counting = true };
    struct listing second = { .text = CV_BUF_INIT(OUT_MAX), .counting = true };
    struct cv_err err = CV_ERR_INIT;

    if (java_map_read(data, size, on_entry, &first, &err) != CV_OK) {
        must(err.rc == CV_INVALID && err.text[0] != '\0');
    } else {
        uint32_t count = first.count;

        cv_buf_reset(&first.text);
        first.counting = false;
        java_map_begin(&first.writer, &first.again, count);
        must(java_map_read(data, size, on_entry, &first, &err) == CV_OK);
        java_map_end(&first.writer);
        if (first.again.failed == CV_OK && first.text.failed == CV_OK) { /* shared arrays are written each time */
            must(java_map_read(first.again.data, first.again.len, on_entry, &second, &err) == CV_OK);
            must(second.count == count && second.text.len == first.text.len);
            must(second.text.len == 0 || memcmp(second.text.data, first.text.data, first.text.len) == 0);
        }
    }
    cv_buf_free(&first.text);
    cv_buf_free(&first.again);
    cv_buf_free(&second.text);
    return 0;
}
