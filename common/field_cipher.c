/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed values: see field_cipher.h. A text is cve1.<mode>.<key id>.<body in base64url without padding>; everything
 * before the body is authenticated with it, and so is the value's type, its first encrypted byte.
 *
 * Random (r): body = salt (16) | counter (8) | ciphertext | tag (16). A cipher draws the salt once and derives a key of
 * its own from it, under which the counter is the nonce. So one key may seal any number of values, where random nonces
 * alone would have to stop at 2^32, which a busy table has in hours; and the key schedule is paid once, not per value.
 *
 * Deterministic (d): body = nonce (12) | ciphertext | tag (16), the nonce an HMAC of type and value: a repetition of it
 * is a repetition of the value (but for a chance of 2^-48 over 2^24 values), which is what the mode gives away anyway.
 *
 * Keys are derived with HMAC-SHA256, one for each purpose.
 */
#include <config.h>

#include "common/field_cipher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "common/buf.h"
#include "common/number.h"

#define PREFIX    "cve1."
#define SALT      16
#define COUNTER   8
#define NONCE     12
#define TAG       16
#define VALUE_MAX ((size_t)1 << 30)
#define HEAD_MAX  (sizeof(PREFIX) + 2 + FIELD_CIPHER_KEY_ID_MAX + 2)

struct field_cipher {
    enum field_cipher_mode mode;
    char key_id[FIELD_CIPHER_KEY_ID_MAX + 1];
    char head[HEAD_MAX]; /* of what is sealed: cve1.r.id. */
    size_t head_len;
    unsigned char key[FIELD_CIPHER_KEY_BYTES];
    unsigned char salt[SALT];
    uint64_t counter;
    unsigned char open_salt[SALT]; /* the one that open_random has the key of */
    EVP_CIPHER_CTX *seal;          /* keyed */
    EVP_CIPHER_CTX *open_random;
    EVP_CIPHER_CTX *open_deterministic;
    EVP_MAC_CTX *nonce; /* keyed: HMAC of values */
};

static enum cv_rc
fail_openssl(struct cv_err *err, const char *what)
{
    return cv_fail(err, CV_INTERNAL, "OpenSSL could not %s", what);
}

/* ---- keys ---- */

static enum cv_rc
derive(const unsigned char *key, const char *purpose, const unsigned char *salt, size_t salt_len,
       unsigned char ret[FIELD_CIPHER_KEY_BYTES], struct cv_err *err)
{
    unsigned char message[64];
    size_t len = strlen(purpose);
    unsigned int made = FIELD_CIPHER_KEY_BYTES;

    memcpy(message, purpose, len);
    if (salt_len > 0)
        memcpy(message + len, salt, salt_len);
    if (HMAC(EVP_sha256(), key, FIELD_CIPHER_KEY_BYTES, message, len + salt_len, ret, &made) == NULL)
        return fail_openssl(err, "derive a key");
    return CV_OK;
}

/* Key the context for either direction; the nonce comes with each value. */
static enum cv_rc
key_context(EVP_CIPHER_CTX *ctx, const struct field_cipher *cipher, const char *purpose, const unsigned char *salt,
            size_t salt_len, bool encrypt, struct cv_err *err)
{
    unsigned char key[FIELD_CIPHER_KEY_BYTES];
    enum cv_rc rc = derive(cipher->key, purpose, salt, salt_len, key, err);

    if (rc == CV_OK && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) != 1)
        rc = fail_openssl(err, "set up AES-256-GCM");
    OPENSSL_cleanse(key, sizeof(key));
    return rc;
}

static enum cv_rc
key_random(EVP_CIPHER_CTX *ctx, const struct field_cipher *cipher, const unsigned char *salt, bool encrypt,
           struct cv_err *err)
{
    return key_context(ctx, cipher, "culvert field 1 random", salt, SALT, encrypt, err);
}

static enum cv_rc
key_deterministic(EVP_CIPHER_CTX *ctx, const struct field_cipher *cipher, bool encrypt, struct cv_err *err)
{
    return key_context(ctx, cipher, "culvert field 1 deterministic", NULL, 0, encrypt, err);
}

static enum cv_rc
key_nonce(struct field_cipher *cipher, struct cv_err *err)
{
    unsigned char key[FIELD_CIPHER_KEY_BYTES];
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    enum cv_rc rc = derive(cipher->key, "culvert field 1 nonce", NULL, 0, key, err);

    if (rc == CV_OK) {
        cipher->nonce = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
        if (cipher->nonce == NULL || EVP_MAC_init(cipher->nonce, key, sizeof(key), params) != 1)
            rc = fail_openssl(err, "set up HMAC-SHA256");
    }
    EVP_MAC_free(mac);
    OPENSSL_cleanse(key, sizeof(key));
    return rc;
}

