/* SPDX-License-Identifier: Apache-2.0 */
/* A schema as JsonConverter writes it: the "schema" member of its envelope. */
#ifndef DATA_SCHEMA_JSON_H
#define DATA_SCHEMA_JSON_H

#include <culvert/value.h>

struct cv_buf;
struct connect_json_format; /* data/json.h */

/* Compact; members in JsonConverter's order: type, items | keys, values | fields, optional, name, version, doc,
   parameters, default. Default values are written in that format, as the payload is. */
void cv_schema_json(struct cv_buf *out, const struct cv_schema *schema,
                    const struct connect_json_format *format);

#endif
