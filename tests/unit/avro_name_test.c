/* SPDX-License-Identifier: Apache-2.0 */
/* Names as Debezium 3.3.1's adjusters make them. */
#include "data/avro_name.h"

#include "tests/helper/cmocka_all.h"

#include "common/buf.h"

static void
names_become_what_avro_accepts(void **state)
{
    static const struct {
        enum avro_name_mode mode;
        bool is_field;
        const char *name;
        const char *good;
    } cases[] = {
        { AVRO_NAME_NONE, false, "1-\xc3\xa4", "1-\xc3\xa4" },
        { AVRO_NAME_AVRO, false, "", "" },
        { AVRO_NAME_AVRO, false, "a.b_C9", "a.b_C9" },
        { AVRO_NAME_AVRO, true, "a.b_C9", "a_b_C9" },
        { AVRO_NAME_AVRO, false, "1a", "_1a" },
        { AVRO_NAME_AVRO, false, "-a-b", "_a_b" },
        { AVRO_NAME_AVRO, false, "\xc3\xa4\xe6\xbc\xa2", "__" },
        { AVRO_NAME_AVRO, false, "a\xf0\x9f\x98\x80", "a__" },
        { AVRO_NAME_UNICODE, false, "a_b", "a_u005fb" },
        { AVRO_NAME_UNICODE, false, "1a", "_u0031a" },
        { AVRO_NAME_UNICODE, true, "a.\t", "a_u002e_u009" },
        { AVRO_NAME_UNICODE, false, "\xce\xb1\xe6\xbc\xa2", "_u3b1_u6f22" },
        { AVRO_NAME_UNICODE, false, "\xf0\x9f\x98\x80", "_ud83d_ude00" },
        { AVRO_NAME_AVRO, false, "a\xff", "a_" },
    };
    struct cv_buf out = CV_BUF_INIT(1000);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        cv_buf_reset(&out);
        avro_name(&out, cases[i].name, cases[i].mode, cases[i].is_field);
        assert_string_equal(cv_buf_cstr(&out), cases[i].good);
    }
    cv_buf_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_what_avro_accepts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
