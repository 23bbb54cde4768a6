/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DecryptField: encrypted texts become the values that they were (common/field_cipher.h, docs/encryption.md). The type
 * comes from the field's schema where that tells it, else from the text; keys are found by the name in the text, so
 * that old records stay readable after a change of keys.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "common/secret.h"
#include "transforms/protect_field.h"
#include "transforms/transforms.h"

#define VALUE_MAX ((size_t)1 << 30)

struct decrypt_options {
    struct cv_list fields;
    int missing;
    char *keys;
    bool plaintext;
};

struct decrypt_field {
    struct protect protect;
    struct decrypt_options options;
    struct field_cipher **ciphers;
    size_t n_ciphers;
};

static const struct cv_config_def decrypt_rows[] = {
    PROTECT_ROWS(struct decrypt_options, "Fields to decrypt."),
    { .name = "keys", .type = CV_CONFIG_PASSWORD, .required = true, .importance = CV_HIGH,
      .doc = "The keys, as id:key with commas between them; a key is 32 bytes in base64 or hexadecimal.",
      .offset = offsetof(struct decrypt_options, keys) },
    { .name = "plaintext.allowed", .type = CV_CONFIG_BOOLEAN, .def = "false", .importance = CV_MEDIUM,
      .doc = "Let values pass that are not encrypted, as those from before encryption was turned on. If false they are "
             "failures.",
      .offset = offsetof(struct decrypt_options, plaintext) },
    CV_CONFIG_END
};

static void
decrypt_free(struct cv_transform *xf)
{
    struct decrypt_field *decrypt = cv_container_of(xf, struct decrypt_field, protect.smt.base);

    for (size_t i = 0; i < decrypt->n_ciphers; i++)
        field_cipher_free(decrypt->ciphers[i]);
    free(decrypt->ciphers);
    smt_free(xf);
}

/* ---- schemas ---- */

static bool
type_of_name(const char *name, enum cv_type *ret)
{
    for (int type = CV_INT8; type < CV_ARRAY; type++)
        if (strcmp(cv_type_name((enum cv_type)type), name) == 0) {
            *ret = (enum cv_type)type;
            return true;
        }
    return false;
}

/* What the parameters of the encrypted field say that it was. A plain string is read as one, and what is neither is
   left alone if plaintext is allowed. */
static enum cv_rc
decrypted_schema(const struct protect *protect, const struct cv_schema *from, struct cv_schema **ret,
                 struct cv_err *err)
{
    static const char prefix[] = "parameter.";
    const struct decrypt_field *decrypt = cv_container_of(protect, const struct decrypt_field, protect);
    const char *type_name = cv_schema_param(from, "type"), *name, *version;
    struct cv_schema_builder *b;
    enum cv_type type;
    int64_t number = 0;

    if (from->name == NULL || strcmp(from->name, ENCRYPTED_NAME) != 0) {
        if (from->type != CV_STRING && !decrypt->options.plaintext)
            return cv_fail(err, CV_INVALID, "it is a %s, no encrypted text", cv_type_name(from->type));
        b = cv_schema_derive(from); /* another schema, so that its values are looked at */
        return cv_schema_finish(b, ret, err);
    }
    if (type_name == NULL || !type_of_name(type_name, &type))
        return cv_fail(err, CV_INVALID, "its schema does not say of what type it was");
    b = cv_schema_new(type);
    name = cv_schema_param(from, "name");
    version = cv_schema_param(from, "version");
    if (from->optional)
        cv_schema_set_optional(b);
    if (from->doc != NULL)
        cv_schema_set_doc(b, from->doc);
    if (name != NULL)
        cv_schema_set_name(b, name);
    if (version != NULL && cv_parse_i64(version, strlen(version), &number))
        cv_schema_set_version(b, (int32_t)number);
    for (size_t i = 0; i < from->n_params; i++)
        if (strncmp(from->params[i].name, prefix, sizeof(prefix) - 1) == 0)
            cv_schema_add_param(b, from->params[i].name + sizeof(prefix) - 1, from->params[i].value);
    return cv_schema_finish(b, ret, err);
}

/* ---- values ---- */

static enum cv_rc
find_cipher(const struct decrypt_field *decrypt, const char *id, size_t len, struct field_cipher **ret,
            struct cv_err *err)
{
    for (size_t i = 0; i < decrypt->n_ciphers; i++) {
        const char *own = field_cipher_key_id(decrypt->ciphers[i]);

        if (strlen(own) == len && memcmp(own, id, len) == 0) {
            *ret = decrypt->ciphers[i];
            return CV_OK;
        }
    }
    return cv_fail(err, CV_INVALID, "it is encrypted with key \"%.*s\", which is not among keys", (int)len, id);
}

/* The type of a value without schema. */
static enum cv_type
natural_type(enum field_cipher_type type)
{
    switch (type) {
    case FIELD_CIPHER_BYTES:
        return CV_BYTES;
    case FIELD_CIPHER_INTEGER:
        return CV_INT64;
    case FIELD_CIPHER_FLOAT:
        return CV_FLOAT64;
    case FIELD_CIPHER_BOOLEAN:
        return CV_BOOLEAN;
    default:
        return CV_STRING;
    }
}

