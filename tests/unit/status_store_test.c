/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/store/status_store.c over a topic in memory: the records that Connect 4.1.0 wrote, read call by call and
 * written again; whose word counts when two workers write; and records that no worker writes.
 */
#include <config.h>

#include "worker/store/status_store.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/topic_log.h"
#include "tests/helper/recorded_topic.h"
#include "tests/helper/log_file.h"

#define TOPIC "statuses"
#define SELF  "127.0.0.1:28071" /* worker 1 of the recording */

static struct status_store *
open_store(const char *worker_id)
{
    const struct cv_topic_log_spec spec = { .topic = { .name = TOPIC, .partitions = 5, .replication = 1 } };
    struct status_store *store = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(status_store_start(&spec, worker_id, NULL, &store, &err), CV_OK);
    return store;
}

static int
set_up(void **state)
{
    (void)state;
    log_file_open();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fake_log_reset();
    log_file_close();
    return 0;
}

/* "RUNNING 127.0.0.1:28071 3 4.1.0", or "none". */
static void
assert_shows(const struct status_store *store, const char *connector, int task, const char *expected)
{
    struct status status = { 0 };
    struct cv_err err;
    char got[256] = "none";

    if (status_store_get(store, connector, task, &status, &err) == CV_OK)
        snprintf(got, sizeof(got), "%s %s %d %s", status_name(status.state), status.worker_id, (int)status.generation,
                 status.version != NULL ? status.version : "-");
    else
        assert_int_equal(err.rc, CV_NOT_FOUND);
    status_done(&status);
    assert_string_equal(got, expected);
}

static size_t
topics_of(const struct status_store *store, const char *connector)
{
    struct cv_err err;
    size_t count;
    char **names;

    assert_int_equal(status_store_topics(store, connector, &names, &count, &err), CV_OK);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return count;
}

static size_t
tasks_of(const struct status_store *store, const char *connector)
{
    struct cv_err err;
    size_t count;
    int *ids;

    assert_int_equal(status_store_tasks(store, connector, &ids, &count, &err), CV_OK);
    for (size_t i = 1; i < count; i++)
        assert_true(ids[i - 1] < ids[i]);
    free(ids);
    return count;
}

/* ---- the recording ---- */

static void
each_recorded_call_leaves_its_state(void **state)
{
    struct status_store *store = open_store(SELF);
    struct status status = { 0 };
    struct cv_err err;

    (void)state;
    assert_shows(store, "src", STATUS_CONNECTOR, "none");
    recorded_topic_load(TOPIC, "status.jsonl", 2, 2);
    assert_shows(store, "src", STATUS_CONNECTOR, "RUNNING " SELF " 2 4.1.0");
    assert_shows(store, "src", 0, "RUNNING " SELF " 3 4.1.0");
    assert_int_equal(topics_of(store, "src"), 1);
    recorded_topic_load(TOPIC, "status.jsonl", 3, 6);
    assert_shows(store, "src", STATUS_CONNECTOR, "PAUSED " SELF " 5 4.1.0");
    assert_shows(store, "src", 0, "PAUSED " SELF " 5 4.1.0");
    recorded_topic_load(TOPIC, "status.jsonl", 8, 9);
    assert_int_equal(tasks_of(store, "snk-1"), 3);
    recorded_topic_load(TOPIC, "status.jsonl", 10, 14);
    assert_int_equal(tasks_of(store, "snk-1"), 1);
    assert_shows(store, "snk-1", 1, "none");
    recorded_topic_load(TOPIC, "status.jsonl", 15, 15);
    assert_shows(store, "bad", 0, "FAILED " SELF " 11 4.1.0");
    assert_int_equal(status_store_get(store, "bad", 0, &status, &err), CV_OK);
    assert_true(strncmp(status.trace, "org.apache.kafka.connect.errors.ConnectException: Couldn't find", 60) == 0);
    assert_non_null(strstr(status.trace, "\n\tat "));
    status_done(&status);
    recorded_topic_load(TOPIC, "status.jsonl", 16, 16);
    assert_shows(store, "bad", STATUS_CONNECTOR, "none");
    assert_int_equal(tasks_of(store, "bad"), 0);
    recorded_topic_load(TOPIC, "status.jsonl", 17, 20);
    assert_shows(store, "halted", STATUS_CONNECTOR, "STOPPED " SELF " 15 4.1.0");
    assert_shows(store, "src", 0, "none");
    recorded_topic_load(TOPIC, "status.jsonl", 24, 25);
    assert_int_equal(topics_of(store, "src"), 0);
    recorded_topic_load(TOPIC, "status.jsonl", 26, 32);
    assert_shows(store, "src", 0, "RUNNING 127.0.0.1:28072 30 4.1.0");
    recorded_topic_load(TOPIC, "status.jsonl", 33, 38);
    assert_shows(store, "src", STATUS_CONNECTOR, "none");
    assert_shows(store, "halted", STATUS_CONNECTOR, "UNASSIGNED " SELF " 38 4.1.0");
    assert_int_equal(log_file_count("WARN", ""), 0);
    status_store_free(store, 0);
}

