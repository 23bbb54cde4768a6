/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"

#include "common/jaas.h"

static void
module_gives_name_flag_and_options(void **state)
{
    struct cv_jaas_module module;
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_OK, cv_jaas_parse("/* who */ org.x.PlainLoginModule sufficient // how\n"
                                          " username=\"a \\\"b\\\"\" password='x;y' plain=1;",
                                          &module, &err));
    assert_string_equal("org.x.PlainLoginModule", module.name);
    assert_string_equal("PlainLoginModule", cv_jaas_simple_name(&module));
    assert_int_equal(CV_JAAS_SUFFICIENT, module.flag);
    assert_string_equal("a \"b\"", cv_config_get(module.options, "username"));
    assert_string_equal("x;y", cv_config_get(module.options, "password"));
    assert_string_equal("1", cv_config_get(module.options, "plain"));
    cv_jaas_module_done(&module);
}

static void
section_is_found_among_others(void **state)
{
    static const char text[] = "Other { a.B required x=\"};\"; };\n"
                               "# no comment of Java's\n";
    static const char good[] = "// first\nOther { a.B required x=\"};\"; };\n"
                               "KafkaConnect {\n  a.C required file=\"/f\";\n"
                               "  a.D optional;\n};\nLast { a.B required; };";
    struct cv_jaas_section section = { 0 };
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_OK, cv_jaas_find(good, "KafkaConnect", &section, &err));
    assert_int_equal(2, section.count);
    assert_string_equal("a.C", section.modules[0].name);
    assert_string_equal("/f", cv_config_get(section.modules[0].options, "file"));
    assert_int_equal(CV_JAAS_OPTIONAL, section.modules[1].flag);
    cv_jaas_section_done(&section);
    assert_int_equal(CV_NOT_FOUND, cv_jaas_find(good, "Nobody", &section, &err));
    assert_non_null(strstr(err.text, "\"Nobody\""));
    assert_int_equal(CV_INVALID, cv_jaas_find(text, "KafkaConnect", &section, &err));
    assert_non_null(strstr(err.text, "line 2"));
    assert_int_equal(0, section.count);
}

static void
malformed_text_is_refused_without_its_secrets(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "KafkaConnect { a.C required password=s3cret", "semicolon" },
        { "KafkaConnect { a.C required password=s3cret }", "semicolon" },
        { "KafkaConnect { a.C required password=\"s3cret; };", "not closed" },
        { "KafkaConnect { a.C required s3cret; };", "name=value" },
        { "KafkaConnect { a.C maybe password=s3cret; };", "control flag" },
        { "KafkaConnect { a.C required password=s3cret; ", "brace" },
        { "KafkaConnect { a.C required password=s3cret; }", "semicolon" },
        { "KafkaConnect = x", "Name { ... };" },
        { "{ a.C required password=s3cret; };", "Name { ... };" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_jaas_section section = { 0 };
        struct cv_err err = CV_ERR_INIT;

        print_message("row %zu\n", i);
        assert_int_equal(CV_INVALID, cv_jaas_find(rows[i].text, "KafkaConnect", &section, &err));
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(strstr(err.text, "s3cret"));
        assert_null(section.modules);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_gives_name_flag_and_options),
        cmocka_unit_test(section_is_found_among_others),
        cmocka_unit_test(malformed_text_is_refused_without_its_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
