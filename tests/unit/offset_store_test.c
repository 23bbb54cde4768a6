/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/store/offset_store.c: Connect's offset records read, looked up and written. The topic is a double:
 * records come out of it as the log's thread would hand them over, and what is sent waits for its answer.
 */
#include "worker/store/offset_store.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "data/json.h"
#include "tests/helper/fake_topic_log.h"
#include "tests/helper/log_file.h"

#define WAIT_MS 1000
#define TOPIC   "connect-offsets"

/* A record comes out of the topic. value NULL: a tombstone. */
static void
arrive(const char *key, const char *value)
{
    fake_log_put(TOPIC, 0, key, value);
}

/* The n-th that was written after so many had come out of the topic. */
static const struct fake_record *
written(size_t arrived, size_t n)
{
    return fake_log_at(TOPIC, arrived + n);
}

struct fixture {
    struct offset_store *store;
    struct cv_arena *arena;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct cv_topic_log_spec spec = { .topic = { .name = TOPIC } };
    struct cv_err err;

    assert_non_null(f);
    f->arena = cv_arena_new(NULL);
    assert_non_null(f->arena);
    assert_int_equal(offset_store_start(&spec, NULL, &f->store, &err), CV_OK);
    fake_log_hold(TOPIC);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    offset_store_free(f->store, 0);
    fake_log_reset();
    cv_arena_free(f->arena);
    free(f);
    return 0;
}

static struct cv_value *
value_of(struct fixture *f, const char *json)
{
    struct cv_value *val = cv_arena_zalloc(f->arena, sizeof(*val));
    const char *text = cv_arena_dup(f->arena, json, strlen(json));
    struct cv_err err;

    assert_non_null(val);
    assert_non_null(text);
    assert_int_equal(cv_connect_json_read(text, strlen(text), f->arena, val, &err), CV_OK);
    return val;
}

/* The stored offset as JSON; NULL: none. */
static const char *
lookup(struct fixture *f, const char *connector, const char *partition)
{
    struct cv_buf out = CV_BUF_INIT(4096);
    struct cv_value *val = NULL;
    struct cv_err err = CV_ERR_INIT;
    char *text;

    if (offset_store_read(f->store, connector, value_of(f, partition), WAIT_MS, f->arena, &val, &err) != CV_OK)
        fail_msg("%s", err.text);
    if (val == NULL)
        return NULL;
    cv_connect_json_write(&out, val);
    text = cv_arena_dup(f->arena, cv_buf_cstr(&out), out.len);
    cv_buf_free(&out);
    return text;
}

static void
the_newest_offset_of_a_partition_is_read(void **state)
{
    struct fixture *f = *state;
    int timeout_ms;

    arrive("[\"foo\",{\"filename\":\"/data/in.txt\"}]", "{\"position\":42}");
    arrive("[\"foo\",{\"filename\":\"/data/in.txt\"}]", "{\"position\":43}");
    arrive("[\"bar\",{\"filename\":\"/data/in.txt\"}]", "{\"position\":7}");
    assert_string_equal(lookup(f, "foo", "{\"filename\":\"/data/in.txt\"}"), "{\"position\":43}");
    assert_string_equal(lookup(f, "bar", "{\"filename\":\"/data/in.txt\"}"), "{\"position\":7}");
    assert_null(lookup(f, "foo", "{\"filename\":\"/data/other.txt\"}"));
    assert_null(lookup(f, "baz", "{\"filename\":\"/data/in.txt\"}"));
    assert_int_equal(fake_log_reads(TOPIC, &timeout_ms), 4); /* each look-up reads to the end first */
    assert_int_equal(timeout_ms, WAIT_MS);
}

static void
a_partition_is_found_however_its_members_are_ordered(void **state)
{
    struct fixture *f = *state;

    arrive("[\"mm\",{\"cluster\":\"a\",\"partition\":0,\"topic\":\"orders\"}]", "{\"offset\":9}");
    assert_string_equal(lookup(f, "mm", "{\"topic\":\"orders\",\"cluster\":\"a\",\"partition\":0}"), "{\"offset\":9}");
    assert_null(lookup(f, "mm", "{\"topic\":\"orders\",\"cluster\":\"a\",\"partition\":1}"));
    assert_null(lookup(f, "mm", "{\"topic\":\"orders\",\"cluster\":\"a\",\"partition\":\"0\"}"));
}

