/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of JsonConverter's envelope, read. (Written by data/schema_json.h.) */
#ifndef CONVERTERS_JSON_SCHEMA_H
#define CONVERTERS_JSON_SCHEMA_H

#include <culvert/schema.h>

/* A schema node's text to a schema with one reference; *ret NULL for the text null. replace_null as in the
   option replace.null.with.default, for the default values inside. */
CV_MUST_CHECK enum cv_rc json_schema_read(const char *json, size_t len, bool replace_null,
                                          struct cv_schema **ret, struct cv_err *err);

#endif
