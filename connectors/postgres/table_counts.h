/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events by table, for metrics (internal.advanced.metrics.enable). A table is counted from its first event on, over all
 * connections of the task. Belongs to the task's thread.
 */
#ifndef POSTGRES_TABLE_COUNTS_H
#define POSTGRES_TABLE_COUNTS_H

#include <culvert/err.h>

struct table_count {
    uint64_t creates, updates, deletes, truncates;
    char name[]; /* "schema.table" */
};

struct table_counts;

struct table_counts *table_counts_new(void); /* NULL when memory is out */
void table_counts_free(struct table_counts *counts);

/* The table's, with zeros if it is new; lives as long as counts. */
CV_MUST_CHECK enum cv_rc table_counts_find(struct table_counts *counts, const char *schema, const char *table,
                                           struct table_count **ret, struct cv_err *err);
/* An event of the envelope's op: c, u, d, t. */
void table_count_add(struct table_count *count, char op);
/* size_t i = 0; while ((count = table_counts_next(counts, &i)) != NULL) ... */
const struct table_count *table_counts_next(const struct table_counts *counts, size_t *inout_i);

#endif
