/* SPDX-License-Identifier: Apache-2.0 */
/* Column rules: which one counts, what it does to values and schemas. Hashes were recorded with Debezium 3.3.1. */
#include "connectors/postgres/mask.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/field_cipher.h"
#include "connectors/postgres/column_type.h"
#include "connectors/postgres/type.h"
#include "tests/helper/pg_fixture.h"

#define SECRET_V1 "122e56d6f15256f7a553c665138b101b52d5201a2cd0fd8f61b54c0c28a14efa"
#define SECRET_V2 "8b41ea6bee11d6298cbf86dab70bb64aabef4ff6119d9c929ace2a16123117a5"
#define V1        "column.mask.hash.SHA-256.with.salt.CzQMA0cB5K"
#define V2        "column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K"

struct bench {
    struct pg_config config;
    struct mask_rules *rules;
    struct pg_fixture_table table;
    struct cv_schema *schema;
    struct mask *mask;
    struct encode enc;
};

static void
begin(struct bench *b, const char *type, int32_t typmod, const char *const *pairs)
{
    const struct pg_fixture_column column = { "c", type, typmod, false, NULL, 0, NULL };
    struct pg_column *col = &b->table.columns[0];
    struct column_type mapped;
    struct cv_err err = CV_ERR_INIT;

    *b = (struct bench){ 0 };
    pg_fixture_config(pairs, &b->config);
    pg_fixture_table(&column, 1, 0, &b->table);
    assert_int_equal(mask_rules_new(b->config.all, &b->rules, &err), CV_OK);
    type_of_column(&b->config, col, &mapped);
    b->enc = mapped.enc;
    assert_int_equal(type_schema(&b->config, col, true, NULL, &b->schema, &err), CV_OK);
    assert_int_equal(mask_column(b->rules, "public", "t", col, false, false, &b->schema, &b->mask, &err), CV_OK);
}

static void
end(struct bench *b)
{
    mask_free(b->mask);
    mask_rules_free(b->rules);
    cv_schema_unref(b->schema);
    pg_config_done(&b->config);
}

/* The text in both forms. */
static void
masked_is(struct bench *b, const char *text, const char *json)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value val = cv_null(b->schema);
    struct cv_buf again = CV_BUF_INIT(10000);
    struct cv_err err = CV_ERR_INIT;
    char out[2000], *stop;
    bool bad = false;

    assert_true(encode_bound(&b->enc, strlen(text)) + mask_room(b->mask) <= sizeof(out));
    stop = mask_json(b->mask, &b->enc, text, strlen(text), out, &bad);
    assert_false(bad);
    assert_int_equal(stop - out, strlen(json));
    assert_memory_equal(out, json, strlen(json));
    assert_int_equal(encode_value(&b->enc, text, strlen(text), arena, &val, &bad, &err), CV_OK);
    assert_int_equal(mask_value(b->mask, arena, &val, &err), CV_OK);
    if (val.type == CV_STRING) {
        cv_buf_json(&again, val.bytes.data, val.bytes.len);
        assert_string_equal(cv_buf_cstr(&again), json);
    }
    cv_buf_free(&again);
    cv_arena_free(arena);
}

static void
hashes_are_as_recorded(void **state)
{
    static const char *const v1[] = { V1, "public.t.c", NULL };
    static const char *const v2[] = { V2, "public.t.c", NULL };
    static const char *const md5[] = { "column.mask.hash.v2.MD5.with.salt.x", ".*", NULL };
    struct bench b;

    (void)state;
    begin(&b, "text", -1, v1);
    masked_is(&b, "secret", "\"" SECRET_V1 "\"");
    end(&b);
    begin(&b, "text", -1, v2);
    masked_is(&b, "secret", "\"" SECRET_V2 "\"");
    assert_string_equal(cv_schema_param(b.schema, "masked"), "true");
    end(&b);
    begin(&b, "varchar", 4 + 20, v2);
    masked_is(&b, "secret", "\"8b41ea6bee11d6298cbf\"");
    end(&b);
    begin(&b, "text", -1, md5);
    masked_is(&b, "secret", "\"94b4cdcb10029a32bb7d0d316e509274\"");
    end(&b);
}

