/* SPDX-License-Identifier: Apache-2.0 */
/* worker/plugins.c: names, aliases, order, and Connect's texts for what is not there. */
#include "worker/plugins.h"

#include "tests/helper/cmocka_all.h"

#define CONNECTORS (1u << CV_SOURCE | 1u << CV_SINK)

static const char *const pg_aliases[] = { "io.debezium.connector.postgresql.PostgresConnector", NULL };

static const struct cv_plugin file_source = { .api = CV_PLUGIN_API, .kind = CV_SOURCE, .version = "4.1.0",
                                              .name = "org.apache.kafka.connect.file.FileStreamSourceConnector" };
static const struct cv_plugin file_sink = { .api = CV_PLUGIN_API, .kind = CV_SINK, .version = "4.1.0",
                                            .name = "org.apache.kafka.connect.file.FileStreamSinkConnector" };
static const struct cv_plugin postgres = { .api = CV_PLUGIN_API, .kind = CV_SOURCE, .version = "0.1.0",
                                           .name = "io.culvert.postgres.PostgresSource", .aliases = pg_aliases };
static const struct cv_plugin json = { .api = CV_PLUGIN_API, .kind = CV_CONVERTER, .version = "4.1.0",
                                       .name = "org.apache.kafka.connect.json.JsonConverter" };
static const struct cv_plugin json_header = { .api = CV_PLUGIN_API, .kind = CV_HEADER_CONVERTER, .version = "4.1.0",
                                              .name = "org.apache.kafka.connect.json.JsonConverter" };
static const struct cv_plugin router = { .api = CV_PLUGIN_API, .kind = CV_TRANSFORM, .version = "4.1.0",
                                         .name = "org.apache.kafka.connect.transforms.RegexRouter" };
static const struct cv_plugin cast_key = { .api = CV_PLUGIN_API, .kind = CV_TRANSFORM, .version = "4.1.0",
                                           .name = "org.apache.kafka.connect.transforms.Cast$Key" };
static const struct cv_plugin matches = {
    .api = CV_PLUGIN_API, .kind = CV_PREDICATE, .version = "4.1.0",
    .name = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
};
static const struct cv_plugin other_file_source = { .api = CV_PLUGIN_API, .kind = CV_SOURCE, .version = "1",
                                                    .name = "com.example.FileStreamSourceConnector" };

static const struct cv_plugin *const list[] = { &cast_key, &json,    &file_source, &router, &json_header,
                                                &matches,  &postgres, &file_sink,  NULL };

static struct plugins *
make(const struct cv_plugin *const *from)
{
    struct plugins *plugins = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(plugins_new(from, &plugins, &err), CV_OK);
    return plugins;
}

static void
the_list_is_in_connects_order_with_a_row_for_each_class_name(void **state)
{
    static const struct {
        const char *name;
        const struct cv_plugin *plugin;
    } expected[] = {
        { "org.apache.kafka.connect.file.FileStreamSinkConnector", &file_sink },
        { "io.culvert.postgres.PostgresSource", &postgres },
        { "io.debezium.connector.postgresql.PostgresConnector", &postgres },
        { "org.apache.kafka.connect.file.FileStreamSourceConnector", &file_source },
        { "org.apache.kafka.connect.transforms.Cast$Key", &cast_key },
        { "org.apache.kafka.connect.transforms.RegexRouter", &router },
        { "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", &matches },
        { "org.apache.kafka.connect.json.JsonConverter", &json },
        { "org.apache.kafka.connect.json.JsonConverter", &json_header },
    };
    struct plugins *plugins = make(list);

    (void)state;
    assert_int_equal(plugins_count(plugins), CV_COUNT(expected));
    for (size_t i = 0; i < CV_COUNT(expected); i++) {
        assert_string_equal(plugins_at(plugins, i).class_name, expected[i].name);
        assert_ptr_equal(plugins_at(plugins, i).plugin, expected[i].plugin);
    }
    plugins_free(plugins);
}

