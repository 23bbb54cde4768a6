/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/store/config_store.c over a topic in memory: the state after each of the calls that were recorded with
 * Connect 4.1.0, what is told to the listener, what is written, and records that no worker writes.
 */
#include <config.h>

#include "worker/store/config_store.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/producer.h"
#include "tests/helper/fake_producer.h"
#include "tests/helper/recorded_topic.h"
#include "tests/helper/log_file.h"

#define TOPIC "configs"

static char told[4096]; /* what the listener heard, a word an event */

static void
say(const char *what, const char *name)
{
    size_t len = strlen(told);

    snprintf(told + len, sizeof(told) - len, "%s%s:%s", len > 0 ? " " : "", what, name);
}

static void
on_changed(void *arg, const char *name, bool is_new)
{
    (void)arg;
    say(is_new ? "new" : "changed", name);
}

static void
on_removed(void *arg, const char *name)
{
    (void)arg;
    say("removed", name);
}

static void
on_tasks(void *arg, const char *name)
{
    (void)arg;
    say("tasks", name);
}

static void
on_target(void *arg, const char *name)
{
    (void)arg;
    say("target", name);
}

static void
on_session(void *arg)
{
    (void)arg;
    say("session", "");
}

static void
on_restart(void *arg, const char *name, bool include_tasks, bool only_failed)
{
    (void)arg;
    say(include_tasks ? only_failed ? "restart-failed-tasks" : "restart-tasks" : "restart", name);
}

static void
on_logger(void *arg, const char *name, const char *level)
{
    (void)arg;
    say(level, name);
}

static struct config_store *
open_store(void)
{
    static const struct config_listener listener = { .connector_changed = on_changed,
                                                     .connector_removed = on_removed,
                                                     .tasks_changed = on_tasks,
                                                     .target_changed = on_target,
                                                     .session_key_changed = on_session,
                                                     .restart_requested = on_restart,
                                                     .logger_changed = on_logger };
    const struct cv_topic_log_spec spec = { .topic = { .name = TOPIC, .partitions = 1, .replication = 1 } };
    struct config_store *store = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(config_store_start(&spec, &listener, NULL, &store, &err), CV_OK);
    return store;
}