static void
a_tombstone_takes_the_offset_away(void **state)
{
    struct fixture *f = *state;
    struct cv_offset *list = NULL;
    struct cv_err err;
    size_t count = 99;

    assert_true(offset_store_is_empty(f->store));
    arrive("[\"foo\",{\"p\":1}]", "{\"n\":1}");
    assert_false(offset_store_is_empty(f->store));
    arrive("[\"foo\",{\"p\":1}]", NULL);
    assert_true(offset_store_is_empty(f->store));
    assert_null(lookup(f, "foo", "{\"p\":1}"));
    assert_int_equal(offset_store_list(f->store, "foo", 1000, f->arena, &list, &count, &err), CV_OK);
    assert_int_equal(count, 0);
    arrive("[\"foo\",{\"p\":1}]", "{\"n\":2}");
    assert_string_equal(lookup(f, "foo", "{\"p\":1}"), "{\"n\":2}");
}

static void
records_that_are_not_offsets_are_skipped_with_one_warning_each(void **state)
{
    static const char *const bad[] = { NULL, "", "null", "{}", "\"foo\"", "[]", "[\"foo\"]", "[\"foo\",{},1]",
                                       "[1,{\"p\":1}]", "[null,{\"p\":1}]", "[\"foo\",[1]]", "[\"foo\",\"p\"]",
                                       "[\"foo\",{\"p\":1}", "\xff\xfe" };
    struct fixture *f = *state;
    struct cv_offset *list = NULL;
    struct cv_err err;
    size_t count = 99;
    char where[64];

    log_file_open();
    arrive("[\"foo\",{\"p\":1}]", "{\"n\":1}");
    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        arrive(bad[i], "{\"n\":2}");
        snprintf(where, sizeof(where), "topic=" TOPIC " partition=0 offset=%zu ", i + 1);
        if (log_file_count("WARN", "") != i + 1 || log_file_count("is skipped", where) != 1)
            fail_msg("%s: not one warning that says where", bad[i]);
    }
    log_file_close();
    assert_string_equal(lookup(f, "foo", "{\"p\":1}"), "{\"n\":1}");
    assert_int_equal(offset_store_list(f->store, "foo", 1000, f->arena, &list, &count, &err), CV_OK);
    assert_int_equal(count, 1);
}

static void
a_stored_offset_that_is_no_json_is_an_error_that_shows_it(void **state)
{
    struct fixture *f = *state;
    struct cv_value *val = NULL;
    struct cv_err err = CV_ERR_INIT;

    arrive("[\"foo\",{\"p\":1}]", "{\"n\":");
    assert_int_equal(offset_store_read(f->store, "foo", value_of(f, "{\"p\":1}"), WAIT_MS, f->arena, &val, &err),
                     CV_INVALID);
    assert_non_null(strstr(err.text, "stored offset {\"n\":"));
    assert_null(val);
}

static void
a_look_up_fails_when_the_topic_cannot_be_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    struct cv_value *val = NULL;
    struct cv_err err = CV_ERR_INIT;

    arrive("[\"foo\",{\"p\":1}]", "{\"n\":1}");
    fake_log_fail(TOPIC, CV_RETRY);
    assert_int_equal(offset_store_read(f->store, "foo", value_of(f, "{\"p\":1}"), WAIT_MS, f->arena, &val, &err),
                     CV_RETRY);
    assert_string_equal(err.text, "topic \"connect-offsets\" fails on demand");
    assert_null(val);
}

static void
the_list_holds_a_connectors_partitions_and_no_others(void **state)
{
    struct fixture *f = *state;
    struct cv_offset *list = NULL;
    struct cv_err err;
    int64_t sum = 0;
    size_t count = 0;

    arrive("[\"foo\",{\"p\":1}]", "{\"n\":1}");
    arrive("[\"foo\",{\"p\":2}]", "{\"n\":10}");
    arrive("[\"foobar\",{\"p\":3}]", "{\"n\":100}");
    assert_int_equal(offset_store_list(f->store, "foo", 1000, f->arena, &list, &count, &err), CV_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        sum += list[i].partition->map.entries[0].value.integer * 1000 + list[i].offset->map.entries[0].value.integer;
    assert_int_equal(sum, 3011);
}

/* ---- writing ---- */

struct outcome {
    int calls;
    enum cv_rc rc;
};

static void
on_written(void *arg, const struct cv_err *err)
{
    struct outcome *outcome = arg;

    outcome->calls++;
    outcome->rc = err == NULL ? CV_OK : err->rc;
}

static void
deliver(size_t n, const struct cv_err *err)
{
    fake_log_answer(TOPIC, n, err);
}

static void
a_new_partition_is_written_in_javas_order_and_a_stored_one_with_its_own_bytes(void **state)
{
    struct fixture *f = *state;
    const struct cv_offset offsets[] = {
        { value_of(f, "{\"topic\":\"t\",\"partition\":0,\"cluster\":\"a\"}"), value_of(f, "{\"offset\":1}") },
        { value_of(f, "{\"b\":2,\"a\":1}"), value_of(f, "{\"offset\":2}") },
    };
    struct outcome outcome = { 0 };
    struct cv_err err;

    arrive("[\"mm\",{\"b\":2, \"a\":1}]", "{\"offset\":0}");
    assert_int_equal(offset_store_write(f->store, "mm", offsets, 2, on_written, &outcome, &err), CV_OK);
    assert_int_equal(fake_log_count(TOPIC), 1 + 2);
    assert_string_equal(written(1, 0)->key, "[\"mm\",{\"cluster\":\"a\",\"partition\":0,\"topic\":\"t\"}]");
    assert_string_equal(written(1, 0)->value, "{\"offset\":1}");
    assert_string_equal(written(1, 1)->key, "[\"mm\",{\"b\":2, \"a\":1}]");
    deliver(0, NULL);
    assert_int_equal(outcome.calls, 0); /* one is still on its way */
    deliver(1, NULL);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.rc, CV_OK);
    assert_null(lookup(f, "mm", "{\"topic\":\"t\",\"partition\":0,\"cluster\":\"a\"}")); /* seen when read back */
}

