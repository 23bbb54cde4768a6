/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/herder_work.c: what is started, stopped, restarted, failed and published, and which statuses say so. The
 * stores are real, over topics in memory; tasks and the request to the leader are doubles.
 */
#include <config.h>

#include "worker/herder_private.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "common/map.h"
#include "common/secret.h"
#include "tests/helper/fake_topic_log.h"
#include "tests/helper/log_file.h"
#include "worker/herder_forward.h"
#include "worker/herder_publish.h"
#include "worker/task.h"

#define CONFIGS  "configs"
#define STATUSES "statuses"

/* ---- doubles ---- */

static char events[4096]; /* what happened to tasks and what was forwarded, a word each */
static bool leads;
static bool task_hangs;      /* join fails */
static enum cv_rc forward_rc; /* what the leader answers */

static void
note(const char *what, const char *name, int n)
{
    size_t len = strlen(events);

    snprintf(events + len, sizeof(events) - len, "%s%s:%s-%d", len > 0 ? " " : "", what, name, n);
}

static void
assert_events(const char *expected)
{
    assert_string_equal(events, expected);
    events[0] = '\0';
}

bool
herder_is_leader(const struct herder *h)
{
    (void)h;
    return leads;
}

enum cv_rc
herder_forward_task_configs(struct herder *h, const char *name, const struct cv_task_configs *configs,
                            struct cv_err *err)
{
    (void)h;
    (void)err;
    note("forward", name, (int)configs->count);
    return CV_OK;
}

/* The request of this connector was answered (forward_rc). */
static char *published;

char *
herder_take_published(struct herder *h, struct cv_err *why)
{
    char *name = published;

    (void)h;
    *why = (struct cv_err)CV_ERR_INIT;
    if (forward_rc != CV_OK)
        (void)cv_fail(why, forward_rc, "the leader is busy");
    published = NULL;
    return name;
}

enum cv_rc
herder_fence_for_task(void *herder, const char *connector, struct cv_err *err)
{
    (void)herder;
    return cv_fail(err, CV_INTERNAL, "a double of a task does not fence %s", connector);
}

enum cv_rc
herder_check_generation(void *herder, const char *connector, int generation, struct cv_err *err)
{
    (void)herder;
    (void)generation;
    return cv_fail(err, CV_INTERNAL, "a double of a task does not check %s", connector);
}

struct task {
    struct task_spec spec;
    char name[64];
    bool failed;
};

enum cv_rc
task_start(const struct task_spec *spec, struct task **ret, struct cv_err *err)
{
    struct task *task = calloc(1, sizeof(*task));

    (void)err;
    task->spec = *spec;
    snprintf(task->name, sizeof(task->name), "%s", spec->connector);
    note("start", task->name, spec->id);
    spec->status_changed(spec->arg, task->name, spec->id,
                         spec->target == TARGET_PAUSED ? STATUS_PAUSED : STATUS_RUNNING, NULL, "9");
    *ret = task;
    return CV_OK;
}

void
task_target_set(struct task *task, enum target_state target)
{
    note(target_name(target), task->name, task->spec.id);
}

void
task_stop(struct task *task)
{
    note("stop", task->name, task->spec.id);
}

bool
task_join(struct task *task, int64_t deadline_ms)
{
    (void)deadline_ms;
    if (task_hangs)
        return false;
    task->spec.status_changed(task->spec.arg, task->name, task->spec.id, STATUS_UNASSIGNED, NULL, "9");
    free(task);
    return true;
}

enum status_state
task_state(const struct task *task)
{
    return task->failed ? STATUS_FAILED : STATUS_RUNNING;
}

void
task_abandon(struct task *task)
{
    note("abandon", task->name, task->spec.id);
    free(task);
}

enum cv_rc
cv_admin_topic_partitions(struct cv_admin *admin, const char *topic, int timeout_ms, int32_t *ret, struct cv_err *err)
{
    (void)admin;
    (void)timeout_ms;
    (void)ret;
    return cv_fail(err, CV_INTERNAL, "\"%s\": a connector's start asks Kafka nothing", topic);
}

enum cv_rc
cv_admin_topics(struct cv_admin *admin, int timeout_ms, char ***ret, size_t *ret_count, struct cv_err *err)
{
    (void)admin;
    (void)timeout_ms;
    (void)ret;
    (void)ret_count;
    return cv_fail(err, CV_INTERNAL, "a connector's start asks Kafka nothing");
}