/* The plain text as a value of the type; false: it is none. */
static bool
value_of(enum field_cipher_type type, enum cv_type as, const char *plain, size_t len, struct cv_value *ret)
{
    int64_t integer = 0;
    double real = 0;

    switch (as) {
    case CV_STRING:
        *ret = cv_string(plain, len);
        return type == FIELD_CIPHER_STRING;
    case CV_BYTES:
        *ret = cv_binary(plain, len);
        return type == FIELD_CIPHER_BYTES;
    case CV_BOOLEAN:
        *ret = cv_boolean(len == 4);
        return type == FIELD_CIPHER_BOOLEAN;
    case CV_FLOAT32:
    case CV_FLOAT64:
        if (type != FIELD_CIPHER_FLOAT || !cv_parse_double(plain, len, &real))
            return false;
        *ret = as == CV_FLOAT64 ? cv_float64(real) : cv_float32((float)real);
        return true;
    default:
        if (type != FIELD_CIPHER_INTEGER || !cv_parse_i64(plain, len, &integer))
            return false;
        *ret = cv_int(as, integer);
        return true;
    }
}

static enum cv_rc
open_text(struct field_cipher *cipher, const struct cv_schema *schema, struct cv_arena *arena, struct cv_value *val,
          struct cv_err *err)
{
    struct cv_buf plain = CV_BUF_INIT(VALUE_MAX);
    enum field_cipher_type type;
    const char *copy;
    enum cv_rc rc = field_cipher_open(cipher, val->bytes.data, val->bytes.len, &type, &plain, err);

    if (rc == CV_OK) {
        copy = cv_arena_dup(arena, cv_buf_cstr(&plain), plain.len);
        if (copy == NULL)
            rc = cv_fail_memory(err);
        else if (!value_of(type, schema != NULL ? schema->type : natural_type(type), copy, plain.len, val))
            rc = cv_fail(err, CV_INVALID, "the encrypted value is no %s", schema != NULL ? cv_type_name(schema->type)
                                                                                        : "value of a known type");
        val->schema = schema;
    }
    cv_buf_wipe(&plain);
    return rc;
}

static enum cv_rc
decrypt_value(struct protect *protect, const struct cv_schema *schema, struct cv_arena *arena, struct cv_value *val,
              struct cv_err *err)
{
    struct decrypt_field *decrypt = cv_container_of(protect, struct decrypt_field, protect);
    struct field_cipher *cipher = NULL;
    const char *id;
    size_t len;

    if (val->type == CV_STRING && field_cipher_is_sealed(val->bytes.data, val->bytes.len, &id, &len)) {
        if (find_cipher(decrypt, id, len, &cipher, err) != CV_OK)
            return err->rc;
        return open_text(cipher, schema, arena, val, err);
    }
    if (!decrypt->options.plaintext || (schema != NULL && schema->type != val->type))
        return cv_fail(err, CV_INVALID, "it is not encrypted (plaintext.allowed=true lets such values pass)");
    val->schema = schema;
    return CV_OK;
}

static const struct protect_ops decrypt_fields = { .schema = decrypted_schema, .value = decrypt_value };

/* ---- configuration ---- */

/* One id:key of the option, len bytes. */
static enum cv_rc
add_key(struct decrypt_field *decrypt, const char *entry, size_t len, struct cv_err *err)
{
    const char *colon = memchr(entry, ':', len);
    char id[FIELD_CIPHER_KEY_ID_MAX + 2], key[128];

    if (colon == NULL || (size_t)(colon - entry) >= sizeof(id) || (size_t)(entry + len - colon) > sizeof(key))
        return cv_fail(err, CV_INVALID, "keys: write id:key, with commas between several; an id has up to %d "
                       "characters, a key 44 or 64", FIELD_CIPHER_KEY_ID_MAX);
    snprintf(id, sizeof(id), "%.*s", (int)(colon - entry), entry);
    snprintf(key, sizeof(key), "%.*s", (int)(entry + len - colon - 1), colon + 1);
    if (field_cipher_new(id, key, FIELD_CIPHER_RANDOM, &decrypt->ciphers[decrypt->n_ciphers], err) == CV_OK)
        decrypt->n_ciphers++;
    else
        (void)cv_err_context(err, "keys");
    cv_secret_wipe(key, sizeof(key));
    return err->rc;
}

static enum cv_rc
prepare(struct decrypt_field *decrypt, struct cv_err *err)
{
    const struct decrypt_options *options = &decrypt->options;
    size_t commas = 0, len;

    decrypt->protect.ops = &decrypt_fields;
    decrypt->protect.fields = &options->fields;
    decrypt->protect.missing_is_error = options->missing == PROTECT_MISSING_FAIL;
    for (const char *at = options->keys; *at != '\0'; at++)
        commas += *at == ',';
    decrypt->ciphers = calloc(commas + 1, sizeof(struct field_cipher *));
    if (decrypt->ciphers == NULL)
        return cv_fail_memory(err);
    for (const char *at = options->keys;; at += len + 1) {
        at += strspn(at, " ");
        len = strcspn(at, ",");
        if (add_key(decrypt, at, len, err) != CV_OK)
            return err->rc;
        if (at[len] == '\0')
            return CV_OK;
    }
}

static enum cv_rc
decrypt_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct decrypt_field), offsetof(struct decrypt_field, options), &made,
                err) != CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct decrypt_field, protect.smt.base), err) != CV_OK) {
        decrypt_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
decrypt_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct decrypt_field *decrypt = cv_container_of(xf, struct decrypt_field, protect.smt.base);

    *ret_keep = true;
    return protect_apply(&decrypt->protect, arena, rec, err);
}

static const struct cv_transform_ops decrypt_ops = {
    .configure = decrypt_configure,
    .apply = decrypt_apply,
    .free = decrypt_free,
};

const struct cv_plugin decrypt_field_plugins[SMT_VARIANTS] = {
    PROTECT_PLUGIN("DecryptField$Key", decrypt_rows, &decrypt_ops),
    PROTECT_PLUGIN("DecryptField$Value", decrypt_rows, &decrypt_ops),
};