static void
an_offset_of_null_is_written_as_a_tombstone(void **state)
{
    struct fixture *f = *state;
    const struct cv_offset offset = { value_of(f, "{\"p\":1}"), NULL };
    struct outcome outcome = { 0 };
    struct cv_err err;

    assert_int_equal(offset_store_write(f->store, "foo", &offset, 1, on_written, &outcome, &err), CV_OK);
    assert_string_equal(written(0, 0)->key, "[\"foo\",{\"p\":1}]");
    assert_null(written(0, 0)->value);
    deliver(0, NULL);
    assert_int_equal(outcome.rc, CV_OK);
}

static void
one_record_that_fails_fails_the_write_once(void **state)
{
    struct fixture *f = *state;
    const struct cv_offset offsets[] = { { value_of(f, "{\"p\":1}"), NULL }, { value_of(f, "{\"p\":2}"), NULL } };
    const struct cv_err lost = { .rc = CV_RETRY, .text = "lost" };
    struct outcome outcome = { 0 };
    struct cv_err err;

    assert_int_equal(offset_store_write(f->store, "foo", offsets, 2, on_written, &outcome, &err), CV_OK);
    deliver(0, &lost);
    deliver(1, NULL);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.rc, CV_RETRY);
}

static void
a_write_of_which_nothing_was_sent_fails_at_once_and_is_not_told(void **state)
{
    struct fixture *f = *state;
    const struct cv_offset offset = { value_of(f, "{\"p\":1}"), NULL };
    struct outcome outcome = { 0 };
    struct cv_err err = CV_ERR_INIT;

    fake_log_fail_send(TOPIC, 1);
    assert_int_equal(offset_store_write(f->store, "foo", &offset, 1, on_written, &outcome, &err), CV_RETRY);
    assert_string_equal(err.text, "the queue is full");
    assert_int_equal(outcome.calls, 0);
}

static void
a_write_of_which_a_part_was_sent_fails_when_that_part_is_through(void **state)
{
    struct fixture *f = *state;
    const struct cv_offset offsets[] = { { value_of(f, "{\"p\":1}"), NULL }, { value_of(f, "{\"p\":2}"), NULL } };
    struct outcome outcome = { 0 };
    struct cv_err err;

    fake_log_fail_send(TOPIC, 2);
    assert_int_equal(offset_store_write(f->store, "foo", offsets, 2, on_written, &outcome, &err), CV_OK);
    assert_int_equal(outcome.calls, 0);
    deliver(0, NULL);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.rc, CV_RETRY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_offset_of_a_partition_is_read),
        TEST(a_partition_is_found_however_its_members_are_ordered),
        TEST(a_tombstone_takes_the_offset_away),
        TEST(records_that_are_not_offsets_are_skipped_with_one_warning_each),
        TEST(a_stored_offset_that_is_no_json_is_an_error_that_shows_it),
        TEST(a_look_up_fails_when_the_topic_cannot_be_read_to_its_end),
        TEST(the_list_holds_a_connectors_partitions_and_no_others),
        TEST(a_new_partition_is_written_in_javas_order_and_a_stored_one_with_its_own_bytes),
        TEST(an_offset_of_null_is_written_as_a_tombstone),
        TEST(one_record_that_fails_fails_the_write_once),
        TEST(a_write_of_which_nothing_was_sent_fails_at_once_and_is_not_told),
        TEST(a_write_of_which_a_part_was_sent_fails_when_that_part_is_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