enum cv_rc
cv_admin_topics_create(struct cv_admin *admin, const struct cv_topic_spec *specs, size_t count, int timeout_ms,
                       bool *ret_created, struct cv_err *err)
{
    (void)admin;
    (void)count;
    (void)timeout_ms;
    (void)ret_created;
    return cv_fail(err, CV_INTERNAL, "\"%s\": a connector's start asks Kafka nothing", specs[0].name);
}

/* Makes "n" tasks, each with the whole config. */
static enum cv_rc
task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret, struct cv_err *err)
{
    const char *n = cv_config_get(cfg, "n");
    int count = n != NULL ? atoi(n) : max_tasks;

    if (count < 0)
        return cv_fail(err, CV_INVALID, "\"n\" is negative");
    for (int i = 0; i < count; i++)
        if (cv_task_configs_add(ret, cv_config_copy(cfg), err) != CV_OK)
            return err->rc;
    return CV_OK;
}

/* Goes wrong after "well_ms". */
static enum cv_rc
check(const struct cv_config *cfg, int64_t up_ms, int64_t *ret_next_ms, struct cv_err *err)
{
    const char *text = cv_config_get(cfg, "well_ms");

    *ret_next_ms = text != NULL ? atoi(text) : -1;
    if (text != NULL && up_ms >= *ret_next_ms)
        return cv_fail(err, CV_INTERNAL, "it was well for %s ms", text);
    return CV_OK;
}

static const struct cv_config_def no_options[] = { CV_CONFIG_END };
static const struct cv_source_ops source_ops = { .task_configs = task_configs, .check = check };
static const struct cv_sink_ops sink_ops = { .task_configs = task_configs };
static const struct cv_plugin source = { .api = CV_PLUGIN_API, .kind = CV_SOURCE, .name = "test.SourceConnector",
                                         .task_class = "test.SourceTask", .version = "9", .config = no_options,
                                         .source = &source_ops };
static const struct cv_plugin sink = { .api = CV_PLUGIN_API, .kind = CV_SINK, .name = "test.SinkConnector",
                                       .task_class = "test.SinkTask", .version = "9", .config = no_options,
                                       .sink = &sink_ops };
static const struct cv_plugin *const plugin_list[] = { &source, &sink, NULL };

/* ---- the herder ---- */

static void
ignore_change(void *arg, const char *name, bool is_new)
{
    (void)arg;
    (void)name;
    (void)is_new;
}

static void
ignore_name(void *arg, const char *name)
{
    (void)arg;
    (void)name;
}

static const struct config_listener ignore = { .connector_changed = ignore_change,
                                               .connector_removed = ignore_name,
                                               .tasks_changed = ignore_name,
                                               .target_changed = ignore_name };
static const struct worker_config worker = { .task_shutdown_timeout_ms = 100,
                                            .topic_tracking_enable = true,
                                            .topic_creation_enable = true };
static struct plugins *plugins;
static struct cv_secrets *secrets;

static int
set_up(void **state)
{
    const struct cv_topic_log_spec configs = { .topic = { .name = CONFIGS } };
    const struct cv_topic_log_spec statuses = { .topic = { .name = STATUSES } };
    struct herder *h = calloc(1, sizeof(*h));
    struct cv_config *raw = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    log_file_open();
    assert_int_equal(plugins_new(plugin_list, &plugins, &err), CV_OK);
    assert_int_equal(cv_config_set(raw, "config.providers", "env", &err), CV_OK);
    assert_int_equal(cv_config_set(raw, "config.providers.env.class",
                                   "org.apache.kafka.common.config.provider.EnvVarConfigProvider", &err), CV_OK);
    assert_int_equal(cv_secrets_new(raw, &secrets, &err), CV_OK);
    cv_config_free(raw);
    h->spec = (struct herder_spec){ .config = &worker, .plugins = plugins, .secrets = secrets, .worker_id = "here:1" };
    h->log = cv_log_get("culvert.worker.herder");
    cv_lock_init(&h->running_lock, CV_RANK_WORKER_STATE);
    h->connectors = cv_hash_new(running_connector_free);
    h->tasks = cv_hash_new(running_task_free);
    atomic_store(&h->generation, 5);
    assert_int_equal(config_store_start(&configs, &ignore, NULL, &h->configs, &err), CV_OK);
    assert_int_equal(status_store_start(&statuses, "here:1", NULL, &h->statuses, &err), CV_OK);
    leads = true;
    task_hangs = false;
    forward_rc = CV_OK;
    events[0] = '\0';
    *state = h;
    return 0;
}

