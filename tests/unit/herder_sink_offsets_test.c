/* SPDX-License-Identifier: Apache-2.0 */
/* worker/herder_sink_offsets.c: what is asked of the consumer group, and every refusal. The admin is a double. */
#include "worker/herder_offsets.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/kafka/admin.h"
#include "data/json.h"
#include "worker/clients.h"
#include "worker/herder_private.h"

/* What the double was asked, and what it answers. */
static struct {
    char asked[512];
    enum cv_rc list, alter, remove;
    size_t count;
} admin;

static void
note(const char *what, const char *group, const struct cv_topic_partitions *parts)
{
    size_t len = strlen(admin.asked);

    len += (size_t)snprintf(admin.asked + len, sizeof(admin.asked) - len, "%s %s", what, group);
    for (size_t i = 0; parts != NULL && i < parts->count; i++)
        len += (size_t)snprintf(admin.asked + len, sizeof(admin.asked) - len, " %s-%d@%lld", parts->items[i].topic,
                                (int)parts->items[i].partition, (long long)parts->items[i].offset);
    snprintf(admin.asked + len, sizeof(admin.asked) - len, ";");
}

static enum cv_rc
answer(enum cv_rc rc, struct cv_err *err)
{
    return rc == CV_OK ? CV_OK : cv_fail(err, rc, "the broker says no");
}

enum cv_rc
client_admin_override(const struct cv_config *worker_raw, const struct cv_config *connector, const char *client_id,
                      struct cv_admin **ret, struct cv_err *err)
{
    (void)worker_raw;
    (void)err;
    assert_non_null(connector);
    assert_string_equal(client_id, "connector-adminclient-c");
    *ret = NULL;
    return CV_OK;
}

void
cv_admin_free(struct cv_admin *unused)
{
    assert_null(unused);
}

void
cv_topic_partitions_done(struct cv_topic_partitions *parts)
{
    free(parts->items);
    *parts = (struct cv_topic_partitions){ 0 };
}

enum cv_rc
cv_admin_group_offsets(struct cv_admin *unused, const char *group, int timeout_ms, struct cv_topic_partitions *ret,
                       struct cv_err *err)
{
    static const struct cv_topic_partition held[] = {
        { "b", 0, 7, NULL }, { "a", 10, 5, NULL }, { "a", 2, CV_OFFSET_INVALID, NULL }, { "a", 1, 4, NULL }
    };

    (void)unused;
    assert_true(timeout_ms > 0);
    note("list", group, NULL);
    if (admin.list != CV_OK)
        return answer(admin.list, err);
    ret->items = calloc(CV_COUNT(held), sizeof(*ret->items));
    assert_non_null(ret->items);
    memcpy(ret->items, held, sizeof(held));
    ret->count = admin.count;
    return CV_OK;
}

enum cv_rc
cv_admin_group_offsets_alter(struct cv_admin *unused, const char *group, const struct cv_topic_partitions *offsets,
                             int timeout_ms, struct cv_err *err)
{
    (void)unused;
    assert_true(timeout_ms > 0);
    note("alter", group, offsets);
    return answer(admin.alter, err);
}

enum cv_rc
cv_admin_group_offsets_delete(struct cv_admin *unused, const char *group, const struct cv_topic_partitions *parts,
                              int timeout_ms, struct cv_err *err)
{
    (void)unused;
    (void)err;
    assert_true(timeout_ms > 0);
    note("remove", group, parts);
    return CV_OK;
}

enum cv_rc
cv_admin_group_delete(struct cv_admin *unused, const char *group, int timeout_ms, struct cv_err *err)
{
    (void)unused;
    assert_true(timeout_ms > 0);
    note("delete", group, NULL);
    return answer(admin.remove, err);
}

/* ---- the connector ---- */

static enum cv_rc
agree(const struct cv_config *cfg, const struct cv_partitions *offsets, struct cv_err *err)
{
    assert_non_null(cfg);
    for (size_t i = 0; i < offsets->count; i++)
        if (offsets->items[i].offset == 13)
            return cv_fail(err, CV_INVALID, "13 is not for us");
    return CV_OK;
}

static const struct cv_sink_ops silent_ops = { .put = NULL };
static const struct cv_sink_ops asked_ops = { .offsets_alter = agree };
static const struct cv_plugin silent = { .kind = CV_SINK, .sink = &silent_ops };
static const struct cv_plugin asked = { .kind = CV_SINK, .sink = &asked_ops };