static void
stars_stand_for_null_too(void **state)
{
    static const char *const five[] = { "column.mask.with.5.chars", "PUBLIC.T.C", NULL };
    static const char *const none[] = { "column.mask.with.0.chars", "public.t.c", NULL };
    struct cv_err err = CV_ERR_INIT;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value val;
    struct bench b;

    (void)state;
    begin(&b, "text", -1, five);
    masked_is(&b, "anything", "\"*****\"");
    assert_string_equal(mask_null_json(b.mask), "\"*****\"");
    val = cv_null(b.schema);
    assert_int_equal(mask_value(b.mask, arena, &val, &err), CV_OK);
    assert_false(val.is_null);
    assert_int_equal(val.bytes.len, 5);
    end(&b);
    begin(&b, "text", -1, none);
    masked_is(&b, "anything", "\"\"");
    end(&b);
    cv_arena_free(arena);
}

static void
texts_are_cut_by_units_of_utf16(void **state)
{
    static const char *const three[] = { "column.truncate.to.3.chars", "public.t.c", NULL };
    static const struct {
        const char *text;
        const char *json;
    } rows[] = {
        { "secret", "\"sec\"" },
        { "ab", "\"ab\"" },
        { "\xc3\xa4\xf0\x9f\x98\x80" "bc", "\"\xc3\xa4\\uD83D\\uDE00\"" },
        { "ab\xf0\x9f\x98\x80", "\"ab\"" }, /* no half of a pair */
        { "a\"\\b", "\"a\\\"\\\\\"" },
        { "a\tb\x01", "\"a\\tb\"" },
        { "\x01\x02\x03\x04", "\"\\u0001\\u0002\\u0003\"" },
    };
    struct bench b;

    (void)state;
    begin(&b, "text", -1, three);
    for (size_t i = 0; i < CV_COUNT(rows); i++)
        masked_is(&b, rows[i].text, rows[i].json);
    assert_string_equal(cv_schema_param(b.schema, "truncateLength"), "3");
    end(&b);
    begin(&b, "bytea", -1, three);
    masked_is(&b, "\\x0102030405", "\"AQID\"");
    end(&b);
    begin(&b, "varchar", 4 + 3, three); /* never longer */
    assert_null(b.mask);
    assert_null(cv_schema_param(b.schema, "truncateLength"));
    end(&b);
}