static int
tear_down(void **state)
{
    struct herder *h = *state;

    task_hangs = false;
    herder_stop_work(h, NULL);
    assert_int_equal(cv_hash_count(h->connectors), 0);
    assert_int_equal(cv_hash_count(h->tasks), 0);
    cv_hash_free(h->connectors);
    cv_hash_free(h->tasks);
    cv_lock_done(&h->running_lock);
    config_store_free(h->configs, 0);
    status_store_free(h->statuses, 0);
    plugins_free(plugins);
    cv_secrets_free(secrets);
    free(h);
    fake_log_reset();
    log_file_close();
    return 0;
}

static void
put_config(const char *name, const char *class_name, const char *more)
{
    char key[64], value[512];

    snprintf(key, sizeof(key), "connector-%s", name);
    snprintf(value, sizeof(value),
             "{\"properties\":{\"connector.class\":\"%s\",\"tasks.max\":\"2\"%s,\"name\":\"%s\"}}",
             class_name, more, name);
    fake_log_put(CONFIGS, 0, key, value);
}

/* As a worker finds it after a start: configured, with n committed tasks. */
static void
put_connector(const char *name, int tasks)
{
    char key[64], value[64];

    put_config(name, "test.SourceConnector", "");
    for (int i = 0; i < tasks; i++) {
        snprintf(key, sizeof(key), "task-%s-%d", name, i);
        fake_log_put(CONFIGS, 0, key, "{\"properties\":{\"task.class\":\"test.SourceTask\"}}");
    }
    snprintf(key, sizeof(key), "commit-%s", name);
    snprintf(value, sizeof(value), "{\"tasks\":%d}", tasks);
    fake_log_put(CONFIGS, 0, key, value);
}

static struct running_connector *
running(struct herder *h, const char *name)
{
    return cv_hash_get(h->connectors, name);
}

static void
assert_status(struct herder *h, const char *name, int task, enum status_state expected)
{
    struct status status = { 0 };
    struct cv_err err;

    assert_int_equal(status_store_get(h->statuses, name, task, &status, &err), CV_OK);
    assert_string_equal(status_name(status.state), status_name(expected));
    assert_int_equal(status.trace != NULL, expected == STATUS_FAILED);
    status_done(&status);
}

static void
assert_trace(struct herder *h, const char *name, int task, const char *expected)
{
    struct status status = { 0 };
    struct cv_err err;

    assert_status(h, name, task, STATUS_FAILED);
    assert_int_equal(status_store_get(h->statuses, name, task, &status, &err), CV_OK);
    assert_ptr_equal(strstr(status.trace, "org.apache.kafka.connect.errors.ConnectException: "), status.trace);
    assert_non_null(strstr(status.trace, expected));
    status_done(&status);
}

/* ---- connectors and their task configs ---- */

static void
a_leader_writes_the_task_configs_of_a_new_connector(void **state)
{
    struct herder *h = *state;
    size_t before;

    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    assert_true(running(h, "c")->tasks_due_ms != 0);
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_int_equal(running(h, "c")->tasks_due_ms, 0);
    assert_int_equal(config_store_task_count(h->configs, "c"), 2);
    assert_string_equal(fake_log_at(CONFIGS, 1)->value,
                        "{\"properties\":{\"connector.class\":\"test.SourceConnector\",\"task.class\":\"test.SourceTask\","
                        "\"tasks.max\":\"2\",\"name\":\"c\"}}");
    before = fake_log_count(CONFIGS);
    herder_reconfigure_tasks(h, running(h, "c")); /* the same again: nothing to say */
    assert_int_equal(fake_log_count(CONFIGS), before);
    assert_events("");
}

static void
a_changed_config_is_published_even_if_its_tasks_are_the_same(void **state)
{
    struct herder *h = *state;

    put_config("c", "test.SourceConnector", ",\"n\":\"0\"");
    herder_start_connector(h, "c");
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_string_equal(fake_log_last(CONFIGS)->key, "commit-c");
    put_config("c", "test.SourceConnector", ",\"n\":\"0\",\"x\":\"1\"");
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_string_equal(fake_log_last(CONFIGS)->key, "commit-c");
    assert_int_equal(fake_log_count(CONFIGS), 4);
}

