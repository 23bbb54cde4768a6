/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uuid.h"

#include "tests/helper/cmocka_all.h"

#include <ctype.h>
#include <string.h>

static void
a_random_uuid_is_of_version_4_and_never_the_same(void **state)
{
    char one[CV_UUID_TEXT], two[CV_UUID_TEXT];
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_uuid_random(one, &err), CV_OK);
    assert_int_equal(cv_uuid_random(two, &err), CV_OK);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 36);
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(one[i], '-');
        else
            assert_true(isxdigit((unsigned char)one[i]) && !isupper((unsigned char)one[i]));
    }
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_random_uuid_is_of_version_4_and_never_the_same) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
