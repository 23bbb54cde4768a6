/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/connector_offsets.c: which of two offset topics is read and written, and in what order. The stores are real,
 * over topics in memory; the admin is a double.
 */
#include <config.h>

#include "worker/connector_offsets.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "data/json.h"
#include "tests/helper/fake_topic_log.h"
#include "tests/helper/log_file.h"
#include "worker/worker_config.h"

#define WORKERS "worker-offsets"
#define OWN     "own-offsets"
#define KEY(p)  "[\"c\",{\"p\":" p "}]"

enum cv_rc
cv_admin_new(const struct cv_kafka_conf *conf, struct cv_admin **ret, struct cv_err *err)
{
    (void)conf;
    (void)err;
    *ret = NULL;
    return CV_OK;
}

void
cv_admin_free(struct cv_admin *admin)
{
    (void)admin;
}

struct bench {
    struct worker_config worker;
    struct cv_config *raw;
    struct cv_config *config;
    struct offset_store *store;
    struct connector_offsets *offsets;
    struct cv_arena *arena;
};

static int
bench_up(void **state)
{
    const struct cv_topic_log_spec spec = { .topic = { .name = WORKERS } };
    struct bench *b = calloc(1, sizeof(*b));
    struct cv_err err = CV_ERR_INIT;

    log_file_open();
    b->worker.offset_topic = (char *)(uintptr_t)WORKERS;
    b->worker.offset_partitions = 1;
    b->raw = cv_config_new();
    b->config = cv_config_new();
    b->arena = cv_arena_new(NULL);
    assert_int_equal(cv_config_set(b->raw, "bootstrap.servers", "here:1", &err), CV_OK);
    assert_int_equal(offset_store_start(&spec, NULL, &b->store, &err), CV_OK);
    *state = b;
    return 0;
}

static int
bench_down(void **state)
{
    struct bench *b = *state;

    connector_offsets_close(b->offsets);
    offset_store_free(b->store, 0);
    fake_log_reset();
    cv_config_free(b->raw);
    cv_config_free(b->config);
    cv_arena_free(b->arena);
    free(b);
    log_file_close();
    return 0;
}

static void
open_offsets(struct bench *b, const char *topic)
{
    struct connector_offsets_spec spec = { .connector = "c", .connector_config = b->config,
                                           .worker_config = &b->worker, .worker_raw = b->raw, .worker = b->store };
    struct cv_err err = CV_ERR_INIT;

    if (topic != NULL)
        assert_int_equal(cv_config_set(b->config, "offsets.storage.topic", topic, &err), CV_OK);
    assert_int_equal(connector_offsets_open(&spec, &b->offsets, &err), CV_OK);
}

static struct cv_value *
json(struct bench *b, const char *text)
{
    struct cv_value *val = cv_arena_zalloc(b->arena, sizeof(*val));
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_connect_json_read(text, strlen(text), b->arena, val, &err), CV_OK);
    return val;
}

static int64_t
stored(struct bench *b, const char *partition)
{
    struct cv_value *val = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(connector_offsets_read(b->offsets, json(b, partition), 1000, b->arena, &val, &err), CV_OK);
    return val == NULL ? -1 : cv_map_get(val, "n")->integer;
}

static int tolds;
static enum cv_rc told_rc;

static void
on_written(void *arg, const struct cv_err *err)
{
    (void)arg;
    tolds++;
    told_rc = err != NULL ? err->rc : CV_OK;
}

/* offset NULL: a removal. */
static enum cv_rc
write_two(struct bench *b, const char *p, const char *offset, const char *p2, const char *offset2)
{
    struct cv_offset items[2] = { { json(b, p), offset != NULL ? json(b, offset) : NULL },
                                  { json(b, p2), offset2 != NULL ? json(b, offset2) : NULL } };
    struct cv_err err = CV_ERR_INIT;

    tolds = 0;
    told_rc = CV_OK;
    return connector_offsets_write(b->offsets, items, 2, on_written, NULL, &err);
}

static void
assert_record(const char *topic, size_t i, const char *key, const char *value)
{
    assert_true(i < fake_log_count(topic));
    assert_string_equal(fake_log_at(topic, i)->key, key);
    if (value == NULL)
        assert_null(fake_log_at(topic, i)->value);
    else
        assert_string_equal(fake_log_at(topic, i)->value, value);
}

/* ---- tests ---- */

static void
without_a_topic_of_its_own_all_is_in_the_workers(void **state)
{
    struct bench *b = *state;

    open_offsets(b, NULL);
    assert_string_equal(connector_offsets_topic(b->offsets), WORKERS);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", NULL), CV_OK);
    assert_int_equal(tolds, 1);
    assert_int_equal(fake_log_count(WORKERS), 2);
    assert_int_equal(stored(b, "{\"p\":1}"), 1);
    assert_int_equal(stored(b, "{\"p\":2}"), -1);
}

static void
the_workers_own_topic_is_not_a_second_one(void **state)
{
    struct bench *b = *state;

    open_offsets(b, WORKERS);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", "{\"n\":2}"), CV_OK);
    assert_int_equal(fake_log_count(WORKERS), 2);
}

static void
a_topic_of_that_name_in_another_cluster_is_a_second_one(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(b->config, "producer.override.bootstrap.servers", "there:1", &err), CV_OK);
    fake_log_put(WORKERS, 0, KEY("1"), "{\"n\":5}");
    open_offsets(b, WORKERS); /* the double has one topic of a name: it is followed anew */
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", "{\"n\":2}"), CV_OK);
    assert_int_equal(fake_log_count(WORKERS), 5);
}

static void
a_standalone_worker_has_one_place_for_offsets(void **state)
{
    struct bench *b = *state;

    b->worker.mode = WORKER_STANDALONE;
    open_offsets(b, OWN);
    assert_string_equal(connector_offsets_topic(b->offsets), WORKERS);
}

