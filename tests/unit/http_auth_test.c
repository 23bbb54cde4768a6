/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/http/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/helper/cmocka_all.h"

#define USER_PASS "Basic dXNlcjpwYTpzcw==" /* user:pa:ss */

static char dir[64];

static int
setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/http-auth-test.XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static const char *
put(const char *name, const char *text)
{
    static char path[2][128];
    static int turn;
    FILE *file;

    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    file = fopen(path[turn], "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
    return path[turn];
}

static int
teardown(void **state)
{
    static const char *const names[] = { "jaas", "users", "more", "empty" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

/* With a section of these modules; %s is the folder. */
static struct cv_http_auth *
auth_of(const char *fmt)
{
    struct cv_http_auth *auth = NULL;
    char modules[1024], text[2048];
    struct cv_err err;

    put("users", "user=pa:ss\nother=x\n");
    put("more", "third=y\n");
    put("empty", "");
    snprintf(modules, sizeof(modules), fmt, dir, dir);
    snprintf(text, sizeof(text), "KafkaConnect {\n%s};\n", modules);
    if (cv_http_auth_new(put("jaas", text), "KafkaConnect", &auth, &err) != CV_OK)
        fail_msg("%s", err.text);
    return auth;
}

static enum cv_rc
check(const struct cv_http_auth *auth, const char *authorization)
{
    struct cv_err err;

    return cv_http_auth_check(auth, authorization, &err);
}

static void
users_of_the_file_are_let_in_and_nobody_else(void **state)
{
    static const struct {
        const char *header;
        enum cv_rc rc;
    } rows[] = {
        { USER_PASS, CV_OK },
        { "bAsIc dXNlcjpwYTpzcw==", CV_OK },
        { "Basic dXNlcjpwYTpzcw", CV_OK },     /* without padding */
        { "Basic b3RoZXI6eA==", CV_OK },       /* other:x */
        { "Basic b3RoZXI6cGE6c3M=", CV_FENCED }, /* other:pa:ss */
        { "Basic dXNlcjp3cm9uZw==", CV_FENCED },
        { "Basic dXNlcjpwYTpz", CV_FENCED },   /* user:pa:s */
        { "Basic bm9ib2R5OnBhOnNz", CV_FENCED },
        { "Basic dXNlcg==", CV_FENCED }, /* no colon */
        { "Basic OnBhOnNz", CV_FENCED }, /* no user */
        { "Bearer abc", CV_FENCED },
        { "Basic", CV_FENCED },
        { "", CV_FENCED },
        { NULL, CV_FENCED },
        { "Basic %%%", CV_INVALID },
        { "Basic  dXNlcjpwYTpzcw==", CV_INVALID },
        { "Basic d=Nlcjpw", CV_INVALID },
        { "Basic d", CV_INVALID },
    };
    struct cv_http_auth *auth =
        auth_of("org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule "
                "required file=\"%s/users\";");

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        print_message("row %zu\n", i);
        assert_int_equal(rows[i].rc, check(auth, rows[i].header));
    }
    cv_http_auth_free(auth);
}

static void
bad_base64_is_told_in_javas_words(void **state)
{
    struct cv_http_auth *auth = auth_of("x.PropertyFileLoginModule required file=\"%s/users\";");
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_INVALID, cv_http_auth_check(auth, "Basic %%%", &err));
    assert_string_equal("Illegal base64 character 25", err.text);
    cv_http_auth_free(auth);
}

static void
an_empty_file_lets_everybody_in(void **state)
{
    struct cv_http_auth *auth = auth_of("x.PropertyFileLoginModule required file=\"%s/empty\";");

    (void)state;
    assert_int_equal(CV_OK, check(auth, NULL));
    assert_int_equal(CV_OK, check(auth, "Basic dXNlcjp3cm9uZw=="));
    cv_http_auth_free(auth);
}

static void
what_cannot_be_read_lets_nobody_in(void **state)
{
    static const char *const modules[] = {
        "x.PropertyFileLoginModule required file=\"%s/nowhere\";",
        "x.PropertyFileLoginModule required;",
        "x.JndiLoginModule required file=\"%s/users\";",
        "x.PropertyFileLoginModule required file=\"%s/users\"; x.Other required;",
        "",
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(modules); i++) {
        struct cv_http_auth *auth = auth_of(modules[i]);

        assert_int_equal(CV_FENCED, check(auth, USER_PASS));
        assert_int_equal(CV_FENCED, check(auth, NULL));
        cv_http_auth_free(auth);
    }
}

static void
several_modules_follow_their_flags(void **state)
{
    struct cv_http_auth *auth =
        auth_of("x.PropertyFileLoginModule sufficient file=\"%s/users\";"
                "x.PropertyFileLoginModule sufficient file=\"%s/more\";");

    (void)state;
    assert_int_equal(CV_OK, check(auth, USER_PASS));
    assert_int_equal(CV_OK, check(auth, "Basic dGhpcmQ6eQ==")); /* third:y */
    assert_int_equal(CV_FENCED, check(auth, "Basic dGhpcmQ6eA=="));
    cv_http_auth_free(auth);
    auth = auth_of("x.PropertyFileLoginModule required file=\"%s/users\";"
                   "x.PropertyFileLoginModule required file=\"%s/more\";");
    assert_int_equal(CV_FENCED, check(auth, USER_PASS));
    assert_int_equal(CV_FENCED, check(auth, "Basic dGhpcmQ6eQ=="));
    cv_http_auth_free(auth);
}

static void
a_missing_section_lets_nobody_in_and_a_missing_file_is_a_failure(void **state)
{
    struct cv_http_auth *auth = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_OK, cv_http_auth_new(put("jaas", "X { a.B required; };"), "KafkaConnect",
                                             &auth, &err));
    assert_int_equal(CV_FENCED, check(auth, USER_PASS));
    cv_http_auth_free(auth);
    auth = NULL;
    assert_int_equal(CV_NOT_FOUND, cv_http_auth_new("/nowhere/jaas", "KafkaConnect", &auth, &err));
    assert_non_null(strstr(err.text, "/nowhere/jaas"));
    assert_int_equal(CV_INVALID,
                     cv_http_auth_new(put("jaas", "KafkaConnect {"), "KafkaConnect", &auth, &err));
    assert_non_null(strstr(err.text, "line 1"));
    assert_null(auth);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_of_the_file_are_let_in_and_nobody_else),
        cmocka_unit_test(bad_base64_is_told_in_javas_words),
        cmocka_unit_test(an_empty_file_lets_everybody_in),
        cmocka_unit_test(what_cannot_be_read_lets_nobody_in),
        cmocka_unit_test(several_modules_follow_their_flags),
        cmocka_unit_test(a_missing_section_lets_nobody_in_and_a_missing_file_is_a_failure),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
