/* SPDX-License-Identifier: Apache-2.0 */
/* What topics, schemas and fields are called. */
#include "connectors/postgres/name.h"

#include "tests/helper/cmocka_all.h"

#include "common/buf.h"
#include "tests/helper/pg_fixture.h"

#define STRATEGY(name) "topic.naming.strategy", "io.debezium.schema." name "TopicNamingStrategy"

static void
topic_is(const char *const *pairs, const char *table, const char *topic)
{
    struct pg_config config;
    struct namer *namer = NULL;
    struct cv_buf out = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    pg_fixture_config(pairs, &config);
    if (namer_new(&config, &namer, &err) != CV_OK)
        fail_msg("%s", err.text);
    namer_table_topic(namer, "my_s", table, &out);
    assert_string_equal(cv_buf_cstr(&out), topic);
    cv_buf_free(&out);
    namer_free(namer);
    pg_config_done(&config);
}

static void
topics_hold_only_what_kafka_allows(void **state)
{
    static const char *const delimiter[] = { "topic.delimiter", "_", NULL };

    (void)state;
    topic_is(NULL, "My Table$\xc3\xbc", "p.my_s.My_Table__");
    topic_is(NULL, "\xf0\x9f\x98\x80", "p.my_s.__"); /* two units of UTF-16 */
    topic_is(delimiter, "t", "p_my_s_t");
}

static void
topics_are_cut(void **state)
{
    char longest[300], topic[250] = "p.my_s.";

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memset(topic + 7, 'x', 249 - 7);
    topic[249] = '\0';
    topic_is(NULL, longest, topic);
}

static void
strategies_differ_in_schema_and_escapes(void **state)
{
    static const char *const unicode[] = { STRATEGY("SchemaUnicode"), NULL };
    static const char *const plain[] = { STRATEGY("Default"), NULL };
    static const char *const both[] = { STRATEGY("DefaultUnicode"), NULL };

    (void)state;
    topic_is(unicode, "a b", "p.my_u005fs.a_u0020b");
    topic_is(unicode, "\xf0\x9f\x98\x80", "p.my_u005fs._ud83d_ude00");
    topic_is(plain, "a b", "p.a_b");
    topic_is(both, "a-b", "p.a-b");
}

static void
regex_strategies_rename_what_matches(void **state)
{
    static const char *const regex[] = { STRATEGY("SchemaRegex"), "topic.regex", "(.*)c_(.*)", "topic.replacement",
                                         "$1c all", NULL };

    (void)state;
    topic_is(regex, "c_1", "p.my_s.c_all");
    topic_is(regex, "other", "p.my_s.other");
}

static void
keys_of_renamed_topics_name_the_table(void **state)
{
    static const char *const pairs[] = { STRATEGY("DefaultRegex"), "topic.regex", "(.*)c_(.*)", "topic.replacement",
                                         "$1c_all", "topic.key.field.regex", ".*_(.*)",
                                         "topic.key.field.replacement", "$1", "topic.key.field.name", "shard", NULL };
    struct pg_config config;
    struct namer *namer = NULL;
    struct cv_buf out = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    pg_fixture_config(pairs, &config);
    assert_int_equal(namer_new(&config, &namer, &err), CV_OK);
    assert_string_equal(namer_key_field(namer), "shard");
    namer_key_value(namer, "s", "c_1", &out);
    assert_string_equal(cv_buf_cstr(&out), "1");
    cv_buf_reset(&out);
    namer_key_value(namer, "s", "other", &out);
    assert_string_equal(cv_buf_cstr(&out), "p.other");
    cv_buf_free(&out);
    namer_free(namer);
    pg_config_done(&config);
}

static void
wrong_strategies_are_named(void **state)
{
    static const struct {
        const char *pairs[6];
        const char *text;
    } rows[] = {
        { { "topic.naming.strategy", "no.such.Class", NULL }, "topic.naming.strategy no.such.Class is not known" },
        { { STRATEGY("SchemaRegex"), NULL }, "needs topic.regex and topic.replacement" },
        { { STRATEGY("SchemaRegex"), "topic.regex", "(a)", "topic.replacement", "$2" }, "topic.replacement" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const char *pairs[7] = { 0 };
        struct pg_config config;
        struct namer *namer = NULL;
        struct cv_err err = CV_ERR_INIT;

        memcpy(pairs, rows[i].pairs, sizeof(rows[i].pairs));
        pg_fixture_config(pairs, &config);
        assert_int_equal(namer_new(&config, &namer, &err), CV_INVALID);
        assert_non_null(strstr(err.text, rows[i].text));
        assert_null(namer);
        pg_config_done(&config);
    }
}

static void
names_are_adjusted(void **state)
{
    static const struct {
        const char *mode;
        const char *name;
        const char *schema;
        const char *field;
    } rows[] = {
        { "none", "1 x.y", "1 x.y", "1 x.y" },
        { "avro", "1 x.y_z", "_1_x.y_z", "_1_x_y_z" },
        { "avro", "$d\xc3\xa4", "_d_", "_d_" },
        { "avro_unicode", "1 x.y_z", "_u0031_u0020x.y_u005fz", "_u0031_u0020x_u002ey_u005fz" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const char *pairs[] = { "schema.name.adjustment.mode", rows[i].mode, "field.name.adjustment.mode",
                                rows[i].mode, NULL };
        struct cv_buf out = CV_BUF_INIT(1000);
        struct pg_config config;

        pg_fixture_config(pairs, &config);
        name_adjust_schema(&config, rows[i].name, &out);
        assert_string_equal(cv_buf_cstr(&out), rows[i].schema);
        cv_buf_reset(&out);
        name_adjust_field(&config, rows[i].name, &out);
        assert_string_equal(cv_buf_cstr(&out), rows[i].field);
        cv_buf_free(&out);
        pg_config_done(&config);
    }
}

static void
topics_of_no_table(void **state)
{
    static const char *const pairs[] = { "topic.delimiter", "_", "topic.heartbeat.prefix", "hb", "topic.transaction",
                                         "txs", NULL };
    char *heartbeat = NULL, *transaction = NULL, *message = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct pg_config config;

    (void)state;
    pg_fixture_config(pairs, &config);
    assert_int_equal(name_heartbeat_topic(&config, &heartbeat, &err), CV_OK);
    assert_int_equal(name_transaction_topic(&config, &transaction, &err), CV_OK);
    assert_int_equal(name_message_topic(&config, &message, &err), CV_OK);
    assert_string_equal(heartbeat, "hb_p");
    assert_string_equal(transaction, "p_txs");
    assert_string_equal(message, "p.message");
    free(heartbeat);
    free(transaction);
    free(message);
    pg_config_done(&config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_hold_only_what_kafka_allows),
        cmocka_unit_test(topics_are_cut),
        cmocka_unit_test(strategies_differ_in_schema_and_escapes),
        cmocka_unit_test(regex_strategies_rename_what_matches),
        cmocka_unit_test(keys_of_renamed_topics_name_the_table),
        cmocka_unit_test(wrong_strategies_are_named),
        cmocka_unit_test(names_are_adjusted),
        cmocka_unit_test(topics_of_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
