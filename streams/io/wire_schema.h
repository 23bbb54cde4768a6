/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the schema in a wrapped JSON record says about the encoding of the columns. The schema is
 * the same for almost every record of a topic, so its bytes are kept, and records that begin with
 * them are not read again.
 */
#ifndef STREAMS_IO_WIRE_SCHEMA_H
#define STREAMS_IO_WIRE_SCHEMA_H

#include <culvert/value.h>

#include "streams/io/value.h"

struct wire_schema {
    const struct table *table;
    const char *row_field; /* of an envelope: where the row is; NULL: of a key, which is one itself */
    struct wire_field *fields; /* one a column */
    char *head;                /* {"schema":...,"payload": of the last wrapped record; NULL: none */
    size_t head_len;
};

bool wire_schema_init(struct wire_schema *schema, const struct table *table,
                      const char *row_field); /* false: memory is out */
void wire_schema_done(struct wire_schema *schema);
/* The text is wrapped just as the last one was. */
bool wire_schema_known(const struct wire_schema *schema, struct cv_bytes text);
/* Records come without a schema: fields become plain. */
void wire_schema_forget(struct wire_schema *schema);
CV_MUST_CHECK
enum cv_rc wire_schema_read(struct wire_schema *schema, const char *text, size_t len,
                            struct cv_err *err);
/* Keep the head of a text whose schema has been read. */
void wire_schema_learn(struct wire_schema *schema, struct cv_bytes text, size_t head_len);

#endif
