/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connectors that are there on request: the records of their first polls, as JsonConverter with schemas has them,
 * against those of Kafka's own classes (connect-runtime 3.5.2, connect-mirror 4.1.0).
 */
#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "connectors/heartbeat/heartbeat.h"
#include "connectors/mock/mock.h"
#include "connectors/verifiable/verifiable.h"
#include "converters/converters.h"

#define NOW_MS INT64_C(1795480285548)

static int64_t stored_seqno = -1;

static enum cv_rc
read_stored(struct cv_source_ctx *ctx, const struct cv_value *partition, struct cv_arena *arena,
            struct cv_value **ret, struct cv_err *err)
{
    (void)ctx;
    assert_non_null(partition);
    *ret = NULL;
    if (stored_seqno < 0)
        return CV_OK;
    *ret = cv_map_new(arena, 1);
    return cv_map_put(arena, *ret, "seqno", cv_int(CV_INT64, stored_seqno), err);
}

static struct cv_config *
config_of(const char *const *pairs)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    for (; pairs[0] != NULL; pairs += 2)
        assert_int_equal(cv_config_set(cfg, pairs[0], pairs[1], &err), CV_OK);
    return cfg;
}

static void
write_json(struct cv_value *val, struct cv_buf *out)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    assert_int_equal(json_converter_plugin.converter->configure(&json_converter_plugin, cfg, CV_VALUE, &conv, &err),
                     CV_OK);
    assert_int_equal(json_converter_plugin.converter->from_connect(conv, "t", val, out, &is_null, &err), CV_OK);
    json_converter_plugin.converter->free(conv);
    cv_config_free(cfg);
}

/* "partition|key|value" of each record of the first poll, a line each, and the offset. */
static void
first_poll(const struct cv_plugin *plugin, const char *const *pairs, int64_t wait_ms, struct cv_buf *out)
{
    struct cv_source_ctx ctx = { .connector = "v", .log = cv_log_get("culvert.test"), .offset_read = read_stored };
    struct cv_batch batch = { .arena = cv_arena_new(NULL) };
    struct cv_config *cfg = config_of(pairs);
    struct cv_source_task *task = NULL;
    struct cv_err err = CV_ERR_INIT;

    cv_clock_test_stop(NOW_MS, 1000);
    assert_int_equal(plugin->source->start(&ctx, cfg, &task, &err), CV_OK);
    cv_clock_test_stop(NOW_MS, 1000 + wait_ms);
    assert_int_equal(plugin->source->poll(task, &batch, 0, &err), CV_OK);
    for (size_t i = 0; i < batch.n_records; i++) {
        cv_buf_printf(out, "%s %d ", batch.records[i].topic, (int)batch.records[i].partition);
        write_json(&batch.records[i].key, out);
        cv_buf_char(out, ' ');
        write_json(&batch.records[i].value, out);
        cv_buf_char(out, '\n');
    }
    if (batch.n_offsets == 1) {
        write_json(batch.offsets[0].partition, out);
        write_json(batch.offsets[0].offset, out);
    }
    plugin->source->free(task);
    cv_config_free(cfg);
    cv_arena_free(batch.arena);
}

static void
numbers_come_at_their_pace_and_go_on_behind_the_stored_one(void **state)
{
    static const char *const options[] = { "name", "v", "id", "0", "topic", "t", "throughput", "1000", NULL };
    struct cv_buf out = CV_BUF_INIT(65536);

    (void)state;
    first_poll(&verifiable_source_plugin, options, 1, &out);
    assert_string_equal(cv_buf_cstr(&out),
                        "t -1 {\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":0} "
                        "{\"schema\":{\"type\":\"int64\",\"optional\":false},\"payload\":0}\n"
                        "t -1 {\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":0} "
                        "{\"schema\":{\"type\":\"int64\",\"optional\":false},\"payload\":1}\n"
                        "{\"schema\":null,\"payload\":{\"id\":0}}{\"schema\":null,\"payload\":{\"seqno\":1}}");
    stored_seqno = 41;
    cv_buf_reset(&out);
    first_poll(&verifiable_source_plugin, options, 0, &out);
    stored_seqno = -1;
    assert_non_null(strstr(cv_buf_cstr(&out), "\"payload\":42}\n{"));
    cv_buf_free(&out);
}

