/* SPDX-License-Identifier: Apache-2.0 */
/* Begin anew; see reset.h. The group goes first: Kafka refuses that while a member is there. */
#include "streams/reset.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/kafka/admin.h"
#include "common/kafka/consumer.h"
#include "common/log.h"
#include "streams/engine/task_forget.h"
#include "streams/io/kafka_broker.h"
#include "streams/topics.h"

#define TIMEOUT_MS 30000

static enum cv_rc
delete_topic(struct cv_admin *admin, const char *topic, FILE *out, struct cv_err *err)
{
    enum cv_rc rc = cv_admin_topic_delete(admin, topic, TIMEOUT_MS, err);

    if (rc == CV_NOT_FOUND)
        return CV_OK;
    if (rc == CV_OK)
        fprintf(out, "deleted topic %s\n", topic);
    return rc;
}

static enum cv_rc
delete_topics(struct cv_admin *admin, const struct plan *plan, FILE *out, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < plan->n_groups && rc == CV_OK; i++) {
        char topic[300];

        snprintf(topic, sizeof(topic), "%s-%s-changelog", plan->application_id,
                 plan->groups[i].name);
        rc = delete_topic(admin, topic, out, err);
    }
    for (size_t i = 0; i < plan->n_sources && rc == CV_OK; i++) {
        if (plan->sources[i].from != PLAN_NONE)
            rc = delete_topic(admin, plan->sources[i].topic, out, err);
    }
    return rc;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    const char *name = path + ftw->base;

    (void)info;
    /* Who the worker is stays, and so do files that it has written. */
    if (strcmp(name, "lock") == 0 || strcmp(name, "worker.id") == 0 || strcmp(name, "files") == 0 ||
        strstr(path, "/files/") != NULL || (kind == FTW_DP && ftw->level == 0))
        return 0;
    return remove(path);
}

/* The lock tells a worker that runs here, should Kafka not know it yet. */
static enum cv_rc
lock_state(const char *dir, int *ret_fd, struct cv_err *err)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/lock", dir);
    *ret_fd = open(path, O_RDWR | O_CLOEXEC);
    if (*ret_fd >= 0 && flock(*ret_fd, LOCK_EX | LOCK_NB) != 0) {
        close(*ret_fd);
        return cv_fail(err, CV_CONFLICT, "a worker uses the state directory \"%s\"; stop it first",
                       dir);
    }
    return CV_OK;
}

static enum cv_rc
delete_state(const char *dir, FILE *out, struct cv_err *err)
{
    if (access(dir, F_OK) != 0)
        return CV_OK;
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not delete what is in \"%s\"", dir);
    fprintf(out, "deleted the state in %s\n", dir);
    return CV_OK;
}

static enum cv_rc
make_admin(const struct streams_config *config, struct cv_admin **ret, struct cv_err *err)
{
    struct cv_kafka_conf conf = { .role = CV_KAFKA_ADMIN,
                                  .client_id = "culvert-streams-admin",
                                  .layers = { config->clients, config->admin },
                                  .n_layers = 2,
                                  .log = cv_log_get("culvert.streams.kafka") };

    return cv_admin_new(&conf, ret, err);
}

static void
say_stop_first(const struct plan *plan, struct cv_err *err)
{
    cv_err_context(err, "stop all workers of \"%s\" first (a stopped one counts for its "
                        "session.timeout.ms)",
                   plan->application_id);
}

/* ---- one table ---- */

/* Nobody may be there: a task would not see that rows are gone. */
static enum cv_rc
check_empty(struct cv_admin *admin, const struct plan *plan, struct cv_err *err)
{
    struct cv_group_members members = { 0 };
    enum cv_rc rc = cv_admin_group_members(admin, plan->application_id, TIMEOUT_MS, &members, err);

    if (rc == CV_OK && members.count > 0) {
        rc = cv_fail(err, CV_CONFLICT, "the group has %zu member%s", members.count,
                     members.count == 1 ? "" : "s");
        say_stop_first(plan, err);
    }
    cv_group_members_done(&members);
    return rc;
}

