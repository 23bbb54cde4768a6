/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to the columns that column.encrypt.with.KEY, column.truncate.to.N.chars, column.mask.*,
 * column.propagate.source.type and datatype.propagate.source.type name. Of the rules that name a column the first
 * counts, in that order, hashes last. They concern rows and not keys, but for encryption, which concerns both. Rules
 * are constant once made; a mask belongs to one thread.
 */
#ifndef POSTGRES_MASK_H
#define POSTGRES_MASK_H

#include <culvert/schema.h>

#include "connectors/postgres/catalog.h"
#include "connectors/postgres/encode.h"

struct mask;
struct mask_rules;

/* CV_INVALID names the option that is wrong. */
CV_MUST_CHECK enum cv_rc mask_rules_new(const struct cv_config *cfg, struct mask_rules **ret, struct cv_err *err);
void mask_rules_free(struct mask_rules *rules);
/* Every option of this kind that is wrong, each under its own key. */
void mask_check(const struct cv_config *cfg, struct cv_config_errors *errors);

/*
 * What the rules say of a column that is sent as *inout_schema: that schema with the rule's parameters, and in
 * *ret_mask how its values change, NULL if they do not. snapshot: the column is read, not streamed. CV_INVALID: it
 * cannot be encrypted.
 */
CV_MUST_CHECK enum cv_rc mask_column(const struct mask_rules *rules, const char *schema, const char *table,
                                     const struct pg_column *col, bool snapshot, bool is_key,
                                     struct cv_schema **inout_schema, struct mask **ret_mask, struct cv_err *err);
void mask_free(struct mask *mask);
/* Whether a rule names the column that leaves it as it is in keys. */
bool mask_spares_key(const struct mask_rules *rules, const char *schema, const char *table,
                     const struct pg_column *col);
/* Whether values become encrypted texts. Then there is no default, and what stands for an unchanged TOAST value is sent
   in clear: it is no value. */
bool mask_encrypts(const struct mask *mask);
/* The schema that values have before mask_value. */
const struct cv_schema *mask_plain_schema(const struct mask *mask, const struct cv_schema *masked);

/* Bytes of JSON that a value may need beyond those of its own. */
size_t mask_room(const struct mask *mask);
/* As encode_json, of the masked value. */
char *mask_json(struct mask *mask, const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad);
/* The JSON of a masked null; NULL: it stays what it is. */
const char *mask_null_json(const struct mask *mask);
/* The value masked in place; new text is in arena. */
CV_MUST_CHECK enum cv_rc mask_value(struct mask *mask, struct cv_arena *arena, struct cv_value *inout,
                                    struct cv_err *err);

#endif