static void
connectors_with_a_status_are_listed(void **state)
{
    struct status_store *store;
    struct cv_err err;
    size_t count;
    char **names;

    (void)state;
    recorded_topic_load(TOPIC, "status.jsonl", 1, 38);
    store = open_store(SELF);
    assert_int_equal(status_store_connectors(store, &names, &count, &err), CV_OK);
    assert_int_equal(count, 2); /* of six that there were */
    assert_string_equal(names[0], "halted");
    assert_string_equal(names[1], "mock");
    free(names[0]);
    free(names[1]);
    free(names);
    status_store_free(store, 0);
}

/* What a status record says, given to status_store_put, makes the same bytes. */
static void
statuses_are_written_as_connect_writes_them(void **state)
{
    struct status_store *reader, *writer;
    struct fake_record *records;
    size_t count, compared = 0;
    struct cv_err err;

    (void)state;
    records = recorded_topic_read("status.jsonl", &count);
    for (size_t i = 0; i < count; i++) {
        const struct fake_record *rec = &records[i];
        struct status status = { 0 };
        const char *name = rec->key + strlen("status-task-");
        char connector[64];
        int task = STATUS_CONNECTOR;

        if (rec->value == NULL || strncmp(rec->key, "status-topic-", 13) == 0 ||
            strstr(rec->value, SELF) == NULL)
            continue;
        snprintf(connector, sizeof(connector), "%s", rec->key + strlen("status-connector-"));
        if (strncmp(rec->key, "status-task-", 12) == 0) {
            task = atoi(strrchr(name, '-') + 1);
            snprintf(connector, sizeof(connector), "%.*s", (int)(strrchr(name, '-') - name), name);
        }
        fake_log_reset();
        fake_log_put(TOPIC, 0, rec->key, rec->value);
        reader = open_store("reader:1");
        assert_int_equal(status_store_get(reader, connector, task, &status, &err), CV_OK);
        status_store_free(reader, 0);
        fake_log_reset();
        writer = open_store(SELF);
        status_store_put(writer, connector, task, status.state, status.trace, status.version, status.generation, false);
        status_store_free(writer, 0);
        assert_int_equal(fake_log_count(TOPIC), 1);
        assert_string_equal(fake_log_last(TOPIC)->key, rec->key);
        assert_string_equal(fake_log_last(TOPIC)->value, rec->value);
        status_done(&status);
        compared++;
    }
    fake_records_free(records, count);
    assert_int_equal(compared, 80);
}

static void
topics_and_deletions_are_written_as_connect_writes_them(void **state)
{
    struct status_store *store = open_store(SELF);
    const char *value;

    (void)state;
    status_store_topic_used(store, "src", 0, "connect-cluster-lines");
    assert_string_equal(fake_log_last(TOPIC)->key, "status-topic-connect-cluster-lines:connector-src");
    value = fake_log_last(TOPIC)->value;
    assert_true(strncmp(value,
                        "{\"topic\":{\"name\":\"connect-cluster-lines\",\"connector\":\"src\",\"task\":0,"
                        "\"discoverTimestamp\":1",
                        82) == 0);
    assert_int_equal(topics_of(store, "src"), 1);
    status_store_topics_reset(store, "src");
    assert_string_equal(fake_log_last(TOPIC)->key, "status-topic-connect-cluster-lines:connector-src");
    assert_null(fake_log_last(TOPIC)->value);
    assert_int_equal(topics_of(store, "src"), 0);
    status_store_put(store, "src", 3, STATUS_DESTROYED, NULL, NULL, 7, false);
    assert_string_equal(fake_log_last(TOPIC)->key, "status-task-src-3");
    assert_null(fake_log_last(TOPIC)->value);
    status_store_free(store, 0);
}

/* ---- two workers ---- */

#define RUNNING_THERE "{\"state\":\"RUNNING\",\"trace\":null,\"worker_id\":\"there:1\",\"generation\":5,\"version\":null}"

