/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in Java's serialization: as Debezium 3.3.1 stored them, and as a JDK writes them. */
#include "connectors/postgres/java_object.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define ARRAY_1 "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000000"
#define NUMBER  "787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870"
#define INTEGER "7372" "00116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565" NUMBER

static const struct {
    struct java_key key;
    const char *hex;
} rows[] = {
    { { 1, { { JAVA_INTEGER, (char *)(uintptr_t)"3000" } } }, ARRAY_1 "1" INTEGER "00000bb8" },
    { { 2, { { JAVA_INTEGER, (char *)(uintptr_t)"2" }, { JAVA_STRING, (char *)(uintptr_t)"b5" } } },
      ARRAY_1 "2" INTEGER "00000002" "7400026235" },
    { { 2, { { JAVA_INTEGER, (char *)(uintptr_t)"1" }, { JAVA_INTEGER, (char *)(uintptr_t)"-1" } } },
      ARRAY_1 "2" INTEGER "00000001" "7371007e0002" "ffffffff" },
    { { 1, { { JAVA_LONG, (char *)(uintptr_t)"5" } } },
      ARRAY_1 "1" "7372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c7565" NUMBER
              "0000000000000005" },
    /* Long behind Integer: their common class is referred to */
    { { 2, { { JAVA_INTEGER, (char *)(uintptr_t)"1" }, { JAVA_LONG, (char *)(uintptr_t)"2" } } },
      ARRAY_1 "2" INTEGER "00000001"
              "7372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c7565" "7871007e0003"
              "0000000000000002" },
    { { 1, { { JAVA_UUID, (char *)(uintptr_t)"6f9619ff-8b86-d011-b42d-00cf4fc964ff" } } },
      ARRAY_1 "1" "7372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f73"
              "74536967426974737870" "b42d00cf4fc964ff" "6f9619ff8b86d011" },
    { { 2, { { JAVA_NULL, NULL }, { JAVA_STRING, (char *)(uintptr_t)"" } } }, ARRAY_1 "2" "70" "740000" },
};

static void
keys_are_written_as_java_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_buf out = CV_BUF_INIT(4096);

        java_key_write(&rows[i].key, &out);
        assert_string_equal(cv_buf_cstr(&out), rows[i].hex);
        cv_buf_free(&out);
    }
}

static void
keys_are_read_as_they_were_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct java_key key;
        struct cv_err err = CV_ERR_INIT;
        bool is_null = true;

        assert_int_equal(java_key_read(rows[i].hex, strlen(rows[i].hex), &key, &is_null, &err), CV_OK);
        assert_false(is_null);
        assert_int_equal(key.count, rows[i].key.count);
        for (size_t k = 0; k < key.count; k++) {
            assert_int_equal(key.items[k].kind, rows[i].key.items[k].kind);
            if (key.items[k].kind != JAVA_NULL)
                assert_string_equal(key.items[k].text, rows[i].key.items[k].text);
        }
        java_key_done(&key);
    }
}

static void
javas_null_is_no_key(void **state)
{
    struct cv_buf out = CV_BUF_INIT(64);
    struct java_key key;
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    (void)state;
    java_key_write(NULL, &out);
    assert_string_equal(cv_buf_cstr(&out), "aced000570");
    assert_int_equal(java_key_read("aced000570", 10, &key, &is_null, &err), CV_OK);
    assert_true(is_null);
    java_key_done(&key);
    cv_buf_free(&out);
}

/* A number column that holds no such number, as a changed table might have it. */
static void
a_text_that_is_no_number_is_a_string(void **state)
{
    const struct java_key key = { 1, { { JAVA_INTEGER, (char *)(uintptr_t)"3000000000" } } };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    java_key_write(&key, &out);
    assert_string_equal(cv_buf_cstr(&out), ARRAY_1 "1" "74000a33303030303030303030");
    cv_buf_free(&out);
}

static void
what_is_cut_or_foreign_is_refused(void **state)
{
    static const char *const foreign[] = { "", "aced0005", "aced00057070", "acee000570", "zz", "aced000573720001",
                                           ARRAY_1 "1" "7371007e0000", ARRAY_1 "1" "7371007effff" };
    struct java_key key;
    struct cv_err err = CV_ERR_INIT;
    bool is_null;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(foreign); i++)
        assert_int_equal(java_key_read(foreign[i], strlen(foreign[i]), &key, &is_null, &err), CV_INVALID);
    for (size_t len = 0; len < strlen(rows[4].hex); len++)
        assert_int_equal(java_key_read(rows[4].hex, len, &key, &is_null, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "incremental snapshot"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_written_as_java_writes_them),
        cmocka_unit_test(keys_are_read_as_they_were_written),
        cmocka_unit_test(javas_null_is_no_key),
        cmocka_unit_test(a_text_that_is_no_number_is_a_string),
        cmocka_unit_test(what_is_cut_or_foreign_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
