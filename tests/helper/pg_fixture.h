/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration of the PostgreSQL connector, and tables without a server. Include behind cmocka_all.h. */
#ifndef TESTS_HELPER_PG_FIXTURE_H
#define TESTS_HELPER_PG_FIXTURE_H

#include <stdlib.h>

#include "connectors/postgres/config.h"
#include "connectors/postgres/plan.h"
#include "connectors/postgres/table.h"

/* A good configuration with further options: key, value, ..., NULL. */
static inline void
pg_fixture_config(const char *const *pairs, struct pg_config *ret)
{
    static const char *const base[] = { "topic.prefix",    "p",    "database.hostname", "h",        "database.user", "u",
                                        "database.dbname", "shop", "plugin.name",       "pgoutput", NULL };
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; base[i] != NULL; i += 2)
        assert_int_equal(cv_config_set(cfg, base[i], base[i + 1], &err), CV_OK);
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2)
        assert_int_equal(cv_config_set(cfg, pairs[i], pairs[i + 1], &err), CV_OK);
    if (pg_config_parse(cfg, ret, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(cfg);
}

struct pg_fixture_column {
    const char *name;
    const char *type; /* pg_type.typname; "_int4" is an array of int4, of the kind below */
    int32_t typmod;
    bool not_null;
    const char *def;
    char kind;          /* typtype; 0: b */
    const char *labels; /* of an enum */
};

#define PG_FIXTURE_COLUMNS 320

/* public.t, its key the first n_keys columns. Everything is borrowed from columns. */
struct pg_fixture_table {
    struct pg_table table;
    struct pg_column columns[PG_FIXTURE_COLUMNS];
    struct pg_type types[PG_FIXTURE_COLUMNS];
    struct pg_type items[PG_FIXTURE_COLUMNS];
    uint16_t keys[PG_FIXTURE_COLUMNS];
};

static inline void
pg_fixture_table(const struct pg_fixture_column *columns, size_t n, size_t n_keys, struct pg_fixture_table *ret)
{
    static char schema[] = "public", name[] = "t";

    *ret = (struct pg_fixture_table){ .table = { .oid = 16384,
                                                 .schema = schema,
                                                 .name = name,
                                                 .kind = 'r',
                                                 .replica_identity = 'd',
                                                 .columns = ret->columns,
                                                 .n_columns = n,
                                                 .keys = ret->keys,
                                                 .n_keys = n_keys } };
    assert_true(n <= PG_FIXTURE_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        bool array = columns[i].type[0] == '_';
        struct pg_type *type = array ? &ret->items[i] : &ret->types[i];

        *type = (struct pg_type){ .oid = (uint32_t)(100 + i),
                                  .base_oid = (uint32_t)(100 + i),
                                  .typmod = -1,
                                  .name = (char *)(uintptr_t)columns[i].type + array,
                                  .declared = (char *)(uintptr_t)columns[i].type + array,
                                  .kind = columns[i].kind != 0 ? columns[i].kind : 'b',
                                  .labels = (char *)(uintptr_t)columns[i].labels,
                                  .system = true };
        if (array)
            ret->types[i] = (struct pg_type){ .oid = (uint32_t)(1000 + i),
                                              .base_oid = (uint32_t)(1000 + i),
                                              .typmod = -1,
                                              .name = (char *)(uintptr_t)columns[i].type,
                                              .declared = (char *)(uintptr_t)columns[i].type,
                                              .kind = 'b',
                                              .system = true,
                                              .item = type };
        ret->columns[i] = (struct pg_column){ .name = (char *)(uintptr_t)columns[i].name,
                                              .type = &ret->types[i],
                                              .typmod = columns[i].typmod,
                                              .not_null = columns[i].not_null,
                                              .def = (char *)(uintptr_t)columns[i].def };
        ret->keys[i] = (uint16_t)i;
    }
}

/* A tuple of value texts; NULL is null, PG_FIXTURE_UNCHANGED unchanged TOAST. */
#define PG_FIXTURE_UNCHANGED "\x01unchanged"

static inline size_t
pg_fixture_tuple(const char *const *texts, size_t n, struct pgoutput_value *values, struct pgoutput_tuple *ret)
{
    size_t len = 0;

    *ret = (struct pgoutput_tuple){ .n_columns = (uint16_t)n, .values = values };
    for (size_t i = 0; i < n; i++) {
        values[i] = (struct pgoutput_value){ .kind = 'n' };
        if (texts[i] == NULL)
            continue;
        if (strcmp(texts[i], PG_FIXTURE_UNCHANGED) == 0) {
            values[i].kind = 'u';
            continue;
        }
        values[i] = (struct pgoutput_value){ 't', (uint32_t)strlen(texts[i]), texts[i] };
        len += values[i].len;
    }
    return len;
}

#endif
