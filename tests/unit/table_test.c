/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables and columns are captured, in which order, under which names and keys. */
#include "connectors/postgres/table.h"

#include "tests/helper/cmocka_all.h"

#include "tests/helper/pg_fixture.h"

struct bench {
    struct pg_config config;
    struct table_filter *filter;
};

static void
begin(struct bench *b, const char *const *pairs)
{
    struct cv_err err = CV_ERR_INIT;

    pg_fixture_config(pairs, &b->config);
    if (table_filter_new(&b->config, &b->filter, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
end(struct bench *b)
{
    table_filter_free(b->filter);
    pg_config_done(&b->config);
}

static void
patterns_match_whole_names_without_regard_to_case(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, (const char *const[]){ "table.include.list", "public.orders, PUBLIC\\.cust.*", NULL });
    assert_true(table_is_captured(b.filter, "public", "orders"));
    assert_true(table_is_captured(b.filter, "public", "Customers"));
    assert_false(table_is_captured(b.filter, "public", "orders_old"));
    assert_false(table_is_captured(b.filter, "other", "orders"));
    end(&b);
}

static void
schema_and_table_filters_must_both_admit(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, (const char *const[]){ "schema.exclude.list", "audit", "table.exclude.list", ".*\\.tmp_.*", NULL });
    assert_true(table_is_captured(b.filter, "public", "a"));
    assert_false(table_is_captured(b.filter, "audit", "a"));
    assert_false(table_is_captured(b.filter, "public", "tmp_a"));
    end(&b);
}

static void
system_tables_are_left_out_unless_asked_for(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, NULL);
    assert_false(table_is_captured(b.filter, "pg_catalog", "pg_class"));
    assert_false(table_is_captured(b.filter, "information_schema", "tables"));
    assert_false(table_is_captured(b.filter, "public", "spatial_ref_sys"));
    end(&b);
    begin(&b, (const char *const[]){ "table.ignore.builtin", "false", NULL });
    assert_true(table_is_captured(b.filter, "public", "spatial_ref_sys"));
    end(&b);
}

static void
columns_are_chosen_by_their_dotted_name(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, (const char *const[]){ "column.exclude.list", "public.a.secret_.*", NULL });
    assert_false(table_column_is_captured(b.filter, "public", "a", "secret_1"));
    assert_true(table_column_is_captured(b.filter, "public", "b", "secret_1"));
    end(&b);
}

static struct pg_table *
named(const char *name)
{
    struct pg_table *table = calloc(1, sizeof(*table));

    table->schema = strdup("public");
    table->name = strdup(name);
    return table;
}

/* A snapshot reads in the order of table.include.list, tables of one entry as the catalog has them. */
static void
tables_are_in_the_order_of_the_include_list(void **state)
{
    struct bench b;
    struct pg_tables tables = { calloc(4, sizeof(struct pg_table *)), 4 };
    static const char *const names[] = { "a", "b1", "b2", "c" };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        tables.items[i] = named(names[i]);
    begin(&b, (const char *const[]){ "table.include.list", "public.c,public.b.*", NULL });
    table_select(b.filter, &tables);
    assert_int_equal(tables.count, 3);
    assert_string_equal(tables.items[0]->name, "c");
    assert_string_equal(tables.items[1]->name, "b1");
    assert_string_equal(tables.items[2]->name, "b2");
    pg_tables_done(&tables);
    end(&b);
}

static const struct pg_fixture_column abc[] = { { "a", "int4", -1, true, NULL, 0, NULL },
                                                { "b", "int4", -1, true, NULL, 0, NULL },
                                                { "c", "int4", -1, true, NULL, 0, NULL } };

static void
message_key_columns_stand_before_the_primary_key(void **state)
{
    struct pg_fixture_table t;
    struct bench b;
    uint16_t keys[3];

    (void)state;
    pg_fixture_table(abc, 3, 1, &t);
    begin(&b, (const char *const[]){ "message.key.columns", "other.t:a;public.t:c,b", NULL });
    assert_int_equal(table_key_columns(b.filter, &t.table, keys), 2);
    assert_int_equal(keys[0], 2);
    assert_int_equal(keys[1], 1);
    end(&b);
    begin(&b, NULL);
    assert_int_equal(table_key_columns(b.filter, &t.table, keys), 1);
    assert_int_equal(keys[0], 0);
    end(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_names_without_regard_to_case),
        cmocka_unit_test(schema_and_table_filters_must_both_admit),
        cmocka_unit_test(system_tables_are_left_out_unless_asked_for),
        cmocka_unit_test(columns_are_chosen_by_their_dotted_name),
        cmocka_unit_test(tables_are_in_the_order_of_the_include_list),
        cmocka_unit_test(message_key_columns_stand_before_the_primary_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
