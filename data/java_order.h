/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which java.util.HashMap iterates. Kafka Connect writes maps in this order (offset keys, task
 * configs, schemaless JSON), and looks source offsets up by the raw bytes of the key, so the order is part of
 * the format.
 *
 * Java walks the buckets of the table, and a bucket in order of insertion; the table is normally the smallest
 * power of two, at least 16, of which the entries fill no more than three quarters.
 */
#ifndef DATA_JAVA_ORDER_H
#define DATA_JAVA_ORDER_H

#include <culvert/config.h>
#include <culvert/value.h>

#define JAVA_TABLE 16 /* buckets that a HashMap begins with where it is not told otherwise */

/* String.hashCode() of the UTF-16 form of the text. */
int32_t java_string_hash(const char *utf8, size_t len);

/*
 * Order of a HashMap into which count keys were put one by one: ret_order[i] is the index of the key that comes
 * i-th. Keys must differ. CV_NO_MEMORY leaves ret_order untouched.
 */
CV_MUST_CHECK enum cv_rc java_order_strings(const char *const *keys, size_t count, size_t *ret_order,
                                            struct cv_err *err);

/* The same for the keys of a config and a table that began with that many buckets (below); *ret_order is the
   caller's to free(). */
CV_MUST_CHECK enum cv_rc java_order_config(const struct cv_config *config, uint32_t table, size_t **ret_order,
                                           struct cv_err *err);

/* Bring the entries of the map itself into that order (scalar keys; others keep their place). */
CV_MUST_CHECK enum cv_rc java_order_map(struct cv_value *map, struct cv_err *err);

/* The same for a HashMap that began with a table of another size: one of java_table_for, new HashMap(count), or
   java_table_of_copy, new HashMap(a map of count entries). Entries stand in the order in which they were put. */
CV_MUST_CHECK enum cv_rc java_order_map_from(struct cv_value *map, uint32_t table, struct cv_err *err);
uint32_t java_table_for(size_t count);
uint32_t java_table_of_copy(size_t count);

#endif