static void
a_follower_sends_them_to_the_leader(void **state)
{
    struct herder *h = *state;

    leads = false;
    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_events("forward:c-2");
    assert_int_equal(fake_log_count(CONFIGS), 1);
}

/* Hand over, and take note of what came of it. */
static void
publish(struct herder *h, struct running_connector *c)
{
    herder_reconfigure_tasks(h, c);
    assert_true(c->publishing);
    published = strdup(c->name);
    herder_end_publications(h);
    assert_false(c->publishing);
}

static void
a_leader_that_is_away_is_asked_again_later_and_later(void **state)
{
    struct herder *h = *state;
    struct running_connector *c;
    int64_t expected = 250;

    leads = false;
    forward_rc = CV_RETRY;
    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    c = running(h, "c");
    for (int i = 0; i < 10; i++) {
        int64_t now = cv_mono_ms();

        publish(h, c);
        assert_in_range(c->tasks_due_ms - now, expected, expected + 1000);
        expected = expected * 2 > 60000 ? 60000 : expected * 2;
    }
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    forward_rc = CV_INVALID; /* it leads no more, and the request is not signed: not the connector's fault */
    publish(h, c);
    assert_true(c->tasks_due_ms != 0);
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    forward_rc = CV_OK;
    publish(h, c);
    assert_int_equal(c->tasks_due_ms, 0);
    assert_int_equal(c->backoff_ms, 250);
}

static void
what_is_on_its_way_to_the_leader_is_not_sent_twice(void **state)
{
    struct herder *h = *state;
    struct running_connector *c;

    leads = false;
    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    c = running(h, "c");
    herder_reconfigure_tasks(h, c);
    herder_reconfigure_tasks(h, c); /* something changed meanwhile */
    assert_events("forward:c-2");
    assert_int_equal(c->tasks_due_ms, 0);
    herder_end_publications(h); /* no answer yet */
    assert_true(c->publishing);
    published = strdup("c");
    herder_end_publications(h);
    assert_true(c->tasks_due_ms != 0);
    herder_stop_connector(h, "c");
    published = strdup("c"); /* nobody waits for it */
    herder_end_publications(h);
}

static void
sinks_pass_their_topics_on_and_secrets_stay_references(void **state)
{
    struct herder *h = *state;

    assert_int_equal(setenv("HERDER_WORK_TEST", "hush", 1), 0);
    put_config("c", "test.SinkConnector",
               ",\"topics\":\"t\",\"n\":\"1\",\"password\":\"${env:HERDER_WORK_TEST}\"");
    herder_start_connector(h, "c");
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_non_null(strstr(fake_log_at(CONFIGS, 1)->value, "\"topics\":\"t\""));
    assert_non_null(strstr(fake_log_at(CONFIGS, 1)->value, "\"password\":\"${env:HERDER_WORK_TEST}\""));
    assert_null(strstr(fake_log_at(CONFIGS, 1)->value, "hush"));
}

static void
more_tasks_than_tasks_max_may_be_let_through(void **state)
{
    struct herder *h = *state;

    put_config("many", "test.SourceConnector", ",\"n\":\"3\",\"tasks.max.enforce\":\"false\"");
    leads = true;
    herder_start_connector(h, "many");
    herder_reconfigure_tasks(h, running(h, "many"));
    assert_int_equal(config_store_task_count(h->configs, "many"), 3);
    assert_int_equal(log_file_count("more tasks than tasks.max", "tasks=3 max=2"), 1);
    herder_start_task(h, "many", 2);
    assert_events("start:many-2");
    put_config("many", "test.SourceConnector", ",\"n\":\"3\"");
    herder_start_task(h, "many", 1);
    assert_events("");
    assert_trace(h, "many", 1, "has generated 3 tasks, which is greater than 2");
}

static void
a_connector_that_cannot_run_fails_and_says_why(void **state)
{
    struct herder *h = *state;

    put_config("unknown", "no.such.Class", "");
    herder_start_connector(h, "unknown");
    assert_trace(h, "unknown", STATUS_CONNECTOR, "no.such.Class");
    assert_int_equal(running(h, "unknown")->tasks_due_ms, 0);
    put_config("many", "test.SourceConnector", ",\"n\":\"3\"");
    herder_start_connector(h, "many");
    herder_reconfigure_tasks(h, running(h, "many"));
    assert_trace(h, "many", STATUS_CONNECTOR, "has generated 3 tasks, which is greater than 2");
    put_config("bad", "test.SourceConnector", ",\"n\":\"-1\"");
    herder_start_connector(h, "bad");
    herder_reconfigure_tasks(h, running(h, "bad"));
    assert_trace(h, "bad", STATUS_CONNECTOR, "\"n\" is negative");
    assert_int_equal(config_store_task_count(h->configs, "bad"), 0);
    herder_reconfigure_tasks(h, running(h, "bad")); /* failed: not tried again by itself */
    assert_int_equal(fake_log_count(CONFIGS), 3);
}