/* Hexadecimal digits, or base64. */
static enum cv_rc
read_key(const char *text, unsigned char ret[FIELD_CIPHER_KEY_BYTES], struct cv_err *err)
{
    struct cv_buf raw = CV_BUF_INIT(strlen(text) + 4);
    size_t len = strlen(text);
    bool hex = len == FIELD_CIPHER_KEY_BYTES * 2 && strspn(text, "0123456789abcdefABCDEF") == len, good;

    for (size_t i = 0; hex && i < len; i += 2) {
        const char pair[3] = { text[i], text[i + 1], '\0' };

        ret[i / 2] = (unsigned char)strtoul(pair, NULL, 16);
    }
    good = hex || (cv_base64_decode(text, len, &raw, err) == CV_OK && raw.len == FIELD_CIPHER_KEY_BYTES);
    if (good && !hex)
        memcpy(ret, raw.data, FIELD_CIPHER_KEY_BYTES);
    cv_buf_wipe(&raw);
    return good ? CV_OK : cv_fail(err, CV_INVALID, "the key must be 32 bytes in base64 (44 characters) or hexadecimal "
                                  "(64 digits), as \"openssl rand -base64 32\" prints");
}

static bool
is_key_id(const char *id, size_t len)
{
    if (len < 1 || len > FIELD_CIPHER_KEY_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') || (id[i] >= '0' && id[i] <= '9') ||
              id[i] == '_' || id[i] == '-'))
            return false;
    return true;
}

static enum cv_rc
set_up(struct field_cipher *cipher, struct cv_err *err)
{
    cipher->seal = EVP_CIPHER_CTX_new();
    cipher->open_random = EVP_CIPHER_CTX_new();
    cipher->open_deterministic = EVP_CIPHER_CTX_new();
    if (cipher->seal == NULL || cipher->open_random == NULL || cipher->open_deterministic == NULL)
        return cv_fail_memory(err);
    if (RAND_bytes(cipher->salt, SALT) != 1)
        return fail_openssl(err, "draw random bytes");
    memcpy(cipher->open_salt, cipher->salt, SALT);
    if (key_random(cipher->open_random, cipher, cipher->open_salt, false, err) != CV_OK ||
        key_deterministic(cipher->open_deterministic, cipher, false, err) != CV_OK || key_nonce(cipher, err) != CV_OK)
        return err->rc;
    return cipher->mode == FIELD_CIPHER_RANDOM ? key_random(cipher->seal, cipher, cipher->salt, true, err)
                                               : key_deterministic(cipher->seal, cipher, true, err);
}

enum cv_rc
field_cipher_new(const char *key_id, const char *key, enum field_cipher_mode mode, struct field_cipher **ret,
                 struct cv_err *err)
{
    struct field_cipher *cipher;
    enum cv_rc rc;

    if (!is_key_id(key_id, strlen(key_id)))
        return cv_fail(err, CV_INVALID, "\"%s\" is no key id: write 1 to %d letters, digits, _ or -", key_id,
                       FIELD_CIPHER_KEY_ID_MAX);
    cipher = calloc(1, sizeof(*cipher));
    if (cipher == NULL)
        return cv_fail_memory(err);
    cipher->mode = mode;
    memcpy(cipher->key_id, key_id, strlen(key_id) + 1);
    cipher->head_len = (size_t)snprintf(cipher->head, sizeof(cipher->head), PREFIX "%c.%s.",
                                        mode == FIELD_CIPHER_RANDOM ? 'r' : 'd', key_id);
    rc = read_key(key, cipher->key, err);
    if (rc == CV_OK)
        rc = set_up(cipher, err);
    if (rc == CV_OK)
        *ret = cipher;
    else
        field_cipher_free(cipher);
    return rc;
}

void
field_cipher_free(struct field_cipher *cipher)
{
    if (cipher == NULL)
        return;
    EVP_CIPHER_CTX_free(cipher->seal);
    EVP_CIPHER_CTX_free(cipher->open_random);
    EVP_CIPHER_CTX_free(cipher->open_deterministic);
    EVP_MAC_CTX_free(cipher->nonce);
    OPENSSL_cleanse(cipher, sizeof(*cipher));
    free(cipher);
}

const char *
field_cipher_key_id(const struct field_cipher *cipher)
{
    return cipher->key_id;
}

/* ---- base64url without padding ---- */

static size_t
encoded_size(size_t len)
{
    return len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1);
}

/* raw may stand at the end of the encoded_size(len) bytes at out: reading stays ahead of writing. */
static void
encode(char *out, const unsigned char *raw, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t i = 0;

    for (; i + 3 <= len; i += 3) {
        uint32_t v = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];

        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = digits[v >> 6 & 63];
        *out++ = digits[v & 63];
    }
    if (i < len) {
        uint32_t v = (uint32_t)raw[i] << 16 | (i + 1 < len ? (uint32_t)raw[i + 1] << 8 : 0);

        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        if (i + 1 < len)
            *out++ = digits[v >> 6 & 63];
    }
}

