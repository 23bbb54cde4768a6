/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks: what the rules of columns do to schemas and values.
 *
 * Encryption is that of the transform EncryptField (docs/encryption.md), of the value that would be sent.
 *
 * Hashes are those of Debezium: of the salt and the value, version 1 with the value as Java serializes a String
 * (magic, type code, length, modified UTF-8), cut to the column's length. Lengths count UTF-16 units; a character that
 * would be cut in half is left out.
 */
#include "connectors/postgres/mask_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "connectors/postgres/column_type.h"
#include "data/encrypted_value.h"

#define COLUMN_MAX 512 /* schema.table.column, 63 bytes each, with room */
#define VALUE_MAX  ((size_t)1 << 30)

enum mask_kind { MASK_CIPHER, MASK_CHARS, MASK_HASH, MASK_CUT_TEXT, MASK_CUT_BYTES };

struct mask {
    enum mask_kind kind;
    int32_t length;     /* cuts: units or bytes; hashes: most digits */
    char *stars;        /* MASK_CHARS: the JSON string */
    EVP_MD_CTX *salted; /* hashes: begun with the salt */
    EVP_MD_CTX *work;
    struct field_cipher *cipher;
    struct cv_schema *plain;  /* ciphers: of the value before, */
    struct cv_schema *sealed; /* and of its text */
    bool serialized; /* version 1 */
};

/* ---- columns ---- */

const struct cv_schema *
mask_plain_schema(const struct mask *mask, const struct cv_schema *masked)
{
    return mask->plain != NULL ? mask->plain : masked;
}

bool
mask_encrypts(const struct mask *mask)
{
    return mask->kind == MASK_CIPHER;
}

static void
int_param(struct cv_schema_builder *b, const char *name, int64_t v)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)v);
    cv_schema_add_param(b, name, text);
}

static void
propagate(struct cv_schema_builder *b, const struct pg_column *col, bool snapshot)
{
    char type[COLUMN_MAX];
    int32_t length, scale;

    column_type_name(col, snapshot, type, sizeof(type));
    cv_schema_add_param(b, "__debezium.source.column.type", type);
    column_type_size(col, snapshot, &length, &scale);
    int_param(b, "__debezium.source.column.length", length);
    if (scale >= 0)
        int_param(b, "__debezium.source.column.scale", scale);
    cv_schema_add_param(b, "__debezium.source.column.name", col->name);
}

static struct mask *
mask_new(enum mask_kind kind, int32_t length)
{
    struct mask *mask = calloc(1, sizeof(*mask));

    if (mask != NULL) {
        mask->kind = kind;
        mask->length = length;
    }
    return mask;
}

void
mask_free(struct mask *mask)
{
    if (mask == NULL)
        return;
    free(mask->stars);
    EVP_MD_CTX_free(mask->salted);
    EVP_MD_CTX_free(mask->work);
    field_cipher_free(mask->cipher);
    cv_schema_unref(mask->plain);
    cv_schema_unref(mask->sealed);
    free(mask);
}

static struct mask *
stars_new(int32_t n)
{
    struct mask *mask = mask_new(MASK_CHARS, n);

    if (mask == NULL || (mask->stars = malloc((size_t)n + 3)) == NULL) {
        mask_free(mask);
        return NULL;
    }
    mask->stars[0] = '"';
    memset(mask->stars + 1, '*', (size_t)n);
    memcpy(mask->stars + 1 + n, "\"", 2);
    return mask;
}

static struct mask *
hash_new(const struct mask_rule *rule, int32_t column_length)
{
    struct mask *mask = mask_new(MASK_HASH, column_length);

    if (mask == NULL)
        return NULL;
    mask->serialized = rule->kind == RULE_HASH_V1;
    mask->salted = EVP_MD_CTX_new();
    mask->work = EVP_MD_CTX_new();
    if (mask->salted == NULL || mask->work == NULL || EVP_DigestInit_ex(mask->salted, rule->digest, NULL) != 1 ||
        EVP_DigestUpdate(mask->salted, rule->salt, strlen(rule->salt)) != 1) {
        mask_free(mask);
        return NULL;
    }
    return mask;
}

