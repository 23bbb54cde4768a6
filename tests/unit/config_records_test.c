/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/store/config_records.c against every record that Connect 4.1.0 wrote to its config topic: each is read and
 * written again, byte for byte; and against records that no worker writes.
 */
#include <config.h>

#include "worker/store/config_records.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/java_order.h"
#include "tests/helper/recorded_topic.h"

/* ---- the recorded ones ---- */

static void
assert_same_bytes(const struct cv_buf *got, const struct fake_record *rec)
{
    if (got->len != strlen(rec->value) || memcmp(cv_buf_cstr(got), rec->value, got->len) != 0)
        fail_msg("offset %d, %s: wrote %s, recorded %s", (int)rec->offset, rec->key, cv_buf_cstr(got), rec->value);
}

static const struct fake_record *recorded;

static void
copy_properties(struct cv_config *to, const struct cv_config *from, const struct cv_config *only)
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < cv_config_count(from); i++)
        if (cv_config_has(only, cv_config_key(from, i)))
            assert_int_equal(cv_config_set(to, cv_config_key(from, i),
                                           cv_config_get(only, cv_config_key(from, i)), &err), CV_OK);
}

/* The properties in the order in which a worker has them: that of the connector's record before, new ones behind. */
static struct cv_config *
as_before(const struct fake_record *rec, const char *name, const struct cv_config *cfg)
{
    const struct fake_record *before = rec;
    struct cv_config *old = NULL, *ordered = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    char key[64];

    snprintf(key, sizeof(key), "connector-%s", name);
    do
        assert_true(before-- > recorded);
    while (strcmp(before->key, key) != 0);
    assert_int_equal(config_read_properties(before->value, strlen(before->value), &old, &err), CV_OK);
    copy_properties(ordered, old, cfg);
    copy_properties(ordered, cfg, cfg);
    cv_config_free(old);
    return ordered;
}

/* Connector records of PATCH (calls 4 and 14) and all task records are in Java's HashMap order. */
static void
rewrite_properties(const struct fake_record *rec, enum config_key kind, const char *name, struct cv_buf *out)
{
    bool patched = rec->cause == 4 || rec->cause == 14;
    uint32_t table;
    struct cv_config *cfg = NULL, *ordered;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(config_read_properties(rec->value, strlen(rec->value), &cfg, &err), CV_OK);
    if (kind == CONFIG_KEY_CONNECTOR && !patched) {
        assert_int_equal(config_write_properties(out, cfg, 0, &err), CV_OK);
    } else {
        ordered = as_before(rec, name, cfg);
        assert_true(cv_config_equal(ordered, cfg));
        table = kind == CONFIG_KEY_TASK ? JAVA_TABLE : java_table_of_copy(rec->cause == 4 ? 6 : 5);
        assert_int_equal(config_write_properties(out, ordered, table, &err), CV_OK);
        cv_config_free(ordered);
    }
    cv_config_free(cfg);
}

static void
rewrite_value(const struct fake_record *rec, enum config_key kind, const char *name, struct cv_buf *out)
{
    size_t len = strlen(rec->value);
    struct cv_buf level = CV_BUF_INIT(64);
    struct cv_err err = CV_ERR_INIT;
    struct session_key key;
    enum target_state target;
    bool tasks, failed;
    int64_t count;

    switch (kind) {
    case CONFIG_KEY_CONNECTOR:
    case CONFIG_KEY_TASK:
        rewrite_properties(rec, kind, name, out);
        break;
    case CONFIG_KEY_TARGET:
        assert_int_equal(config_read_target(rec->value, len, &target, &err), CV_OK);
        config_write_target(out, target);
        break;
    case CONFIG_KEY_COMMIT:
        assert_int_equal(config_read_count(rec->value, len, "tasks", &count, &err), CV_OK);
        config_write_count(out, "tasks", count);
        break;
    case CONFIG_KEY_SESSION:
        assert_int_equal(config_read_session_key(rec->value, len, &key, &err), CV_OK);
        assert_int_equal(key.len, 32);
        config_write_session_key(out, &key);
        break;
    case CONFIG_KEY_RESTART:
        assert_int_equal(config_read_restart(rec->value, len, &tasks, &failed, &err), CV_OK);
        config_write_restart(out, tasks, failed);
        break;
    case CONFIG_KEY_LOGGER:
        assert_int_equal(config_read_logger(rec->value, len, &level, &err), CV_OK);
        config_write_logger(out, cv_buf_cstr(&level));
        cv_buf_free(&level);
        break;
    default:
        fail_msg("%s: a key of a kind that was not recorded", rec->key);
    }
}