static int
digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Append the bytes; false: it is no base64url, or has bits that stand for nothing. */
static bool
decode(const char *text, size_t len, struct cv_buf *out)
{
    unsigned char *at = (unsigned char *)cv_buf_reserve(out, len / 4 * 3 + 3);
    size_t made = 0;
    uint32_t v = 0;
    int bits = 0;

    if (at == NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        int d = digit(text[i]);

        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            at[made++] = (unsigned char)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    if (len % 4 == 1 || v != 0)
        return false;
    cv_buf_used(out, made);
    return true;
}

/* ---- sealing ---- */

static size_t
nonce_size(enum field_cipher_mode mode)
{
    return mode == FIELD_CIPHER_RANDOM ? SALT + COUNTER : NONCE;
}

size_t
field_cipher_sealed_size(const struct field_cipher *cipher, size_t len)
{
    return cipher->head_len + encoded_size(nonce_size(cipher->mode) + 1 + len + TAG);
}

static void
counter_nonce(uint64_t counter, unsigned char bytes[COUNTER], unsigned char ret[NONCE])
{
    for (int i = 0; i < COUNTER; i++)
        bytes[i] = (unsigned char)(counter >> 8 * (COUNTER - 1 - i));
    memset(ret, 0, NONCE - COUNTER);
    memcpy(ret + NONCE - COUNTER, bytes, COUNTER);
}

static bool
value_nonce(struct field_cipher *cipher, unsigned char type, const void *value, size_t len, unsigned char ret[NONCE])
{
    unsigned char mac[FIELD_CIPHER_KEY_BYTES];
    size_t made = 0;

    if (EVP_MAC_init(cipher->nonce, NULL, 0, NULL) != 1 || EVP_MAC_update(cipher->nonce, &type, 1) != 1 ||
        EVP_MAC_update(cipher->nonce, value, len) != 1 ||
        EVP_MAC_final(cipher->nonce, mac, &made, sizeof(mac)) != 1)
        return false;
    memcpy(ret, mac, NONCE);
    return true;
}

/* What stands in front of the ciphertext goes to at, the nonce to ret. */
static bool
next_nonce(struct field_cipher *cipher, unsigned char type, const void *value, size_t len, unsigned char *at,
           unsigned char ret[NONCE])
{
    if (cipher->mode == FIELD_CIPHER_RANDOM) {
        memcpy(at, cipher->salt, SALT);
        counter_nonce(cipher->counter++, at + SALT, ret);
        return true;
    }
    if (!value_nonce(cipher, type, value, len, ret))
        return false;
    memcpy(at, ret, NONCE);
    return true;
}

enum cv_rc
field_cipher_seal(struct field_cipher *cipher, enum field_cipher_type type, const void *value, size_t len, char *out,
                  struct cv_err *err)
{
    size_t front = nonce_size(cipher->mode), body = front + 1 + len + TAG;
    size_t room = encoded_size(body);
    unsigned char nonce[NONCE], first = (unsigned char)type, *raw, *at;
    EVP_CIPHER_CTX *ctx = cipher->seal;
    int n = 0;

    if (len > VALUE_MAX)
        return cv_fail(err, CV_INVALID, "a value of more than 1 GiB cannot be encrypted");
    memcpy(out, cipher->head, cipher->head_len);
    raw = (unsigned char *)out + cipher->head_len + room - body; /* at the end of its room, to be encoded in place */
    at = raw + front;
    if (!next_nonce(cipher, first, value, len, raw, nonce) ||
        EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(ctx, NULL, &n, (unsigned char *)cipher->head, (int)cipher->head_len) != 1 ||
        EVP_EncryptUpdate(ctx, at, &n, &first, 1) != 1 ||
        (len > 0 && EVP_EncryptUpdate(ctx, at + 1, &n, value, (int)len) != 1) ||
        EVP_EncryptFinal_ex(ctx, at + 1 + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, at + 1 + len) != 1)
        return fail_openssl(err, "encrypt a value");
    encode(out + cipher->head_len, raw, body);
    return CV_OK;
}

/* ---- opening ---- */

/* The parts of a text. */
struct sealed {
    enum field_cipher_mode mode;
    const char *key_id;
    size_t key_id_len;
    size_t head_len;
};

static bool
read_head(const char *text, size_t len, struct sealed *ret)
{
    const char *dot;

    if (len < sizeof(PREFIX) - 1 + 2 || memcmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
        return false;
    ret->key_id = text + sizeof(PREFIX) - 1 + 2;
    if ((ret->key_id[-2] != 'r' && ret->key_id[-2] != 'd') || ret->key_id[-1] != '.')
        return false;
    ret->mode = ret->key_id[-2] == 'r' ? FIELD_CIPHER_RANDOM : FIELD_CIPHER_DETERMINISTIC;
    dot = memchr(ret->key_id, '.', len - (size_t)(ret->key_id - text));
    if (dot == NULL || !is_key_id(ret->key_id, (size_t)(dot - ret->key_id)))
        return false;
    ret->key_id_len = (size_t)(dot - ret->key_id);
    ret->head_len = (size_t)(dot - text) + 1;
    return true;
}

bool
field_cipher_is_sealed(const char *text, size_t len, const char **ret_key_id, size_t *ret_key_id_len)
{
    struct sealed sealed;

    if (!read_head(text, len, &sealed))
        return false;
    *ret_key_id = sealed.key_id;
    *ret_key_id_len = sealed.key_id_len;
    return true;
}

/* The context that has the key of the body, and the nonce. */
static enum cv_rc
open_context(struct field_cipher *cipher, enum field_cipher_mode mode, const unsigned char *body, EVP_CIPHER_CTX **ret,
             unsigned char nonce[NONCE], struct cv_err *err)
{
    uint64_t counter = 0;
    unsigned char unused[COUNTER];

    if (mode == FIELD_CIPHER_DETERMINISTIC) {
        memcpy(nonce, body, NONCE);
        *ret = cipher->open_deterministic;
        return CV_OK;
    }
    if (memcmp(cipher->open_salt, body, SALT) != 0) {
        if (key_random(cipher->open_random, cipher, body, false, err) != CV_OK)
            return err->rc;
        memcpy(cipher->open_salt, body, SALT);
    }
    for (int i = 0; i < COUNTER; i++)
        counter = counter << 8 | body[SALT + i];
    counter_nonce(counter, unused, nonce);
    *ret = cipher->open_random;
    return CV_OK;
}

/* body: nonce, ciphertext, tag. The value, its type in front, takes the place of the ciphertext. */
static enum cv_rc
open_body(struct field_cipher *cipher, enum field_cipher_mode mode, const char *head, size_t head_len,
          unsigned char *body, size_t len, struct cv_err *err)
{
    size_t front = nonce_size(mode), size = len - front - TAG;
    EVP_CIPHER_CTX *ctx = NULL;
    unsigned char nonce[NONCE];
    int n = 0;

    if (open_context(cipher, mode, body, &ctx, nonce, err) != CV_OK)
        return err->rc;
    if (EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)head, (int)head_len) != 1 ||
        EVP_DecryptUpdate(ctx, body + front, &n, body + front, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, body + front + size) != 1)
        return fail_openssl(err, "decrypt a value");
    if (EVP_DecryptFinal_ex(ctx, body + front + size, &n) != 1)
        return cv_fail(err, CV_INVALID, "an encrypted text was changed, or key \"%s\" is not the one that it was "
                       "encrypted with", cipher->key_id);
    return CV_OK;
}