static void
a_plugin_is_found_by_every_name_that_connect_knows(void **state)
{
    static const struct {
        const char *name;
        unsigned kinds;
        const struct cv_plugin *plugin;
    } cases[] = {
        { "org.apache.kafka.connect.file.FileStreamSourceConnector", CONNECTORS, &file_source },
        { "FileStreamSourceConnector", CONNECTORS, &file_source },
        { "FileStreamSource", CONNECTORS, &file_source },
        { "FileStreamSink", CONNECTORS, &file_sink },
        { "io.debezium.connector.postgresql.PostgresConnector", CONNECTORS, &postgres },
        { "PostgresConnector", CONNECTORS, &postgres },
        { "Postgres", CONNECTORS, &postgres },
        { "PostgresSource", CONNECTORS, &postgres },
        { "Json", 1u << CV_CONVERTER, &json },
        { "JsonConverter", 1u << CV_CONVERTER, &json },
        { "JsonConverter", 1u << CV_HEADER_CONVERTER, &json_header },
        { "RegexRouter", 1u << CV_TRANSFORM, &router },
        { "org.apache.kafka.connect.transforms.Cast$Key", 1u << CV_TRANSFORM, &cast_key },
        { "TopicNameMatches", 1u << CV_PREDICATE, &matches },
    };
    struct plugins *plugins = make(list);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const struct cv_plugin *found = NULL;
        struct cv_err err = CV_ERR_INIT;

        if (plugins_find(plugins, cases[i].name, cases[i].kinds, &found, &err) != CV_OK)
            fail_msg("%s: %s", cases[i].name, err.text);
        assert_ptr_equal(found, cases[i].plugin);
    }
    plugins_free(plugins);
}

static void
names_of_other_kinds_and_parts_of_names_are_not_found(void **state)
{
    static const struct {
        const char *name;
        unsigned kinds;
    } cases[] = {
        { "JsonConverter", 1u << CV_TRANSFORM }, { "Cast$Key", 1u << CV_TRANSFORM }, { "Cast", 1u << CV_TRANSFORM },
        { "regexrouter", 1u << CV_TRANSFORM },   { "FileStream", CONNECTORS },       { "", CONNECTORS },
        { "Connector", CONNECTORS },
    };
    struct plugins *plugins = make(list);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const struct cv_plugin *found = &router;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(plugins_find(plugins, cases[i].name, cases[i].kinds, &found, &err), CV_NOT_FOUND);
        assert_ptr_equal(found, &router); /* untouched */
    }
    plugins_free(plugins);
}

static void
the_texts_of_what_is_missing_are_connects(void **state)
{
    static const struct cv_plugin *const one[] = { &file_sink, NULL };
    const struct cv_plugin *found = NULL;
    struct plugins *plugins = make(one);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(plugins_find(plugins, "Nope", CONNECTORS, &found, &err), CV_NOT_FOUND);
    assert_string_equal(
        err.text,
        "Failed to find any class that implements Connector and which name matches Nope, available connectors are: "
        "PluginDesc{klass=class org.apache.kafka.connect.file.FileStreamSinkConnector, "
        "name='org.apache.kafka.connect.file.FileStreamSinkConnector', version='4.1.0', encodedVersion=4.1.0, "
        "type=sink, typeName='sink', location='classpath'}");
    assert_int_equal(plugins_find(plugins, "Nope", 1u << CV_CONVERTER, &found, &err), CV_NOT_FOUND);
    assert_string_equal(err.text, "Class Nope could not be found.");
    assert_null(found);
    plugins_free(plugins);
}

static void
a_short_name_of_two_plugins_is_refused_and_their_full_names_are_not(void **state)
{
    static const struct cv_plugin *const two[] = { &file_source, &other_file_source, NULL };
    const struct cv_plugin *found = NULL;
    struct plugins *plugins = make(two);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(plugins_find(plugins, "FileStreamSource", CONNECTORS, &found, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "More than one connector matches alias FileStreamSource. Please use full package and class "
                        "name instead. Classes found: com.example.FileStreamSourceConnector, "
                        "org.apache.kafka.connect.file.FileStreamSourceConnector");
    assert_null(found);
    assert_int_equal(plugins_find(plugins, other_file_source.name, CONNECTORS, &found, &err), CV_OK);
    assert_ptr_equal(found, &other_file_source);
    plugins_free(plugins);
}

static void
every_kind_has_connects_name(void **state)
{
    (void)state;
    assert_string_equal(plugins_kind_name(CV_SOURCE), "source");
    assert_string_equal(plugins_kind_name(CV_SINK), "sink");
    assert_string_equal(plugins_kind_name(CV_CONVERTER), "converter");
    assert_string_equal(plugins_kind_name(CV_HEADER_CONVERTER), "header_converter");
    assert_string_equal(plugins_kind_name(CV_TRANSFORM), "transformation");
    assert_string_equal(plugins_kind_name(CV_PREDICATE), "predicate");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_in_connects_order_with_a_row_for_each_class_name),
        cmocka_unit_test(a_plugin_is_found_by_every_name_that_connect_knows),
        cmocka_unit_test(names_of_other_kinds_and_parts_of_names_are_not_found),
        cmocka_unit_test(the_texts_of_what_is_missing_are_connects),
        cmocka_unit_test(a_short_name_of_two_plugins_is_refused_and_their_full_names_are_not),
        cmocka_unit_test(every_kind_has_connects_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
