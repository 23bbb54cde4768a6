/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks: rules from the configuration, and what they do to values.
 *
 * Hashes are those of Debezium: of the salt and the value, version 1 with the value as Java serializes a String
 * (magic, type code, length, modified UTF-8), cut to the column's length. Lengths count UTF-16 units; a character that
 * would be cut in half is left out.
 */
#include "connectors/postgres/mask.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "common/regex.h"
#include "connectors/postgres/column_type.h"

#define COLUMN_MAX 512 /* schema.table.column, 63 bytes each, with room */
#define VALUE_MAX  ((size_t)1 << 30)

/* In the order in which they count. */
enum rule_kind { RULE_TRUNCATE, RULE_CHARS, RULE_PROPAGATE_COLUMN, RULE_PROPAGATE_TYPE, RULE_HASH_V1, RULE_HASH_V2 };
#define N_RULE_KINDS 6

struct rule {
    enum rule_kind kind;
    struct cv_regex_list *columns;
    int32_t length; /* RULE_TRUNCATE, RULE_CHARS */
    char *salt;     /* hashes */
    EVP_MD *digest;
};

struct mask_rules {
    struct rule *items;
    size_t count;
};

enum mask_kind { MASK_CHARS, MASK_HASH, MASK_CUT_TEXT, MASK_CUT_BYTES };

struct mask {
    enum mask_kind kind;
    int32_t length;     /* cuts: units or bytes; hashes: most digits */
    char *stars;        /* MASK_CHARS: the JSON string */
    EVP_MD_CTX *salted; /* hashes: begun with the salt */
    EVP_MD_CTX *work;
    bool serialized; /* version 1 */
};

/* ---- rules ---- */

/* Text between prefix and suffix of the key; false if it has not both. */
static bool
between(const char *key, const char *prefix, const char *suffix, const char **ret, size_t *ret_len)
{
    size_t key_len = strlen(key), skip = strlen(prefix), tail = strlen(suffix);

    if (key_len < skip + tail || strncmp(key, prefix, skip) != 0 || strcmp(key + key_len - tail, suffix) != 0)
        return false;
    *ret = key + skip;
    *ret_len = key_len - skip - tail;
    return true;
}

static enum cv_rc
parse_length(const char *key, const char *text, size_t len, struct rule *rule, struct cv_err *err)
{
    int64_t n;

    if (!cv_parse_i64(text, len, &n) || n < 0 || n > INT32_MAX)
        return cv_fail(err, CV_INVALID, "The '%.200s' value is invalid: \"%.*s\" in the option's name must be a number",
                       key, (int)len, text);
    rule->length = (int32_t)n;
    return CV_OK;
}

/* "ALGORITHM.with.salt.SALT" */
static enum cv_rc
parse_hash(const char *key, const char *rest, struct rule *rule, struct cv_err *err)
{
    static const char mark[] = ".with.salt.";
    const char *at = strstr(rest, mark);
    char name[64];

    if (at == NULL || at == rest || (size_t)(at - rest) >= sizeof(name) || at[sizeof(mark) - 1] == '\0')
        return cv_fail(err, CV_INVALID, "The '%.200s' value is invalid: the option's name must end as "
                       "ALGORITHM.with.salt.SALT", key);
    snprintf(name, sizeof(name), "%.*s", (int)(at - rest), rest);
    rule->digest = EVP_MD_fetch(NULL, strcmp(name, "SHA") == 0 ? "SHA-1" : name, NULL);
    if (rule->digest == NULL)
        return cv_fail(err, CV_INVALID, "The '%.200s' value is invalid: hash algorithm %s is not known; use SHA-256 or "
                       "SHA-512", key, name);
    rule->salt = strdup(at + sizeof(mark) - 1);
    return rule->salt == NULL ? cv_fail_memory(err) : CV_OK;
}

/* Whether the key is one of a rule's; then what its name says. */
static enum cv_rc
parse_key(const char *key, struct rule *rule, bool *ret_is_rule, struct cv_err *err)
{
    const char *text;
    size_t len;

    *rule = (struct rule){ 0 };
    *ret_is_rule = true;
    if (between(key, "column.truncate.to.", ".chars", &text, &len)) {
        rule->kind = RULE_TRUNCATE;
        return parse_length(key, text, len, rule, err);
    }
    if (between(key, "column.mask.with.", ".chars", &text, &len)) {
        rule->kind = RULE_CHARS;
        return parse_length(key, text, len, rule, err);
    }
    if (between(key, "column.mask.hash.v2.", "", &text, &len)) {
        rule->kind = RULE_HASH_V2;
        return parse_hash(key, text, rule, err);
    }
    if (between(key, "column.mask.hash.", "", &text, &len)) {
        rule->kind = RULE_HASH_V1;
        return parse_hash(key, text, rule, err);
    }
    if (strcmp(key, "column.propagate.source.type") == 0)
        rule->kind = RULE_PROPAGATE_COLUMN;
    else if (strcmp(key, "datatype.propagate.source.type") == 0)
        rule->kind = RULE_PROPAGATE_TYPE;
    else if (strncmp(key, "column.mask.", 12) == 0 || strncmp(key, "column.truncate.", 16) == 0)
        return cv_fail(err, CV_INVALID, "The '%.200s' value is invalid: no such option; there are "
                       "column.mask.with.N.chars, column.truncate.to.N.chars and "
                       "column.mask.hash.ALGORITHM.with.salt.SALT", key);
    else
        *ret_is_rule = false;
    return CV_OK;
}

