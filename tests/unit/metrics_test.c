/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <math.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/metrics.h"
#include "tests/helper/failing_alloc.h"

#define PLAIN     (1u << CV_DIALECT_PLAIN)
#define CONFLUENT (1u << CV_DIALECT_CONFLUENT)
#define STRIMZI   (1u << CV_DIALECT_STRIMZI)

static const struct cv_metric records = { .type = CV_COUNTER,
                                          .names = { "records_total", "connect_records", "records_total" },
                                          .help = "Records\\written.\nAll of them." };
static const struct cv_metric lag = { .type = CV_GAUGE, .names = { "lag", NULL, "lag_strimzi" } };

static void
collect_task(void *arg, struct cv_metrics_sink *sink)
{
    const char *task = arg;
    char name[8] = "";
    const struct cv_label labels[] = { { "connector", "pg" }, { "task", name } };

    /* Labels are copied: this one is gone before the text is written. */
    strncpy(name, task, sizeof(name) - 1);
    cv_metrics_add(sink, &records, labels, 2, 10 + atoi(task));
    cv_metrics_add(sink, &lag, labels, 2, 0.5);
}

static void
expect(struct cv_metrics *metrics, unsigned dialects, const char *expected)
{
    struct cv_buf out = CV_BUF_INIT(100000);
    struct cv_err err = CV_ERR_INIT;

    cv_metrics_write(metrics, dialects, &out);
    assert_int_equal(cv_buf_check(&out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), expected);
    cv_buf_free(&out);
}

static void
add_collector(struct cv_metrics *metrics, cv_metrics_collect *collect, const char *arg)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_metrics_register(metrics, collect, (void *)(uintptr_t)arg, &err), CV_OK);
}

#define HELP " Records\\\\written.\\nAll of them.\n"

static void
samples_are_grouped_by_name(void **state)
{
    struct cv_metrics *metrics = cv_metrics_new();

    (void)state;
    expect(metrics, PLAIN, "");
    add_collector(metrics, collect_task, "0");
    add_collector(metrics, collect_task, "1");
    expect(metrics, PLAIN,
           "# HELP records_total" HELP
           "# TYPE records_total counter\n"
           "records_total{connector=\"pg\",task=\"0\"} 10\n"
           "records_total{connector=\"pg\",task=\"1\"} 11\n"
           "# TYPE lag gauge\n"
           "lag{connector=\"pg\",task=\"0\"} 0.5\n"
           "lag{connector=\"pg\",task=\"1\"} 0.5\n");
    cv_metrics_free(metrics);
    cv_metrics_free(NULL);
}

static void
each_dialect_has_its_names_and_equal_ones_appear_once(void **state)
{
    static const char all[] = "# HELP records_total" HELP
                              "# TYPE records_total counter\n"
                              "records_total{connector=\"pg\",task=\"0\"} 10\n"
                              "# HELP connect_records" HELP
                              "# TYPE connect_records counter\n"
                              "connect_records{connector=\"pg\",task=\"0\"} 10\n"
                              "# TYPE lag gauge\n"
                              "lag{connector=\"pg\",task=\"0\"} 0.5\n"
                              "# TYPE lag_strimzi gauge\n"
                              "lag_strimzi{connector=\"pg\",task=\"0\"} 0.5\n";
    struct cv_metrics *metrics = cv_metrics_new();

    (void)state;
    add_collector(metrics, collect_task, "0");
    expect(metrics, PLAIN | CONFLUENT | STRIMZI, all);
    expect(metrics, CONFLUENT,
           "# HELP connect_records" HELP
           "# TYPE connect_records counter\n"
           "connect_records{connector=\"pg\",task=\"0\"} 10\n");
    expect(metrics, STRIMZI,
           "# HELP records_total" HELP
           "# TYPE records_total counter\n"
           "records_total{connector=\"pg\",task=\"0\"} 10\n"
           "# TYPE lag_strimzi gauge\n"
           "lag_strimzi{connector=\"pg\",task=\"0\"} 0.5\n");
    expect(metrics, 0, "");
    cv_metrics_free(metrics);
}

static const struct cv_metric own = { .type = CV_GAUGE, .names = { "own" } };
static const struct cv_metric started = { .type = CV_GAUGE, .names = { "started", "app", "app" } };

static void
collect_labelled(void *arg, struct cv_metrics_sink *sink)
{
    const struct cv_label plain = { "clientId", "c" }, others = { "client_id", "c" };

    (void)arg;
    cv_metrics_add(sink, &own, NULL, 0, 7);
    cv_metrics_add_in(sink, PLAIN, &started, &plain, 1, 1);
    cv_metrics_add_in(sink, CONFLUENT | STRIMZI, &started, &others, 1, 2);
}

