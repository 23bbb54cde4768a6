/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/thread.h"
#include "tests/helper/failing_alloc.h"

#define NOW "2023-11-14T22:13:20.123Z "

static char folder[] = "/tmp/culvert-log-test-XXXXXX";
static char path[64];
static char moved[64];

/* What the file holds, up to 16 KB. */
static const char *
content(const char *file)
{
    static char text[16384];
    FILE *in = fopen(file, "r");
    size_t n;

    assert_non_null(in);
    n = fread(text, 1, sizeof(text) - 1, in);
    text[n] = '\0';
    fclose(in);
    return text;
}

static int
make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    (void)snprintf(moved, sizeof(moved), "%s/log.1", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int
open_log(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_clock_test_stop(1700000000123, 1000);
    if (cv_log_level_set("root", CV_LOG_LEVEL_INFO, &err) != CV_OK)
        return -1;
    return cv_log_open(path, &err) == CV_OK ? 0 : -1;
}

static int
close_log(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_clock_test_run();
    (void)unlink(path);
    (void)unlink(moved);
    return cv_log_open(NULL, &err) == CV_OK ? 0 : -1;
}

static void
a_line_has_time_level_logger_sentence_and_fields(void **state)
{
    struct cv_log *log = cv_log_get("culvert.worker.herder");
    struct cv_err err = { .rc = CV_RETRY, .sqlstate = "57P01", .text = "terminating connection" };
    struct cv_err plain = { .rc = CV_RETRY, .text = "late" };

    (void)state;
    CV_LOG_INFO(log, "connector started", CV_STR("connector", "pg"), CV_INT("task", 0));
    CV_LOG_WARN(log, "retrying in 500 ms", CV_ERR(&err));
    CV_LOG_ERROR(log, "gave up", CV_ERR(&plain), CV_LSN("lsn", UINT64_C(0x1001a2b3c)),
                 CV_INT("n", INT64_MIN), CV_STR("x", NULL), CV_STR("y", "a\nb"));
    assert_string_equal(
        content(path),
        NOW "INFO  culvert.worker.herder  connector started connector=pg task=0\n"
        NOW "WARN  culvert.worker.herder  retrying in 500 ms sqlstate=57P01 error=\"terminating connection\"\n"
        NOW "ERROR culvert.worker.herder  gave up error=late lsn=1/1A2B3C n=-9223372036854775808 x=null "
            "y=\"a\\nb\"\n");
}

static void
a_child_adds_its_fields_to_every_line(void **state)
{
    const struct cv_log_field connector[] = { CV_STR("connector", "my pg") };
    const struct cv_log_field task[] = { CV_INT("task", 3) };
    struct cv_log *log = cv_log_get("culvert.test.child");
    struct cv_log *child = cv_log_child(log, connector, 1);
    struct cv_log *grandchild = cv_log_child(child, task, 1);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_string_equal(cv_log_name(grandchild), "culvert.test.child");
    cv_log_child_free(child);
    CV_LOG_INFO(grandchild, "hello", CV_INT("n", 1));
    assert_int_equal(cv_log_level_set("culvert.test.child", CV_LOG_LEVEL_ERROR, &err), CV_OK);
    assert_false(cv_log_enabled(grandchild, CV_LOG_LEVEL_WARN));
    CV_LOG_WARN(grandchild, "not seen");
    cv_log_child_free(grandchild);
    cv_log_child_free(NULL);
    assert_string_equal(content(path),
                        NOW "INFO  culvert.test.child  hello connector=\"my pg\" task=3 n=1\n");
}

static void
a_long_value_is_cut(void **state)
{
    static char value[10000];
    const char *text;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    CV_LOG_INFO(cv_log_get("culvert.test"), "long", CV_STR("v", value), CV_INT("after", 1));
    text = content(path);
    assert_int_equal(strspn(strchr(text, '=') + 1, "x"), 4096);
    assert_non_null(strstr(text, "xxx... after=1\n"));
}

static void
level_names_are_those_of_connect(void **state)
{
    static const char *const names[] = { "ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF" };
    enum cv_log_level level;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        assert_true(cv_log_level_parse(names[i], &level));
        assert_int_equal(level, i);
        assert_string_equal(cv_log_level_name(level), names[i]);
    }
    assert_true(cv_log_level_parse("debug", &level));
    assert_int_equal(level, CV_LOG_LEVEL_DEBUG);
    level = CV_LOG_LEVEL_OFF;
    assert_false(cv_log_level_parse("LOUD", &level));
    assert_false(cv_log_level_parse("", &level));
    assert_int_equal(level, CV_LOG_LEVEL_OFF);
}

