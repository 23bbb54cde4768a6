/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EncryptField: values of fields become encrypted texts (common/field_cipher.h, docs/encryption.md). The schema of such
 * a field says what it was, so that DecryptField can make it that again. Nulls stay nulls.
 */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "transforms/protect_field.h"
#include "transforms/transforms.h"

static const char *const mode_names[] = { "random", "deterministic", NULL };

struct encrypt_options {
    struct cv_list fields;
    int missing;
    char *key_id;
    char *key;
    int mode;
};

struct encrypt_field {
    struct protect protect;
    struct encrypt_options options;
    struct field_cipher *cipher;
};

static const struct cv_config_def encrypt_rows[] = {
    PROTECT_ROWS(struct encrypt_options, "Fields to encrypt."),
    { .name = "key.id", .type = CV_CONFIG_STRING, .required = true, .importance = CV_HIGH,
      .doc = "Name of the key, which stands in every text: letters, digits, _ and -.",
      .offset = offsetof(struct encrypt_options, key_id) },
    { .name = "key", .type = CV_CONFIG_PASSWORD, .required = true, .importance = CV_HIGH,
      .doc = "The key: 32 bytes in base64 or hexadecimal, best by reference such as ${file:/etc/keys:2026}.",
      .offset = offsetof(struct encrypt_options, key) },
    { .name = "mode", .type = CV_CONFIG_ENUM, .def = "random", .names = mode_names, .importance = CV_HIGH,
      .doc = "random: equal values get different texts. deterministic: equal values of one key get equal texts, for "
             "joins and keys, and everyone can see which are equal.",
      .offset = offsetof(struct encrypt_options, mode) },
    CV_CONFIG_END
};

static void
encrypt_free(struct cv_transform *xf)
{
    struct encrypt_field *encrypt = cv_container_of(xf, struct encrypt_field, protect.smt.base);

    field_cipher_free(encrypt->cipher);
    smt_free(xf);
}

static enum cv_rc
schema_of(const struct protect *protect, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    (void)protect;
    return encrypted_schema(from, ret, err);
}

static enum cv_rc
encrypt_value(struct protect *protect, const struct cv_schema *schema, struct cv_arena *arena, struct cv_value *val,
              struct cv_err *err)
{
    struct encrypt_field *encrypt = cv_container_of(protect, struct encrypt_field, protect);

    return encrypted_value(encrypt->cipher, schema, arena, val, err);
}

static const struct protect_ops encrypt_fields = { .schema = schema_of, .value = encrypt_value };

static enum cv_rc
prepare(struct encrypt_field *encrypt, struct cv_err *err)
{
    const struct encrypt_options *options = &encrypt->options;

    encrypt->protect.ops = &encrypt_fields;
    encrypt->protect.fields = &options->fields;
    encrypt->protect.missing_is_error = options->missing == PROTECT_MISSING_FAIL;
    if (encrypt->protect.smt.on_key && options->mode == FIELD_CIPHER_RANDOM)
        return cv_fail(err, CV_INVALID, "mode=random would give every record another key, which ends order and "
                       "compaction: set mode=deterministic for keys");
    return field_cipher_new(options->key_id, options->key, (enum field_cipher_mode)options->mode, &encrypt->cipher,
                            err);
}

static enum cv_rc
encrypt_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct encrypt_field), offsetof(struct encrypt_field, options), &made,
                err) != CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct encrypt_field, protect.smt.base), err) != CV_OK) {
        encrypt_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
encrypt_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct encrypt_field *encrypt = cv_container_of(xf, struct encrypt_field, protect.smt.base);

    *ret_keep = true;
    return protect_apply(&encrypt->protect, arena, rec, err);
}

static const struct cv_transform_ops encrypt_ops = {
    .configure = encrypt_configure,
    .apply = encrypt_apply,
    .free = encrypt_free,
};

const struct cv_plugin encrypt_field_plugins[SMT_VARIANTS] = {
    PROTECT_PLUGIN("EncryptField$Key", encrypt_rows, &encrypt_ops),
    PROTECT_PLUGIN("EncryptField$Value", encrypt_rows, &encrypt_ops),
};