static int
set_up(void **state)
{
    (void)state;
    told[0] = '\0';
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

static void
assert_told(const char *expected)
{
    assert_string_equal(told, expected);
    told[0] = '\0';
}

static void
assert_property(const struct config_store *store, const char *name, const char *key, const char *value)
{
    struct cv_config *cfg = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(config_store_connector(store, name, &cfg, &err), CV_OK);
    if (value == NULL)
        assert_false(cv_config_has(cfg, key));
    else
        assert_string_equal(cv_config_get(cfg, key), value);
    cv_config_free(cfg);
}

/* ---- the recording, call by call ---- */

static void
assert_shows(const struct config_store *store, const char *name, enum target_state target, int tasks, bool applied)
{
    assert_true(config_store_has(store, name));
    assert_int_equal(config_store_target(store, name), target);
    assert_int_equal(config_store_task_count(store, name), tasks);
    assert_int_equal(config_store_is_applied(store, name), applied);
}

static void
each_recorded_call_leaves_its_state(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    assert_int_equal(config_store_offset(store), -1);
    recorded_topic_load(TOPIC, "configs.jsonl", 1, 1);
    assert_told("session:");
    assert_int_equal(config_store_offset(store), 1);
    recorded_topic_load(TOPIC, "configs.jsonl", 2, 2);
    assert_told("new:src tasks:src");
    assert_shows(store, "src", TARGET_STARTED, 1, true);
    assert_int_equal(config_store_offset(store), 4);
    recorded_topic_load(TOPIC, "configs.jsonl", 3, 4);
    assert_told("changed:src tasks:src changed:src tasks:src");
    assert_property(store, "src", "note", "äöü \"quoted\" \\ tab\t / slash");
    assert_property(store, "src", "batch.size", NULL);
    recorded_topic_load(TOPIC, "configs.jsonl", 6, 8);
    assert_told("target:src target:src"); /* the second pause changed nothing */
    assert_int_equal(config_store_offset(store), 13);
    recorded_topic_load(TOPIC, "configs.jsonl", 9, 9);
    assert_shows(store, "snk-1", TARGET_STARTED, 3, true);
    told[0] = '\0';
    recorded_topic_load(TOPIC, "configs.jsonl", 11, 12);
    assert_told("restart-tasks:snk-1 restart-failed-tasks:snk-1");
    recorded_topic_load(TOPIC, "configs.jsonl", 14, 14);
    assert_shows(store, "snk-1", TARGET_STARTED, 1, true);
    recorded_topic_load(TOPIC, "configs.jsonl", 15, 15);
    told[0] = '\0';
    recorded_topic_load(TOPIC, "configs.jsonl", 16, 16);
    assert_told("removed:bad");
    assert_false(config_store_has(store, "bad"));
    assert_int_equal(config_store_task_count(store, "bad"), 0);
    recorded_topic_load(TOPIC, "configs.jsonl", 17, 17);
    assert_told("new:halted");
    assert_shows(store, "halted", TARGET_STOPPED, 0, false);
    recorded_topic_load(TOPIC, "configs.jsonl", 18, 18);
    assert_told("target:halted tasks:halted");
    assert_shows(store, "halted", TARGET_STARTED, 1, true);
    recorded_topic_load(TOPIC, "configs.jsonl", 19, 20);
    assert_told("tasks:halted target:halted tasks:src target:src");
    assert_shows(store, "halted", TARGET_STOPPED, 0, true);
    recorded_topic_load(TOPIC, "configs.jsonl", 24, 30);
    assert_int_equal(config_store_offset(store), 52);
    told[0] = '\0';
    recorded_topic_load(TOPIC, "configs.jsonl", 34, 35);
    assert_told("removed:snk-1 removed:src");
    assert_int_equal(config_store_offset(store), 56);
    assert_int_equal(log_file_count("WARN", ""), 0);
    config_store_free(store, 0);
}

/* Restarts and logger levels are commands: they are not obeyed again by a worker that starts later. */
static void
a_later_start_shows_the_same_and_obeys_nothing(void **state)
{
    struct config_store *store;
    struct session_key key;
    struct cv_err err;
    char **names;
    size_t count;

    (void)state;
    recorded_topic_load(TOPIC, "configs.jsonl", 1, 33);
    store = open_store();
    assert_told("");
    assert_int_equal(config_store_offset(store), 52);
    assert_int_equal(config_store_names(store, &names, &count, &err), CV_OK);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    assert_shows(store, "src", TARGET_STARTED, 1, true);
    assert_shows(store, "snk-1", TARGET_STARTED, 1, true);
    assert_shows(store, "halted", TARGET_STOPPED, 0, true);
    assert_shows(store, "mock", TARGET_STOPPED, 0, true);
    assert_true(config_store_session_key(store, &key));
    assert_string_equal(key.algorithm, "HmacSHA256");
    assert_true(key.created_ms == INT64_C(1795461993589));
    config_store_free(store, 0);
}

static void
units_are_connectors_and_their_committed_tasks(void **state)
{
    struct group_config config = { 0 };
    struct config_store *store;
    struct cv_err err;

    (void)state;
    recorded_topic_load(TOPIC, "configs.jsonl", 1, 9);
    store = open_store();
    assert_int_equal(config_store_units(store, &config, &err), CV_OK);
    assert_int_equal(config.offset, 18);
    assert_int_equal(config.units.count, 6);
    assert_true(group_work_has(&config.units, "src", GROUP_CONNECTOR));
    assert_true(group_work_has(&config.units, "src", 0));
    assert_true(group_work_has(&config.units, "snk-1", 2));
    assert_false(group_work_has(&config.units, "snk-1", 3));
    group_work_done(&config.units);
    config_store_free(store, 0);
}

/* ---- commits ---- */

static const char task[] = "{\"properties\":{\"a\":\"1\"}}";

static void
task_configs_count_only_with_their_commit(void **state)
{
    struct config_store *store = open_store();
    struct cv_config *cfg;
    struct cv_err err;

    (void)state;
    fake_log_put(TOPIC, 0, "connector-c", task);
    fake_log_put(TOPIC, 0, "task-c-0", task);
    assert_int_equal(config_store_task_count(store, "c"), 0);
    assert_int_equal(config_store_task(store, "c", 0, &cfg, &err), CV_NOT_FOUND);
    assert_string_equal(err.text, "Unknown task: c-0");
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":1}");
    assert_int_equal(config_store_task_count(store, "c"), 1);
    assert_int_equal(config_store_task(store, "c", 0, &cfg, &err), CV_OK);
    assert_string_equal(cv_config_get(cfg, "a"), "1");
    cv_config_free(cfg);
    assert_int_equal(config_store_task(store, "c", 1, &cfg, &err), CV_NOT_FOUND);
    config_store_free(store, 0);
}