#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* What comes out of a text of ours with the key. */
static void
opens_as(const char *sealed, size_t len, const char *plain)
{
    struct field_cipher *cipher = NULL;
    struct cv_buf out = CV_BUF_INIT(1000);
    enum field_cipher_type type;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(field_cipher_new("k1", KEY_HEX, FIELD_CIPHER_RANDOM, &cipher, &err), CV_OK);
    if (field_cipher_open(cipher, sealed, len, &type, &out, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(out.len, strlen(plain));
    assert_memory_equal(out.data, plain, out.len);
    cv_buf_free(&out);
    field_cipher_free(cipher);
}

/* Scalars of every kind: the same in both forms, and what was there when it is opened. */
static void
encrypted_columns_are_texts_of_their_key(void **state)
{
    static const char *const pairs[] = { "column.encrypt.with.k1", "public.t.c", "column.encrypt.key.k1", KEY_HEX,
                                         "column.encrypt.mode.k1", "Deterministic", V2, "public.t.c", NULL };
    static const struct {
        const char *type;
        const char *text;
        const char *plain;
    } rows[] = {
        { "text", "a \"canary\"", "a \"canary\"" }, { "int4", "-7", "-7" }, { "bool", "t", "true" },
        { "float8", "1.5", "1.5" }, { "bytea", "\\x616263", "abc" }, { "date", "1970-01-02", "1" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_arena *arena = cv_arena_new(NULL);
        struct cv_err err = CV_ERR_INIT;
        struct cv_value val;
        struct bench b;
        char out[2000], *stop;
        bool bad = false;

        begin(&b, rows[i].type, -1, pairs);
        assert_true(mask_encrypts(b.mask));
        assert_int_equal(b.schema->type, CV_STRING);
        assert_string_equal(b.schema->name, "io.culvert.Encrypted");
        assert_true(b.schema->optional);
        stop = mask_json(b.mask, &b.enc, rows[i].text, strlen(rows[i].text), out, &bad);
        assert_false(bad);
        assert_true((size_t)(stop - out) <= encode_bound(&b.enc, strlen(rows[i].text)) + mask_room(b.mask));
        opens_as(out + 1, (size_t)(stop - out) - 2, rows[i].plain);
        val = cv_null(mask_plain_schema(b.mask, b.schema));
        assert_int_equal(encode_value(&b.enc, rows[i].text, strlen(rows[i].text), arena, &val, &bad, &err), CV_OK);
        assert_int_equal(mask_value(b.mask, arena, &val, &err), CV_OK);
        assert_int_equal(val.bytes.len, (size_t)(stop - out) - 2);
        assert_memory_equal(val.bytes.data, out + 1, val.bytes.len);
        cv_arena_free(arena);
        end(&b);
    }
}

static void
what_cannot_be_encrypted_is_refused(void **state)
{
    static const char *const random[] = { "column.encrypt.with.k1", "public.t.c", "column.encrypt.key.k1", KEY_HEX,
                                          NULL };
    static char text[] = "text", c[] = "c";
    struct pg_type type = { .name = text, .declared = text };
    const struct pg_column col = { .name = c, .type = &type, .typmod = -1 };
    struct cv_schema_builder *array = cv_schema_new(CV_ARRAY);
    struct cv_schema *schema = NULL, *items = cv_schema_ref(cv_schema_plain(CV_STRING, true));
    struct mask_rules *rules = NULL;
    struct mask *mask = NULL;
    struct pg_config config;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    pg_fixture_config(random, &config);
    assert_int_equal(mask_rules_new(config.all, &rules, &err), CV_OK);
    assert_false(mask_spares_key(rules, "public", "t", &col));
    cv_schema_set_items(array, items);
    assert_int_equal(cv_schema_finish(array, &schema, &err), CV_OK);
    assert_int_equal(mask_column(rules, "public", "t", &col, false, false, &schema, &mask, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "only single values can be encrypted, not array"));
    cv_schema_unref(schema);
    assert_int_equal(mask_column(rules, "public", "t", &col, false, true, &items, &mask, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "set column.encrypt.mode.k1 to deterministic"));
    assert_null(mask);
    cv_schema_unref(items);
    mask_rules_free(rules);
    pg_config_done(&config);
}

static void
only_texts_are_masked_but_all_are_marked(void **state)
{
    static const char *const pairs[] = { V2, "public.t.c", NULL };
    static const char *const types[] = { "int4", "jsonb", "uuid", "timestamp" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(types); i++) {
        struct bench b;

        begin(&b, types[i], -1, pairs);
        assert_null(b.mask);
        assert_string_equal(cv_schema_param(b.schema, "masked"), "true");
        end(&b);
    }
}

static void
the_first_rule_counts(void **state)
{
    static const char *const pairs[] = { V2, "public.t.c", "column.propagate.source.type", "public\\.t\\.c",
                                         "column.mask.with.2.chars", "public.other.c", NULL };
    struct bench b;

    (void)state;
    begin(&b, "varchar", 4 + 7, pairs);
    assert_null(b.mask);
    assert_null(cv_schema_param(b.schema, "masked"));
    assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.type"), "VARCHAR");
    assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.length"), "7");
    assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.scale"), "0");
    assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.name"), "c");
    end(&b);
}

static void
types_are_named_with_and_without_their_table(void **state)
{
    static const char *const names[] = { ".+\\.NUMERIC", "numeric" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        const char *pairs[] = { "datatype.propagate.source.type", names[i], NULL };
        struct bench b;

        begin(&b, "numeric", ((10 << 16) | 2) + 4, pairs);
        assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.length"), "10");
        assert_string_equal(cv_schema_param(b.schema, "__debezium.source.column.scale"), "2");
        assert_string_equal(cv_schema_param(b.schema, "scale"), "2");
        end(&b);
        begin(&b, "text", -1, pairs);
        assert_null(cv_schema_param(b.schema, "__debezium.source.column.type"));
        end(&b);
    }
}

static void
sizes_are_those_of_the_driver(void **state)
{
    static const struct {
        const char *type;
        int32_t typmod;
        int32_t length;
        int32_t scale;
    } rows[] = {
        { "int8", -1, 19, 0 },      { "_int4", -1, 10, 0 },     { "text", -1, INT32_MAX, 0 }, { "bpchar", 8, 4, 0 },
        { "timestamp", 3, 26, 3 },  { "timestamptz", -1, 35, 6 }, { "interval", -1, 49, 6 },  { "bit", 5, 5, 0 },
        { "numeric", -1, 131089, 0 }, { "time", 1, 11, 1 },     { "jsonb", -1, INT32_MAX, 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct pg_type type = { .name = (char *)(uintptr_t)rows[i].type,
                                .declared = (char *)(uintptr_t)rows[i].type,
                                .category = rows[i].type[0] == '_' ? 'A' : 'X' };
        struct pg_column col = { .type = &type, .typmod = rows[i].typmod };
        int32_t length, scale;

        column_type_size(&col, false, &length, &scale);
        assert_int_equal(length, rows[i].length);
        assert_int_equal(scale, rows[i].scale);
    }
}

static void
serial_columns_are_known_to_snapshots_only(void **state)
{
    static char def[] = "nextval('t_id_seq'::regclass)", int4[] = "int4";
    const struct pg_type type = { .name = int4, .declared = int4 };
    const struct pg_column col = { .type = &type, .def = def };
    char name[32];

    (void)state;
    column_type_name(&col, true, name, sizeof(name));
    assert_string_equal(name, "SERIAL");
    column_type_name(&col, false, name, sizeof(name));
    assert_string_equal(name, "INT4");
}

static void
wrong_rules_are_named(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *text;
    } rows[] = {
        { "column.mask.with.x.chars", "a", "\"x\" in the option's name must be a number" },
        { "column.mask.hash.NOSUCH.with.salt.s", "a", "hash algorithm NOSUCH is not known" },
        { "column.mask.hash.SHA-256.with.salt.", "a", "must end as ALGORITHM.with.salt.SALT" },
        { "column.truncate.to.0.chars", "(", "column.truncate.to.0.chars" },
        { "column.mask.whatever", "a", "no such option" },
        { "column.encrypt.with.k1", "a", "set column.encrypt.key.k1" },
        { "column.encrypt.for.k1", "a", "no such option" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config *cfg = cv_config_new();
        struct cv_config_errors errors = { 0 };
        struct mask_rules *rules = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(cv_config_set(cfg, rows[i].key, rows[i].value, &err), CV_OK);
        assert_int_equal(mask_rules_new(cfg, &rules, &err), CV_INVALID);
        assert_null(rules);
        mask_check(cfg, &errors);
        assert_int_equal(errors.count, 1);
        assert_string_equal(errors.items[0].key, rows[i].key);
        assert_non_null(strstr(errors.items[0].text, rows[i].text));
        cv_config_errors_done(&errors);
        cv_config_free(cfg);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_as_recorded),
        cmocka_unit_test(stars_stand_for_null_too),
        cmocka_unit_test(texts_are_cut_by_units_of_utf16),
        cmocka_unit_test(encrypted_columns_are_texts_of_their_key),
        cmocka_unit_test(what_cannot_be_encrypted_is_refused),
        cmocka_unit_test(only_texts_are_masked_but_all_are_marked),
        cmocka_unit_test(the_first_rule_counts),
        cmocka_unit_test(types_are_named_with_and_without_their_table),
        cmocka_unit_test(sizes_are_those_of_the_driver),
        cmocka_unit_test(serial_columns_are_known_to_snapshots_only),
        cmocka_unit_test(wrong_rules_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