static enum cv_rc
make_broker(const struct streams_config *config, const struct plan *plan,
            struct cv_consumer **member, const atomic_bool *stop, struct broker **ret,
            struct cv_err *err)
{
    struct cv_kafka_conf conf = { .role = CV_KAFKA_CONSUMER,
                                  .client_id = "culvert-streams-reset",
                                  .layers = { config->clients, config->consumer },
                                  .n_layers = 2,
                                  .log = cv_log_get("culvert.streams.kafka") };
    char id[512];
    struct kafka_broker_spec spec = { .common = config->clients,
                                      .consumer = config->consumer,
                                      .producer = config->producer,
                                      .group_id = plan->application_id,
                                      .transactional_id = id,
                                      .at_least_once = plan->at_least_once,
                                      .member = member,
                                      .stop = stop,
                                      .transaction_timeout_ms = config->transaction_timeout_ms };
    enum cv_rc rc;

    snprintf(id, sizeof(id), "%s-reset", plan->application_id);
    rc = cv_consumer_new(&conf, plan->application_id, NULL, member, err);
    return rc == CV_OK ? kafka_broker_new(&spec, ret, err) : rc;
}

enum cv_rc
streams_reset_table(const struct streams_config *config, const struct plan *plan, const char *table,
                    FILE *out, struct cv_err *err)
{
    int32_t *partitions = calloc(plan->n_sources + 1, sizeof(*partitions));
    atomic_bool stop = false;
    struct cv_admin *admin = NULL;
    struct cv_consumer *member = NULL;
    struct broker *broker = NULL;
    char dir[4000];
    size_t state = 0;
    size_t rows = 0;
    int lock = -1;
    enum cv_rc rc = partitions == NULL ? cv_fail_memory(err) : task_forget_find(plan, table, &state, err);

    snprintf(dir, sizeof(dir), "%s/%s", config->state_dir, plan->application_id);
    if (rc == CV_OK)
        rc = lock_state(dir, &lock, err);
    if (rc == CV_OK)
        rc = make_admin(config, &admin, err);
    if (rc == CV_OK)
        rc = check_empty(admin, plan, err);
    if (rc == CV_OK)
        rc = topics_sources(admin, plan, partitions, err);
    if (rc == CV_OK)
        rc = make_broker(config, plan, &member, &stop, &broker, err);
    if (rc == CV_OK)
        rc = broker->ops->open(broker, err);
    if (rc == CV_OK)
        rc = task_forget_run(broker, plan, state, partitions, &rows, err);
    if (rc == CV_OK)
        fprintf(out, "deleted %zu rows of table %s\n", rows, plan->states[state].name);
    if (broker != NULL)
        broker->ops->free(broker);
    cv_consumer_free(member);
    cv_admin_free(admin);
    if (lock >= 0)
        close(lock);
    free(partitions);
    return rc;
}

/* ---- all of it ---- */

enum cv_rc
streams_reset(const struct streams_config *config, const struct plan *plan, FILE *out,
              struct cv_err *err)
{
    struct cv_admin *admin = NULL;
    char dir[4000];
    int lock = -1;
    enum cv_rc rc;

    snprintf(dir, sizeof(dir), "%s/%s", config->state_dir, plan->application_id);
    rc = lock_state(dir, &lock, err);
    if (rc == CV_OK)
        rc = make_admin(config, &admin, err);
    if (rc == CV_OK)
        rc = cv_admin_group_delete(admin, plan->application_id, TIMEOUT_MS, err);
    if (rc == CV_CONFLICT && admin != NULL)
        say_stop_first(plan, err);
    if (rc == CV_OK) {
        fprintf(out, "deleted group %s\n", plan->application_id);
        rc = delete_topics(admin, plan, out, err);
    }
    if (rc == CV_OK)
        rc = delete_state(dir, out, err);
    cv_admin_free(admin);
    if (lock >= 0)
        close(lock);
    return rc;
}
