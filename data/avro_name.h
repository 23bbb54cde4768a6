/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that Avro accepts, as Debezium's adjustment modes make them: what a name may not hold becomes _, or _ and
 * the character's code. The mode none leaves names alone.
 */
#ifndef DATA_AVRO_NAME_H
#define DATA_AVRO_NAME_H

#include <stdbool.h>

struct cv_buf;

enum avro_name_mode { AVRO_NAME_NONE, AVRO_NAME_AVRO, AVRO_NAME_UNICODE };

/* The modes' names, NULL at the end: rows of options. */
extern const char *const avro_name_modes[];

/* Append the name of a schema, in which dots are good, or of a field. */
void avro_name(struct cv_buf *out, const char *utf8, enum avro_name_mode mode, bool is_field);

#endif
