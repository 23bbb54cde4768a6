/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of columns from the options: the name says what is done, the value lists the columns. */
#include "connectors/postgres/mask_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/number.h"
#include "common/regex.h"
#include "common/secret.h"

#define COLUMN_MAX 512 /* schema.table.column, 63 bytes each, with room */

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
parse_length(const char *key, const char *text, size_t len, struct mask_rule *rule, struct cv_err *err)
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
parse_hash(const char *key, const char *rest, struct mask_rule *rule, struct cv_err *err)
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

/* "column.encrypt.PART.ID" of the configuration. */
static const char *
cipher_option(const struct cv_config *cfg, const char *part, const char *id)
{
    char key[128];

    snprintf(key, sizeof(key), "column.encrypt.%s.%s", part, id);
    return cv_config_get(cfg, key);
}

/* column.encrypt.with.ID, and beside it column.encrypt.key.ID and column.encrypt.mode.ID. */
static enum cv_rc
parse_cipher(const struct cv_config *cfg, const char *key, const char *id, struct mask_rule *rule, struct cv_err *err)
{
    const char *secret = cipher_option(cfg, "key", id), *mode = cipher_option(cfg, "mode", id);
    struct field_cipher *cipher = NULL;

    if (secret == NULL)
        return cv_fail(err, CV_INVALID,
                       "The '%.100s' value is invalid: its key is missing; set column.encrypt.key.%.32s to 32 bytes in "
                       "base64 or hexadecimal", key, id);
    if (mode != NULL && strcasecmp(mode, "random") != 0 && strcasecmp(mode, "deterministic") != 0)
        return cv_fail(err, CV_INVALID, "The '%.100s' value is invalid: column.encrypt.mode.%.32s must be random or "
                       "deterministic, not \"%.64s\"", key, id, mode);
    rule->mode = mode != NULL && strcasecmp(mode, "deterministic") == 0 ? FIELD_CIPHER_DETERMINISTIC
                                                                        : FIELD_CIPHER_RANDOM;
    if (field_cipher_new(id, secret, rule->mode, &cipher, err) != CV_OK)
        return cv_err_context(err, "The '%.100s' value is invalid", key);
    field_cipher_free(cipher); /* every column gets one of its own */
    rule->key_id = strdup(id);
    rule->key = strdup(secret);
    return rule->key_id == NULL || rule->key == NULL ? cv_fail_memory(err) : CV_OK;
}

/* Whether the key is one of a rule's; then what its name says. */
static enum cv_rc
parse_key(const struct cv_config *cfg, const char *key, struct mask_rule *rule, bool *ret_is_rule, struct cv_err *err)
{
    const char *text;
    size_t len;

    *rule = (struct mask_rule){ 0 };
    *ret_is_rule = true;
    if (between(key, "column.encrypt.with.", "", &text, &len)) {
        rule->kind = RULE_ENCRYPT;
        return parse_cipher(cfg, key, text, rule, err);
    }
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
    else if (strncmp(key, "column.encrypt.key.", 19) == 0 || strncmp(key, "column.encrypt.mode.", 20) == 0)
        *ret_is_rule = false; /* of a column.encrypt.with */
    else if (strncmp(key, "column.mask.", 12) == 0 || strncmp(key, "column.truncate.", 16) == 0 ||
             strncmp(key, "column.encrypt.", 15) == 0)
        return cv_fail(err, CV_INVALID, "The '%.200s' value is invalid: no such option; there are "
                       "column.encrypt.with.KEY, column.mask.with.N.chars, column.truncate.to.N.chars and "
                       "column.mask.hash.ALGORITHM.with.salt.SALT", key);
    else
        *ret_is_rule = false;
    return CV_OK;
}

static void
rule_done(struct mask_rule *rule)
{
    cv_regex_list_free(rule->columns);
    free(rule->salt);
    EVP_MD_free(rule->digest);
    free(rule->key_id);
    if (rule->key != NULL)
        cv_secret_wipe(rule->key, strlen(rule->key));
    free(rule->key);
}

/* One option; *ret_is_rule false: it is none of these. */
static enum cv_rc
parse_rule(const struct cv_config *cfg, size_t at, struct mask_rule *rule, bool *ret_is_rule, struct cv_err *err)
{
    const char *key = cv_config_key(cfg, at), *columns = cv_config_value(cfg, at);
    enum cv_rc rc = parse_key(cfg, key, rule, ret_is_rule, err);

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
        struct mask_rule rule;
        struct cv_err err = CV_ERR_INIT;
        bool is_rule;

        if (strstr(cv_config_key(cfg, i), ".propagate.") != NULL)
            continue; /* a row of the options: checked there */
        if (parse_rule(cfg, i, &rule, &is_rule, &err) != CV_OK)
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
            struct mask_rule rule;
            bool is_rule;

            if (parse_rule(cfg, i, &rule, &is_rule, err) != CV_OK) {
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

const struct mask_rule *
mask_find_rule(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col)
{
    char column[COLUMN_MAX], type[COLUMN_MAX];

    snprintf(column, sizeof(column), "%s.%s.%s", schema, table, col->name);
    snprintf(type, sizeof(type), "%s.%s.%s", schema, table, col->type->declared);
    for (size_t i = 0; i < rules->count; i++) {
        const struct mask_rule *rule = &rules->items[i];

        if (rule->kind == RULE_PROPAGATE_TYPE
                ? cv_regex_list_matches(rule->columns, type, strlen(type)) ||
                      cv_regex_list_matches(rule->columns, col->type->declared, strlen(col->type->declared))
                : cv_regex_list_matches(rule->columns, column, strlen(column)))
            return rule;
    }
    return NULL;
}

bool
mask_spares_key(const struct mask_rules *rules, const char *schema, const char *table, const struct pg_column *col)
{
    const struct mask_rule *rule = mask_find_rule(rules, schema, table, col);

    return rule != NULL && rule->kind != RULE_ENCRYPT;
}