static void
every_recorded_record_is_read_and_written_again(void **state)
{
    unsigned seen = 0;
    size_t count;
    struct fake_record *records = recorded_topic_read("configs.jsonl", &count);

    (void)state;
    assert_int_equal(count, 56);
    recorded = records;
    for (size_t i = 0; i < count; i++) {
        struct cv_buf name = CV_BUF_INIT(256), key = CV_BUF_INIT(256), value = CV_BUF_INIT(4096);
        int32_t task = 0;
        enum config_key kind = config_key_parse(records[i].key, strlen(records[i].key), &name, &task);

        config_key_write(&key, kind, cv_buf_cstr(&name), task);
        assert_string_equal(cv_buf_cstr(&key), records[i].key);
        if (records[i].value != NULL) {
            rewrite_value(&records[i], kind, cv_buf_cstr(&name), &value);
            assert_same_bytes(&value, &records[i]);
        }
        seen |= 1u << kind;
        cv_buf_free(&name);
        cv_buf_free(&key);
        cv_buf_free(&value);
    }
    fake_records_free(records, count);
    assert_int_equal(seen, 1u << CONFIG_KEY_CONNECTOR | 1u << CONFIG_KEY_TARGET | 1u << CONFIG_KEY_TASK |
                               1u << CONFIG_KEY_COMMIT | 1u << CONFIG_KEY_SESSION | 1u << CONFIG_KEY_RESTART |
                               1u << CONFIG_KEY_LOGGER);
}

/* ---- keys ---- */

static void
keys_are_told_by_their_prefix(void **state)
{
    static const struct {
        const char *key;
        enum config_key kind;
        const char *name;
        int32_t task;
    } cases[] = {
        { "connector-foo", CONFIG_KEY_CONNECTOR, "foo", 0 },
        { "connector-", CONFIG_KEY_CONNECTOR, "", 0 },
        { "target-state-target-state-x", CONFIG_KEY_TARGET, "target-state-x", 0 },
        { "task-my-conn-12", CONFIG_KEY_TASK, "my-conn", 12 },
        { "task-0-0", CONFIG_KEY_TASK, "0", 0 },
        { "commit-a b", CONFIG_KEY_COMMIT, "a b", 0 },
        { "tasks-fencing-x", CONFIG_KEY_FENCING, "x", 0 },
        { "restart-connector-connector-x", CONFIG_KEY_RESTART, "connector-x", 0 },
        { "logger-cluster-org.apache", CONFIG_KEY_LOGGER, "org.apache", 0 },
        { "session-key", CONFIG_KEY_SESSION, "", 0 },
        { "session-key-2", CONFIG_KEY_UNKNOWN, "", 0 },
        { "session-ke", CONFIG_KEY_UNKNOWN, "", 0 },
        { "task-foo", CONFIG_KEY_UNKNOWN, "", 0 },
        { "task-foo-", CONFIG_KEY_UNKNOWN, "", 0 },
        { "task-foo-x", CONFIG_KEY_UNKNOWN, "", 0 },
        { "task-foo-2147483648", CONFIG_KEY_UNKNOWN, "", 0 },
        { "Connector-foo", CONFIG_KEY_UNKNOWN, "", 0 },
        { "", CONFIG_KEY_UNKNOWN, "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_buf name = CV_BUF_INIT(256);
        int32_t task = 0;

        assert_int_equal(config_key_parse(cases[i].key, strlen(cases[i].key), &name, &task), cases[i].kind);
        assert_string_equal(cv_buf_cstr(&name), cases[i].name);
        assert_int_equal(task, cases[i].task);
        cv_buf_free(&name);
    }
}

/* ---- values ---- */

static void
a_target_state_of_an_old_worker_counts(void **state)
{
    static const struct {
        const char *value;
        enum target_state target;
    } cases[] = {
        { "{\"state\":\"PAUSED\"}", TARGET_PAUSED },
        { "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}", TARGET_STOPPED },
        { "{\"state.v2\":\"STARTED\",\"state\":\"PAUSED\"}", TARGET_STARTED },
        { "{\"state\":\"PAUSED\",\"state.v2\":null}", TARGET_PAUSED },
    };
    struct cv_err err;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        enum target_state target;

        assert_int_equal(config_read_target(cases[i].value, strlen(cases[i].value), &target, &err), CV_OK);
        assert_int_equal(target, cases[i].target);
    }
}

