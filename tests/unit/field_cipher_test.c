/* SPDX-License-Identifier: Apache-2.0 */
#include "common/field_cipher.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/buf.h"

#define KEY       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_HEX   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "//////////////////////////////////////////8="

static struct field_cipher *
cipher_of(const char *id, const char *key, enum field_cipher_mode mode)
{
    struct field_cipher *cipher = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (field_cipher_new(id, key, mode, &cipher, &err) != CV_OK)
        fail_msg("%s", err.text);
    return cipher;
}

/* The text is the caller's to free. */
static char *
seal(struct field_cipher *cipher, enum field_cipher_type type, const char *value, size_t len)
{
    size_t size = field_cipher_sealed_size(cipher, len);
    char *text = malloc(size + 1);
    struct cv_err err = CV_ERR_INIT;

    text[size] = '\0';
    assert_int_equal(field_cipher_seal(cipher, type, value, len, text, &err), CV_OK);
    assert_int_equal(strlen(text), size);
    return text;
}

static void
values_come_back_with_their_type(void **state)
{
    static const struct {
        enum field_cipher_type type;
        const char *value;
        size_t len;
    } cases[] = {
        { FIELD_CIPHER_STRING, "", 0 },           { FIELD_CIPHER_STRING, "ann@example.com", 15 },
        { FIELD_CIPHER_BYTES, "\0\1\2", 3 },      { FIELD_CIPHER_INTEGER, "-42", 3 },
        { FIELD_CIPHER_FLOAT, "1.5", 3 },         { FIELD_CIPHER_BOOLEAN, "true", 4 },
        { FIELD_CIPHER_STRING, "abcdefghijk", 11 }, { FIELD_CIPHER_STRING, "abcdefghijkl", 12 },
    };

    (void)state;
    for (int mode = FIELD_CIPHER_RANDOM; mode <= FIELD_CIPHER_DETERMINISTIC; mode++) {
        struct field_cipher *cipher = cipher_of("k1", KEY, (enum field_cipher_mode)mode);
        struct field_cipher *reader = cipher_of("k1", KEY_HEX, FIELD_CIPHER_RANDOM);

        for (size_t i = 0; i < CV_COUNT(cases); i++) {
            char *text = seal(cipher, cases[i].type, cases[i].value, cases[i].len);
            struct cv_buf out = CV_BUF_INIT(1000);
            enum field_cipher_type type;
            struct cv_err err = CV_ERR_INIT;
            const char *id;
            size_t id_len;

            assert_memory_equal(text, mode == FIELD_CIPHER_RANDOM ? "cve1.r.k1." : "cve1.d.k1.", 10);
            assert_true(field_cipher_is_sealed(text, strlen(text), &id, &id_len));
            assert_int_equal(id_len, 2);
            assert_memory_equal(id, "k1", 2);
            assert_int_equal(field_cipher_open(reader, text, strlen(text), &type, &out, &err), CV_OK);
            assert_int_equal(type, cases[i].type);
            assert_int_equal(out.len, cases[i].len);
            assert_memory_equal(cv_buf_cstr(&out), cases[i].value, cases[i].len);
            cv_buf_free(&out);
            free(text);
        }
        field_cipher_free(cipher);
        field_cipher_free(reader);
    }
}

static void
only_deterministic_texts_repeat(void **state)
{
    struct field_cipher *random = cipher_of("k", KEY, FIELD_CIPHER_RANDOM);
    struct field_cipher *one = cipher_of("k", KEY, FIELD_CIPHER_DETERMINISTIC);
    struct field_cipher *two = cipher_of("k", KEY, FIELD_CIPHER_DETERMINISTIC);
    char *texts[6];

    (void)state;
    texts[0] = seal(random, FIELD_CIPHER_STRING, "x", 1);
    texts[1] = seal(random, FIELD_CIPHER_STRING, "x", 1);
    texts[2] = seal(one, FIELD_CIPHER_STRING, "x", 1);
    texts[3] = seal(two, FIELD_CIPHER_STRING, "x", 1);
    texts[4] = seal(one, FIELD_CIPHER_STRING, "y", 1);
    texts[5] = seal(one, FIELD_CIPHER_BYTES, "x", 1);
    assert_string_not_equal(texts[0], texts[1]);
    assert_string_equal(texts[2], texts[3]);
    assert_string_not_equal(texts[2], texts[4]);
    assert_string_not_equal(texts[2], texts[5]);
    for (size_t i = 0; i < CV_COUNT(texts); i++)
        free(texts[i]);
    field_cipher_free(random);
    field_cipher_free(one);
    field_cipher_free(two);
}