static void
a_connector_that_goes_wrong_later_fails_and_its_tasks_go_on(void **state)
{
    struct herder *h = *state;
    struct running_connector *c;

    put_config("c", "test.SourceConnector", ",\"well_ms\":\"60000\"");
    herder_start_connector(h, "c");
    c = running(h, "c");
    herder_reconfigure_tasks(h, c);
    herder_start_task(h, "c", 0);
    assert_true(c->check_due_ms != 0);
    herder_check_connector(h, c);
    assert_int_equal(c->check_due_ms, c->up_since_ms + 60000);
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    c->up_since_ms -= 60000;
    herder_check_connector(h, c);
    assert_trace(h, "c", STATUS_CONNECTOR, "it was well for 60000 ms");
    assert_status(h, "c", 0, STATUS_RUNNING);
    assert_int_equal(c->check_due_ms, 0);
    herder_stop_connector(h, "c");
    herder_start_connector(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    assert_true(running(h, "c")->check_due_ms != 0);
}

static void
a_connector_without_anything_to_check_is_not_asked_again(void **state)
{
    struct herder *h = *state;

    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    herder_check_connector(h, running(h, "c"));
    assert_int_equal(running(h, "c")->check_due_ms, 0);
    put_config("sink", "test.SinkConnector", "");
    herder_start_connector(h, "sink");
    assert_int_equal(running(h, "sink")->check_due_ms, 0);
}

static void
a_topic_creation_group_without_its_numbers_fails_the_connector_even_stopped(void **state)
{
    struct herder *h = *state;

    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    put_config("c", "test.SourceConnector", ",\"topic.creation.groups\":\"g\"");
    herder_start_connector(h, "c");
    assert_trace(h, "c", STATUS_CONNECTOR, "topic.creation.default.partitions is missing");
    put_config("sink", "test.SinkConnector", ",\"topic.creation.groups\":\"g\"");
    herder_start_connector(h, "sink");
    assert_status(h, "sink", STATUS_CONNECTOR, STATUS_RUNNING);
}

/* ---- target states ---- */

static void
a_paused_connector_makes_no_task_configs_until_it_is_resumed(void **state)
{
    struct herder *h = *state;

    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\",\"state.v2\":\"PAUSED\"}");
    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_PAUSED);
    assert_int_equal(running(h, "c")->tasks_due_ms, 0);
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_int_equal(fake_log_count(CONFIGS), 2);
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"STARTED\"}");
    herder_apply_target(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_RUNNING);
    assert_true(running(h, "c")->tasks_due_ms != 0);
}

static void
a_connector_that_was_stopped_but_not_told_yet_gets_no_tasks_back(void **state)
{
    struct herder *h = *state;
    size_t before;

    put_config("c", "test.SourceConnector", "");
    herder_start_connector(h, "c");
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    before = fake_log_count(CONFIGS);
    assert_true(running(h, "c")->tasks_due_ms != 0);
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_int_equal(fake_log_count(CONFIGS), before);
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"STARTED\"}"); /* resumed as soon */
    herder_apply_target(h, "c");
    herder_reconfigure_tasks(h, running(h, "c"));
    assert_int_equal(config_store_task_count(h->configs, "c"), 2);
}

static void
every_task_of_the_connector_is_told_its_target(void **state)
{
    struct herder *h = *state;

    put_connector("c", 2);
    put_connector("d", 1);
    herder_start_task(h, "c", 0);
    herder_start_task(h, "d", 0);
    herder_start_task(h, "c", 1);
    events[0] = '\0';
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\"}");
    herder_apply_target(h, "c"); /* the connector itself runs elsewhere */
    assert_events("PAUSED:c-0 PAUSED:c-1");
    assert_null(running(h, "c"));
}

