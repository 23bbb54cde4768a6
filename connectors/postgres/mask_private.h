/* SPDX-License-Identifier: Apache-2.0 */
/* The rules behind masks: mask_rules.c makes them of options, mask.c applies them. */
#ifndef POSTGRES_MASK_PRIVATE_H
#define POSTGRES_MASK_PRIVATE_H

#include <openssl/evp.h>

#include "common/field_cipher.h"
#include "connectors/postgres/mask.h"

struct cv_regex_list;

/* In the order in which they count. */
enum rule_kind {
    RULE_ENCRYPT,
    RULE_TRUNCATE,
    RULE_CHARS,
    RULE_PROPAGATE_COLUMN,
    RULE_PROPAGATE_TYPE,
    RULE_HASH_V1,
    RULE_HASH_V2,
};
#define N_RULE_KINDS 7

struct mask_rule {
    enum rule_kind kind;
    struct cv_regex_list *columns;
    int32_t length; /* RULE_TRUNCATE, RULE_CHARS */
    char *salt;     /* hashes */
    EVP_MD *digest;
    char *key_id; /* RULE_ENCRYPT */
    char *key;
    enum field_cipher_mode mode;
};

struct mask_rules {
    struct mask_rule *items;
    size_t count;
};

/* The rule that counts for the column; NULL: none. */
const struct mask_rule *mask_find_rule(const struct mask_rules *rules, const char *schema, const char *table,
                                       const struct pg_column *col);

#endif
