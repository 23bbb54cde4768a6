/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/secret.h"

static char base[PATH_MAX]; /* a directory of its own, with links followed */

static const char *
path_of(const char *name)
{
    static char path[PATH_MAX + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static void
write_file(const char *name, const void *data, size_t len)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

#define WRITE(name, text) write_file(name, text, sizeof(text) - 1)

static int
set_up(void **state)
{
    char name[] = "/tmp/culvert-secret-XXXXXX";
    char target[PATH_MAX + 64];

    (void)state;
    assert_non_null(mkdtemp(name));
    assert_non_null(realpath(name, base));
    assert_int_equal(mkdir(path_of("in"), 0700), 0);
    assert_int_equal(mkdir(path_of("inside"), 0700), 0);
    WRITE("in/db.properties", "user=alice\npassword=p\\u00e4ss ${env:HOME}\nempty=\n");
    WRITE("in/token", "line 1\nline 2\n");
    WRITE("in/binary", "\xff\xfe");
    WRITE("in/bad.properties", "a=1\nhunter2=\\uXYZ\n");
    WRITE("inside/x.properties", "user=eve\n");
    WRITE("outside", "user=mallory\n");
    assert_int_equal(mkfifo(path_of("in/fifo"), 0600), 0);
    (void)snprintf(target, sizeof(target), "%s", path_of("outside"));
    assert_int_equal(symlink(target, path_of("in/escape")), 0);
    (void)snprintf(target, sizeof(target), "%s", path_of("in/token"));
    assert_int_equal(symlink(target, path_of("in/link")), 0);
    (void)snprintf(target, sizeof(target), "%s", path_of("in"));
    assert_int_equal(symlink(target, path_of("in-link")), 0);
    assert_int_equal(setenv("CVTEST_SECRET", "from env", 1), 0);
    assert_int_equal(setenv("CVTEST_PLAIN", "plain", 1), 0);
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {
        "in/db.properties", "in/token", "in/binary", "in/bad.properties", "inside/x.properties",
        "outside",          "in/fifo",  "in/escape", "in/link",           "in-link",
        "in/large"
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++)
        (void)unlink(path_of(names[i]));
    (void)rmdir(path_of("in"));
    (void)rmdir(path_of("inside"));
    return rmdir(base);
}

/* A worker's properties with the providers f, d and e; paths NULL: no allowed.paths. */
static struct cv_secrets *
secrets_of(const char *paths, const char *allowlist)
{
    static const char *const rows[][2] = {
        { "config.providers", "f, d,e" },
        { "config.providers.f.class",
          "org.apache.kafka.common.config.provider.FileConfigProvider" },
        { "config.providers.d.class", "DirectoryConfigProvider" },
        { "config.providers.e.class",
          "org.apache.kafka.common.config.provider.EnvVarConfigProvider" },
    };
    struct cv_config *worker = cv_config_new();
    struct cv_secrets *secrets = NULL;
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < CV_COUNT(rows); i++)
        assert_int_equal(cv_config_set(worker, rows[i][0], rows[i][1], &err), CV_OK);
    if (paths != NULL) {
        assert_int_equal(
            cv_config_set(worker, "config.providers.f.param.allowed.paths", paths, &err), CV_OK);
        assert_int_equal(
            cv_config_set(worker, "config.providers.d.param.allowed.paths", paths, &err), CV_OK);
    }
    if (allowlist != NULL)
        assert_int_equal(
            cv_config_set(worker, "config.providers.e.param.allowlist.pattern", allowlist, &err),
            CV_OK);
    if (cv_secrets_new(worker, &secrets, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(worker);
    return secrets;
}

/* Resolve one value in which @ stands for the base directory. */
static enum cv_rc
resolve(const struct cv_secrets *secrets, const char *text, char *out, size_t size,
        struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_config *resolved = NULL;
    char value[3 * PATH_MAX] = "";
    enum cv_rc rc;

    for (; *text != '\0'; text++)
        (void)snprintf(value + strlen(value), sizeof(value) - strlen(value),
                       *text == '@' ? "%s" : "%.1s", *text == '@' ? base : text);
    assert_int_equal(cv_config_set(cfg, "some.key", value, err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "null.key", NULL, err), CV_OK);
    rc = cv_secrets_resolve(secrets, cfg, &resolved, err);
    if (rc == CV_OK) {
        assert_string_equal(cv_config_get(cfg, "some.key"), value); /* the source is untouched */
        assert_int_equal(cv_config_count(resolved), 2);
        assert_null(cv_config_get(resolved, "null.key"));
        (void)snprintf(out, size, "%s", cv_config_get(resolved, "some.key"));
        if (strcmp(out, value) == 0)
            (void)snprintf(out, size, "(unresolved)");
    } else {
        assert_null(resolved);
    }
    cv_config_free(cfg);
    cv_config_free(resolved);
    return rc;
}

static void
expect(const struct cv_secrets *secrets, const char *text, const char *expected)
{
    char out[3 * PATH_MAX];
    struct cv_err err = CV_ERR_INIT;

    if (resolve(secrets, text, out, sizeof(out), &err) != CV_OK)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(out, expected);
}

/* Failures name the key, the provider and the path, and nothing of the contents. */
static void
expect_failure(const struct cv_secrets *secrets, const char *text, const char *expected)
{
    char out[3 * PATH_MAX];
    char message[PATH_MAX] = "could not resolve the references in some.key: ";
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(resolve(secrets, text, out, sizeof(out), &err), CV_INVALID);
    for (; *expected != '\0'; expected++)
        (void)snprintf(message + strlen(message), sizeof(message) - strlen(message),
                       *expected == '@' ? "%s" : "%.1s", *expected == '@' ? base : expected);
    assert_string_equal(err.text, message);
}

static void
references_are_replaced_in_the_text(void **state)
{
    struct cv_secrets *secrets = secrets_of(NULL, NULL);

    (void)state;
    expect(secrets, "${f:@/in/db.properties:user}", "alice");
    expect(secrets, "a ${f:@/in/db.properties:user}/${e:CVTEST_SECRET} z", "a alice/from env z");
    expect(secrets, "[${f:@/in/db.properties:empty}]", "[]");
    expect(secrets, "${d:@/in:token}", "line 1\nline 2\n");
    expect(secrets, "${d:@/in:link}", "line 1\nline 2\n");
    expect(secrets, "${e::CVTEST_SECRET}", "from env");
    cv_secrets_free(secrets);
}

static void
what_cannot_be_resolved_stays(void **state)
{
    struct cv_secrets *secrets = secrets_of(NULL, NULL);

    (void)state;
    expect(secrets, "plain", "(unresolved)");
    expect(secrets, "${vault:secret:key}", "(unresolved)");
    expect(secrets, "${f:@/in/db.properties:nokey}", "(unresolved)");
    expect(secrets, "${f:user}", "(unresolved)");
    expect(secrets, "${e:CVTEST_NO_SUCH_NAME}", "(unresolved)");
    expect(secrets, "${d:@/in:nofile}", "(unresolved)");
    expect(secrets, "${d:@/in:../outside}", "(unresolved)");
    expect(secrets, "${d:@/in:..}", "(unresolved)");
    expect(secrets, "${d:@/in:fifo}", "(unresolved)");
    expect(secrets, "${d:@:in}", "(unresolved)");
    expect(secrets, "${nocolon}", "(unresolved)");
    expect(secrets, "${f:unclosed", "(unresolved)");
    expect(secrets, "${ ${e:CVTEST_PLAIN} $",
           "(unresolved)"); /* the provider is "${ ${e" here, as in Java */
    expect(secrets, "${nocolon} ${e:CVTEST_PLAIN}", "${nocolon} plain");
    cv_secrets_free(secrets);
}

static void
there_is_one_pass_only(void **state)
{
    struct cv_secrets *secrets = secrets_of(NULL, NULL);

    (void)state;
    expect(secrets, "${f:@/in/db.properties:password}", "p\xc3\xa4ss ${env:HOME}");
    cv_secrets_free(secrets);
}

static void
unreadable_files_fail_without_their_contents(void **state)
{
    struct cv_secrets *secrets = secrets_of(NULL, NULL);
    char *large = calloc(1, (1 << 20) + 1);

    (void)state;
    assert_non_null(large);
    write_file("in/large", large, (1 << 20) + 1);
    free(large);
    expect_failure(secrets, "${f:@/in/none:a}",
                   "provider \"f\": could not read \"@/in/none\": No such file or directory");
    expect_failure(secrets, "${f:in/db.properties:a}",
                   "provider \"f\": path \"in/db.properties\" is not absolute");
    expect_failure(secrets, "${f:@/in/fifo:a}",
                   "provider \"f\": \"@/in/fifo\" is not a regular file");
    expect_failure(secrets, "${f:/dev/zero:a}",
                   "provider \"f\": \"/dev/zero\" is not a regular file");
    expect_failure(secrets, "${f:@/in:a}", "provider \"f\": \"@/in\" is not a regular file");
    expect_failure(secrets, "${f:@/in/large:a}",
                   "provider \"f\": \"@/in/large\" is larger than 1048576 bytes");
    expect_failure(secrets, "${f:@/in/bad.properties:a}",
                   "provider \"f\": \"@/in/bad.properties\": line 2: malformed \\uxxxx encoding");
    expect_failure(secrets, "${d:@/none:a}",
                   "provider \"d\": could not read \"@/none\": No such file or directory");
    expect_failure(secrets, "${d:@/in:binary}",
                   "provider \"d\": \"@/in/binary\" is not UTF-8 text");
    expect_failure(secrets, "${e:/path:HOME}",
                   "provider \"e\": path \"/path\" given, but the environment has none");
    cv_secrets_free(secrets);
}

static void
only_what_lies_below_the_allowed_paths_is_read(void **state)
{
    char paths[PATH_MAX + 128];
    struct cv_secrets *secrets;

    (void)state;
    (void)snprintf(paths, sizeof(paths), " %s , /usr/share", path_of("in"));
    secrets = secrets_of(paths, NULL);
    expect(secrets, "${f:@/in/db.properties:user}", "alice");
    expect(secrets, "${f:@/in/../in/db.properties:user}", "alice");
    expect(secrets, "${f:@/in-link/db.properties:user}", "alice");
    expect(secrets, "${d:@/in:token}", "line 1\nline 2\n");
    expect(secrets, "${f:@/outside:user}", "(unresolved)");
    expect(secrets, "${f:@/inside/x.properties:user}", "(unresolved)");
    expect(secrets, "${f:@/in/../outside:user}", "(unresolved)");
    expect(secrets, "${f:@/in/escape:user}", "(unresolved)");
    expect(secrets, "${d:@/in:escape}", "(unresolved)");
    expect(secrets, "${d:@:outside}", "(unresolved)");
    expect(secrets, "${f:@/no/such/file:user}", "(unresolved)");
    expect(secrets, "${f:@/in/../none:user}", "(unresolved)");
    expect_failure(secrets, "${f:@/in/none:user}",
                   "provider \"f\": could not read \"@/in/none\": No such file or directory");
    cv_secrets_free(secrets);
}

static void
an_allowed_path_may_be_a_link(void **state)
{
    struct cv_secrets *secrets = secrets_of(path_of("in-link"), NULL);

    (void)state;
    expect(secrets, "${f:@/in-link/db.properties:user}", "alice");
    expect_failure(secrets, "${f:@/in-link/none:user}",
                   "provider \"f\": could not read \"@/in-link/none\": No such file or directory");
    cv_secrets_free(secrets);
}

static void
the_environment_can_be_narrowed(void **state)
{
    struct cv_secrets *secrets = secrets_of(NULL, "CVTEST_S.*");

    (void)state;
    expect(secrets, "${e:CVTEST_SECRET}", "from env");
    expect(secrets, "${e:CVTEST_PLAIN}", "(unresolved)");
    cv_secrets_free(secrets);
}

static void
default_providers_read_no_file_until_paths_are_allowed(void **state)
{
    struct cv_config *worker = cv_config_new();
    struct cv_secrets *secrets = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_secrets_new(worker, &secrets, &err), CV_OK);
    expect(secrets, "${env:CVTEST_SECRET}", "from env");
    expect(secrets, "${file:@/in/db.properties:user}", "(unresolved)");
    expect(secrets, "${directory:@/in:token}", "(unresolved)");
    cv_secrets_free(secrets);
    assert_int_equal(cv_config_set(worker, "config.providers.file.param.allowed.paths", base, &err),
                     CV_OK);
    assert_int_equal(cv_secrets_new(worker, &secrets, &err), CV_OK);
    expect(secrets, "${file:@/in/db.properties:user}", "alice");
    expect(secrets, "${directory:@/in:token}", "(unresolved)");
    cv_secrets_free(secrets);
    assert_int_equal(cv_config_set(worker, "config.providers", "", &err), CV_OK);
    assert_int_equal(cv_secrets_new(worker, &secrets, &err), CV_OK);
    expect(secrets, "${env:CVTEST_SECRET}", "(unresolved)");
    cv_secrets_free(secrets);
    cv_secrets_free(NULL);
    cv_config_free(worker);
}

static void
wrong_provider_options_are_refused(void **state)
{
    static const char *const cases[][3] = {
        { "config.providers.x.other", "",
          "Missing required configuration \"config.providers.x.class\" which has no default "
          "value." },
        { "config.providers.x.class", "a.Vault",
          "Invalid value a.Vault for configuration config.providers.x.class: must be "
          "org.apache.kafka.common.config.provider.FileConfigProvider, DirectoryConfigProvider or "
          "EnvVarConfigProvider" },
        { "config.providers.x.param.allowed.paths", "a/b",
          "invalid value \"a/b\" in config.providers.x.param.allowed.paths: give an absolute "
          "path" },
        { "config.providers.x.param.allowed.paths", "/no/such/path",
          "invalid value \"/no/such/path\" in config.providers.x.param.allowed.paths: No such file "
          "or "
          "directory" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_config *worker = cv_config_new();
        struct cv_secrets *secrets = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(cv_config_set(worker, "config.providers", "x", &err), CV_OK);
        if (i > 1)
            assert_int_equal(
                cv_config_set(worker, "config.providers.x.class", "FileConfigProvider", &err),
                CV_OK);
        assert_int_equal(cv_config_set(worker, cases[i][0], cases[i][1], &err), CV_OK);
        assert_int_equal(cv_secrets_new(worker, &secrets, &err), CV_INVALID);
        assert_string_equal(err.text, cases[i][2]);
        assert_null(secrets);
        cv_config_free(worker);
    }
}

static void
too_many_paths_are_refused(void **state)
{
    struct cv_secrets *secrets = secrets_of("/usr/share", NULL);
    struct cv_config *cfg = cv_config_new();
    struct cv_config *resolved = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (int i = 0; i < 65; i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "${f:/elsewhere/%d:key}", i);
        assert_int_equal(cv_config_set(cfg, text, text, &err), CV_OK);
    }
    assert_int_equal(cv_secrets_resolve(secrets, cfg, &resolved, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "could not resolve the references in ${f:/elsewhere/64:key}: more than 64 "
                        "different paths are referred to");
    cv_config_free(cfg);
    cv_secrets_free(secrets);
}

static void
references_and_sensitive_keys_are_recognized(void **state)
{
    static const char *const sensitive[] = { "database.password",
                                             "SSL.KEYSTORE.PASSWORD",
                                             "sasl.jaas.config",
                                             "producer.sasl.jaas.config",
                                             "client.secret",
                                             "access.token",
                                             "value.converter.basic.auth.user.info" };
    static const char *const plain[] = { "database.user", "topic.prefix", "key.converter", "name" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(sensitive); i++)
        assert_true(cv_secret_is_sensitive(sensitive[i]));
    for (size_t i = 0; i < CV_COUNT(plain); i++)
        assert_false(cv_secret_is_sensitive(plain[i]));
    assert_true(cv_secret_is_reference("x${a:b}y"));
    assert_true(cv_secret_is_reference("${x} ${a:b:c}"));
    assert_false(cv_secret_is_reference("${a}"));
    assert_false(cv_secret_is_reference("${a:b"));
    assert_false(cv_secret_is_reference("$a:b}"));
}

static void
memory_is_wiped_and_compared(void **state)
{
    char data[8] = "secret!";

    (void)state;
    assert_true(cv_secret_equal("abc", "abc", 3));
    assert_false(cv_secret_equal("abc", "abd", 3));
    assert_false(cv_secret_equal("xbc", "abc", 3));
    assert_true(cv_secret_equal("x", "y", 0));
    cv_secret_wipe(data, sizeof(data));
    assert_memory_equal(data, "\0\0\0\0\0\0\0\0", 8);
    cv_secret_wipe(NULL, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_replaced_in_the_text),
        cmocka_unit_test(what_cannot_be_resolved_stays),
        cmocka_unit_test(there_is_one_pass_only),
        cmocka_unit_test(unreadable_files_fail_without_their_contents),
        cmocka_unit_test(only_what_lies_below_the_allowed_paths_is_read),
        cmocka_unit_test(an_allowed_path_may_be_a_link),
        cmocka_unit_test(the_environment_can_be_narrowed),
        cmocka_unit_test(default_providers_read_no_file_until_paths_are_allowed),
        cmocka_unit_test(wrong_provider_options_are_refused),
        cmocka_unit_test(too_many_paths_are_refused),
        cmocka_unit_test(references_and_sensitive_keys_are_recognized),
        cmocka_unit_test(memory_is_wiped_and_compared),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