static bool
enabled(const char *name, enum cv_log_level level)
{
    return cv_log_enabled(cv_log_get(name), level);
}

static void
a_new_logger_starts_with_the_level_of_its_nearest_ancestor(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_log_level_set("t1.a", CV_LOG_LEVEL_DEBUG, &err), CV_OK);
    assert_true(enabled("t1.a.b.c", CV_LOG_LEVEL_DEBUG));
    assert_false(enabled("t1.b", CV_LOG_LEVEL_DEBUG));
    assert_true(enabled("t1.b", CV_LOG_LEVEL_INFO));
    assert_false(enabled("t1.ab", CV_LOG_LEVEL_DEBUG));
}

static void
setting_a_namespace_sets_every_logger_below(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_log_level_set("t2.a.b", CV_LOG_LEVEL_TRACE, &err), CV_OK);
    assert_ptr_equal(cv_log_get("t2.a.c"), cv_log_get("t2.a.c"));
    assert_int_equal(cv_log_level_set("t2", CV_LOG_LEVEL_ERROR, &err), CV_OK);
    assert_false(enabled("t2.a.b", CV_LOG_LEVEL_WARN));
    assert_false(enabled("t2.a.c", CV_LOG_LEVEL_WARN));
    assert_true(enabled("t2.a.c", CV_LOG_LEVEL_ERROR));
    assert_true(enabled("t1.b", CV_LOG_LEVEL_INFO));
    assert_int_equal(cv_log_level_set("Root", CV_LOG_LEVEL_OFF, &err), CV_OK);
    assert_false(enabled("t2.a.b", CV_LOG_LEVEL_FATAL));
    assert_false(enabled("root", CV_LOG_LEVEL_FATAL));
    assert_false(enabled("t2.new", CV_LOG_LEVEL_FATAL));
}

static void
a_logger_name_without_length_or_end_is_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    char name[400];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(cv_log_level_set("", CV_LOG_LEVEL_INFO, &err), CV_INVALID);
    assert_int_equal(cv_log_level_set(name, CV_LOG_LEVEL_INFO, &err), CV_INVALID);
    assert_string_equal(err.text, "a logger name has 1 to 255 bytes, not 399");
    assert_ptr_equal(cv_log_get(name), cv_log_get("root"));
}

static const struct cv_log_info *
info_of(const char *name)
{
    static struct cv_log_info infos[100];
    size_t count = cv_log_list(infos, CV_COUNT(infos));

    assert_true(count <= CV_COUNT(infos));
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(infos[i - 1].name, infos[i].name) < 0);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    }
    return NULL;
}

static void
the_list_is_sorted_and_tells_when_a_level_last_changed(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_log_info one;

    (void)state;
    assert_null(info_of("t3"));
    (void)cv_log_get("t3.zz");
    (void)cv_log_get("zz-after-root");
    assert_int_equal(info_of("t3.zz")->last_modified_ms, 0);
    assert_int_equal(cv_log_level_set("t3", CV_LOG_LEVEL_DEBUG, &err), CV_OK);
    assert_int_equal(info_of("t3")->level, CV_LOG_LEVEL_DEBUG);
    assert_true(info_of("t3.zz")->last_modified_ms == 1700000000123);
    cv_clock_test_advance(1000);
    assert_int_equal(cv_log_level_set("t3", CV_LOG_LEVEL_DEBUG, &err), CV_OK);
    assert_true(info_of("t3")->last_modified_ms == 1700000000123);
    assert_int_equal(cv_log_level_set("t3", CV_LOG_LEVEL_INFO, &err), CV_OK);
    assert_true(info_of("t3")->last_modified_ms == 1700000001123);
    assert_non_null(info_of("root"));
    assert_true(cv_log_list(&one, 1) > 5);
    assert_true(cv_log_list(NULL, 0) > 5);
}

