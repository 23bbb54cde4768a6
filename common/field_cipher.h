/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption of single values (AES-256-GCM, OpenSSL) into short ASCII texts that name their key, and back; the format
 * is docs/encryption.md. A text can be told from others by its beginning, and any change of it is noticed.
 *
 * Random: equal values have different texts. Deterministic: equal values of one key have equal texts, for joins and
 * keys, and who sees the texts sees which are equal. A cipher belongs to one thread; it wipes its key.
 */
#ifndef COMMON_FIELD_CIPHER_H
#define COMMON_FIELD_CIPHER_H

#include <culvert/err.h>

struct cv_buf;
struct field_cipher;

enum field_cipher_mode { FIELD_CIPHER_RANDOM, FIELD_CIPHER_DETERMINISTIC };

/* Of what type the value is: encrypted with it, so that it comes back as what it was. */
enum field_cipher_type {
    FIELD_CIPHER_STRING = 's',  /* UTF-8 */
    FIELD_CIPHER_BYTES = 'b',
    FIELD_CIPHER_INTEGER = 'i', /* decimal text */
    FIELD_CIPHER_FLOAT = 'f',   /* shortest decimal text, as Java prints it */
    FIELD_CIPHER_BOOLEAN = 'z', /* true, false */
};

#define FIELD_CIPHER_KEY_BYTES  32
#define FIELD_CIPHER_KEY_ID_MAX 32

/* key: 32 bytes, in base64 or hexadecimal. key_id goes into the texts: letters, digits, _ and -. CV_INVALID says what
   is wrong, never what the key is. */
CV_MUST_CHECK enum cv_rc field_cipher_new(const char *key_id, const char *key, enum field_cipher_mode mode,
                                          struct field_cipher **ret, struct cv_err *err);
void field_cipher_free(struct field_cipher *cipher);
const char *field_cipher_key_id(const struct field_cipher *cipher);

/* Length of the text of a value of len bytes. */
size_t field_cipher_sealed_size(const struct field_cipher *cipher, size_t len);
/* Write the text of a value to out, which has room for field_cipher_sealed_size(len) bytes; no NUL. */
CV_MUST_CHECK enum cv_rc field_cipher_seal(struct field_cipher *cipher, enum field_cipher_type type,
                                           const void *value, size_t len, char *out, struct cv_err *err);

/* Whether the text is one of ours, of whichever key; then *ret_key_id (len bytes, borrowed) names that. */
bool field_cipher_is_sealed(const char *text, size_t len, const char **ret_key_id, size_t *ret_key_id_len);
/* Append the value of a text of this key to out, whatever the mode of either. CV_INVALID: it is no such text, of
   another key, or was changed. */
CV_MUST_CHECK enum cv_rc field_cipher_open(struct field_cipher *cipher, const char *text, size_t len,
                                           enum field_cipher_type *ret_type, struct cv_buf *out, struct cv_err *err);

#endif