static void
only_a_stop_ends_the_failed_state_of_a_connector(void **state)
{
    struct herder *h = *state;

    put_config("c", "no.such.Class", "");
    herder_start_connector(h, "c");
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\"}");
    herder_apply_target(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_FAILED);
    fake_log_put(CONFIGS, 0, "target-state-c", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    herder_apply_target(h, "c");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_STOPPED);
}

/* ---- starting and stopping ---- */

static void
a_task_without_config_fails_and_is_known_as_running(void **state)
{
    struct herder *h = *state;

    put_connector("c", 1);
    herder_start_task(h, "c", 7);
    assert_trace(h, "c", 7, "Unknown task: c-7");
    assert_true(herder_runs_task(h, "c", 7)); /* not started again by the next round */
    herder_stop_tasks_of(h, "c");
    assert_status(h, "c", 7, STATUS_UNASSIGNED);
    assert_false(herder_runs_task(h, "c", 7));
    assert_events("");
}

static void
only_what_was_revoked_is_stopped(void **state)
{
    struct herder *h = *state;
    struct group_work work = { 0 };

    put_connector("c", 2);
    put_connector("d", 1);
    herder_start_connector(h, "c");
    herder_start_connector(h, "d");
    herder_start_task(h, "c", 0);
    herder_start_task(h, "c", 1);
    herder_start_task(h, "d", 0);
    events[0] = '\0';
    assert_true(group_work_add(&work, "c", GROUP_CONNECTOR));
    assert_true(group_work_add(&work, "c", 1));
    assert_true(group_work_add(&work, "elsewhere", 0));
    herder_stop_work(h, &work);
    group_work_done(&work);
    assert_events("stop:c-1");
    assert_status(h, "c", STATUS_CONNECTOR, STATUS_UNASSIGNED);
    assert_status(h, "c", 1, STATUS_UNASSIGNED);
    assert_true(herder_runs_task(h, "c", 0));
    assert_true(herder_runs_connector(h, "d"));
    assert_status(h, "d", 0, STATUS_RUNNING);
}

static void
all_are_asked_to_stop_before_any_is_waited_for(void **state)
{
    struct herder *h = *state;

    put_connector("c", 2);
    herder_start_task(h, "c", 0);
    herder_start_task(h, "c", 1);
    events[0] = '\0';
    task_hangs = true;
    herder_stop_work(h, NULL);
    assert_events("stop:c-0 stop:c-1 abandon:c-0 abandon:c-1");
    assert_false(herder_runs_task(h, "c", 0));
    assert_status(h, "c", 0, STATUS_RUNNING); /* who knows: it says nothing any more */
}

/* ---- restarts ---- */

/* Everything after the first n statuses: "c:UNASSIGNED c-0:RUNNING". */
static void
assert_statuses_since(size_t n, const char *expected)
{
    char got[1024] = "", state[32];

    for (; n < fake_log_count(STATUSES); n++) {
        const struct fake_record *rec = fake_log_at(STATUSES, n);
        size_t len = strlen(got);

        assert_int_equal(sscanf(rec->value, "{\"state\":\"%31[A-Z]", state), 1);
        snprintf(got + len, sizeof(got) - len, "%s%s:%s", len > 0 ? " " : "",
                 strchr(strchr(rec->key, '-') + 1, '-') + 1, state);
    }
    assert_string_equal(got, expected);
}

static size_t
start_all(struct herder *h)
{
    put_connector("c", 2);
    herder_start_connector(h, "c");
    herder_start_task(h, "c", 0);
    herder_start_task(h, "c", 1);
    events[0] = '\0';
    return fake_log_count(STATUSES);
}

static void
a_restart_with_tasks_restarts_the_connector_first(void **state)
{
    struct herder *h = *state;
    size_t before = start_all(h);

    herder_restart_plan(h, "c", true, false);
    assert_statuses_since(before, "c:UNASSIGNED c-0:UNASSIGNED c-1:UNASSIGNED c:RESTARTING c-0:RESTARTING "
                                  "c-1:RESTARTING c:RUNNING c-0:RUNNING c-1:RUNNING");
    assert_events("stop:c-0 stop:c-1 start:c-0 start:c-1");
}

static void
a_restart_without_tasks_leaves_them_running(void **state)
{
    struct herder *h = *state;
    size_t before = start_all(h);

    herder_restart_plan(h, "c", false, false);
    assert_statuses_since(before, "c:UNASSIGNED c:RESTARTING c:RUNNING");
    assert_events("");
}