static void
a_moved_file_is_left_at_reopen(void **state)
{
    struct cv_log *log = cv_log_get("culvert.test");

    (void)state;
    CV_LOG_INFO(log, "one");
    assert_int_equal(rename(path, moved), 0);
    CV_LOG_INFO(log, "two");
    cv_log_reopen();
    CV_LOG_INFO(log, "three");
    assert_string_equal(content(moved), NOW "INFO  culvert.test  one\n" NOW "INFO  culvert.test  two\n");
    assert_string_equal(content(path), NOW "INFO  culvert.test  three\n");
}

static void
a_file_that_cannot_be_reopened_stays_in_use(void **state)
{
    struct cv_log *log = cv_log_get("culvert.test");

    (void)state;
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    cv_log_reopen();
    CV_LOG_INFO(log, "still here");
    assert_int_equal(rmdir(path), 0);
    assert_non_null(strstr(content(moved), "WARN  culvert.log  log file not reopened, the old one stays"));
    assert_non_null(strstr(content(moved), "Is a directory"));
    assert_non_null(strstr(content(moved), "still here\n"));
}

static void
a_file_that_cannot_be_opened_is_named(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_log_open("/nonexistent/log", &err), CV_INVALID);
    assert_string_equal(err.text, "could not open log file \"/nonexistent/log\": No such file or directory");
    CV_LOG_INFO(cv_log_get("culvert.test"), "old output");
    assert_non_null(strstr(content(path), "old output\n"));
}

/* Log to a pipe of which the test holds the other end. */
static int
log_to_pipe(int *ret_read_fd)
{
    struct cv_err err = CV_ERR_INIT;
    int fds[2];
    int saved = dup(STDERR_FILENO);

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    close(fds[1]);
    assert_int_equal(cv_log_open(NULL, &err), CV_OK);
    *ret_read_fd = fds[0];
    return saved;
}

static void
restore_stderr(int saved)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    assert_int_equal(cv_log_open(NULL, &err), CV_OK);
}

