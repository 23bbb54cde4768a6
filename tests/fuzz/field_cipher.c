/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted texts: no text crashes or is taken for one of ours, and values come back from theirs. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/field_cipher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
round_trip(struct field_cipher *cipher, const uint8_t *data, size_t size)
{
    size_t len = field_cipher_sealed_size(cipher, size);
    struct cv_buf out = CV_BUF_INIT(size + 1);
    struct cv_err err = CV_ERR_INIT;
    enum field_cipher_type type;
    char *text = malloc(len);

    assert(text != NULL && field_cipher_seal(cipher, FIELD_CIPHER_BYTES, data, size, text, &err) == CV_OK);
    assert(field_cipher_open(cipher, text, len, &type, &out, &err) == CV_OK);
    assert(type == FIELD_CIPHER_BYTES && out.len == size && memcmp(cv_buf_cstr(&out), data, size) == 0);
    free(text);
    cv_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    for (int mode = FIELD_CIPHER_RANDOM; mode <= FIELD_CIPHER_DETERMINISTIC; mode++) {
        struct field_cipher *cipher = NULL;
        struct cv_buf out = CV_BUF_INIT(size + 1);
        struct cv_err err = CV_ERR_INIT;
        enum field_cipher_type type;

        assert(field_cipher_new("k", key, (enum field_cipher_mode)mode, &cipher, &err) == CV_OK);
        assert(field_cipher_open(cipher, (const char *)data, size, &type, &out, &err) != CV_OK);
        assert(out.len == 0);
        round_trip(cipher, data, size);
        field_cipher_free(cipher);
        cv_buf_free(&out);
    }
    return 0;
}
