/* SPDX-License-Identifier: Apache-2.0 */
/* Types to Connect schemas, and defaults, as recorded (cases defaults, zoo-scalars, zoo-temporal). */
#include "connectors/postgres/type.h"

#include "tests/helper/cmocka_all.h"

#include "tests/helper/pg_fixture.h"

#define NUMERIC(p, s) (((p) << 16 | (s)) + 4)

/* One column under one option: Connect type and semantic name. */
static const struct {
    const char *type;
    int32_t typmod;
    const char *option; /* NULL: the defaults */
    const char *value;
    enum cv_type is;
    const char *name;
} rows[] = {
    { "int2", -1, NULL, NULL, CV_INT16, NULL },
    { "oid", -1, NULL, NULL, CV_INT64, NULL },
    { "numeric", NUMERIC(10, 2), NULL, NULL, CV_BYTES, "org.apache.kafka.connect.data.Decimal" },
    { "numeric", -1, NULL, NULL, CV_STRUCT, "io.debezium.data.VariableScaleDecimal" },
    { "numeric", -1, "decimal.handling.mode", "string", CV_STRING, NULL },
    { "numeric", NUMERIC(10, 2), "decimal.handling.mode", "double", CV_FLOAT64, NULL },
    { "money", -1, NULL, NULL, CV_BYTES, "org.apache.kafka.connect.data.Decimal" },
    { "bit", 1, NULL, NULL, CV_BOOLEAN, NULL },
    { "bit", 8, NULL, NULL, CV_BYTES, "io.debezium.data.Bits" },
    { "bytea", -1, NULL, NULL, CV_BYTES, NULL },
    { "bytea", -1, "binary.handling.mode", "hex", CV_STRING, NULL },
    { "jsonb", -1, NULL, NULL, CV_STRING, "io.debezium.data.Json" },
    { "date", -1, NULL, NULL, CV_INT32, "io.debezium.time.Date" },
    { "date", -1, "time.precision.mode", "connect", CV_INT32, "org.apache.kafka.connect.data.Date" },
    { "time", 3, NULL, NULL, CV_INT32, "io.debezium.time.Time" },
    { "time", -1, NULL, NULL, CV_INT64, "io.debezium.time.MicroTime" },
    { "timestamp", 3, NULL, NULL, CV_INT64, "io.debezium.time.Timestamp" },
    { "timestamp", -1, "time.precision.mode", "nanoseconds", CV_INT64, "io.debezium.time.NanoTimestamp" },
    { "timestamp", -1, "time.precision.mode", "isostring", CV_STRING, "io.debezium.time.IsoTimestamp" },
    { "timestamptz", -1, "time.precision.mode", "connect", CV_STRING, "io.debezium.time.ZonedTimestamp" },
    { "interval", -1, NULL, NULL, CV_INT64, "io.debezium.time.MicroDuration" },
    { "interval", -1, "interval.handling.mode", "string", CV_STRING, "io.debezium.time.Interval" },
    { "hstore", -1, NULL, NULL, CV_STRING, "io.debezium.data.Json" },
    { "hstore", -1, "hstore.handling.mode", "map", CV_MAP, NULL },
    { "point", -1, NULL, NULL, CV_STRUCT, "io.debezium.data.geometry.Point" },
    { "geometry", -1, NULL, NULL, CV_STRUCT, "io.debezium.data.geometry.Geometry" },
    { "oidvector", -1, NULL, NULL, CV_ARRAY, NULL },
    { "vector", -1, NULL, NULL, CV_ARRAY, "io.debezium.data.DoubleVector" },
    { "sparsevec", -1, NULL, NULL, CV_STRUCT, "io.debezium.data.SparseDoubleVector" },
    { "tsquery", -1, "include.unknown.datatypes", "true", CV_BYTES, NULL },
    { "_int4", -1, NULL, NULL, CV_ARRAY, NULL },
    { "_bit", 3, NULL, NULL, CV_ARRAY, NULL },
    { "_tsquery", -1, "include.unknown.datatypes", "true", CV_ARRAY, NULL },
};

