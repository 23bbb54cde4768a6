/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as PostgreSQL 15's COPY ... TO STDOUT writes them. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "connectors/postgres/copy_text.h"

static const bool all[] = { true, true, true };

/* Parse from memory of its own length, so that a sanitizer sees every byte too many. "-" stands for null. */
static void
expect(const char *line, const bool *reads, uint16_t n, const char *const *want)
{
    size_t len = strlen(line);
    char *copy = malloc(len);
    struct pgoutput_value values[3];

    assert_non_null(copy);
    memcpy(copy, line, len);
    assert_true(copy_text_parse(copy, len, reads, n, values));
    for (uint16_t i = 0; i < n; i++) {
        if (strcmp(want[i], "-") == 0) {
            assert_int_equal(values[i].kind, 'n');
            continue;
        }
        assert_int_equal(values[i].kind, 't');
        assert_int_equal(values[i].len, strlen(want[i]));
        assert_memory_equal(values[i].data, want[i], values[i].len);
    }
    free(copy);
}

static void
fields_are_told_apart(void **state)
{
    (void)state;
    expect("1\tanna\t\n", all, 3, (const char *const[]){ "1", "anna", "" });
    expect("1\t\\N\tx\n", all, 3, (const char *const[]){ "1", "-", "x" });
    expect("\\N\t\\N\t\\N\n", all, 3, (const char *const[]){ "-", "-", "-" });
    expect("1\t2\t3", all, 3, (const char *const[]){ "1", "2", "3" });
}

static void
escapes_are_undone(void **state)
{
    (void)state;
    expect("a\\tb\t\\\\N\tc\\nd\\re\n", all, 3, (const char *const[]){ "a\tb", "\\N", "c\nd\re" });
    expect("\\b\\f\\v\\\\\tx\\\t\\q\n", all, 3, (const char *const[]){ "\b\f\v\\", "x\\", "q" });
}

static void
columns_that_are_not_read_are_null(void **state)
{
    static const bool some[] = { false, true, false }, none[] = { false, false };

    (void)state;
    expect("x\n", some, 3, (const char *const[]){ "-", "x", "-" });
    expect("\n", none, 2, (const char *const[]){ "-", "-" });
}

static void
another_number_of_fields_is_refused(void **state)
{
    static const char *const lines[] = { "1\t2\n", "1\t2\t3\t4\n", "\n", "" };
    static const bool none[] = { false, false, false };
    struct pgoutput_value values[3];
    char line[16];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(lines); i++) {
        strcpy(line, lines[i]);
        assert_false(copy_text_parse(line, strlen(line), all, 3, values));
    }
    strcpy(line, "1\n");
    assert_false(copy_text_parse(line, strlen(line), none, 3, values));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_told_apart),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(columns_that_are_not_read_are_null),
        cmocka_unit_test(another_number_of_fields_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
