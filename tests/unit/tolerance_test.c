/* SPDX-License-Identifier: Apache-2.0 */
/* worker/tolerance.c: tries again, logs, skips or fails, and counts. */
#include "worker/tolerance.h"

#include "tests/helper/cmocka_all.h"

#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/log.h"
#include "common/thread.h"
#include "tests/helper/log_file.h"

struct bench {
    struct cv_config *cfg;
    struct cv_wake wake;
    atomic_bool stop;
    struct tolerance tolerance;
};

static int
up(void **state)
{
    static struct bench bench;
    struct cv_err err = CV_ERR_INIT;

    bench = (struct bench){ .cfg = cv_config_new() };
    *state = &bench;
    return bench.cfg == NULL || cv_wake_init(&bench.wake, &err) != CV_OK ? -1 : 0;
}

static int
down(void **state)
{
    struct bench *b = *state;

    cv_config_free(b->cfg);
    cv_wake_done(&b->wake);
    return 0;
}

/* pairs: key, value, ... NULL */
static void
start(struct bench *b, const char *const *pairs)
{
    struct cv_err err = CV_ERR_INIT;

    for (; *pairs != NULL; pairs += 2)
        assert_int_equal(cv_config_set(b->cfg, pairs[0], pairs[1], &err), CV_OK);
    tolerance_init(&b->tolerance, &(struct tolerance_spec){ .connector = "shop", .task = 2, .config = b->cfg,
                                                            .log = cv_log_get("culvert.test"), .wake = &b->wake,
                                                            .stop = &b->stop });
}

#define START(b, ...) start(b, (const char *const[]){ __VA_ARGS__, NULL })

static unsigned
count(const atomic_uint_fast64_t *counter)
{
    return (unsigned)atomic_load(counter);
}

static const struct cv_consumed message = { .topic = "orders", .partition = 1, .offset = 7, .timestamp_ms = 99 };
static const struct tolerance_failure bad_message = { .stage = STAGE_VALUE_CONVERTER, .class_name = "a.Converter",
                                                      .consumed = &message };

static bool
skips(struct bench *b, const struct tolerance_failure *failure, enum cv_rc rc, struct cv_err *err)
{
    (void)cv_fail(err, rc, "no number");
    return tolerance_skips(&b->tolerance, failure, err);
}

static void
the_first_failure_is_the_end_by_default(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    START(b, NULL);
    assert_false(tolerance_again(&b->tolerance, 1));
    assert_false(skips(b, &bad_message, CV_INVALID, &err));
    assert_int_equal(err.rc, CV_INVALID);
    assert_string_equal(err.text, "Tolerance exceeded in error handler: topic \"orders\" partition 1 offset 7, stage "
                                  "VALUE_CONVERTER (errors.tolerance=all would skip the record): no number");
    assert_int_equal(count(&b->tolerance.errors), 1);
    assert_int_equal(count(&b->tolerance.skipped), 0);
    assert_int_equal(count(&b->tolerance.retries), 0);
    assert_int_equal(count(&b->tolerance.logged), 0);
}

static void
what_is_tolerated_is_skipped_and_counted(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    START(b, "errors.tolerance", "all");
    assert_int_equal(atomic_load(&b->tolerance.last_error_ms), 0);
    assert_true(skips(b, &bad_message, CV_INVALID, &err));
    assert_true(skips(b, &bad_message, CV_INTERNAL, &err));
    assert_int_equal(count(&b->tolerance.failures), 2);
    assert_int_equal(count(&b->tolerance.errors), 2);
    assert_int_equal(count(&b->tolerance.skipped), 2);
    assert_true(atomic_load(&b->tolerance.last_error_ms) > 0);
}

static void
memory_that_is_out_is_never_tolerated(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    START(b, "errors.tolerance", "all");
    assert_false(skips(b, &bad_message, CV_NO_MEMORY, &err));
    assert_int_equal(count(&b->tolerance.errors), 0);
}