enum cv_rc
field_cipher_open(struct field_cipher *cipher, const char *text, size_t len, enum field_cipher_type *ret_type,
                  struct cv_buf *out, struct cv_err *err)
{
    struct cv_buf raw = CV_BUF_INIT(len + 4);
    struct sealed sealed;
    size_t front;
    enum cv_rc rc;

    if (!read_head(text, len, &sealed))
        return cv_fail(err, CV_INVALID, "it is no encrypted text");
    if (strlen(cipher->key_id) != sealed.key_id_len || memcmp(cipher->key_id, sealed.key_id, sealed.key_id_len) != 0)
        return cv_fail(err, CV_INVALID, "an encrypted text has key \"%.*s\", not \"%s\"", (int)sealed.key_id_len,
                       sealed.key_id, cipher->key_id);
    front = nonce_size(sealed.mode);
    if (len - sealed.head_len > VALUE_MAX * 2 || !decode(text + sealed.head_len, len - sealed.head_len, &raw) ||
        raw.len < front + 1 + TAG)
        rc = cv_fail(err, CV_INVALID, "an encrypted text is damaged or cut");
    else
        rc = open_body(cipher, sealed.mode, text, sealed.head_len, (unsigned char *)raw.data, raw.len, err);
    if (rc == CV_OK) {
        size_t before = out->len;

        cv_buf_add(out, raw.data + front + 1, raw.len - front - 1 - TAG);
        rc = cv_buf_check(out, err);
        if (rc == CV_OK)
            *ret_type = (enum field_cipher_type)raw.data[front];
        else
            cv_buf_truncate(out, before);
    }
    cv_buf_wipe(&raw);
    return rc;
}