/* A worker that lost its work must not say that nobody runs what another runs by now. */
static void
a_safe_write_does_not_cover_a_newer_one_of_another(void **state)
{
    static const struct {
        int32_t generation;
        bool safe;
        size_t written;
    } cases[] = { { 4, true, 0 }, { 5, true, 1 }, { 6, true, 1 }, { 4, false, 1 } };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct status_store *store;

        fake_log_reset();
        fake_log_put(TOPIC, 0, "status-task-c-0", RUNNING_THERE);
        store = open_store("here:1");
        status_store_put(store, "c", 0, STATUS_FAILED, "why", NULL, cases[i].generation, cases[i].safe);
        assert_int_equal(fake_log_count(TOPIC), 1 + cases[i].written);
        status_store_free(store, 0);
    }
}

static void
an_own_status_may_always_be_covered(void **state)
{
    struct status_store *store;

    (void)state;
    fake_log_put(TOPIC, 0, "status-task-c-0", RUNNING_THERE);
    store = open_store("there:1");
    assert_false(status_store_is_empty(store));
    status_store_put(store, "c", 0, STATUS_UNASSIGNED, NULL, NULL, 3, true);
    assert_shows(store, "c", 0, "UNASSIGNED there:1 3 -");
    status_store_free(store, 0);
}

/* The last word of the one before comes late: the new owner's first counts. */
static void
a_late_unassigned_of_the_one_before_is_not_shown(void **state)
{
    struct status_store *store = open_store("here:1");

    (void)state;
    fake_log_put(TOPIC, 0, "status-task-c-0", RUNNING_THERE);
    fake_log_put(TOPIC, 0, "status-task-c-0",
                 "{\"state\":\"UNASSIGNED\",\"trace\":null,\"worker_id\":\"old:1\",\"generation\":4,\"version\":null}");
    assert_shows(store, "c", 0, "RUNNING there:1 5 -");
    fake_log_put(TOPIC, 0, "status-task-c-0",
                 "{\"state\":\"UNASSIGNED\",\"trace\":null,\"worker_id\":\"old:1\",\"generation\":6,\"version\":null}");
    assert_shows(store, "c", 0, "UNASSIGNED old:1 6 -");
    fake_log_put(TOPIC, 0, "status-task-c-0", RUNNING_THERE);
    fake_log_put(TOPIC, 0, "status-task-c-0",
                 "{\"state\":\"FAILED\",\"trace\":\"fenced\",\"worker_id\":\"old:1\",\"generation\":4,\"version\":null}");
    assert_shows(store, "c", 0, "RUNNING there:1 5 -");
    fake_log_put(TOPIC, 0, "status-connector-c", RUNNING_THERE);
    fake_log_put(TOPIC, 0, "status-connector-c",
                 "{\"state\":\"UNASSIGNED\",\"trace\":null,\"worker_id\":\"old:1\",\"generation\":4,\"version\":null}");
    assert_shows(store, "c", STATUS_CONNECTOR, "RUNNING there:1 5 -");
    assert_int_equal(log_file_count("WARN", ""), 0);
    status_store_free(store, 0);
}

/* A status of a worker, sent at this time. */
static void
put_status(const char *key, const char *state, const char *worker, int generation, int64_t sent_ms)
{
    char value[256];

    snprintf(value, sizeof(value),
             "{\"state\":\"%s\",\"trace\":null,\"worker_id\":\"%s\",\"generation\":%d,\"version\":null}", state, worker,
             generation);
    fake_log_time(TOPIC, sent_ms);
    fake_log_put(TOPIC, 0, key, value);
}

