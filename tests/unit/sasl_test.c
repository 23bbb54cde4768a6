/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/wire/sasl.h"

#include "common/buf.h"
#include "tests/helper/cmocka_all.h"

/* RFC 7677, section 3. */
#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define CHALLENGE                                                                                  \
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF                                                                                      \
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"                                 \
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define VERDICT "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct wire_sasl *
sasl_new(enum wire_sasl_mechanism mechanism, const char *user, const char *password,
         const char *nonce)
{
    struct wire_sasl *sasl = NULL;
    struct cv_err err;

    assert_int_equal(CV_OK,
                     wire_sasl_new(&(struct wire_sasl_login){ .mechanism = mechanism,
                                                              .username = user,
                                                              .password = password },
                                   nonce, &sasl, &err));
    return sasl;
}

static enum cv_rc
step(struct wire_sasl *sasl, const char *from, struct cv_buf *out, bool *ret_done,
     struct cv_err *err)
{
    cv_buf_reset(out);
    return wire_sasl_step(sasl, from, from == NULL ? 0 : strlen(from), out, ret_done, err);
}

static void
plain_is_one_message(void **state)
{
    struct wire_sasl *sasl = sasl_new(WIRE_SASL_PLAIN, "user", "secret", NULL);
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done = true;

    (void)state;
    assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
    assert_false(done);
    assert_int_equal(12, out.len);
    assert_memory_equal("\0user\0secret", out.data, 12);
    assert_int_equal(CV_OK, step(sasl, "", &out, &done, &err));
    assert_true(done);
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

static struct wire_sasl *
oauth_new(void)
{
    static const char *const extensions[] = { "traceId", "123", "Cluster", "a b" };
    struct wire_sasl *sasl = NULL;
    struct cv_err err;

    assert_int_equal(CV_OK, wire_sasl_new(&(struct wire_sasl_login){
                                              .mechanism = WIRE_SASL_OAUTHBEARER,
                                              .token = "h.p.s",
                                              .extensions = extensions,
                                              .n_extensions = CV_COUNT(extensions) },
                                          NULL, &sasl, &err));
    return sasl;
}

static void
oauthbearer_is_one_message(void **state)
{
    struct wire_sasl *sasl = oauth_new();
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done = true;

    (void)state;
    assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
    assert_false(done);
    assert_string_equal("n,,\x01" "auth=Bearer h.p.s\x01traceId=123\x01" "Cluster=a b\x01\x01",
                        cv_buf_cstr(&out));
    assert_int_equal(CV_OK, step(sasl, "", &out, &done, &err));
    assert_true(done);
    assert_int_equal(0, out.len);
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

static void
oauthbearer_acknowledges_a_refusal_once(void **state)
{
    struct wire_sasl *sasl = oauth_new();
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done = true;

    (void)state;
    assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
    assert_int_equal(CV_OK, step(sasl, "{\"status\":\"invalid_token\"}", &out, &done, &err));
    assert_false(done);
    assert_string_equal("\x01", cv_buf_cstr(&out));
    assert_int_equal(CV_INVALID, step(sasl, "{}", &out, &done, &err));
    assert_false(done);
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

static void
scram_sha_256_speaks_as_its_rfc(void **state)
{
    struct wire_sasl *sasl = sasl_new(WIRE_SASL_SCRAM_SHA_256, "user", "pencil", NONCE);
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done = true;

    (void)state;
    assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
    assert_string_equal("n,,n=user,r=" NONCE, cv_buf_cstr(&out));
    assert_int_equal(CV_OK, step(sasl, CHALLENGE, &out, &done, &err));
    assert_string_equal(PROOF, cv_buf_cstr(&out));
    assert_false(done);
    assert_int_equal(CV_OK, step(sasl, VERDICT, &out, &done, &err));
    assert_true(done);
    assert_int_equal(0, out.len);
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

/* Proof and verdict by another implementation; a user name with '=' and ','. */
static void
scram_sha_512_escapes_the_user(void **state)
{
    struct wire_sasl *sasl = sasl_new(WIRE_SASL_SCRAM_SHA_512, "us=,er", "pen,cil", "abc");
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done;

    (void)state;
    assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
    assert_string_equal("n,,n=us=3D=2Cer,r=abc", cv_buf_cstr(&out));
    assert_int_equal(CV_OK, step(sasl, "r=abcDEF,s=c2FsdHNhbHQ=,i=8192", &out, &done, &err));
    assert_string_equal(
        "c=biws,r=abcDEF,p=t9/DISupWUnjs8ASlq2DK1k0qawTnxK0HpqK3e1VKGxfqYqB6eDf2qI8bFjAP7S8YPYN33aI"
        "h487kUYY/qprYg==",
        cv_buf_cstr(&out));
    assert_int_equal(
        CV_OK,
        step(sasl,
             "v=wK3NdOnb5pUzOZXuKbwrkuJ1Z/ZMCY4uJoXGehlQee6xQUCPqLK1ahZlYP9Iq6pQsVCUxKg/IvJTGG5iow6"
             "5Fg==",
             &out, &done, &err));
    assert_true(done);
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

static void
nonces_differ(void **state)
{
    struct wire_sasl *one = sasl_new(WIRE_SASL_SCRAM_SHA_256, "u", "p", NULL);
    struct wire_sasl *two = sasl_new(WIRE_SASL_SCRAM_SHA_256, "u", "p", NULL);
    struct cv_buf first = CV_BUF_INIT(1024), second = CV_BUF_INIT(1024);
    struct cv_err err;
    bool done;

    (void)state;
    assert_int_equal(CV_OK, step(one, NULL, &first, &done, &err));
    assert_int_equal(CV_OK, step(two, NULL, &second, &done, &err));
    assert_true(first.len > 30);
    assert_string_not_equal(cv_buf_cstr(&first), cv_buf_cstr(&second));
    wire_sasl_free(one);
    wire_sasl_free(two);
    cv_buf_free(&first);
    cv_buf_free(&second);
}

static void
bad_challenges_are_refused(void **state)
{
    static const char *const rows[][2] = {
        { "", "malformed" },
        { "r=abcDEF,s=c2FsdHNhbHQ=", "malformed" },
        { "r=abcDEF,i=4096", "malformed" },
        { "s=c2FsdHNhbHQ=,i=4096", "malformed" },
        { "r=abc,s=c2FsdHNhbHQ=,i=4096", "nonce" },    /* nothing of the server's own */
        { "r=abdDEF,s=c2FsdHNhbHQ=,i=4096", "nonce" }, /* not ours */
        { "r=abcDEF,s=c2FsdHNhbHQ=,i=4095", "4095 SCRAM iterations" },
        { "r=abcDEF,s=c2FsdHNhbHQ=,i=2000000000", "2000000000 SCRAM iterations" },
        { "r=abcDEF,s=c2FsdHNhbHQ=,i=-1", "-1 SCRAM iterations" },
        { "r=abcDEF,s=!!!!,i=4096", "" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        struct wire_sasl *sasl = sasl_new(WIRE_SASL_SCRAM_SHA_256, "u", "p", "abc");
        struct cv_buf out = CV_BUF_INIT(1024);
        struct cv_err err = CV_ERR_INIT;
        bool done = false;

        assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
        assert_int_equal(CV_INVALID, step(sasl, rows[i][0], &out, &done, &err));
        assert_non_null(strstr(err.text, rows[i][1]));
        assert_false(done);
        wire_sasl_free(sasl);
        cv_buf_free(&out);
    }
}

static void
server_without_the_password_is_refused(void **state)
{
    static const char *const rows[][2] = {
        { "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "does not know" },
        { "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", "does not know" },
        { "", "malformed" },
        { "e=invalid-proof", "invalid-proof" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        struct wire_sasl *sasl = sasl_new(WIRE_SASL_SCRAM_SHA_256, "user", "pencil", NONCE);
        struct cv_buf out = CV_BUF_INIT(1024);
        struct cv_err err = CV_ERR_INIT;
        bool done = false;

        assert_int_equal(CV_OK, step(sasl, NULL, &out, &done, &err));
        assert_int_equal(CV_OK, step(sasl, CHALLENGE, &out, &done, &err));
        assert_int_equal(CV_INVALID, step(sasl, rows[i][0], &out, &done, &err));
        assert_non_null(strstr(err.text, rows[i][1]));
        assert_false(done);
        wire_sasl_free(sasl);
        cv_buf_free(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_one_message),
        cmocka_unit_test(oauthbearer_is_one_message),
        cmocka_unit_test(oauthbearer_acknowledges_a_refusal_once),
        cmocka_unit_test(scram_sha_256_speaks_as_its_rfc),
        cmocka_unit_test(scram_sha_512_escapes_the_user),
        cmocka_unit_test(nonces_differ),
        cmocka_unit_test(bad_challenges_are_refused),
        cmocka_unit_test(server_without_the_password_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