static void
of_two_topics_the_connectors_own_counts_more(void **state)
{
    struct bench *b = *state;
    struct cv_offset *list;
    struct cv_err err = CV_ERR_INIT;
    size_t count = 0;

    fake_log_put(WORKERS, 0, KEY("1"), "{\"n\":10}");
    fake_log_put(WORKERS, 0, KEY("2"), "{\"n\":20}");
    fake_log_put(WORKERS, 0, "[\"other\",{\"p\":1}]", "{\"n\":9}");
    fake_log_put(OWN, 0, KEY("2"), "{\"n\":21}");
    fake_log_put(OWN, 0, KEY("3"), "{\"n\":30}");
    open_offsets(b, OWN);
    assert_string_equal(connector_offsets_topic(b->offsets), OWN);
    assert_int_equal(stored(b, "{\"p\":1}"), 10);
    assert_int_equal(stored(b, "{\"p\":2}"), 21);
    assert_int_equal(stored(b, "{\"p\":3}"), 30);
    assert_int_equal(stored(b, "{\"p\":4}"), -1);
    assert_int_equal(connector_offsets_list(b->offsets, 1000, b->arena, &list, &count, &err), CV_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(cv_map_get(list[i].offset, "n")->integer,
                         stored(b, cv_map_get(list[i].partition, "p")->integer == 1   ? "{\"p\":1}"
                                   : cv_map_get(list[i].partition, "p")->integer == 2 ? "{\"p\":2}"
                                                                                      : "{\"p\":3}"));
}

static void
removals_leave_the_workers_topic_first(void **state)
{
    struct bench *b = *state;

    open_offsets(b, OWN);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", NULL), CV_OK);
    assert_int_equal(tolds, 1);
    assert_int_equal(told_rc, CV_OK);
    assert_record(WORKERS, 0, KEY("2"), NULL);
    assert_record(OWN, 0, KEY("2"), NULL);
    assert_record(OWN, 1, KEY("1"), "{\"n\":1}");
    assert_record(WORKERS, 1, KEY("1"), "{\"n\":1}");
    assert_int_equal(fake_log_count(WORKERS), 2);
    assert_int_equal(fake_log_count(OWN), 2);
}

static void
a_removal_that_fails_in_the_workers_topic_is_not_made_in_the_other(void **state)
{
    struct bench *b = *state;

    open_offsets(b, OWN);
    fake_log_fail(WORKERS, CV_RETRY);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", NULL), CV_RETRY);
    assert_int_equal(tolds, 0);
    assert_int_equal(fake_log_count(OWN), 0);
}

static void
a_copy_that_fails_is_only_spoken_of(void **state)
{
    struct bench *b = *state;

    open_offsets(b, OWN);
    fake_log_fail(WORKERS, CV_RETRY);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", "{\"n\":2}"), CV_OK);
    assert_int_equal(tolds, 1);
    assert_int_equal(told_rc, CV_OK);
    assert_int_equal(fake_log_count(OWN), 2);
    assert_int_equal(log_file_count("offsets were not copied", "fails on demand"), 1);
}

static void
a_write_that_fails_in_its_own_topic_fails(void **state)
{
    struct bench *b = *state;

    open_offsets(b, OWN);
    fake_log_fail(OWN, CV_RETRY);
    assert_int_equal(write_two(b, "{\"p\":1}", "{\"n\":1}", "{\"p\":2}", "{\"n\":2}"), CV_RETRY);
    assert_int_equal(tolds, 0);
    assert_int_equal(write_two(b, "{\"p\":1}", NULL, "{\"p\":2}", "{\"n\":2}"), CV_OK); /* behind the removal */
    assert_int_equal(tolds, 1);
    assert_int_equal(told_rc, CV_RETRY);
    assert_int_equal(fake_log_count(WORKERS), 1);
}

static void
a_record_for_a_transaction_has_the_key_that_is_stored(void **state)
{
    struct bench *b = *state;
    struct cv_bytes key, value;
    struct cv_err err = CV_ERR_INIT;
    struct cv_offset offset;

    fake_log_put(OWN, 0, "[\"c\",{\"b\":1,\"a\":2}]", "{\"n\":1}");
    open_offsets(b, OWN);
    offset = (struct cv_offset){ json(b, "{\"a\":2,\"b\":1}"), json(b, "{\"n\":2}") };
    assert_int_equal(connector_offsets_encode(b->offsets, &offset, b->arena, &key, &value, &err), CV_OK);
    assert_int_equal(key.len, strlen("[\"c\",{\"b\":1,\"a\":2}]"));
    assert_memory_equal(key.data, "[\"c\",{\"b\":1,\"a\":2}]", key.len);
    assert_memory_equal(value.data, "{\"n\":2}", value.len);
    offset.offset = NULL;
    assert_int_equal(connector_offsets_encode(b->offsets, &offset, b->arena, &key, &value, &err), CV_OK);
    assert_null(value.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_topic_of_its_own_all_is_in_the_workers),
        TEST(the_workers_own_topic_is_not_a_second_one),
        TEST(a_topic_of_that_name_in_another_cluster_is_a_second_one),
        TEST(a_standalone_worker_has_one_place_for_offsets),
        TEST(of_two_topics_the_connectors_own_counts_more),
        TEST(removals_leave_the_workers_topic_first),
        TEST(a_removal_that_fails_in_the_workers_topic_is_not_made_in_the_other),
        TEST(a_copy_that_fails_is_only_spoken_of),
        TEST(a_write_that_fails_in_its_own_topic_fails),
        TEST(a_record_for_a_transaction_has_the_key_that_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