static void
an_incomplete_commit_takes_the_tasks_away_until_the_next(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    fake_log_put(TOPIC, 0, "connector-c", task);
    fake_log_put(TOPIC, 0, "task-c-0", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":1}");
    fake_log_put(TOPIC, 0, "task-c-0", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":2}"); /* task 1 was compacted away */
    assert_int_equal(config_store_task_count(store, "c"), 0);
    fake_log_put(TOPIC, 0, "task-c-1", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":2}"); /* what came before the last commit is gone */
    assert_int_equal(config_store_task_count(store, "c"), 0);
    fake_log_put(TOPIC, 0, "task-c-0", task);
    fake_log_put(TOPIC, 0, "task-c-1", task);
    fake_log_put(TOPIC, 0, "task-c-7", task); /* left over */
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":2}");
    assert_int_equal(config_store_task_count(store, "c"), 2);
    config_store_free(store, 0);
}

static void
a_commit_of_a_deleted_connector_says_nothing(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    fake_log_put(TOPIC, 0, "task-c-0", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":1}");
    assert_told("");
    assert_false(config_store_has(store, "c"));
    assert_true(config_store_is_empty(store));
    fake_log_put(TOPIC, 0, "connector-c", task);
    assert_false(config_store_is_empty(store));
    assert_int_equal(config_store_task_count(store, "c"), 0);
    assert_false(config_store_is_applied(store, "c"));
    config_store_free(store, 0);
}

static void
a_changed_config_is_applied_by_the_next_commit(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    fake_log_put(TOPIC, 0, "connector-c", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":0}");
    assert_true(config_store_is_applied(store, "c"));
    fake_log_put(TOPIC, 0, "connector-c", "{\"properties\":{\"a\":\"2\"}}");
    assert_false(config_store_is_applied(store, "c"));
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":0}");
    assert_true(config_store_is_applied(store, "c"));
    config_store_free(store, 0);
}

/* ---- records that no worker writes ---- */

static void
foreign_records_are_skipped_with_one_warning_each(void **state)
{
    static const struct {
        const char *key, *value;
        const char *why;
        bool counts; /* for the config offset: what Java's converter could decode */
    } cases[] = {
        { "something", "{}", "no worker writes such a key", true },
        { NULL, "{}", "no worker writes such a key", true },
        { "connector-c", "{\"properties\":", "the value is no JSON", false },
        { "connector-c", "hello", "the value is no JSON", false },
        { "connector-c", "", "the value is no JSON", false },
        { "connector-c", "\x01\x02", "the value is no JSON", false },
        { "connector-c", "{\"properties\":7}", "is no object", true },
        { "connector-c", "[1,2]", "is no JSON object", true },
        { "target-state-c", "{\"state\":\"FLYING\"}", "FLYING", true },
        { "target-state-c", "7", "is no JSON object", true },
        { "task-c-0", NULL, "cannot be deleted", true },
        { "task-c-0", "{}", "has no", true },
        { "task-c-2147483647", "{\"properties\":{}}", "no connector has so many tasks", true },
        { "task-c", "{\"properties\":{}}", "no worker writes such a key", true },
        { "commit-c", "{\"tasks\":\"one\"}", "has no count", true },
        { "commit-c", NULL, "cannot be deleted", true },
        { "session-key", "{\"key\":\"?\"}", "lacks a member", true },
        { "session-key", NULL, "cannot be deleted", true },
        { "logger-cluster-x", "{\"level\":7}", "has no \\\"level\\\"", true },
        { "restart-connector-c", "[]", "is no JSON object", true },
    };
    struct config_store *store = open_store();
    struct session_key key;
    char offset[32];

    (void)state;
    fake_log_put(TOPIC, 0, "connector-c", task);
    fake_log_put(TOPIC, 0, "task-c-0", task);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":1}");
    told[0] = '\0';
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        int64_t before = config_store_offset(store), at = (int64_t)fake_log_count(TOPIC);

        fake_log_put(TOPIC, 0, cases[i].key, cases[i].value);
        snprintf(offset, sizeof(offset), " offset=%lld ", (long long)at);
        if (log_file_count("WARN", offset) != 1 || log_file_count(offset, cases[i].why) != 1 ||
            log_file_count(offset, "topic=" TOPIC " partition=0") != 1)
            fail_msg("%s = %s: not one warning that says why and where", cases[i].key, cases[i].value);
        assert_int_equal(config_store_offset(store), cases[i].counts ? at + 1 : before);
    }
    assert_told("");
    assert_shows(store, "c", TARGET_STARTED, 1, true);
    assert_property(store, "c", "a", "1");
    assert_false(config_store_session_key(store, &key));
    config_store_free(store, 0);
}