static void
a_bad_target_state_is_refused(void **state)
{
    static const char *const bad[] = { "",  "{",    "{}", "[]", "null", "{\"state\":\"RUNNING\"}",
                                       "7", "\"x\"", "{\"state\":1}", "{\"state\":\"PAUSED\",\"state.v2\":\"ON\"}" };
    enum target_state target = TARGET_PAUSED;
    struct cv_err err;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(bad); i++)
        assert_int_equal(config_read_target(bad[i], strlen(bad[i]), &target, &err), CV_INVALID);
    assert_int_equal(target, TARGET_PAUSED);
}

static void
properties_may_be_null_or_of_other_types(void **state)
{
    static const char value[] = "{\"other\":[{}],\"properties\":{\"a\":null,\"b\":7,\"c\":true,\"d\":\"x\"}}";
    struct cv_config *cfg = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(config_read_properties(value, strlen(value), &cfg, &err), CV_OK);
    assert_int_equal(cv_config_count(cfg), 4);
    assert_true(cv_config_has(cfg, "a"));
    assert_null(cv_config_get(cfg, "a"));
    assert_string_equal(cv_config_get(cfg, "b"), "7");
    assert_string_equal(cv_config_get(cfg, "c"), "true");
    assert_string_equal(cv_config_get(cfg, "d"), "x");
    cv_config_free(cfg);
}

static void
bad_properties_are_refused(void **state)
{
    static const char *const bad[] = { "", "{}", "[]", "{\"properties\":7}", "{\"properties\":{\"a\":[]}}",
                                       "{\"properties\":{\"a\":\"b\"}", "{\"properties\":{\"a\"}}", "{\"props\":{}}" };
    struct cv_config *cfg = NULL;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        struct cv_err err = CV_ERR_INIT;

        if (config_read_properties(bad[i], strlen(bad[i]), &cfg, &err) != CV_INVALID)
            fail_msg("accepted: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
    assert_null(cfg);
}

static void
bad_counts_are_refused(void **state)
{
    static const char *const bad[] = { "{}", "{\"tasks\":-1}", "{\"tasks\":\"1\"}", "{\"tasks\":1.5}",
                                       "{\"tasks\":null}", "{\"task-count\":1}", "{\"tasks\":1" };
    int64_t count = 77;
    struct cv_err err;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(bad); i++)
        if (config_read_count(bad[i], strlen(bad[i]), "tasks", &count, &err) != CV_INVALID)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(count, 77);
}

static void
a_bad_session_key_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"key\":\"AAAA\",\"algorithm\":\"HmacSHA256\"}",
        "{\"key\":\"AA!A\",\"algorithm\":\"HmacSHA256\",\"creation-timestamp\":1}",
        "{\"key\":7,\"algorithm\":\"HmacSHA256\",\"creation-timestamp\":1}",
        "{\"key\":\"AAAA\",\"algorithm\":\"HmacSHA256\",\"creation-timestamp\":\"now\"}",
        "{\"key\":\"AAAA\",\"algorithm\":\"a-name-that-is-longer-than-any-algorithm-has\",\"creation-timestamp\":1}",
    };
    struct session_key key = { .len = 5 };
    struct cv_err err;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(bad); i++)
        if (config_read_session_key(bad[i], strlen(bad[i]), &key, &err) != CV_INVALID)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(key.len, 5);
}

static void
a_restart_flag_of_a_wrong_type_is_false(void **state)
{
    static const char value[] = "{\"include-tasks\":\"true\",\"only-failed\":true}";
    bool tasks = true, failed = false;
    struct cv_err err;

    (void)state;
    assert_int_equal(config_read_restart(value, strlen(value), &tasks, &failed, &err), CV_OK);
    assert_false(tasks);
    assert_true(failed);
    assert_int_equal(config_read_restart("[]", 2, &tasks, &failed, &err), CV_INVALID);
    assert_true(failed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_record_is_read_and_written_again),
        cmocka_unit_test(keys_are_told_by_their_prefix),
        cmocka_unit_test(a_target_state_of_an_old_worker_counts),
        cmocka_unit_test(a_bad_target_state_is_refused),
        cmocka_unit_test(properties_may_be_null_or_of_other_types),
        cmocka_unit_test(bad_properties_are_refused),
        cmocka_unit_test(bad_counts_are_refused),
        cmocka_unit_test(a_bad_session_key_is_refused),
        cmocka_unit_test(a_restart_flag_of_a_wrong_type_is_false),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