static void
a_reader_that_is_gone_costs_lines_and_not_the_process(void **state)
{
    struct cv_log *log = cv_log_get("culvert.test");
    uint64_t before = cv_log_dropped();
    sigset_t pending;
    int read_fd;
    int saved = log_to_pipe(&read_fd);

    (void)state;
    CV_LOG_INFO(log, "read");
    close(read_fd);
    CV_LOG_INFO(log, "lost");
    CV_LOG_INFO(log, "lost");
    restore_stderr(saved);
    assert_int_equal(cv_log_dropped() - before, 2);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void
a_full_pipe_that_does_not_wait_drops_lines_and_starts_afresh(void **state)
{
    static char text[2 << 20];
    static char value[3000];
    struct cv_log *log = cv_log_get("culvert.test");
    uint64_t before = cv_log_dropped();
    size_t len = 0;
    ssize_t n;
    int read_fd;
    int saved = log_to_pipe(&read_fd);

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    (void)fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    (void)fcntl(read_fd, F_SETFL, O_NONBLOCK);
    while (cv_log_dropped() == before)
        CV_LOG_INFO(log, "fill", CV_STR("value", value));
    while ((n = read(read_fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    CV_LOG_INFO(log, "after");
    n = read(read_fd, text + len, sizeof(text) - 1 - len);
    close(read_fd);
    restore_stderr(saved);
    assert_true(n > 0);
    text[len + (size_t)n] = '\0';
    assert_non_null(strstr(text, "\n" NOW "INFO  culvert.test  after\n"));
    assert_int_equal(cv_log_dropped() - before, 1);
}

static void
repeats_are_limited_and_counted(void **state)
{
    struct cv_log_limit limit = { 0 };
    uint64_t suppressed = 99;

    (void)state;
    cv_clock_test_stop(0, 0);
    assert_true(cv_log_limit(&limit, 1000, &suppressed));
    assert_int_equal(suppressed, 0);
    suppressed = 99;
    for (int i = 0; i < 5; i++) {
        cv_clock_test_advance(100);
        assert_false(cv_log_limit(&limit, 1000, &suppressed));
    }
    assert_int_equal(suppressed, 99);
    cv_clock_test_advance(600);
    assert_true(cv_log_limit(&limit, 1000, &suppressed));
    assert_int_equal(suppressed, 5);
    cv_clock_test_advance(1000);
    assert_true(cv_log_limit(&limit, 1000, &suppressed));
    assert_int_equal(suppressed, 0);
}

static void
without_memory_lines_are_counted_and_loggers_fall_back(void **state)
{
    const struct cv_log_field fields[] = { CV_STR("connector", "pg") };
    struct cv_log *log = cv_log_get("culvert.test");
    uint64_t before = cv_log_dropped();

    (void)state;
    failing_alloc_at(1);
    CV_LOG_INFO(log, "never");
    assert_true(failing_alloc_stop());
    assert_int_equal(cv_log_dropped() - before, 1);
    for (long n = 1;; n++) {
        struct cv_log *child;

        failing_alloc_at(n);
        child = cv_log_child(log, fields, 1);
        if (!failing_alloc_stop()) {
            assert_ptr_not_equal(child, log);
            cv_log_child_free(child);
            break;
        }
        assert_ptr_equal(child, log);
        cv_log_child_free(child);
    }
    failing_alloc_at(1);
    assert_ptr_equal(cv_log_get("t5.new"), cv_log_get("root"));
    assert_true(failing_alloc_stop());
    assert_string_equal(cv_log_name(cv_log_get("t5.new")), "t5.new");
}

static void
write_200_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        CV_LOG_INFO(arg, "line", CV_INT("i", i));
}

static void
lines_of_threads_do_not_mix(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_thread *threads[3];
    char line[200];
    int lines = 0;
    FILE *in;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        assert_int_equal(cv_thread_start("log", write_200_lines, cv_log_get("t4.mix"), &threads[i], &err),
                         CV_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(cv_log_level_set("t4", i % 2 ? CV_LOG_LEVEL_INFO : CV_LOG_LEVEL_DEBUG, &err),
                         CV_OK);
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        assert_true(cv_thread_join(threads[i], -1));
    in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        static const char start[] = NOW "INFO  t4.mix  line i=";

        assert_memory_equal(line, start, sizeof(start) - 1);
        assert_string_equal(line + sizeof(start) - 1 + strspn(line + sizeof(start) - 1, "0123456789"), "\n");
        lines++;
    }
    fclose(in);
    assert_int_equal(lines, 600);
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, open_log, close_log)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_has_time_level_logger_sentence_and_fields),
        LOG_TEST(a_child_adds_its_fields_to_every_line),
        LOG_TEST(a_long_value_is_cut),
        LOG_TEST(level_names_are_those_of_connect),
        LOG_TEST(a_new_logger_starts_with_the_level_of_its_nearest_ancestor),
        LOG_TEST(setting_a_namespace_sets_every_logger_below),
        LOG_TEST(a_logger_name_without_length_or_end_is_refused),
        LOG_TEST(the_list_is_sorted_and_tells_when_a_level_last_changed),
        LOG_TEST(a_moved_file_is_left_at_reopen),
        LOG_TEST(a_file_that_cannot_be_reopened_stays_in_use),
        LOG_TEST(a_file_that_cannot_be_opened_is_named),
        LOG_TEST(a_reader_that_is_gone_costs_lines_and_not_the_process),
        LOG_TEST(a_full_pipe_that_does_not_wait_drops_lines_and_starts_afresh),
        LOG_TEST(repeats_are_limited_and_counted),
        LOG_TEST(without_memory_lines_are_counted_and_loggers_fall_back),
        LOG_TEST(lines_of_threads_do_not_mix),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
