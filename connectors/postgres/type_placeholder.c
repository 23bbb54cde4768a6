/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands for an unchanged TOAST value: the placeholder of the configuration itself for texts and bytes, its
 * bytes one by one for some arrays of numbers, a UUID made of it, and null where Debezium has none.
 */
#include "connectors/postgres/type_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/buf.h"

#define HEX_PREFIX "hex:"

/* The option's bytes: its text, or those that "hex:" names. */
static void
placeholder_bytes(const char *option, struct cv_buf *out)
{
    size_t len = strlen(option), prefix = strlen(HEX_PREFIX);

    if (strncmp(option, HEX_PREFIX, prefix) == 0) {
        char *room = cv_buf_reserve(out, len);

        if (room != NULL && encode_unhex(option + prefix, len - prefix, (unsigned char *)room)) {
            cv_buf_used(out, (len - prefix) / 2);
            return;
        }
    }
    cv_buf_add(out, option, len);
}

/* Java's UUID.nameUUIDFromBytes. */
static bool
append_uuid(struct cv_buf *out, const struct cv_buf *bytes)
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(cv_buf_cstr(bytes), bytes->len, hash, NULL, EVP_md5(), NULL) != 1)
        return false;
    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x30);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            cv_buf_char(out, '-');
        cv_buf_hex(out, hash + i, 1);
    }
    return true;
}

/* A quoted text inside an array or hstore. */
static void
append_quoted(struct cv_buf *out, const struct cv_buf *bytes)
{
    cv_buf_char(out, '"');
    for (size_t i = 0; i < bytes->len; i++) {
        if (bytes->data[i] == '"' || bytes->data[i] == '\\')
            cv_buf_char(out, '\\');
        cv_buf_char(out, bytes->data[i]);
    }
    cv_buf_char(out, '"');
}

/* false: null stands for the array. */
static bool
append_array(struct cv_buf *out, const struct encode *enc, const struct pg_type *item, const struct cv_buf *bytes)
{
    static const char *const texts[] = { "text", "varchar", "bpchar", "json", "jsonb" };

    if (enc->element == ENCODE_TEXT && strcmp(item->name, "uuid") == 0)
        return append_uuid(out, bytes);
    if (enc->element == ENCODE_TEXT) {
        for (size_t i = 0; i < CV_COUNT(texts); i++)
            if (strcmp(item->name, texts[i]) == 0) {
                append_quoted(out, bytes);
                return true;
            }
        return false;
    }
    if (enc->element == ENCODE_BYTES) {
        cv_buf_str(out, "\"\\\\x");
        cv_buf_hex(out, cv_buf_cstr(bytes), bytes->len);
        cv_buf_char(out, '"');
        return true;
    }
    if (enc->element != ENCODE_INT32 && enc->element != ENCODE_DATE_DAYS &&
        (enc->element != ENCODE_INT64 || strcmp(item->name, "int8") != 0))
        return false;
    for (size_t i = 0; i < bytes->len; i++)
        cv_buf_printf(out, "%s%d", i > 0 ? "," : "", (signed char)bytes->data[i]);
    return true;
}

static bool
append_value(struct cv_buf *out, struct encode *enc, const struct pg_column *col, const struct cv_buf *bytes)
{
    switch (enc->kind) {
    case ENCODE_TEXT:
    case ENCODE_BYTES_HEX: /* these are the text itself, not its hexadecimal form */
    case ENCODE_RAW_HEX:
    case ENCODE_DECIMAL_STRING:
        enc->kind = ENCODE_TEXT;
        cv_buf_add(out, bytes->data, bytes->len);
        return true;
    case ENCODE_BYTES:
    case ENCODE_RAW:
        enc->kind = ENCODE_RAW;
        cv_buf_add(out, bytes->data, bytes->len);
        return true;
    case ENCODE_HSTORE_JSON:
    case ENCODE_HSTORE_MAP:
        append_quoted(out, bytes);
        cv_buf_str(out, "=>");
        append_quoted(out, bytes);
        return true;
    case ENCODE_ARRAY:
        cv_buf_char(out, '{');
        if (!append_array(out, enc, col->type->item, bytes))
            return false;
        if (enc->element == ENCODE_DATE_DAYS)
            enc->element = ENCODE_INT32;
        cv_buf_char(out, '}');
        return true;
    default:
        return false;
    }
}

enum cv_rc
type_placeholder(const struct pg_config *config, const struct pg_column *col, struct type_placeholder *ret,
                 struct cv_err *err)
{
    const size_t max = 8 * strlen(config->unavailable_placeholder) + 64;
    struct cv_buf bytes = CV_BUF_INIT(max), text = CV_BUF_INIT(max);
    struct column_type type;
    enum cv_rc rc = CV_OK;

    type_of_column(config, col, &type);
    *ret = (struct type_placeholder){ .enc = type.enc };
    placeholder_bytes(config->unavailable_placeholder, &bytes);
    if (append_value(&text, &ret->enc, col, &bytes)) {
        rc = cv_buf_check(&text, err);
        if (rc == CV_OK)
            rc = cv_buf_check(&bytes, err);
        if (rc == CV_OK && (ret->text = strdup(cv_buf_cstr(&text))) == NULL)
            rc = cv_fail_memory(err);
    }
    cv_buf_free(&bytes);
    cv_buf_free(&text);
    return rc;
}