static void
schemas_follow_type_modifier_and_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const struct pg_fixture_column col = { "c", rows[i].type, rows[i].typmod, false, NULL, 0, NULL };
        const char *const pair[] = { rows[i].option, rows[i].value, NULL };
        struct pg_fixture_table t;
        struct pg_config config;
        struct cv_schema *schema = NULL;
        struct cv_err err = CV_ERR_INIT;

        pg_fixture_config(rows[i].option != NULL ? pair : NULL, &config);
        pg_fixture_table(&col, 1, 0, &t);
        assert_int_equal(type_schema(&config, &t.columns[0], true, NULL, &schema, &err), CV_OK);
        assert_int_equal(schema->type, rows[i].is);
        assert_true(schema->optional);
        if (rows[i].name == NULL)
            assert_null(schema->name);
        else
            assert_string_equal(schema->name, rows[i].name);
        cv_schema_unref(schema);
        pg_config_done(&config);
    }
}

/* A default expression, and the text of the value that stands in the schema; NULL: none. */
static const struct {
    const char *type;
    int32_t typmod;
    const char *expression;
    const char *text;
} defaults[] = {
    { "int4", -1, "42", "42" },
    { "int4", -1, "nextval('t_id_seq'::regclass)", "0" },
    { "int4", -1, "NULL::integer", NULL },
    { "text", -1, "'abc'::text", "abc" },
    { "text", -1, "'it''s'::text", "it" },
    { "text", -1, "upper('x'::text)", "" },
    { "numeric", NUMERIC(10, 2), "1", "1.00" },
    { "numeric", NUMERIC(10, 2), "1.005", NULL },
    { "bool", -1, "true", "t" },
    { "uuid", -1, "gen_random_uuid()", "00000000-0000-0000-0000-000000000000" },
    { "timestamptz", -1, "now()", "1970-01-01 00:00:00+00" },
    { "timestamptz", -1, "'infinity'::timestamp with time zone", NULL },
    { "date", -1, "CURRENT_DATE", "1970-01-01" },
    { "bytea", -1, "'\\x01'::bytea", NULL },
};

static void
defaults_are_read_as_recorded(void **state)
{
    struct pg_config config;

    (void)state;
    pg_fixture_config(NULL, &config);
    for (size_t i = 0; i < CV_COUNT(defaults); i++) {
        const struct pg_fixture_column col = { "c", defaults[i].type, defaults[i].typmod, false,
                                               defaults[i].expression, 0, NULL };
        struct pg_fixture_table t;
        char *text;

        pg_fixture_table(&col, 1, 0, &t);
        text = type_default_text(&config, &t.columns[0]);
        if (defaults[i].text == NULL)
            assert_null(text);
        else
            assert_string_equal(text != NULL ? text : "(none)", defaults[i].text);
        free(text);
    }
    pg_config_done(&config);
}

static void
an_enum_carries_its_labels(void **state)
{
    const struct pg_fixture_column col = { "c", "mood", -1, true, NULL, 'e', "sad,ok,a,b" };
    struct pg_fixture_table t;
    struct pg_config config;
    struct cv_schema *schema = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    pg_fixture_config(NULL, &config);
    pg_fixture_table(&col, 1, 0, &t);
    assert_int_equal(type_schema(&config, &t.columns[0], false, NULL, &schema, &err), CV_OK);
    assert_string_equal(schema->name, "io.debezium.data.Enum");
    assert_string_equal(cv_schema_param(schema, "allowed"), "sad,ok,a,b");
    assert_false(schema->optional);
    cv_schema_unref(schema);
    pg_config_done(&config);
}

