/* SPDX-License-Identifier: Apache-2.0 */
/* Events by table. */
#include "connectors/postgres/table_counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"

struct table_counts {
    struct cv_hash *by_name; /* struct table_count, owned */
};

struct table_counts *
table_counts_new(void)
{
    struct table_counts *counts = calloc(1, sizeof(*counts));

    if (counts != NULL && (counts->by_name = cv_hash_new(free)) == NULL) {
        free(counts);
        return NULL;
    }
    return counts;
}

void
table_counts_free(struct table_counts *counts)
{
    if (counts == NULL)
        return;
    cv_hash_free(counts->by_name);
    free(counts);
}

enum cv_rc
table_counts_find(struct table_counts *counts, const char *schema, const char *table, struct table_count **ret,
                  struct cv_err *err)
{
    size_t room = strlen(schema) + strlen(table) + 2;
    struct table_count *count = calloc(1, sizeof(*count) + room), *there;

    if (count == NULL)
        return cv_fail_memory(err);
    snprintf(count->name, room, "%s.%s", schema, table);
    there = cv_hash_get(counts->by_name, count->name);
    if (there != NULL) {
        free(count);
        count = there;
    } else if (!cv_hash_put(counts->by_name, count->name, count)) {
        free(count);
        return cv_fail_memory(err);
    }
    *ret = count;
    return CV_OK;
}

void
table_count_add(struct table_count *count, char op)
{
    count->creates += op == 'c';
    count->updates += op == 'u';
    count->deletes += op == 'd';
    count->truncates += op == 't';
}

const struct table_count *
table_counts_next(const struct table_counts *counts, size_t *inout_i)
{
    struct cv_hash_entry entry;

    return cv_hash_next(counts->by_name, inout_i, &entry) ? entry.value : NULL;
}