/* A text of this format, made by another implementation: what was written stays readable. */
static void
a_text_of_the_first_release_is_read(void **state)
{
    static const char text[] =
        "cve1.d.2026-11.4NPGVygdcHcyqpa6NkrqJ6DgFMyOALTwnLBH_nlAu357vJ275YrMb5gKVUA";
    struct field_cipher *cipher = cipher_of("2026-11", KEY, FIELD_CIPHER_DETERMINISTIC);
    char *again = seal(cipher, FIELD_CIPHER_STRING, "ann@example.com", 15);

    (void)state;
    assert_string_equal(again, text);
    free(again);
    field_cipher_free(cipher);
}

static void
every_change_is_noticed(void **state)
{
    (void)state;
    for (int mode = FIELD_CIPHER_RANDOM; mode <= FIELD_CIPHER_DETERMINISTIC; mode++) {
        struct field_cipher *cipher = cipher_of("k1", KEY, (enum field_cipher_mode)mode);
        char *text = seal(cipher, FIELD_CIPHER_STRING, "secret", 6);
        struct cv_buf out = CV_BUF_INIT(1000);
        enum field_cipher_type type;
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i++) {
            struct cv_err err = CV_ERR_INIT;
            char was = text[i];

            text[i] = was == 'B' ? 'C' : 'B';
            assert_int_equal(field_cipher_open(cipher, text, len, &type, &out, &err), CV_INVALID);
            text[i] = was;
            assert_int_equal(field_cipher_open(cipher, text, i, &type, &out, &err), CV_INVALID);
            assert_int_equal(out.len, 0);
            assert_null(strstr(err.text, "secret"));
        }
        cv_buf_free(&out);
        free(text);
        field_cipher_free(cipher);
    }
}

static void
another_key_is_told_apart(void **state)
{
    struct field_cipher *cipher = cipher_of("k1", KEY, FIELD_CIPHER_RANDOM);
    struct field_cipher *other_id = cipher_of("k2", KEY, FIELD_CIPHER_RANDOM);
    struct field_cipher *other_key = cipher_of("k1", OTHER_KEY, FIELD_CIPHER_RANDOM);
    char *text = seal(cipher, FIELD_CIPHER_STRING, "x", 1);
    struct cv_buf out = CV_BUF_INIT(1000);
    enum field_cipher_type type;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(field_cipher_open(other_id, text, strlen(text), &type, &out, &err), CV_INVALID);
    assert_string_equal(err.text, "an encrypted text has key \"k1\", not \"k2\"");
    assert_int_equal(field_cipher_open(other_key, text, strlen(text), &type, &out, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "an encrypted text was changed, or key \"k1\" is not the one that it was encrypted with");
    assert_int_equal(field_cipher_open(cipher, "plain", 5, &type, &out, &err), CV_INVALID);
    assert_string_equal(err.text, "it is no encrypted text");
    free(text);
    field_cipher_free(cipher);
    field_cipher_free(other_id);
    field_cipher_free(other_key);
    cv_buf_free(&out);
}

static void
bad_keys_are_refused_without_showing_them(void **state)
{
    static const struct {
        const char *id;
        const char *key;
        const char *text;
    } cases[] = {
        { "", KEY, "\"\" is no key id: write 1 to 32 letters, digits, _ or -" },
        { "a.b", KEY, "\"a.b\" is no key id: write 1 to 32 letters, digits, _ or -" },
        { "k", "hunter2", "the key must be 32 bytes in base64 (44 characters) or hexadecimal (64 digits), as \"openssl "
                          "rand -base64 32\" prints" },
        { "k", "AAECAwQFBgcICQoLDA0ODw==", "the key must be 32 bytes in base64 (44 characters) or hexadecimal (64 "
                                           "digits), as \"openssl rand -base64 32\" prints" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct field_cipher *cipher = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(field_cipher_new(cases[i].id, cases[i].key, FIELD_CIPHER_RANDOM, &cipher, &err), CV_INVALID);
        assert_null(cipher);
        assert_string_equal(err.text, cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_with_their_type),
        cmocka_unit_test(only_deterministic_texts_repeat),
        cmocka_unit_test(a_text_of_the_first_release_is_read),
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(another_key_is_told_apart),
        cmocka_unit_test(bad_keys_are_refused_without_showing_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