static struct {
    struct herder herder;
    struct cv_config *cfg;
    struct cv_arena *arena;
    struct offsets_answer answer;
} f;

static int
up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    memset(&admin, 0, sizeof(admin));
    admin.count = 4;
    f.cfg = cv_config_new();
    f.arena = cv_arena_new(NULL);
    return f.cfg == NULL || f.arena == NULL ? -1 : 0;
}

static int
down(void **state)
{
    (void)state;
    cv_config_free(f.cfg);
    cv_arena_free(f.arena);
    return 0;
}

/* One partition and one offset as JSON; twice, when second_offset is given. */
static enum cv_rc
change(const struct cv_plugin *plugin, const char *partition, const char *offset, const char *second_offset,
       struct cv_err *err)
{
    const char *offsets[] = { offset, second_offset };
    struct cv_offset items[2];
    struct offsets_change list = { .arena = f.arena, .items = items };
    const struct offsets_of of = { .name = "c", .config = f.cfg, .plugin = plugin };
    static struct cv_value vals[4];

    for (size_t i = 0; i < 2 && offsets[i] != NULL; i++) {
        assert_int_equal(cv_connect_json_read(partition, strlen(partition), f.arena, &vals[i * 2], err), CV_OK);
        assert_int_equal(cv_connect_json_read(offsets[i], strlen(offsets[i]), f.arena, &vals[i * 2 + 1], err), CV_OK);
        items[i].partition = vals[i * 2].is_null ? NULL : &vals[i * 2];
        items[i].offset = vals[i * 2 + 1].is_null ? NULL : &vals[i * 2 + 1];
        list.count++;
    }
    return herder_sink_offsets_alter(&f.herder, &of, &list, &f.answer, err);
}

static enum cv_rc
reset(const struct cv_plugin *plugin, struct cv_err *err)
{
    const struct offsets_change list = { .arena = f.arena };
    const struct offsets_of of = { .name = "c", .config = f.cfg, .plugin = plugin };

    return herder_sink_offsets_alter(&f.herder, &of, &list, &f.answer, err);
}

/* ---- tests ---- */

static void
committed_offsets_are_listed_in_order(void **state)
{
    const struct offsets_of of = { .name = "c", .config = f.cfg, .plugin = &silent };
    struct cv_buf out = CV_BUF_INIT(4096);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(herder_sink_offsets_get(&f.herder, &of, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out),
                        "{\"partition\":{\"kafka_partition\":1,\"kafka_topic\":\"a\"},\"offset\":{\"kafka_offset\":4}},"
                        "{\"partition\":{\"kafka_partition\":10,\"kafka_topic\":\"a\"},\"offset\":{\"kafka_offset\":5}},"
                        "{\"partition\":{\"kafka_partition\":0,\"kafka_topic\":\"b\"},\"offset\":{\"kafka_offset\":7}}");
    assert_string_equal(admin.asked, "list connect-c;");
    cv_buf_free(&out);
}

static void
the_group_may_be_named_and_a_failure_names_the_connector(void **state)
{
    struct offsets_of of = { .name = "c", .plugin = &silent };
    struct cv_buf out = CV_BUF_INIT(4096);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(f.cfg, "consumer.override.group.id", "mine", &err), CV_OK);
    of.config = f.cfg;
    admin.list = CV_RETRY;
    assert_int_equal(herder_sink_offsets_get(&f.herder, &of, &out, &err), CV_INTERNAL);
    assert_string_equal(err.text, "Failed to retrieve consumer group offsets for sink connector c: the broker says no");
    assert_string_equal(admin.asked, "list mine;");
    assert_int_equal(out.len, 0);
    cv_buf_free(&out);
}

static void
offsets_are_set_and_removed(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(change(&asked, "{\"kafka_topic\":\"a\",\"kafka_partition\":\"+1\",\"more\":0}",
                            "{\"kafka_offset\":\"8\",\"more\":1}", NULL, &err), CV_OK);
    assert_true(f.answer.told);
    assert_int_equal(change(&silent, "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "null", NULL, &err), CV_OK);
    assert_false(f.answer.told);
    assert_string_equal(admin.asked, "alter connect-c a-1@8;remove connect-c;alter connect-c;remove connect-c a-1@-1;");
}

static void
the_last_of_equal_partitions_counts(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(change(&silent, "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":8}",
                            "{\"kafka_offset\":9}", &err), CV_OK);
    assert_string_equal(admin.asked, "alter connect-c a-1@9;remove connect-c;");
}

static void
the_connector_may_refuse(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(change(&asked, "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":13}", NULL,
                            &err), CV_INVALID);
    assert_string_equal(err.text, "13 is not for us");
    assert_true(f.answer.refused);
    assert_string_equal(admin.asked, "");
}