static void
labels_may_differ_by_dialect_and_what_is_of_none_is_always_there(void **state)
{
    struct cv_metrics *metrics = cv_metrics_new();

    (void)state;
    add_collector(metrics, collect_labelled, NULL);
    expect(metrics, PLAIN, "# TYPE own gauge\nown 7\n# TYPE started gauge\nstarted{clientId=\"c\"} 1\n");
    expect(metrics, CONFLUENT, "# TYPE own gauge\nown 7\n# TYPE app gauge\napp{client_id=\"c\"} 2\n");
    expect(metrics, CONFLUENT | STRIMZI, "# TYPE own gauge\nown 7\n# TYPE app gauge\napp{client_id=\"c\"} 2\n");
    cv_metrics_free(metrics);
}

static const struct cv_metric quoted = { .type = CV_GAUGE, .names = { "v" } };

static void
collect_values(void *arg, struct cv_metrics_sink *sink)
{
    static const double values[] = {
        0, -0.0, 1, -42, 1e14, 9007199254740993.0, 1e300, 0.1, 1.0 / 3, NAN, INFINITY, -INFINITY
    };

    (void)arg;
    for (size_t i = 0; i < CV_COUNT(values); i++)
        cv_metrics_add(sink, &quoted, NULL, 0, values[i]);
}

static void
collect_quoted(void *arg, struct cv_metrics_sink *sink)
{
    const struct cv_label label = { "l", "a\"b\\c\nd\xc3\xa9" };

    (void)arg;
    cv_metrics_add(sink, &quoted, &label, 1, 1);
}

static void
values_and_labels_are_as_prometheus_reads_them(void **state)
{
    struct cv_metrics *metrics = cv_metrics_new();

    (void)state;
    add_collector(metrics, collect_quoted, NULL);
    add_collector(metrics, collect_values, NULL);
    expect(metrics, PLAIN,
           "# TYPE v gauge\nv{l=\"a\\\"b\\\\c\\nd\xc3\xa9\"} 1\n"
           "v 0\nv 0\nv 1\nv -42\nv 100000000000000\nv 9007199254740992\nv 1e+300\nv 0.1\n"
           "v 0.33333333333333331\nv NaN\nv +Inf\nv -Inf\n");
    cv_metrics_free(metrics);
}

static void
a_collector_that_is_gone_is_not_asked(void **state)
{
    struct cv_metrics *metrics = cv_metrics_new();

    (void)state;
    add_collector(metrics, collect_quoted, NULL);
    add_collector(metrics, collect_task, "1");
    add_collector(metrics, collect_quoted, "other");
    cv_metrics_unregister(metrics, collect_quoted, NULL);
    cv_metrics_unregister(metrics, collect_task, NULL); /* never was */
    cv_metrics_unregister(metrics, collect_quoted, (void *)(uintptr_t)"other");
    cv_metrics_unregister(metrics, collect_quoted, NULL);
    expect(metrics, CONFLUENT,
           "# HELP connect_records" HELP
           "# TYPE connect_records counter\n"
           "connect_records{connector=\"pg\",task=\"1\"} 11\n");
    cv_metrics_free(metrics);
}

static void
without_memory_the_text_is_marked_failed(void **state)
{
    struct cv_metrics *metrics = NULL;
    struct cv_err err = CV_ERR_INIT;
    long n;

    (void)state;
    for (n = 1; metrics == NULL; n++) {
        failing_alloc_at(n);
        metrics = cv_metrics_new();
        assert_int_equal(failing_alloc_stop(), metrics == NULL);
    }
    failing_alloc_at(1);
    assert_int_equal(cv_metrics_register(metrics, collect_task, NULL, &err), CV_NO_MEMORY);
    assert_true(failing_alloc_stop());
    add_collector(metrics, collect_task, "0");
    for (n = 1;; n++) {
        struct cv_buf out = CV_BUF_INIT(100000);
        enum cv_rc rc;
        bool failed;

        failing_alloc_at(n);
        cv_metrics_write(metrics, PLAIN | CONFLUENT | STRIMZI, &out);
        failed = failing_alloc_stop();
        rc = cv_buf_check(&out, &err);
        cv_buf_free(&out);
        assert_int_equal(rc, failed ? CV_NO_MEMORY : CV_OK);
        if (!failed)
            break;
    }
    assert_true(n > 5);
    cv_metrics_free(metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_grouped_by_name),
        cmocka_unit_test(labels_may_differ_by_dialect_and_what_is_of_none_is_always_there),
        cmocka_unit_test(each_dialect_has_its_names_and_equal_ones_appear_once),
        cmocka_unit_test(values_and_labels_are_as_prometheus_reads_them),
        cmocka_unit_test(a_collector_that_is_gone_is_not_asked),
        cmocka_unit_test(without_memory_the_text_is_marked_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
