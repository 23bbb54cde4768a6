/* SPDX-License-Identifier: Apache-2.0 */
/* Records of transforms' tests as text: keys and values are JsonConverter messages with schemas, - is none. */
#ifndef TESTS_TRANSFORM_CASE_H
#define TESTS_TRANSFORM_CASE_H

#include <culvert/plugin.h>

struct cv_arena;
struct cv_buf;

/* With schemas, nulls left alone; free it through its plugin. */
struct cv_converter *case_json_converter(void);

struct cv_value case_value(struct cv_converter *json, struct cv_arena *arena, const char *text, size_t len);
/* [["name",message or null],...] */
struct cv_headers case_headers(struct cv_converter *json, struct cv_arena *arena, const char *text);
/* {"name":"value",...} */
struct cv_config *case_options(struct cv_arena *arena, const char *text);

/* null is what a Kafka null prints as; a value that cannot be converted prints as ! and the error. */
void case_write(struct cv_converter *json, const struct cv_value *val, const char *null, struct cv_buf *out);
void case_write_headers(struct cv_converter *json, const struct cv_headers *headers, struct cv_buf *out);

#endif