static void
every_refusal_has_connects_words(void **state)
{
    static const struct {
        const char *partition, *offset;
        enum cv_rc rc;
        const char *text;
    } cases[] = {
        { "null", "{\"kafka_offset\":1}", CV_INVALID,
          "The partition for a sink connector offset cannot be null or missing" },
        { "{\"kafka_topic\":\"a\"}", "null", CV_INVALID,
          "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'" },
        { "{\"kafka_topic\":null,\"kafka_partition\":1}", "null", CV_INVALID,
          "Kafka topic names must be valid strings and may not be null" },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":null}", "null", CV_INVALID,
          "Kafka partitions must be valid numbers and may not be null" },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":2147483648}", "null", CV_INVALID,
          "Failed to parse the following Kafka partition value in the provided offsets: '2147483648'. Partition values "
          "for sink connectors need to be integers." },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{}", CV_INVALID,
          "The offset for a sink connector should either be null or contain the key 'kafka_offset'" },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":true}", CV_INVALID,
          "Failed to parse the following Kafka offset value in the provided offsets: 'true'. Offset values for sink "
          "connectors need to be integers." },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":\"+-1\"}", CV_INVALID,
          "Failed to parse the following Kafka offset value in the provided offsets: '+-1'. Offset values for sink "
          "connectors need to be integers." },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":-1}", CV_INVALID,
          "Failed to modify offsets for sink connector c: offset -1 is negative" },
        { "{\"kafka_topic\":\"a\",\"kafka_partition\":-1}", "{\"kafka_offset\":1}", CV_INVALID,
          "Failed to alter consumer group offsets for connector c: partition -1 is negative" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(change(&silent, cases[i].partition, cases[i].offset, NULL, &err), cases[i].rc);
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(f.answer.refused, strstr(err.text, "negative") != NULL);
    }
    assert_string_equal(admin.asked, "");
}

static void
a_group_with_members_is_told_apart(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    admin.alter = CV_CONFLICT;
    assert_int_equal(change(&silent, "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":8}", NULL,
                            &err),
                     CV_INTERNAL);
    assert_string_equal(err.text,
                        "Failed to alter consumer group offsets for connector c either because its tasks haven't "
                        "stopped completely yet or the connector was resumed before the request to alter its offsets "
                        "could be successfully completed. If the connector is in a stopped state, this operation can "
                        "be safely retried. If it doesn't eventually succeed, the Connect cluster may need to be "
                        "restarted to get rid of the zombie sink tasks.");
    admin.alter = CV_NOT_FOUND;
    assert_int_equal(change(&silent, "{\"kafka_topic\":\"a\",\"kafka_partition\":1}", "{\"kafka_offset\":8}", NULL,
                            &err),
                     CV_INVALID);
    assert_true(f.answer.refused);
    assert_string_equal(err.text, "Failed to alter consumer group offsets for connector c: the broker says no");
}

static void
a_reset_deletes_the_group(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(reset(&asked, &err), CV_OK);
    assert_true(f.answer.told);
    assert_string_equal(admin.asked, "list connect-c;delete connect-c;");
    admin.remove = CV_INVALID;
    assert_int_equal(reset(&silent, &err), CV_INTERNAL);
    assert_string_equal(err.text, "Failed to reset consumer group offsets for sink connector c: the broker says no");
    admin.list = CV_RETRY;
    assert_int_equal(reset(&silent, &err), CV_INTERNAL);
    assert_string_equal(err.text, "Failed to list offsets prior to resetting offsets for sink connector c: the broker "
                                  "says no");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(committed_offsets_are_listed_in_order),
        TEST(the_group_may_be_named_and_a_failure_names_the_connector),
        TEST(offsets_are_set_and_removed),
        TEST(the_last_of_equal_partitions_counts),
        TEST(the_connector_may_refuse),
        TEST(every_refusal_has_connects_words),
        TEST(a_group_with_members_is_told_apart),
        TEST(a_reset_deletes_the_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