static void
a_type_without_a_mapping_is_left_out(void **state)
{
    static const char *const names[] = { "tsquery",  "_tsquery", "_money", "_interval",  "_xml",
                                         "_point",   "_name",    "_varbit", "_refcursor" };
    static const char *const pair[] = { "include.unknown.datatypes", "true", NULL };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++)
        for (int unknown = 0; unknown < 2; unknown++) {
            const struct pg_fixture_column col = { "c", names[i], -1, true, NULL, 0, NULL };
            struct pg_fixture_table t;
            struct pg_config config;
            struct column_type type;

            pg_fixture_config(unknown != 0 ? pair : NULL, &config);
            pg_fixture_table(&col, 1, 0, &t);
            type_of_column(&config, &t.columns[0], &type);
            if (unknown != 0 && strstr(names[i], "tsquery") != NULL)
                assert_int_not_equal(type.enc.kind, ENCODE_NONE);
            else
                assert_int_equal(type.enc.kind, ENCODE_NONE);
            pg_config_done(&config);
        }
}

/* A type of a user with the name of one of the system's is another one; an extension's may be anywhere. */
static void
names_of_the_system_count_in_the_system_only(void **state)
{
    static const struct {
        const char *name;
        char kind;
        enum encode_kind is;
    } types[] = {
        { "int4range", 'r', ENCODE_NONE },    { "date", 'c', ENCODE_NONE },
        { "text", 'e', ENCODE_TEXT },         { "citext", 'b', ENCODE_TEXT },
        { "vector", 'b', ENCODE_FLOAT64_VECTOR }, { "vector", 'c', ENCODE_NONE },
    };
    struct pg_config config;

    (void)state;
    pg_fixture_config(NULL, &config);
    for (size_t i = 0; i < CV_COUNT(types); i++) {
        const struct pg_fixture_column col = { "c", types[i].name, -1, true, NULL, types[i].kind, "a" };
        struct pg_fixture_table t;
        struct column_type type;

        pg_fixture_table(&col, 1, 0, &t);
        t.types[0].system = false;
        type_of_column(&config, &t.columns[0], &type);
        assert_int_equal(type.enc.kind, types[i].is);
    }
    pg_config_done(&config);
}

/* Of an array of domains Debezium knows nothing, whatever the domain is of. */
static void
an_array_of_domains_is_of_unknown_elements(void **state)
{
    static const char *const pair[] = { "include.unknown.datatypes", "true", NULL };
    const struct pg_fixture_column col = { "c", "_int4", -1, true, NULL, 0, NULL };

    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        struct pg_fixture_table t;
        struct pg_config config;
        struct column_type type;

        pg_fixture_config(unknown != 0 ? pair : NULL, &config);
        pg_fixture_table(&col, 1, 0, &t);
        t.items[0].base_oid = 23;
        type_of_column(&config, &t.columns[0], &type);
        assert_int_equal(type.enc.kind, unknown != 0 ? ENCODE_ARRAY : ENCODE_NONE);
        assert_int_equal(type.enc.element, unknown != 0 ? ENCODE_RAW : ENCODE_NONE);
        pg_config_done(&config);
    }
}

static void
elements_of_arrays_may_be_null(void **state)
{
    static const char *const names[] = { "_int4", "_mood", "_numeric", "_tsvector", "_vector" };
    struct pg_config config;

    (void)state;
    pg_fixture_config(NULL, &config);
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        const struct pg_fixture_column col = { "c", names[i], -1, true, NULL, i == 1 ? 'e' : 0, "a,b" };
        struct pg_fixture_table t;
        struct cv_schema *schema = NULL;
        struct cv_err err = CV_ERR_INIT;

        pg_fixture_table(&col, 1, 0, &t);
        assert_int_equal(type_schema(&config, &t.columns[0], false, NULL, &schema, &err), CV_OK);
        assert_false(schema->optional);
        assert_true(schema->items->optional);
        cv_schema_unref(schema);
    }
    pg_config_done(&config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_follow_type_modifier_and_mode),
        cmocka_unit_test(defaults_are_read_as_recorded),
        cmocka_unit_test(an_enum_carries_its_labels),
        cmocka_unit_test(a_type_without_a_mapping_is_left_out),
        cmocka_unit_test(names_of_the_system_count_in_the_system_only),
        cmocka_unit_test(an_array_of_domains_is_of_unknown_elements),
        cmocka_unit_test(elements_of_arrays_may_be_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