static void
tries_go_on_until_the_time_is_over(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;
    int64_t began = cv_mono_ms();
    unsigned attempt = 0;

    START(b, "errors.retry.timeout", "40", "errors.retry.delay.max.ms", "8", "errors.tolerance", "all");
    while (tolerance_again(&b->tolerance, ++attempt))
        assert_true(attempt < 1000);
    assert_true(cv_mono_ms() - began >= 40);
    assert_true(attempt > 1);
    assert_int_equal(count(&b->tolerance.failures), attempt);
    assert_int_equal(count(&b->tolerance.retries), attempt - 1);
    assert_true(skips(b, &bad_message, CV_RETRY, &err));
    assert_int_equal(count(&b->tolerance.failures), attempt); /* the last one was counted already */
}

static void
each_operation_has_its_own_time(void **state)
{
    struct bench *b = *state;

    START(b, "errors.retry.timeout", "30", "errors.retry.delay.max.ms", "1");
    for (unsigned attempt = 1; tolerance_again(&b->tolerance, attempt);)
        attempt++;
    assert_true(tolerance_again(&b->tolerance, 1));
}

static void
the_first_pause_is_300_ms_and_no_longer_than_the_time_left(void **state)
{
    struct bench *b = *state;
    int64_t began = cv_mono_ms();

    START(b, "errors.retry.timeout", "-1");
    assert_true(tolerance_again(&b->tolerance, 1));
    assert_true(cv_mono_ms() - began >= 300);
    cv_config_remove(b->cfg, "errors.retry.timeout");
    START(b, "errors.retry.timeout", "20");
    began = cv_mono_ms();
    assert_true(tolerance_again(&b->tolerance, 1));
    assert_true(cv_mono_ms() - began >= 20);
    assert_false(tolerance_again(&b->tolerance, 2));
}

static void
a_task_that_stops_tries_no_more(void **state)
{
    struct bench *b = *state;

    START(b, "errors.retry.timeout", "-1");
    atomic_store(&b->stop, true);
    assert_false(tolerance_again(&b->tolerance, 1));
    assert_int_equal(count(&b->tolerance.retries), 0);
}

static void
failures_are_logged_in_kafkas_words(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    log_file_open();
    START(b, "errors.log.enable", "true");
    assert_false(skips(b, &bad_message, CV_INVALID, &err));
    assert_int_equal(log_file_count("Error encountered in task shop-2. Executing stage 'VALUE_CONVERTER' with class "
                                    "'a.Converter'.", "no number"), 1);
    START(b, "errors.log.include.messages", "true", "errors.tolerance", "all");
    assert_true(skips(b, &bad_message, CV_INVALID, &err));
    assert_int_equal(log_file_count("with class 'a.Converter', where consumed record is {topic='orders', partition=1, "
                                    "offset=7, timestamp=99, timestampType=CreateTime}.", "no number"), 1);
    log_file_close();
    assert_int_equal(count(&b->tolerance.logged), 1);
}

static void
a_source_record_is_logged_with_key_and_value(void **state)
{
    struct bench *b = *state;
    const struct cv_record rec = { .topic = "orders", .key = cv_int(CV_INT64, 5), .value = cv_cstring("x") };
    const struct tolerance_failure failure = { .stage = STAGE_TRANSFORMATION, .class_name = "a.Transform",
                                               .record = &rec };
    struct cv_err err = CV_ERR_INIT;

    log_file_open();
    START(b, "errors.log.enable", "true", "errors.log.include.messages", "true");
    assert_false(skips(b, &failure, CV_INVALID, &err));
    assert_int_equal(log_file_count("stage 'TRANSFORMATION' with class 'a.Transform', where source record is = "
                                    "{topic='orders', key=5, value=x}.", "no number"), 1);
    log_file_close();
    assert_string_equal(err.text, "Tolerance exceeded in error handler: record of topic \"orders\", stage "
                                  "TRANSFORMATION (errors.tolerance=all would skip it): no number");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_failure_is_the_end_by_default),
        TEST(what_is_tolerated_is_skipped_and_counted),
        TEST(memory_that_is_out_is_never_tolerated),
        TEST(tries_go_on_until_the_time_is_over),
        TEST(each_operation_has_its_own_time),
        TEST(the_first_pause_is_300_ms_and_no_longer_than_the_time_left),
        TEST(a_task_that_stops_tries_no_more),
        TEST(failures_are_logged_in_kafkas_words),
        TEST(a_source_record_is_logged_with_key_and_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