/* ---- writing ---- */

static void
what_is_written_is_what_connect_writes(void **state)
{
    static const enum target_state stopped = TARGET_STOPPED;
    struct config_store *store = open_store();
    struct cv_config *cfg = cv_config_new(), *tasks[1];
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "topic", "t/1", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "file", "é", &err), CV_OK);
    assert_int_equal(config_store_put_connector(store, "c", cfg, false, &stopped, &err), CV_OK);
    assert_int_equal(fake_log_count(TOPIC), 2);
    assert_string_equal(fake_log_at(TOPIC, 0)->key, "target-state-c");
    assert_string_equal(fake_log_at(TOPIC, 0)->value, "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    assert_string_equal(fake_log_at(TOPIC, 1)->value, "{\"properties\":{\"topic\":\"t/1\",\"file\":\"é\"}}");
    assert_told("new:c");
    tasks[0] = cfg;
    assert_int_equal(config_store_put_tasks(store, "c", tasks, 1, &err), CV_OK);
    assert_string_equal(fake_log_at(TOPIC, 2)->key, "task-c-0");
    assert_string_equal(fake_log_at(TOPIC, 2)->value, "{\"properties\":{\"file\":\"é\",\"topic\":\"t/1\"}}");
    assert_string_equal(fake_log_at(TOPIC, 3)->key, "commit-c");
    assert_string_equal(fake_log_at(TOPIC, 3)->value, "{\"tasks\":1}");
    assert_int_equal(config_store_put_restart(store, "c", true, false, &err), CV_OK);
    assert_string_equal(fake_log_last(TOPIC)->value, "{\"include-tasks\":true,\"only-failed\":false}");
    assert_int_equal(config_store_remove_connector(store, "c", &err), CV_OK);
    assert_string_equal(fake_log_at(TOPIC, 5)->key, "connector-c");
    assert_null(fake_log_at(TOPIC, 5)->value);
    assert_string_equal(fake_log_at(TOPIC, 6)->key, "target-state-c");
    assert_null(fake_log_at(TOPIC, 6)->value);
    assert_int_equal(config_store_target(store, "c"), TARGET_STARTED);
    cv_config_free(cfg);
    config_store_free(store, 0);
}

/* Call 14 of the recording: what PATCH writes is in the order of Java's map. */
static void
a_patched_config_is_in_the_order_of_java(void **state)
{
    struct config_store *store;
    struct cv_config *cfg;
    struct cv_err err = CV_ERR_INIT;
    char *recorded;

    (void)state;
    recorded_topic_load(TOPIC, "configs.jsonl", 1, 14);
    recorded = strdup(fake_log_at(TOPIC, 20)->value);
    fake_log_reset();
    recorded_topic_load(TOPIC, "configs.jsonl", 1, 12);
    store = open_store();
    assert_int_equal(config_store_connector(store, "snk-1", &cfg, &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "tasks.max", "1", &err), CV_OK);
    assert_int_equal(config_store_put_connector(store, "snk-1", cfg, true, NULL, &err), CV_OK);
    assert_string_equal(fake_log_last(TOPIC)->value, recorded);
    free(recorded);
    cv_config_free(cfg);
    config_store_free(store, 0);
}

