/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, as hex, through the reader of Java keys. What it accepts, written out again, reads back as the same
   key. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "connectors/postgres/java_object.h"

#define OUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
must_be_equal(const struct java_key *a, const struct java_key *b)
{
    must(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        must(a->items[i].kind == b->items[i].kind);
        must((a->items[i].text == NULL) == (b->items[i].text == NULL));
        must(a->items[i].text == NULL || strcmp(a->items[i].text, b->items[i].text) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_buf hex = CV_BUF_INIT(OUT_MAX), again = CV_BUF_INIT(4 * OUT_MAX);
    struct java_key key, copy;
    struct cv_err err = CV_ERR_INIT;
    bool is_null;

    cv_buf_hex(&hex, data, size);
    if (java_key_read(cv_buf_cstr(&hex), hex.len, &key, &is_null, &err) != CV_OK) {
        must(err.text[0] != '\0');
    } else {
        java_key_write(is_null ? NULL : &key, &again);
        if (again.failed == CV_OK && again.len < 131072) {
            must(java_key_read(cv_buf_cstr(&again), again.len, &copy, &is_null, &err) == CV_OK);
            must_be_equal(&key, &copy);
            java_key_done(&copy);
        }
        java_key_done(&key);
    }
    cv_buf_free(&hex);
    cv_buf_free(&again);
    return 0;
}