/* How values change; NULL with CV_OK when they do not. */
static enum cv_rc
value_mask(const struct mask_rule *rule, const struct pg_column *col, int32_t column_length,
           const struct cv_schema *schema, struct mask **ret, struct cv_err *err)
{
    *ret = NULL;
    if (rule->kind == RULE_TRUNCATE) {
        if (schema->type == CV_STRING)
            *ret = mask_new(MASK_CUT_TEXT, rule->length);
        else if (schema->type == CV_BYTES && schema->name == NULL)
            *ret = mask_new(MASK_CUT_BYTES, rule->length);
        else
            return CV_OK;
    } else if (!column_type_is_text(col)) {
        return CV_OK;
    } else {
        *ret = rule->kind == RULE_CHARS ? stars_new(rule->length) : hash_new(rule, column_length);
    }
    return *ret == NULL ? cv_fail_memory(err) : CV_OK;
}

/* The column encrypted: *inout_schema becomes that of the texts. */
static enum cv_rc
cipher_mask(const struct mask_rule *rule, bool is_key, struct cv_schema **inout_schema, struct mask **ret,
            struct cv_err *err)
{
    struct cv_schema *plain = *inout_schema, *sealed = NULL;
    struct mask *mask;

    if (plain->type >= CV_ARRAY)
        return cv_fail(err, CV_INVALID, "column.encrypt.with.%s: only single values can be encrypted, not %s; choose a "
                       "handling mode that makes it a text, or leave the column out with column.exclude.list",
                       rule->key_id, cv_type_name(plain->type));
    if (is_key && rule->mode == FIELD_CIPHER_RANDOM)
        return cv_fail(err, CV_INVALID, "column.encrypt.with.%s: the column is part of the record key, and mode random "
                       "would give every record another key: set column.encrypt.mode.%s to deterministic",
                       rule->key_id, rule->key_id);
    mask = mask_new(MASK_CIPHER, 0);
    if (mask == NULL)
        return cv_fail_memory(err);
    if (field_cipher_new(rule->key_id, rule->key, rule->mode, &mask->cipher, err) != CV_OK ||
        encrypted_schema(plain, &sealed, err) != CV_OK) {
        mask_free(mask);
        return err->rc;
    }
    mask->plain = plain;
    mask->sealed = cv_schema_ref(sealed);
    *inout_schema = sealed;
    *ret = mask;
    return CV_OK;
}

enum cv_rc
mask_column(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col,
            bool snapshot, bool is_key, struct cv_schema **inout_schema, struct mask **ret_mask, struct cv_err *err)
{
    const struct mask_rule *rule = mask_find_rule(rules, schema, table, col);
    struct cv_schema_builder *b;
    struct cv_schema *with = NULL;
    int32_t length, scale;

    *ret_mask = NULL;
    if (rule == NULL)
        return CV_OK;
    if (rule->kind == RULE_ENCRYPT)
        return cipher_mask(rule, is_key, inout_schema, ret_mask, err);
    column_type_size(col, snapshot, &length, &scale);
    if (rule->kind == RULE_TRUNCATE && length > 0 && length <= rule->length)
        return CV_OK;
    b = cv_schema_derive(*inout_schema);
    if (rule->kind == RULE_TRUNCATE)
        int_param(b, "truncateLength", rule->length);
    else if (rule->kind == RULE_PROPAGATE_COLUMN || rule->kind == RULE_PROPAGATE_TYPE)
        propagate(b, col, snapshot);
    else
        cv_schema_add_param(b, "masked", "true");
    if (cv_schema_finish(b, &with, err) != CV_OK)
        return err->rc;
    cv_schema_unref(*inout_schema);
    *inout_schema = with;
    if (rule->kind == RULE_PROPAGATE_COLUMN || rule->kind == RULE_PROPAGATE_TYPE)
        return CV_OK;
    return value_mask(rule, col, length, with, ret_mask, err);
}

/* ---- values ---- */