static void
a_complete_record_says_who_made_it(void **state)
{
    static const char *const options[] = { "name", "v", "id", "1", "topic", "t", "throughput", "1",
                                           "complete.record.data", "TRUE", NULL };
    struct cv_buf out = CV_BUF_INIT(65536);

    (void)state;
    first_poll(&verifiable_source_plugin, options, 0, &out);
    assert_string_equal(
        cv_buf_cstr(&out),
        "t -1 {\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":1} "
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"name\"},"
        "{\"type\":\"int32\",\"optional\":false,\"field\":\"task\"},"
        "{\"type\":\"string\",\"optional\":false,\"field\":\"topic\"},"
        "{\"type\":\"int64\",\"optional\":false,\"field\":\"time_ms\"},"
        "{\"type\":\"int64\",\"optional\":false,\"field\":\"seqno\"}],\"optional\":false},"
        "\"payload\":{\"name\":\"v\",\"task\":1,\"topic\":\"t\",\"time_ms\":1795480285548,\"seqno\":0}}\n"
        "{\"schema\":null,\"payload\":{\"id\":1}}{\"schema\":null,\"payload\":{\"seqno\":0}}");
    cv_buf_free(&out);
}

#define SCHEMA_HEAD                                                                                        \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"boolean\",\"optional\":false,\"field\":\"boolean\"}," \
    "{\"type\":\"int32\",\"optional\":false,\"field\":\"int\"},"                                           \
    "{\"type\":\"int64\",\"optional\":false,\"field\":\"long\"},"                                          \
    "{\"type\":\"float\",\"optional\":false,\"field\":\"float\"},"                                         \
    "{\"type\":\"double\",\"optional\":false,\"field\":\"double\"},"                                       \
    "{\"type\":\"int32\",\"optional\":false,\"field\":\"partitioning\"},"
#define SCHEMA_TAIL                                                                                        \
    "{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"},"                                            \
    "{\"type\":\"int64\",\"optional\":false,\"field\":\"seqno\"}],\"optional\":false,\"name\":\"record\",\"version\":"
#define SCHEMA_KEY "t 1 {\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":\"key\"} "

static void
two_schemas_take_turns_until_all_messages_are_made(void **state)
{
    static const char *const options[] = { "name", "v", "id", "1", "topic", "t", "throughput", "-1", "num.messages",
                                           "2", "multiple.schema", "true", "partition.count", "2", NULL };
    struct cv_buf out = CV_BUF_INIT(65536);

    (void)state;
    first_poll(&schema_source_plugin, options, 0, &out);
    assert_string_equal(
        cv_buf_cstr(&out),
        SCHEMA_KEY SCHEMA_HEAD SCHEMA_TAIL
        "1},\"payload\":{\"boolean\":true,\"int\":12,\"long\":12,\"float\":12.2,\"double\":12.2,"
        "\"partitioning\":0,\"id\":1,\"seqno\":0}}\n" SCHEMA_KEY SCHEMA_HEAD
        "{\"type\":\"string\",\"optional\":false,\"default\":\"abc\",\"field\":\"string\"}," SCHEMA_TAIL
        "2},\"payload\":{\"boolean\":true,\"int\":12,\"long\":12,\"float\":12.2,\"double\":12.2,"
        "\"partitioning\":1,\"string\":\"def\",\"id\":1,\"seqno\":1}}\n"
        "{\"schema\":null,\"payload\":{\"id\":1}}{\"schema\":null,\"payload\":{\"seqno\":1}}");
    cv_buf_free(&out);
}

static void
a_heartbeat_is_in_kafkas_encoding(void **state)
{
    static const char *const options[] = { "name", "v", "source.cluster.alias", "src", "target.cluster.alias", "dst",
                                           NULL };
    struct cv_buf out = CV_BUF_INIT(65536);

    (void)state;
    first_poll(&heartbeat_source_plugin, options, 999, &out);
    assert_string_equal(cv_buf_cstr(&out), "");
    first_poll(&heartbeat_source_plugin, options, 1000, &out);
    /* 0003 "src" 0003 "dst"; 0000 and the time 1795480285548 */
    assert_string_equal(cv_buf_cstr(&out),
                        "heartbeats 0 "
                        "{\"schema\":{\"type\":\"bytes\",\"optional\":false},\"payload\":\"AANzcmMAA2RzdA==\"} "
                        "{\"schema\":{\"type\":\"bytes\",\"optional\":false},\"payload\":\"AAAAAAGiCvbxbA==\"}\n"
                        "{\"schema\":null,\"payload\":{\"sourceClusterAlias\":\"src\",\"targetClusterAlias\":\"dst\"}}"
                        "{\"schema\":null,\"payload\":{\"offset\":0}}");
    cv_buf_free(&out);
}

static void
no_heartbeats_need_no_task(void **state)
{
    static const char *const off[] = { "source.cluster.alias", "a", "emit.heartbeats.enabled", "false", NULL };
    static const char *const on[] = { "source.cluster.alias", "a", NULL };
    const char *const *cases[] = { off, on };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct cv_task_configs configs = { .items = NULL };
        struct cv_config *cfg = config_of(cases[i]);
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(heartbeat_source_plugin.source->task_configs(cfg, 3, &configs, &err), CV_OK);
        assert_int_equal(configs.count, i);
        cv_task_configs_done(&configs);
        cv_config_free(cfg);
    }
}