/* No commit may follow task configs that are not in the topic. */
static void
a_failed_write_is_reported_and_ends_the_sequence(void **state)
{
    struct config_store *store = open_store();
    struct cv_config *cfg = cv_config_new(), *tasks[] = { cfg, cfg };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    fake_log_fail(TOPIC, CV_RETRY);
    assert_int_equal(config_store_put_tasks(store, "c", tasks, 2, &err), CV_RETRY);
    assert_int_equal(config_store_put_target(store, "c", TARGET_PAUSED, &err), CV_RETRY);
    assert_int_equal(config_store_remove_connector(store, "c", &err), CV_RETRY);
    assert_int_equal(fake_log_count(TOPIC), 0);
    fake_log_fail(TOPIC, CV_OK);
    assert_int_equal(config_store_put_tasks(store, "c", tasks, 0, &err), CV_OK);
    assert_int_equal(fake_log_count(TOPIC), 1);
    cv_config_free(cfg);
    config_store_free(store, 0);
}

static void
a_topic_that_cannot_be_read_leaves_no_store(void **state)
{
    static const struct config_listener none = { 0 };
    const struct cv_topic_log_spec spec = { .topic = { .name = TOPIC } };
    struct config_store *store = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    fake_log_fail(TOPIC, CV_INVALID);
    assert_int_equal(config_store_start(&spec, &none, NULL, &store, &err), CV_INVALID);
    assert_null(store);
}

/* ---- exactly once ---- */

static void
assert_fencing(struct config_store *store, bool pending, int64_t recorded, int tasks, int generation)
{
    struct config_fencing f;

    config_store_fencing(store, "c", &f);
    assert_int_equal(f.pending, pending);
    assert_int_equal(f.recorded, recorded);
    assert_int_equal(f.tasks, tasks);
    assert_int_equal(f.generation, generation);
}

static void
a_commit_asks_for_fencing_until_the_count_is_recorded(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    assert_fencing(store, false, -1, 0, -1);
    fake_log_put(TOPIC, 0, "connector-c", "{\"properties\":{\"a\":\"1\"}}");
    assert_fencing(store, false, -1, 0, -1);
    fake_log_put(TOPIC, 0, "task-c-0", "{\"properties\":{\"a\":\"1\"}}");
    fake_log_put(TOPIC, 0, "task-c-1", "{\"properties\":{\"a\":\"1\"}}");
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":2}");
    assert_fencing(store, true, -1, 2, 0);
    fake_log_put(TOPIC, 0, "tasks-fencing-c", "{\"task-count\":2}");
    assert_fencing(store, false, 2, 2, 0);
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":0}");
    assert_fencing(store, true, 2, 0, 1);
    fake_log_put(TOPIC, 0, "tasks-fencing-c", "{\"task-count\":\"x\"}");
    fake_log_put(TOPIC, 0, "tasks-fencing-c", "{\"task-count\":-1}");
    fake_log_put(TOPIC, 0, "tasks-fencing-c", NULL);
    assert_fencing(store, true, 2, 0, 1);
    assert_int_equal(log_file_count("tasks-fencing-c", "is skipped"), 3);
    config_store_free(store, 0);
}

static void
a_commit_that_is_not_complete_asks_for_fencing_too(void **state)
{
    struct config_store *store = open_store();

    (void)state;
    fake_log_put(TOPIC, 0, "connector-c", "{\"properties\":{\"a\":\"1\"}}");
    fake_log_put(TOPIC, 0, "task-c-1", "{\"properties\":{\"a\":\"1\"}}");
    fake_log_put(TOPIC, 0, "commit-c", "{\"tasks\":2}");
    assert_fencing(store, true, -1, 0, -1);
    config_store_free(store, 0);
}

