/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON: what stands in for values that are missing, and which columns there are. */
#include "connectors/postgres/plan.h"

#include "tests/helper/cmocka_all.h"

#include "tests/helper/pg_fixture.h"

static const struct cv_direct direct = { .replace_null_with_default = true };
static const struct cv_direct *path = &direct; /* NULL: the record path, which keeps schemas */

static const struct pg_fixture_column columns[] = {
    { "id", "int4", -1, true, NULL, 0, NULL },
    { "name", "text", -1, true, NULL, 0, NULL },
    { "note", "text", -1, false, "'none'::text", 0, NULL },
    { "blob", "bytea", -1, false, NULL, 0, NULL },
    { "n", "int4", -1, false, NULL, 0, NULL },
};
#define N      CV_COUNT(columns)
#define N_MOST 8

struct bench {
    struct pg_config config;
    struct table_filter *filter;
    struct pg_fixture_table table;
    struct plan *plan;
};

static void
begin_columns(struct bench *b, const struct pg_fixture_column *cols, size_t n,
              const struct pgoutput_relation *relation, const char *const *pairs)
{
    struct plan_spec spec = {
        .config = &b->config, .direct = path, .table = &b->table.table, .relation = relation
    };
    struct cv_err err = CV_ERR_INIT;

    pg_fixture_config(pairs, &b->config);
    pg_fixture_table(cols, n, 1, &b->table);
    assert_int_equal(table_filter_new(&b->config, &b->filter, &err), CV_OK);
    spec.filter = b->filter;
    if (plan_new(&spec, &b->plan, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
begin(struct bench *b, const char *const *pairs)
{
    begin_columns(b, columns, N, NULL, pairs);
}

static void
end(struct bench *b)
{
    plan_free(b->plan);
    table_filter_free(b->filter);
    pg_config_done(&b->config);
}

/* lacks: the column that is told of, since there is no value to send; -1: none. */
static void
row_lacks(struct bench *b, const char *const *texts, const char *const *old_texts, const char *json, int lacks)
{
    struct pgoutput_value values[N_MOST], old_values[N_MOST];
    struct pgoutput_tuple row, old;
    size_t n = b->plan->n_columns, len = pg_fixture_tuple(texts, n, values, &row);
    int bad = -1;
    char *out, *end_of;

    if (old_texts != NULL)
        len += pg_fixture_tuple(old_texts, n, old_values, &old);
    out = malloc(plan_bound(b->plan, len) + 1);
    end_of = plan_write_row(b->plan, &row, old_texts != NULL ? &old : NULL, out, &bad);
    *end_of = '\0';
    assert_string_equal(out, json);
    assert_int_equal(bad, lacks);
    assert_true((size_t)(end_of - out) <= plan_bound(b->plan, len));
    free(out);
}

static void
row_is(struct bench *b, const char *const *texts, const char *const *old_texts, const char *json)
{
    row_lacks(b, texts, old_texts, json, -1);
}

static void
a_null_prints_as_its_default(void **state)
{
    static const char *const texts[] = { "1", "a", NULL, NULL, NULL };
    struct bench b;

    (void)state;
    begin(&b, NULL);
    row_is(&b, texts, NULL, "{\"id\":1,\"name\":\"a\",\"note\":\"none\",\"blob\":null,\"n\":null}");
    end(&b);
}

static void
unchanged_toast_is_the_placeholder_or_the_old_value(void **state)
{
    static const char *const texts[] = { "1", PG_FIXTURE_UNCHANGED, "x", PG_FIXTURE_UNCHANGED, PG_FIXTURE_UNCHANGED };
    static const char *const old[] = { "1", "before", "y", "\\x01", "5" };
    struct bench b;

    (void)state;
    begin(&b, (const char *const[]){ "unavailable.value.placeholder", "gone", NULL });
    row_lacks(&b, texts, NULL,
              "{\"id\":1,\"name\":\"gone\",\"note\":\"x\",\"blob\":\"Z29uZQ==\",\"n\":null}", 4);
    row_is(&b, texts, old,
           "{\"id\":1,\"name\":\"before\",\"note\":\"x\",\"blob\":\"AQ==\",\"n\":5}");
    end(&b);
}

/* Of an old key the server sends only the key; the other NOT NULL columns get their type's fallback. */
static void
what_an_old_key_lacks_is_filled_in(void **state)
{
    static const struct pg_fixture_column late[] = {
        { "id", "int4", -1, true, NULL, 0, NULL },
        { "name", "text", -1, true, NULL, 0, NULL },
        { "at", "timestamptz", -1, true, NULL, 0, NULL },
        { "at3", "timestamptz", 3, true, NULL, 0, NULL },
        { "seen", "timestamptz", -1, true, "now()", 0, NULL },
        { "free", "timestamptz", -1, false, NULL, 0, NULL },
    };
    static const char *const texts[] = { "1", NULL, NULL, NULL, NULL, NULL };
    static struct pgoutput_relation relation = { .schema = "public", .name = "t", .replica_identity = 'd' };
    struct bench b;

    (void)state;
    relation.n_columns = CV_COUNT(late);
    for (uint16_t i = 0; i < CV_COUNT(late); i++)
        relation.columns[i] = (struct pgoutput_column){ i == 0, late[i].name, 100 + i, late[i].typmod };
    begin_columns(&b, late, CV_COUNT(late), &relation, NULL);
    row_is(&b, texts, NULL,
           "{\"id\":1,\"name\":\"\",\"at\":\"1970-01-01T00:00:00Z\",\"at3\":\"1970-01-01T00:00:00Z\","
           "\"seen\":\"1970-01-01T00:00:00.000000Z\",\"free\":null}");
    end(&b);
}

/* The Relation message of columns, all of them part of the identity. */
static const struct pgoutput_relation *
streamed(void)
{
    static struct pgoutput_relation relation = { .schema = "public", .name = "t", .replica_identity = 'f' };

    relation.n_columns = N;
    for (uint16_t i = 0; i < N; i++)
        relation.columns[i] = (struct pgoutput_column){ true, columns[i].name, 100 + i, columns[i].typmod };
    return &relation;
}

static void
key_is(struct bench *b, const char *const *texts, const char *json)
{
    struct pgoutput_value values[N_MOST];
    struct pgoutput_tuple row;
    char out[1000];
    int bad = -1;

    pg_fixture_tuple(texts, b->plan->n_columns, values, &row);
    *plan_write_key(b->plan, &row, out, &bad) = '\0';
    assert_string_equal(out, json);
    assert_int_equal(bad, -1);
}

/* Of a snapshot, as Debezium makes it, the key is the fallback then. */
static void
columns_left_out_of_the_value_stay_in_the_key(void **state)
{
    static const char *const texts[] = { "7", "a", "b", NULL, "1" };
    static const char *const some[] = { "column.exclude.list", "public.t.(id|blob|n|note)", NULL };
    static const char *const all[] = { "column.include.list", "public.none.*", NULL };
    struct bench b;

    (void)state;
    begin_columns(&b, columns, N, streamed(), some);
    row_is(&b, texts, NULL, "{\"name\":\"a\"}");
    key_is(&b, texts, "{\"id\":7}");
    assert_null(b.plan->row_schema);
    end(&b);
    path = NULL;
    begin_columns(&b, columns, N, streamed(), some);
    path = &direct;
    assert_int_equal(b.plan->row_schema->n_fields, 1);
    assert_null(b.plan->columns[1].name.text); /* rows are no JSON here, */
    key_is(&b, texts, "{\"id\":7}");           /* but keys are */
    end(&b);
    begin(&b, some);
    key_is(&b, texts, "{\"id\":0}");
    end(&b);
    begin(&b, all);
    row_is(&b, texts, NULL, "{}");
    key_is(&b, texts, "{\"id\":7}");
    end(&b);
}

/* Rows only: the key of a masked column is what it is. What stands in for a value is masked with it. */
static void
rules_of_columns_concern_rows(void **state)
{
    static const char *const texts[] = { "7", "secret", PG_FIXTURE_UNCHANGED, NULL, "1" };
    static const char *const absent[] = { "7", NULL, NULL, NULL, NULL };
    static const char *const rules[] = { "column.mask.with.3.chars", "public.t.name", "column.truncate.to.2.chars",
                                         "public.t.note", "message.key.columns", "public.t:name", NULL };
    struct bench b;

    (void)state;
    begin(&b, rules);
    row_is(&b, texts, NULL, "{\"id\":7,\"name\":\"***\",\"note\":\"__\",\"blob\":null,\"n\":1}");
    row_is(&b, absent, NULL,
           "{\"id\":7,\"name\":\"***\",\"note\":\"none\",\"blob\":null,\"n\":null}");
    key_is(&b, texts, "{\"name\":\"secret\"}");
    end(&b);
    path = NULL;
    begin(&b, rules);
    path = &direct;
    assert_non_null(cv_schema_param(cv_schema_field(b.plan->row_schema, "name")->schema, "masked"));
    assert_null(cv_schema_param(cv_schema_field(b.plan->key_schema, "name")->schema, "masked"));
    end(&b);
}

static bool
changes(struct bench *b, const char *const *old_texts, const char *const *texts)
{
    struct pgoutput_value old_values[N_MOST], values[N_MOST];
    struct pgoutput_tuple old, row;

    pg_fixture_tuple(old_texts, b->plan->n_columns, old_values, &old);
    pg_fixture_tuple(texts, b->plan->n_columns, values, &row);
    return plan_row_changed(b->plan, &old, &row);
}

static void
an_update_changes_what_is_sent(void **state)
{
    static const char *const old[] = { "7", "a", "b", NULL, "1" };
    static const char *const left_out[] = { "7", "a", "b", NULL, "2" };
    static const char *const unchanged[] = { "7", "a", PG_FIXTURE_UNCHANGED, NULL, "1" };
    static const char *const masked[] = { "7", "other", "b", NULL, "1" };
    static const char *const null[] = { "7", "a", NULL, NULL, "1" };
    static const char *const more[] = { "7", "a", "bb", NULL, "1" };
    struct bench b;

    (void)state;
    begin(&b, (const char *const[]){ "column.exclude.list", "public.t.n", "column.mask.with.3.chars", "public.t.name",
                                     NULL });
    assert_false(changes(&b, old, old));
    assert_false(changes(&b, old, left_out));
    assert_false(changes(&b, old, unchanged));
    assert_false(changes(&b, old, masked));
    assert_true(changes(&b, old, null));
    assert_true(changes(&b, old, more));
    end(&b);
}

static void
a_value_that_cannot_be_converted_is_null_and_named(void **state)
{
    static const char *const texts[] = { "1", "a", "b", "no bytea", "1" };
    struct pgoutput_value values[N];
    struct pgoutput_tuple row;
    struct bench b;
    char out[2000];
    int bad = -1;

    (void)state;
    begin(&b, NULL);
    pg_fixture_tuple(texts, N, values, &row);
    *plan_write_row(b.plan, &row, NULL, out, &bad) = '\0';
    assert_string_equal(out, "{\"id\":1,\"name\":\"a\",\"note\":\"b\",\"blob\":null,\"n\":1}");
    assert_int_equal(bad, 3);
    end(&b);
}

/* As the record path's converter has it: a default stands for every null. */
static void
a_value_that_cannot_be_converted_prints_as_the_default(void **state)
{
    static const struct pg_fixture_column two[] = { { "id", "numeric", -1, true, NULL, 0, NULL },
                                                    { "n", "numeric", (6 << 16 | 2) + 4, false, "1", 0, NULL } };
    static const char *const texts[] = { "NaN", "NaN" };
    struct pgoutput_value values[2];
    struct pgoutput_tuple row;
    struct bench b;
    char out[2000];
    int bad = -1;

    (void)state;
    begin_columns(&b, two, 2, NULL, NULL);
    pg_fixture_tuple(texts, 2, values, &row);
    *plan_write_row(b.plan, &row, NULL, out, &bad) = '\0';
    assert_string_equal(out, "{\"id\":null,\"n\":\"ZA==\"}");
    assert_int_equal(bad, 0); /* the one that cannot be null */
    end(&b);
}

/* Between the change and now the column's modifier changed: the values have that of the stream. */
static void
values_have_the_modifier_that_the_stream_names(void **state)
{
    static const struct pg_fixture_column now[] = { { "id", "int4", -1, true, NULL, 0, NULL },
                                                    { "n", "numeric", (6 << 16 | 1) + 4, false, NULL, 0, NULL } };
    static const char *const texts[] = { "1", "1.555" };
    static struct pgoutput_relation relation = { .schema = "public", .name = "t", .n_columns = 2 };
    struct bench b;

    (void)state;
    relation.columns[0] = (struct pgoutput_column){ true, "id", 100, -1 };
    relation.columns[1] = (struct pgoutput_column){ false, "n", 101, (6 << 16 | 3) + 4 };
    begin_columns(&b, now, 2, &relation, NULL);
    row_is(&b, texts, NULL, "{\"id\":1,\"n\":\"BhM=\"}");
    end(&b);
}

static const struct {
    const char *type;
    int32_t typmod;
    const char *option;
    const char *value;
    const char *json; /* of the placeholder "hey" */
} placeholders[] = {
    { "text", -1, NULL, NULL, "\"hey\"" },
    { "jsonb", -1, NULL, NULL, "\"hey\"" },
    { "bytea", -1, NULL, NULL, "\"aGV5\"" },
    { "bytea", -1, "binary.handling.mode", "hex", "\"hey\"" },
    { "bytea", -1, "binary.handling.mode", "base64", "null" },
    { "numeric", -1, NULL, NULL, "null" },
    { "numeric", -1, "decimal.handling.mode", "string", "\"hey\"" },
    { "hstore", -1, NULL, NULL, "\"{\\\"hey\\\":\\\"hey\\\"}\"" },
    { "hstore", -1, "hstore.handling.mode", "map", "{\"hey\":\"hey\"}" },
    { "_text", -1, NULL, NULL, "[\"hey\"]" },
    { "_json", -1, NULL, NULL, "[\"hey\"]" },
    { "_inet", -1, NULL, NULL, "null" },
    { "_int4", -1, NULL, NULL, "[104,101,121]" },
    { "_int8", -1, NULL, NULL, "[104,101,121]" },
    { "_oid", -1, NULL, NULL, "null" },
    { "_date", -1, NULL, NULL, "[104,101,121]" },
    { "_date", -1, "time.precision.mode", "isostring", "null" },
    { "_bytea", -1, NULL, NULL, "[\"aGV5\"]" },
    { "_bytea", -1, "binary.handling.mode", "hex", "null" },
    { "_uuid", -1, NULL, NULL, "[\"6057f13c-496e-3f7f-9777-ceb9e79ae285\"]" },
    { "_float8", -1, NULL, NULL, "null" },
    { "timestamp", -1, NULL, NULL, "null" },
    { "text", -1, "unavailable.value.placeholder", "hex:c3bc22", "\"\xc3\xbc\\\"\"" },
};

static void
each_type_has_its_placeholder(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(placeholders); i++) {
        const struct pg_fixture_column two[] = { { "id", "int4", -1, true, NULL, 0, NULL },
                                                 { "v", placeholders[i].type, placeholders[i].typmod, false, NULL, 0,
                                                   NULL } };
        static const char *const texts[] = { "1", PG_FIXTURE_UNCHANGED };
        const char *const first[] = { "unavailable.value.placeholder", "hey", placeholders[i].option,
                                      placeholders[i].value, NULL };
        struct bench b;
        char json[200];

        begin_columns(&b, two, 2, NULL, first);
        snprintf(json, sizeof(json), "{\"id\":1,\"v\":%s}", placeholders[i].json);
        row_lacks(&b, texts, NULL, json, strcmp(placeholders[i].json, "null") == 0 ? 1 : -1);
        end(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_prints_as_its_default),
        cmocka_unit_test(unchanged_toast_is_the_placeholder_or_the_old_value),
        cmocka_unit_test(what_an_old_key_lacks_is_filled_in),
        cmocka_unit_test(columns_left_out_of_the_value_stay_in_the_key),
        cmocka_unit_test(rules_of_columns_concern_rows),
        cmocka_unit_test(an_update_changes_what_is_sent),
        cmocka_unit_test(a_value_that_cannot_be_converted_is_null_and_named),
        cmocka_unit_test(a_value_that_cannot_be_converted_prints_as_the_default),
        cmocka_unit_test(values_have_the_modifier_that_the_stream_names),
        cmocka_unit_test(each_type_has_its_placeholder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