static void
options_that_are_no_numbers_are_refused(void **state)
{
    static const char *const options[] = { "name", "v", "id", "0", "topic", "t", "throughput", "fast", NULL };
    struct cv_source_ctx ctx = { .connector = "v", .log = cv_log_get("culvert.test"), .offset_read = read_stored };
    struct cv_config *cfg = config_of(options);
    struct cv_source_task *task = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(verifiable_source_plugin.source->start(&ctx, cfg, &task, &err), CV_INVALID);
    assert_string_equal(err.text, "Invalid VerifiableSourceTask configuration: \"throughput\" must be a whole number, "
                                  "of records a second; -1 is no limit");
    assert_null(task);
    cv_config_free(cfg);
}

static void
a_mock_task_fails_when_its_time_is_over(void **state)
{
    static const char *const options[] = { "mock_mode", "task-failure", "delay_ms", "300", NULL };
    struct cv_source_ctx ctx = { .connector = "m", .log = cv_log_get("culvert.test") };
    struct cv_config *cfg = config_of(options);
    struct cv_source_task *task = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_clock_test_stop(NOW_MS, 1000);
    assert_int_equal(mock_source_plugin.source->start(&ctx, cfg, &task, &err), CV_OK);
    cv_clock_test_stop(NOW_MS, 1299);
    assert_int_equal(mock_source_plugin.source->poll(task, NULL, 0, &err), CV_OK);
    cv_clock_test_stop(NOW_MS, 1300);
    assert_int_equal(mock_source_plugin.source->poll(task, NULL, 0, &err), CV_INTERNAL);
    assert_string_equal(err.text, "mock_mode=task-failure: the task fails as it was told to");
    mock_source_plugin.source->free(task);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_at_their_pace_and_go_on_behind_the_stored_one),
        cmocka_unit_test(a_complete_record_says_who_made_it),
        cmocka_unit_test(two_schemas_take_turns_until_all_messages_are_made),
        cmocka_unit_test(a_heartbeat_is_in_kafkas_encoding),
        cmocka_unit_test(no_heartbeats_need_no_task),
        cmocka_unit_test(options_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_mock_task_fails_when_its_time_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