static void
rule_done(struct rule *rule)
{
    cv_regex_list_free(rule->columns);
    free(rule->salt);
    EVP_MD_free(rule->digest);
}

/* One option; *ret_is_rule false: it is none of these. */
static enum cv_rc
parse_rule(const char *key, const char *columns, struct rule *rule, bool *ret_is_rule, struct cv_err *err)
{
    enum cv_rc rc = parse_key(key, rule, ret_is_rule, err);

    if (rc == CV_OK && *ret_is_rule && columns != NULL && columns[0] != '\0' &&
        cv_regex_list_new(columns, true, &rule->columns, err) != CV_OK)
        rc = cv_err_context(err, "The '%.200s' value is invalid", key);
    if (rc == CV_OK && rule->columns == NULL)
        *ret_is_rule = false; /* of no columns */
    if (rc != CV_OK || !*ret_is_rule)
        rule_done(rule);
    return rc;
}

void
mask_check(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    for (size_t i = 0; i < cv_config_count(cfg); i++) {
        struct rule rule;
        struct cv_err err = CV_ERR_INIT;
        bool is_rule;

        if (strstr(cv_config_key(cfg, i), ".propagate.") != NULL)
            continue; /* a row of the options: checked there */
        if (parse_rule(cv_config_key(cfg, i), cv_config_value(cfg, i), &rule, &is_rule, &err) != CV_OK)
            cv_config_errors_add(errors, cv_config_key(cfg, i), "%s", err.text);
        else if (is_rule)
            rule_done(&rule);
    }
}

enum cv_rc
mask_rules_new(const struct cv_config *cfg, struct mask_rules **ret, struct cv_err *err)
{
    struct mask_rules *rules = calloc(1, sizeof(*rules));

    if (rules == NULL || (rules->items = calloc(cv_config_count(cfg) + 1, sizeof(*rules->items))) == NULL) {
        free(rules);
        return cv_fail_memory(err);
    }
    for (int kind = 0; kind < N_RULE_KINDS; kind++)
        for (size_t i = 0; i < cv_config_count(cfg); i++) {
            struct rule rule;
            bool is_rule;

            if (parse_rule(cv_config_key(cfg, i), cv_config_value(cfg, i), &rule, &is_rule, err) != CV_OK) {
                mask_rules_free(rules);
                return err->rc;
            }
            if (is_rule && (int)rule.kind == kind)
                rules->items[rules->count++] = rule;
            else if (is_rule)
                rule_done(&rule);
        }
    *ret = rules;
    return CV_OK;
}

void
mask_rules_free(struct mask_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->count; i++)
        rule_done(&rules->items[i]);
    free(rules->items);
    free(rules);
}

/* ---- columns ---- */

static const struct rule *
find_rule(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col)
{
    char column[COLUMN_MAX], type[COLUMN_MAX];

    snprintf(column, sizeof(column), "%s.%s.%s", schema, table, col->name);
    snprintf(type, sizeof(type), "%s.%s.%s", schema, table, col->type->declared);
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->items[i];

        if (rule->kind == RULE_PROPAGATE_TYPE
                ? cv_regex_list_matches(rule->columns, type, strlen(type)) ||
                      cv_regex_list_matches(rule->columns, col->type->declared, strlen(col->type->declared))
                : cv_regex_list_matches(rule->columns, column, strlen(column)))
            return rule;
    }
    return NULL;
}

bool
mask_names(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col)
{
    return find_rule(rules, schema, table, col) != NULL;
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
hash_new(const struct rule *rule, int32_t column_length)
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
value_mask(const struct rule *rule, const struct pg_column *col, int32_t column_length, const struct cv_schema *schema,
           struct mask **ret, struct cv_err *err)
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

enum cv_rc
mask_column(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col,
            bool snapshot, struct cv_schema **inout_schema, struct mask **ret_mask, struct cv_err *err)
{
    const struct rule *rule = find_rule(rules, schema, table, col);
    struct cv_schema_builder *b;
    struct cv_schema *with = NULL;
    int32_t length, scale;

    *ret_mask = NULL;
    if (rule == NULL)
        return CV_OK;
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
        size_t step = c == '\\' ? (at[1] != 'u' ? 2U : pair ? 12U : 6U) : c < 0x80 ? 1U : c < 0xe0 ? 2U : c < 0xf0 ? 3U : 4U;

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
    return mask->kind == MASK_CHARS ? strlen(mask->stars) : 2 * EVP_MAX_MD_SIZE + 2;
}

/* bytea's text is "\x" and two digits a byte; other types' bytes are those of their text. */
static size_t
cut_bytea(const struct mask *mask, const struct encode *enc, size_t len)
{
    size_t most = enc->kind == ENCODE_BYTES ? 2 + 2 * (size_t)mask->length : (size_t)mask->length;

    return len < most ? len : most;
}

char *
mask_json(struct mask *mask, const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    char hex[2 * EVP_MAX_MD_SIZE], *end;
    size_t n;

    switch (mask->kind) {
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
    if (inout->is_null)
        return CV_OK;
    switch (mask->kind) {
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