static void
a_restart_of_what_failed_touches_nothing_else(void **state)
{
    struct herder *h = *state;
    size_t before = start_all(h);

    herder_restart_plan(h, "c", true, true);
    assert_statuses_since(before, "");
    status_store_put(h->statuses, "c", 1, STATUS_FAILED, "why", NULL, 5, true);
    ((struct running_task *)cv_hash_get(h->tasks, "c-1"))->task->failed = true;
    herder_restart_plan(h, "c", true, true);
    assert_statuses_since(before + 1, "c-1:UNASSIGNED c-1:RESTARTING c-1:RUNNING");
    assert_events("stop:c-1 start:c-1");
}

static void
a_worker_restarts_only_its_own_part(void **state)
{
    struct herder *h = *state;
    size_t before;

    put_connector("c", 2);
    herder_start_task(h, "c", 1);
    before = fake_log_count(STATUSES);
    events[0] = '\0';
    herder_restart_plan(h, "c", true, false);
    assert_statuses_since(before, "c-1:UNASSIGNED c-1:RESTARTING c-1:RUNNING");
    herder_restart_plan(h, "nobody", true, false);
    assert_events("stop:c-1 start:c-1");
}

static void
what_another_worker_ran_since_is_known(void **state)
{
    static const char *const theirs = "{\"state\":\"RUNNING\",\"worker_id\":\"there:2\",\"generation\":%d}";
    static const char *const keys[] = { "status-connector-c", "status-task-c-0" };
    struct herder *h = *state;
    char value[128];

    put_connector("c", 1);
    for (int task = STATUS_CONNECTOR; task <= 0; task++)
        assert_false(herder_was_taken_over(h, "c", task)); /* it does not run here */
    herder_start_connector(h, "c");
    herder_start_task(h, "c", 0);
    assert_events("start:c-0");
    for (int task = STATUS_CONNECTOR; task <= 0; task++) {
        const char *key = keys[task - STATUS_CONNECTOR];

        assert_false(herder_was_taken_over(h, "c", task));
        snprintf(value, sizeof(value), theirs, 5); /* before it was started here, in the same generation */
        fake_log_put(STATUSES, 0, key, value);
        assert_false(herder_was_taken_over(h, "c", task));
        snprintf(value, sizeof(value), theirs, 6);
        fake_log_put(STATUSES, 0, key, value);
        assert_true(herder_was_taken_over(h, "c", task));
    }
    herder_stop_work(h, NULL);
    atomic_store(&h->generation, 7);
    herder_start_connector(h, "c");
    herder_start_task(h, "c", 0);
    for (int task = STATUS_CONNECTOR; task <= 0; task++) {
        assert_false(herder_was_taken_over(h, "c", task));
        assert_status(h, "c", task, STATUS_RUNNING);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_leader_writes_the_task_configs_of_a_new_connector),
        TEST(what_another_worker_ran_since_is_known),
        TEST(a_changed_config_is_published_even_if_its_tasks_are_the_same),
        TEST(a_follower_sends_them_to_the_leader),
        TEST(a_leader_that_is_away_is_asked_again_later_and_later),
        TEST(what_is_on_its_way_to_the_leader_is_not_sent_twice),
        TEST(sinks_pass_their_topics_on_and_secrets_stay_references),
        TEST(more_tasks_than_tasks_max_may_be_let_through),
        TEST(a_connector_that_cannot_run_fails_and_says_why),
        TEST(a_connector_that_goes_wrong_later_fails_and_its_tasks_go_on),
        TEST(a_connector_without_anything_to_check_is_not_asked_again),
        TEST(a_topic_creation_group_without_its_numbers_fails_the_connector_even_stopped),
        TEST(a_paused_connector_makes_no_task_configs_until_it_is_resumed),
        TEST(a_connector_that_was_stopped_but_not_told_yet_gets_no_tasks_back),
        TEST(every_task_of_the_connector_is_told_its_target),
        TEST(only_a_stop_ends_the_failed_state_of_a_connector),
        TEST(a_task_without_config_fails_and_is_known_as_running),
        TEST(only_what_was_revoked_is_stopped),
        TEST(all_are_asked_to_stop_before_any_is_waited_for),
        TEST(a_restart_with_tasks_restarts_the_connector_first),
        TEST(a_restart_without_tasks_leaves_them_running),
        TEST(a_restart_of_what_failed_touches_nothing_else),
        TEST(a_worker_restarts_only_its_own_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
