/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted values (common/field_cipher.h) as Connect has them: texts whose schema says what they were. */
#ifndef DATA_ENCRYPTED_VALUE_H
#define DATA_ENCRYPTED_VALUE_H

#include <culvert/value.h>

#include "common/field_cipher.h"

#define ENCRYPTED_NAME "io.culvert.Encrypted"

/* The schema of a value of that schema, encrypted: a string that is optional as the value was; its parameters are the
   value's type, name, version and parameters. */
CV_MUST_CHECK enum cv_rc encrypted_schema(const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err);
/* Put the encrypted text of a value, which is not null, in its place. CV_INVALID: it is no scalar. */
CV_MUST_CHECK enum cv_rc encrypted_value(struct field_cipher *cipher, const struct cv_schema *schema,
                                         struct cv_arena *arena, struct cv_value *inout, struct cv_err *err);

#endif