/* The bytes of the first n UTF-16 units of a text. */
static size_t
cut_text(const char *text, size_t len, int32_t n)
{
    size_t at = 0;

    for (int32_t units = 0; at < len; at++) {
        unsigned char c = (unsigned char)text[at];

        if ((c & 0xc0) == 0x80)
            continue; /* belongs to the character before */
        units += c >= 0xf0 ? 2 : 1;
        if (units > n)
            break;
    }
    return at;
}

/* The same of a JSON string from behind its first quote to its last one. */
static char *
cut_json(char *at, const char *end, int32_t n)
{
    for (int32_t units = 0; at < end;) {
        unsigned char c = (unsigned char)*at;
        bool pair = c == '\\' && at[1] == 'u' && (at[2] | 0x20) == 'd' && strchr("89abAB", at[3]) != NULL;
        size_t step = c == '\\' ? (at[1] != 'u' ? 2U : pair ? 12U : 6U)
                                : c < 0x80 ? 1U : c < 0xe0 ? 2U : c < 0xf0 ? 3U : 4U;

        units += pair || c >= 0xf0 ? 2 : 1;
        if (units > n)
            break;
        at += step;
    }
    return at;
}

/* Modified UTF-8: a character beyond U+FFFF is two of three bytes, its surrogates. */
static void
add_modified(struct cv_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        const unsigned char *s = (const unsigned char *)text + i;
        uint32_t code;

        if (s[0] < 0xf0 || i + 4 > len) {
            cv_buf_char(out, text[i++]);
            continue;
        }
        code = ((s[0] & 7U) << 18 | (s[1] & 63U) << 12 | (s[2] & 63U) << 6 | (s[3] & 63U)) - 0x10000;
        for (int half = 0; half < 2; half++) {
            uint32_t unit = half == 0 ? 0xd800 + (code >> 10) : 0xdc00 + (code & 0x3ff);

            cv_buf_char(out, (char)(0xe0 | unit >> 12));
            cv_buf_char(out, (char)(0x80 | (unit >> 6 & 63)));
            cv_buf_char(out, (char)(0x80 | (unit & 63)));
        }
        i += 4;
    }
}

/* What Java's ObjectOutputStream writes for a String. */
static bool
update_serialized(EVP_MD_CTX *ctx, const char *text, size_t len)
{
    static const char magic[] = "\xac\xed\x00\x05";
    struct cv_buf modified = CV_BUF_INIT(VALUE_MAX), head = CV_BUF_INIT(16);
    struct cv_err err = CV_ERR_INIT;
    bool ok;

    add_modified(&modified, text, len);
    cv_buf_add(&head, magic, 4);
    cv_buf_char(&head, modified.len <= UINT16_MAX ? 't' : '|');
    if (modified.len <= UINT16_MAX)
        cv_buf_be16(&head, (uint16_t)modified.len);
    else
        cv_buf_be64(&head, modified.len);
    ok = cv_buf_check(&modified, &err) == CV_OK && cv_buf_check(&head, &err) == CV_OK &&
         EVP_DigestUpdate(ctx, head.data, head.len) == 1 &&
         (modified.len == 0 || EVP_DigestUpdate(ctx, modified.data, modified.len) == 1);
    cv_buf_free(&modified);
    cv_buf_free(&head);
    return ok;
}