static enum cv_rc
make_leader(void *arg, struct cv_producer **ret, struct cv_err *err)
{
    (void)arg;
    return cv_producer_new(NULL, "connect-cluster-g", ret, err);
}

static void
assert_leader_wrote(const char *expected)
{
    char log[4096];

    fake_producer_log(log, sizeof(log));
    assert_string_equal(log, expected);
}

static void
a_leader_writes_in_transactions_and_all_workers_write_targets(void **state)
{
    struct config_store *store = open_store();
    struct cv_config *cfg = cv_config_new(), *tasks[2] = { cfg, cfg };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    fake_producer_reset();
    assert_int_equal(cv_config_set(cfg, "a", "1", &err), CV_OK);
    config_store_lead(store, true, make_leader, NULL);
    assert_leader_wrote("init\n");
    assert_int_equal(config_store_put_tasks(store, "c", tasks, 2, &err), CV_OK);
    assert_int_equal(config_store_put_fencing(store, "c", 2, &err), CV_OK);
    assert_leader_wrote("init\n"
                        "begin\n"
                        "configs task-c-0 {\"properties\":{\"a\":\"1\"}}\n"
                        "configs task-c-1 {\"properties\":{\"a\":\"1\"}}\n"
                        "commit\nbegin\nconfigs commit-c {\"tasks\":2}\ncommit\n"
                        "begin\nconfigs tasks-fencing-c {\"task-count\":2}\ncommit\n");
    assert_int_equal(fake_log_count(TOPIC), 0);
    assert_int_equal(config_store_put_target(store, "c", TARGET_PAUSED, &err), CV_OK);
    assert_int_equal(fake_log_count(TOPIC), 1);
    config_store_lead(store, false, make_leader, NULL);
    assert_false(fake_producer_alive());
    assert_int_equal(config_store_put_fencing(store, "c", 1, &err), CV_OK);
    assert_int_equal(fake_log_count(TOPIC), 2);
    cv_config_free(cfg);
    config_store_free(store, 0);
}

static void
who_leads_again_claims_its_right_anew(void **state)
{
    struct config_store *store = open_store();
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    fake_producer_reset();
    config_store_lead(store, true, make_leader, NULL);
    config_store_lead(store, true, make_leader, NULL); /* in another generation of the group */
    assert_int_equal(config_store_put_fencing(store, "c", 1, &err), CV_OK);
    assert_leader_wrote("init\ninit\nbegin\nconfigs tasks-fencing-c {\"task-count\":1}\ncommit\n");
    config_store_free(store, 0);
}

static void
a_leader_whose_write_fails_claims_its_right_anew(void **state)
{
    struct config_store *store = open_store();
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    fake_producer_reset();
    config_store_lead(store, true, make_leader, NULL);
    fake_producer_fail_transaction(2, CV_FENCED);
    assert_int_equal(config_store_put_fencing(store, "c", 1, &err), CV_FENCED);
    assert_non_null(strstr(err.text, "commit fails on demand"));
    assert_false(fake_producer_alive());
    assert_int_equal(config_store_put_fencing(store, "c", 1, &err), CV_OK);
    assert_leader_wrote("init\nbegin\nconfigs tasks-fencing-c {\"task-count\":1}\n"
                        "init\nbegin\nconfigs tasks-fencing-c {\"task-count\":1}\ncommit\n");
    config_store_free(store, 0);
    assert_false(fake_producer_alive());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_recorded_call_leaves_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_start_shows_the_same_and_obeys_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(units_are_connectors_and_their_committed_tasks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(task_configs_count_only_with_their_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_incomplete_commit_takes_the_tasks_away_until_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_of_a_deleted_connector_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_config_is_applied_by_the_next_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_records_are_skipped_with_one_warning_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_is_what_connect_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_patched_config_is_in_the_order_of_java, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_is_reported_and_ends_the_sequence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_cannot_be_read_leaves_no_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_asks_for_fencing_until_the_count_is_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_is_not_complete_asks_for_fencing_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_leader_writes_in_transactions_and_all_workers_write_targets, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_leads_again_claims_its_right_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_leader_whose_write_fails_claims_its_right_anew, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