/* Which of two statuses counts, the second behind the first in the topic. */
static void
what_was_sent_before_by_an_older_generation_is_not_shown(void **state)
{
    static const struct {
        struct {
            const char *state, *worker;
            int generation;
            int64_t sent_ms;
        } first, second;
        const char *shown;
    } cases[] = {
        /* a connection that stood still */
        { { "RUNNING", "new:1", 5, 1000 }, { "RUNNING", "old:1", 4, 900 }, "RUNNING new:1 5 -" },
        { { "PAUSED", "new:1", 5, 1000 }, { "RUNNING", "old:1", 4, 999 }, "PAUSED new:1 5 -" },
        { { "FAILED", "new:1", 5, 1000 }, { "FAILED", "old:1", 4, 900 }, "FAILED new:1 5 -" },
        /* a group that began anew */
        { { "RUNNING", "old:1", 7, 1000 }, { "RUNNING", "new:1", 1, 2000 }, "RUNNING new:1 1 -" },
        { { "FAILED", "old:1", 7, 1000 }, { "UNASSIGNED", "new:1", 1, 1001 }, "UNASSIGNED new:1 1 -" },
        /* the same, of one worker whose clock was set back */
        { { "RUNNING", "old:1", 7, 1000 }, { "RUNNING", "old:1", 1, 990 }, "RUNNING old:1 1 -" },
        /* a task that moved to a worker whose clock is behind */
        { { "RUNNING", "old:1", 4, 1000 }, { "RUNNING", "new:1", 5, 900 }, "RUNNING new:1 5 -" },
        /* as its topic says when it was appended, or no times are known */
        { { "RUNNING", "new:1", 5, 1000 }, { "RUNNING", "old:1", 4, 1000 }, "RUNNING old:1 4 -" },
        { { "RUNNING", "new:1", 5, CV_NO_TIMESTAMP }, { "RUNNING", "old:1", 4, CV_NO_TIMESTAMP }, "RUNNING old:1 4 -" },
        { { "RUNNING", "new:1", 5, 1000 }, { "RUNNING", "old:1", 4, CV_NO_TIMESTAMP }, "RUNNING old:1 4 -" },
        { { "RUNNING", "new:1", 5, CV_NO_TIMESTAMP }, { "RUNNING", "old:1", 4, 900 }, "RUNNING old:1 4 -" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        static const char *const keys[] = { "status-task-c-0", "status-connector-c" };
        struct status_store *store;

        fake_log_reset();
        store = open_store("here:1");
        for (size_t k = 0; k < CV_COUNT(keys); k++) {
            put_status(keys[k], cases[i].first.state, cases[i].first.worker, cases[i].first.generation,
                       cases[i].first.sent_ms);
            put_status(keys[k], cases[i].second.state, cases[i].second.worker, cases[i].second.generation,
                       cases[i].second.sent_ms);
        }
        assert_shows(store, "c", 0, cases[i].shown);
        assert_shows(store, "c", STATUS_CONNECTOR, cases[i].shown);
        status_store_free(store, 0);
    }
}

/* ---- records that no worker writes ---- */

static void
foreign_records_are_skipped_with_one_warning_each(void **state)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        { NULL, RUNNING_THERE },
        { "", RUNNING_THERE },
        { "status-", RUNNING_THERE },
        { "status-task-c", RUNNING_THERE },
        { "status-task-c-x", RUNNING_THERE },
        { "status-task-c-99999999999", RUNNING_THERE },
        { "status-task-c-0", "" },
        { "status-task-c-0", "7" },
        { "status-task-c-0", "{\"state\":\"RUNNING\"" },
        { "status-task-c-0", "{\"state\":\"FLYING\",\"worker_id\":\"w\"}" },
        { "status-task-c-0", "{\"worker_id\":\"w\",\"generation\":1}" },
        { "status-connector-c", "{\"state\":null}" },
        { "status-connector-c", "[]" },
        { "status-topic-t", "{\"topic\":{}}" },
        { "status-topic-t:connector-c", "[]" },
        { "status-topic-t:connector-c", "{\"topic\":7}" },
        { "status-topic-t:connector-c", "{\"topic\":{}" },
    };
    struct status_store *store = open_store("here:1");
    char offset[32];

    (void)state;
    fake_log_put(TOPIC, 2, "status-connector-c", RUNNING_THERE);
    fake_log_put(TOPIC, 2, "status-task-c-0", RUNNING_THERE);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        fake_log_put(TOPIC, 2, cases[i].key, cases[i].value);
        snprintf(offset, sizeof(offset), " offset=%zu", i + 2);
        if (log_file_count("WARN", "") != i + 1 || log_file_count("topic=" TOPIC " partition=2", offset) < 1)
            fail_msg("%s = %s: not one warning that says where", cases[i].key, cases[i].value);
    }
    assert_shows(store, "c", STATUS_CONNECTOR, "RUNNING there:1 5 -");
    assert_shows(store, "c", 0, "RUNNING there:1 5 -");
    assert_int_equal(topics_of(store, "c"), 0);
    status_store_free(store, 0);
}

static void
a_write_that_fails_is_told_and_forgotten(void **state)
{
    struct status_store *store = open_store("here:1");

    (void)state;
    fake_log_fail(TOPIC, CV_RETRY);
    status_store_put(store, "c", 0, STATUS_RUNNING, NULL, NULL, 1, false);
    status_store_flush(store, 10);
    assert_int_equal(log_file_count("could not write a status", "status-task-c-0"), 1);
    assert_int_equal(log_file_count("could not wait for statuses", ""), 1);
    status_store_free(store, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_recorded_call_leaves_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connectors_with_a_status_are_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statuses_are_written_as_connect_writes_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(topics_and_deletions_are_written_as_connect_writes_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_safe_write_does_not_cover_a_newer_one_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_own_status_may_always_be_covered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_unassigned_of_the_one_before_is_not_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_sent_before_by_an_older_generation_is_not_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_records_are_skipped_with_one_warning_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_fails_is_told_and_forgotten, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