/* Hex digits of the salted hash, as many as the column has room for; 0: it could not be made. */
static size_t
hash(struct mask *mask, const char *text, size_t len, char out[2 * EVP_MAX_MD_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    size_t n;

    if (EVP_MD_CTX_copy_ex(mask->work, mask->salted) != 1 ||
        !(mask->serialized ? update_serialized(mask->work, text, len)
                           : EVP_DigestUpdate(mask->work, text, len) == 1) ||
        EVP_DigestFinal_ex(mask->work, sum, &size) != 1)
        return 0;
    for (unsigned int i = 0; i < size; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    n = 2 * (size_t)size;
    return mask->length > 0 && n > (size_t)mask->length ? (size_t)mask->length : n;
}

size_t
mask_room(const struct mask *mask)
{
    switch (mask->kind) {
    case MASK_CIPHER: /* the text of a number may be longer here than there */
        return field_cipher_sealed_size(mask->cipher, 64) + 2;
    case MASK_CHARS:
        return strlen(mask->stars);
    default:
        return 2 * EVP_MAX_MD_SIZE + 2;
    }
}

/* bytea's text is "\x" and two digits a byte; other types' bytes are those of their text. */
static size_t
cut_bytea(const struct mask *mask, const struct encode *enc, size_t len)
{
    size_t most = enc->kind == ENCODE_BYTES ? 2 + 2 * (size_t)mask->length : (size_t)mask->length;

    return len < most ? len : most;
}

/* The encrypted value as a JSON string; NULL: it cannot be converted, or could not be encrypted. */
static char *
seal_json(struct mask *mask, const struct encode *enc, const char *text, size_t len, char *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value val = cv_null(mask->plain);
    struct cv_err err = CV_ERR_INIT;
    char *end = NULL;
    bool bad = false;

    if (arena != NULL && encode_value(enc, text, len, arena, &val, &bad, &err) == CV_OK && !bad && !val.is_null &&
        encrypted_value(mask->cipher, mask->plain, arena, &val, &err) == CV_OK) {
        out[0] = '"';
        memcpy(out + 1, val.bytes.data, val.bytes.len);
        out[1 + val.bytes.len] = '"';
        end = out + val.bytes.len + 2;
    }
    cv_arena_free(arena);
    return end;
}

char *
mask_json(struct mask *mask, const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    char hex[2 * EVP_MAX_MD_SIZE], *end;
    size_t n;

    switch (mask->kind) {
    case MASK_CIPHER:
        end = seal_json(mask, enc, text, len, out);
        if (end != NULL)
            return end;
        *ret_bad = true;
        memcpy(out, "null", 4);
        return out + 4;
    case MASK_CHARS:
        n = strlen(mask->stars);
        memcpy(out, mask->stars, n);
        return out + n;
    case MASK_HASH:
        n = hash(mask, text, len, hex);
        if (n > 0)
            return encode_json_string(hex, n, out);
        *ret_bad = true;
        memcpy(out, "null", 4);
        return out + 4;
    case MASK_CUT_BYTES:
        return encode_json(enc, text, cut_bytea(mask, enc, len), out, ret_bad);
    case MASK_CUT_TEXT:
    default:
        end = encode_json(enc, text, len, out, ret_bad);
        if (*out != '"')
            return end;
        end = cut_json(out + 1, end - 1, mask->length);
        *end++ = '"';
        return end;
    }
}

const char *
mask_null_json(const struct mask *mask)
{
    return mask->kind == MASK_CHARS ? mask->stars : NULL;
}

static enum cv_rc
set_text(struct cv_value *inout, struct cv_arena *arena, const char *text, size_t len, struct cv_err *err)
{
    const struct cv_schema *schema = inout->schema;
    char *copy = cv_arena_dup(arena, text, len);

    if (copy == NULL)
        return cv_fail_memory(err);
    *inout = cv_string(copy, len);
    inout->schema = schema;
    return CV_OK;
}

enum cv_rc
mask_value(struct mask *mask, struct cv_arena *arena, struct cv_value *inout, struct cv_err *err)
{
    char hex[2 * EVP_MAX_MD_SIZE];
    size_t n;

    if (mask->kind == MASK_CHARS)
        return set_text(inout, arena, mask->stars + 1, strlen(mask->stars) - 2, err);
    if (mask->kind == MASK_CIPHER && inout->is_null)
        *inout = cv_null(mask->sealed);
    if (inout->is_null)
        return CV_OK;
    switch (mask->kind) {
    case MASK_CIPHER:
        return encrypted_value(mask->cipher, mask->sealed, arena, inout, err);
    case MASK_HASH:
        n = hash(mask, inout->bytes.data, inout->bytes.len, hex);
        return n == 0 ? cv_fail(err, CV_INTERNAL, "could not hash a value") : set_text(inout, arena, hex, n, err);
    case MASK_CUT_BYTES:
        if (inout->bytes.len > (size_t)mask->length)
            inout->bytes.len = (size_t)mask->length;
        return CV_OK;
    default:
        inout->bytes.len = cut_text(inout->bytes.data, inout->bytes.len, mask->length);
        return CV_OK;
    }
}
