/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_test SCENARIO: members of a Connect group against the broker of KAFKA_BOOTSTRAP_SERVERS;
 * exit code 77 when it is not set. tests/integration/group.int boots that broker and calls every
 * scenario.
 *
 * A worker here is a thread that does what a herder does with a member. What it holds stands in one
 * table of owners; a unit that starts while another worker has it is a failure of the whole run.
 */
#include <config.h>

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <culvert/config.h>

#include "common/clock.h"
#include "worker/group/member.h"

#define SKIP               77
#define WORKERS_MAX        4
#define SESSION_TIMEOUT_MS 2000
#define HEARTBEAT_MS       500
#define MAX_DELAY_MS       1500

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct owner {
    const struct worker *worker;
    char *connector;
    int32_t task;
    struct owner *next;
};

struct worker {
    char name[16];
    char url[64];
    struct group_member *member;
    struct cv_wake wake;
    pthread_t thread;
    atomic_bool stop;
    atomic_bool leave;
    atomic_int busy_ms; /* the herder does nothing for so long, once */
    atomic_int rounds;
    atomic_int stable;  /* generation of the last round that asked for no other; -1: rejoining */
    atomic_bool rejoin; /* the config has changed */
    atomic_int fell_out;
    atomic_int revoke_ms; /* what stopping work takes */
    atomic_int leader;
    atomic_int protocol;
    int64_t scheduled_ms; /* 0: no rebalance planned */
    enum cv_rc rc;        /* of the end, if it was fatal */
    struct cv_err err;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner *owners;
static struct group_work configured;
static int64_t config_offset;
static const char *group_id;
static atomic_int double_starts;
static enum group_protocol protocol_wanted[WORKERS_MAX] = { GROUP_SESSIONED, GROUP_SESSIONED,
                                                            GROUP_SESSIONED, GROUP_SESSIONED };
static int rebalance_timeout_ms = 10000;

static void
configure(int connectors, int tasks)
{
    char name[16];
    int i, j;

    pthread_mutex_lock(&lock);
    group_work_done(&configured);
    for (i = 0; i < connectors; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        CHECK(group_work_add(&configured, name, GROUP_CONNECTOR), "memory");
        for (j = 0; j < tasks; j++)
            CHECK(group_work_add(&configured, name, j), "memory");
    }
    config_offset++;
    pthread_mutex_unlock(&lock);
}

static void
start_unit(const struct worker *worker, const struct group_unit *unit)
{
    struct owner *owner;

    for (owner = owners; owner != NULL; owner = owner->next) {
        if (owner->task != unit->task || strcmp(owner->connector, unit->connector) != 0)
            continue;
        if (owner->worker != worker) {
            fprintf(stderr, "%s starts %s/%d, which %s has\n", worker->name, unit->connector,
                    (int)unit->task, owner->worker->name);
            atomic_fetch_add(&double_starts, 1);
        }
        return;
    }
    owner = calloc(1, sizeof(*owner));
    CHECK(owner != NULL, "memory");
    *owner = (struct owner){
        .worker = worker, .connector = strdup(unit->connector), .task = unit->task, .next = owners
    };
    owners = owner;
}

/* work NULL: everything that the worker has. */
static void
stop_units(const struct worker *worker, const struct group_work *work)
{
    struct owner **at = &owners;

    pthread_mutex_lock(&lock);
    while (*at != NULL) {
        struct owner *owner = *at;

        if (owner->worker != worker ||
            (work != NULL && !group_work_has(work, owner->connector, owner->task))) {
            at = &owner->next;
            continue;
        }
        *at = owner->next;
        free(owner->connector);
        free(owner);
    }
    pthread_mutex_unlock(&lock);
}

static int64_t
on_config_offset(void *arg)
{
    int64_t offset;

    (void)arg;
    pthread_mutex_lock(&lock);
    offset = config_offset;
    pthread_mutex_unlock(&lock);
    return offset;
}

static enum cv_rc
on_config(void *arg, struct group_config *ret, struct cv_err *err)
{
    bool ok;

    (void)arg;
    pthread_mutex_lock(&lock);
    ret->offset = config_offset;
    ok = group_work_copy(&ret->units, &configured);
    pthread_mutex_unlock(&lock);
    return ok ? CV_OK : cv_fail_memory(err);
}

static void
on_revoked(void *arg, const struct group_work *work, bool all)
{
    struct worker *worker = arg;

    if (all)
        atomic_fetch_add(&worker->fell_out, 1);
    usleep((useconds_t)atomic_load(&worker->revoke_ms) * 1000);
    stop_units(worker, work);
}

static void
on_assigned(void *arg, const struct group_assignment *assignment, const struct group_work *work,
            int32_t generation)
{
    struct worker *worker = arg;
    size_t i;

    pthread_mutex_lock(&lock);
    if (assignment->error == 0 && assignment->config_offset == config_offset) {
        for (i = 0; i < work->count; i++)
            start_unit(worker, &work->items[i]);
    }
    pthread_mutex_unlock(&lock);
    worker->scheduled_ms = assignment->delay_ms > 0 ? cv_mono_ms() + assignment->delay_ms : 0;
    atomic_store(&worker->leader, member_is_leader(worker->member));
    atomic_store(&worker->protocol, (int)member_protocol(worker->member));
    atomic_fetch_add(&worker->rounds, 1);
    if (assignment->error != 0 || assignment->config_offset != on_config_offset(NULL))
        member_request_rejoin(worker->member, "the config offset differs");
    else if (assignment->revoked.count > 0)
        member_request_rejoin(worker->member, "work was revoked");
    atomic_store(&worker->stable, member_rejoin_pending(worker->member) || assignment->delay_ms > 0
                                      ? -1
                                      : generation);
}

static void *
herd(void *arg)
{
    struct worker *worker = arg;

    while (!atomic_load(&worker->stop)) {
        int64_t deadline_ms = cv_mono_ms() + 5000;
        enum cv_rc rc;
        int busy_ms = atomic_exchange(&worker->busy_ms, 0);

        usleep((useconds_t)busy_ms * 1000);
        if (atomic_exchange(&worker->rejoin, false))
            member_request_rejoin(worker->member, "the config changed");
        if (worker->scheduled_ms != 0 && cv_mono_ms() >= worker->scheduled_ms) {
            worker->scheduled_ms = 0;
            member_request_rejoin(worker->member, "the delay is over");
        }
        if (worker->scheduled_ms != 0 && worker->scheduled_ms < deadline_ms)
            deadline_ms = worker->scheduled_ms;
        if (member_rejoin_pending(worker->member))
            atomic_store(&worker->stable, -1);
        rc = member_poll(worker->member, &worker->wake, deadline_ms, &worker->err);
        if (member_rejoin_pending(worker->member))
            atomic_store(&worker->stable, -1);
        if (rc != CV_OK && rc != CV_RETRY) {
            worker->rc = rc;
            return NULL;
        }
    }
    if (atomic_load(&worker->leave)) {
        int64_t begun_ms = cv_mono_ms();

        stop_units(worker, NULL);
        member_leave(worker->member, "test");
        CHECK(cv_mono_ms() - begun_ms < 2500, "leaving took %lld ms",
              (long long)(cv_mono_ms() - begun_ms));
    }
    return NULL;
}

static struct cv_config *
worker_config(const char *const *extra)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    CHECK(cfg != NULL, "memory");
    CHECK(cv_config_set(cfg, "bootstrap.servers", getenv("KAFKA_BOOTSTRAP_SERVERS"), &err) == CV_OK,
          "%s", err.text);
    for (; extra != NULL && *extra != NULL; extra += 2)
        CHECK(cv_config_set(cfg, extra[0], extra[1], &err) == CV_OK, "%s", err.text);
    return cfg;
}

static struct worker *
worker_start_with(const char *name, enum group_protocol protocol, const char *const *extra)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    struct cv_config *cfg = worker_config(extra);
    struct group_spec spec = {
        .group_id = group_id,
        .client_id = name,
        .protocol = protocol,
        .session_timeout_ms = SESSION_TIMEOUT_MS,
        .heartbeat_interval_ms = HEARTBEAT_MS,
        .rebalance_timeout_ms = rebalance_timeout_ms,
        .rebalance_max_delay_ms = MAX_DELAY_MS,
        .retry_backoff_ms = 100,
        .request_timeout_ms = 10000,
        .worker = cfg,
        .callbacks = { .arg = worker,
                       .config_offset = on_config_offset,
                       .config = on_config,
                       .revoked = on_revoked,
                       .assigned = on_assigned },
    };
    struct cv_err err;

    CHECK(worker != NULL, "memory");
    snprintf(worker->name, sizeof(worker->name), "%s", name);
    snprintf(worker->url, sizeof(worker->url), "http://%s:8083/", name);
    spec.url = worker->url;
    atomic_store(&worker->stable, -1);
    CHECK(cv_wake_init(&worker->wake, &err) == CV_OK, "%s", err.text);
    CHECK(member_new(&spec, &worker->member, &err) == CV_OK, "%s", err.text);
    cv_config_free(cfg);
    CHECK(pthread_create(&worker->thread, NULL, herd, worker) == 0, "thread");
    return worker;
}

static struct worker *
worker_start(const char *name)
{
    return worker_start_with(name, GROUP_SESSIONED, NULL);
}

/* leave false: as if killed, without LeaveGroup. */
static void
worker_end(struct worker *worker, bool leave)
{
    atomic_store(&worker->leave, leave);
    atomic_store(&worker->stop, true);
    cv_wake_signal(&worker->wake);
    pthread_join(worker->thread, NULL);
    member_free(worker->member);
    stop_units(worker, NULL);
    cv_wake_done(&worker->wake);
    free(worker);
}

static size_t
owned_count(const struct worker *worker, bool tasks)
{
    const struct owner *owner;
    size_t count = 0;

    for (owner = owners; owner != NULL; owner = owner->next)
        count += owner->worker == worker && (owner->task != GROUP_CONNECTOR) == tasks;
    return count;
}

/* All workers in one generation, everything configured running once, and evenly. */
static bool
is_settled(struct worker *const *workers, size_t n)
{
    size_t i, kind, low[2] = { SIZE_MAX, SIZE_MAX }, high[2] = { 0, 0 }, count = 0;
    bool settled = true;

    pthread_mutex_lock(&lock);
    for (i = 0; i < n; i++) {
        settled = settled && atomic_load(&workers[i]->stable) > 0 &&
                  atomic_load(&workers[i]->stable) == atomic_load(&workers[0]->stable);
        for (kind = 0; kind < 2; kind++) {
            size_t owned = owned_count(workers[i], kind == 1);

            low[kind] = owned < low[kind] ? owned : low[kind];
            high[kind] = owned > high[kind] ? owned : high[kind];
            count += owned;
        }
    }
    settled =
        settled && count == configured.count && high[0] - low[0] <= 1 && high[1] - low[1] <= 1;
    pthread_mutex_unlock(&lock);
    return settled;
}

static void
print_workers(struct worker *const *workers, size_t n)
{
    size_t i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < n; i++)
        fprintf(stderr, "  %s: stable %d, rounds %d, connectors %zu, tasks %zu, rc %s %s\n",
                workers[i]->name, atomic_load(&workers[i]->stable),
                atomic_load(&workers[i]->rounds), owned_count(workers[i], false),
                owned_count(workers[i], true), cv_rc_name(workers[i]->rc),
                workers[i]->rc == CV_OK ? "" : workers[i]->err.text);
    pthread_mutex_unlock(&lock);
}

static void
settle(const char *what, struct worker *const *workers, size_t n, int seconds)
{
    int64_t begun_ms = cv_mono_ms(), since_ms = 0;

    /* Settled for half a second: longer than a heartbeat needs to tell of a round. */
    while (since_ms == 0 || cv_mono_ms() - since_ms < HEARTBEAT_MS + 300) {
        if (!is_settled(workers, n))
            since_ms = 0;
        else if (since_ms == 0)
            since_ms = cv_mono_ms();
        if (cv_mono_ms() - begun_ms > seconds * 1000)
            print_workers(workers, n);
        CHECK(cv_mono_ms() - begun_ms <= seconds * 1000, "%s did not settle in %d s", what,
              seconds);
        usleep(20000);
    }
    CHECK(atomic_load(&double_starts) == 0, "units ran twice");
    printf("%s: settled after %lld ms, generation %d\n", what, (long long)(since_ms - begun_ms),
           atomic_load(&workers[0]->stable));
    fflush(stdout);
}

/* What the broker says of the group. librdkafka's C11 threads crash under the thread sanitizer of
 * gcc 12. */
#ifdef __SANITIZE_THREAD__
static void
check_group_type(const char *protocol)
{
    printf("the group's protocol %s is not checked under the thread sanitizer\n", protocol);
}
#else
static void
check_group_type(const char *protocol)
{
    char errstr[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct rd_kafka_group_list *list = NULL;
    rd_kafka_t *rk;

    CHECK(rd_kafka_conf_set(conf, "bootstrap.servers", getenv("KAFKA_BOOTSTRAP_SERVERS"), errstr,
                            sizeof(errstr)) == RD_KAFKA_CONF_OK,
          "%s", errstr);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof(errstr));
    CHECK(rk != NULL, "%s", errstr);
    CHECK(rd_kafka_list_groups(rk, group_id, &list, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR,
          "list groups");
    CHECK(list->group_cnt == 1, "%d groups", list->group_cnt);
    CHECK(strcmp(list->groups[0].protocol_type, "connect") == 0, "type \"%s\"",
          list->groups[0].protocol_type);
    CHECK(strcmp(list->groups[0].protocol, protocol) == 0, "protocol \"%s\"",
          list->groups[0].protocol);
    CHECK(strcmp(list->groups[0].state, "Stable") == 0, "state \"%s\"", list->groups[0].state);
    rd_kafka_group_list_destroy(list);
    rd_kafka_destroy(rk);
}
#endif

/* One member has everything, stays in the group by its heartbeats, and the group is one of Connect.
 */
static void
scenario_single(void)
{
    struct worker *workers[1];
    const struct group_stats *stats;
    uint64_t beats, rounds;
    int generation;

    configure(2, 3);
    workers[0] = worker_start("w1");
    settle("one member", workers, 1, 15);
    check_group_type("sessioned");
    generation = atomic_load(&workers[0]->stable);
    stats = member_stats(workers[0]->member);
    beats = atomic_load(&stats->of[GROUP_STAT_HEARTBEAT].count);
    rounds = atomic_load(&stats->of[GROUP_STAT_REBALANCE].count);
    usleep(3 * SESSION_TIMEOUT_MS * 1000);
    beats = atomic_load(&stats->of[GROUP_STAT_HEARTBEAT].count) - beats;
    CHECK(atomic_load(&workers[0]->stable) == generation, "it rejoined");
    CHECK(beats >= 3 * SESSION_TIMEOUT_MS / HEARTBEAT_MS / 2, "%llu heartbeats", (unsigned long long)beats);
    CHECK(atomic_load(&stats->of[GROUP_STAT_REBALANCE].count) == rounds &&
              !member_rebalancing(workers[0]->member),
          "it rebalanced");
    CHECK(cv_mono_ms() - atomic_load(&stats->of[GROUP_STAT_HEARTBEAT].last_ms) < SESSION_TIMEOUT_MS,
          "heartbeats ended");
    CHECK(atomic_load(&workers[0]->leader) == 1, "a single member leads");
    configure(3, 1); /* one connector more, tasks fewer: what is deleted goes */
    atomic_store(&workers[0]->rejoin, true);
    cv_wake_signal(&workers[0]->wake);
    settle("changed config", workers, 1, 15);
    worker_end(workers[0], true);
}

/* Members come, are killed, leave and come back. */
static void
members_come_and_go(const char *protocol)
{
    struct worker *workers[3];
    int i;

    configure(4, 3);
    for (i = 0; i < 3; i++) {
        char name[8];

        snprintf(name, sizeof(name), "w%d", i + 1);
        workers[i] = worker_start_with(name, protocol_wanted[i], NULL);
    }
    settle("three members", workers, 3, 30);
    check_group_type(protocol);
    worker_end(workers[2], false);
    settle("one of three dropped", workers, 2, 30);
    workers[2] = worker_start_with("w3", protocol_wanted[2], NULL);
    settle("third is back", workers, 3, 30);
    worker_end(workers[1], true);
    workers[1] = workers[2];
    settle("one of three left", workers, 2, 30);
    i = atomic_load(&workers[0]->leader) ? 0 : 1;
    worker_end(workers[i], true);
    workers[0] = workers[1 - i];
    settle("leader left", workers, 1, 30);
    CHECK(atomic_load(&workers[0]->leader) == 1, "the last one leads");
    worker_end(workers[0], true);
}

static void
scenario_three(void)
{
    members_come_and_go("sessioned");
}

static void
scenario_eager(void)
{
    int i;

    for (i = 0; i < WORKERS_MAX; i++)
        protocol_wanted[i] = GROUP_EAGER;
    members_come_and_go("default");
}

static void
scenario_mixed(void)
{
    protocol_wanted[1] = GROUP_COMPATIBLE;
    protocol_wanted[2] = GROUP_COMPATIBLE;
    members_come_and_go("compatible");
}

/* A herder busy for longer than the session timeout stays a member; one busy for longer than the
   rebalance timeout is out, and comes back. */
static void
scenario_busy(void)
{
    struct worker *workers[3];
    int generation;

    rebalance_timeout_ms = 4000;
    configure(2, 4);
    workers[0] = worker_start("w1");
    workers[1] = worker_start("w2");
    settle("two members", workers, 2, 20);
    generation = atomic_load(&workers[0]->stable);
    atomic_store(&workers[1]->busy_ms, SESSION_TIMEOUT_MS + 1000);
    cv_wake_signal(&workers[1]->wake);
    usleep((SESSION_TIMEOUT_MS + 1500) * 1000);
    settle("after being busy", workers, 2, 10);
    CHECK(atomic_load(&workers[0]->stable) == generation, "a busy herder lost its place");
    /* What a stuck herder runs goes on, beside what the group gives to others: only its place is
     * looked at. */
    stop_units(workers[1], NULL);
    atomic_store(&workers[1]->busy_ms, rebalance_timeout_ms + MAX_DELAY_MS + 3000);
    cv_wake_signal(&workers[1]->wake);
    usleep((useconds_t)(rebalance_timeout_ms + 1000) * 1000);
    CHECK(atomic_load(&workers[0]->stable) != generation, "a stuck herder kept its place");
    sleep(5);
    settle("after being stuck", workers, 2, 30);
    /* A revocation that takes longer than the session timeout. */
    atomic_store(&workers[0]->revoke_ms, SESSION_TIMEOUT_MS + 500);
    atomic_store(&workers[1]->revoke_ms, SESSION_TIMEOUT_MS + 500);
    workers[2] = worker_start("w3");
    settle("slow revocations", workers, 3, 40);
    worker_end(workers[0], true);
    worker_end(workers[1], true);
    worker_end(workers[2], true);
}

/* A JoinGroup that waits for a stuck member must not hold up a member that wants to leave. */
static void
scenario_leave_while_joining(void)
{
    struct worker *workers[2];
    struct worker *third;
    int64_t begun_ms;

    configure(2, 2);
    workers[0] = worker_start("w1");
    workers[1] = worker_start("w2");
    settle("two members", workers, 2, 20);
    atomic_store(&workers[0]->busy_ms, 4000);
    cv_wake_signal(&workers[0]->wake);
    usleep(300000);
    third = worker_start("w3"); /* its join waits for w1 */
    usleep(1500000);
    begun_ms = cv_mono_ms();
    worker_end(third, true);
    CHECK(cv_mono_ms() - begun_ms < 1500, "leaving took %lld ms",
          (long long)(cv_mono_ms() - begun_ms));
    settle("third gave up", workers, 2, 20);
    worker_end(workers[0], true);
    worker_end(workers[1], true);
}

static void
run_command(const char *variable)
{
    const char *command = getenv(variable);

    CHECK(command != NULL, "%s is not set", variable);
    CHECK(system(command) == 0, "%s failed", command);
}

/* The coordinator goes away and comes back: no work runs meanwhile, all of it does afterwards. */
static void
scenario_restart(void)
{
    struct worker *workers[2];
    size_t i, running = 0;

    configure(2, 4);
    workers[0] = worker_start("w1");
    workers[1] = worker_start("w2");
    settle("two members", workers, 2, 20);
    run_command("GROUP_TEST_STOP");
    usleep(3 * HEARTBEAT_MS * 1000);
    pthread_mutex_lock(&lock);
    for (i = 0; i < 2; i++)
        running += owned_count(workers[i], false) + owned_count(workers[i], true);
    pthread_mutex_unlock(&lock);
    CHECK(running == 0, "%zu units run without a coordinator", running);
    CHECK(atomic_load(&workers[0]->fell_out) == 1, "it was told %d times",
          atomic_load(&workers[0]->fell_out));
    run_command("GROUP_TEST_START");
    settle("coordinator is back", workers, 2, 60);
    worker_end(workers[0], true);
    worker_end(workers[1], true);
}

/* The arguments after the scenario are keys and values: a member joins with them. */
static void
scenario_join(const char *const *extra)
{
    struct worker *workers[1];

    configure(1, 1);
    workers[0] = worker_start_with("w1", GROUP_SESSIONED, extra);
    settle("joined", workers, 1, 20);
    worker_end(workers[0], true);
}

/* As join, but the member must fail for good, with a text that holds the first argument. */
static void
scenario_refused(const char *const *extra)
{
    const char *text = *extra++;
    struct worker *worker;

    configure(1, 1);
    worker = worker_start_with("w1", GROUP_SESSIONED, extra);
    pthread_join(worker->thread, NULL);
    printf("%s: %s\n", cv_rc_name(worker->rc), worker->err.text);
    CHECK(worker->rc == CV_INVALID, "%s", cv_rc_name(worker->rc));
    CHECK(strstr(worker->err.text, text) != NULL, "it does not say \"%s\"", text);
    member_free(worker->member);
    cv_wake_done(&worker->wake);
    free(worker);
}

/* A SASL session that ends is renewed before it does, unnoticed. */
static void
scenario_renew(const char *const *extra)
{
    struct worker *workers[1];
    int generation;

    configure(1, 1);
    workers[0] = worker_start_with("w1", GROUP_SESSIONED, extra);
    settle("joined", workers, 1, 20);
    generation = atomic_load(&workers[0]->stable);
    sleep(10);
    CHECK(atomic_load(&workers[0]->stable) == generation, "it rejoined");
    worker_end(workers[0], true);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } plain[] = {
        { "single", scenario_single },   { "three", scenario_three },
        { "eager", scenario_eager },     { "mixed", scenario_mixed },
        { "busy", scenario_busy },       { "leave-while-joining", scenario_leave_while_joining },
        { "restart", scenario_restart },
    };
    static const struct {
        const char *name;
        void (*run)(const char *const *extra);
    } with_config[] = {
        { "join", scenario_join },
        { "refused", scenario_refused },
        { "renew", scenario_renew },
    };
    char group[64];
    size_t i;

    if (getenv("KAFKA_BOOTSTRAP_SERVERS") == NULL) {
        printf("KAFKA_BOOTSTRAP_SERVERS is not set\n");
        return SKIP;
    }
    CHECK(argc >= 2, "usage: group_test SCENARIO [KEY VALUE...]");
    snprintf(group, sizeof(group), "group-test-%s-%ld", argv[1], (long)getpid());
    group_id = group;
    for (i = 0; i < CV_COUNT(plain); i++) {
        if (strcmp(argv[1], plain[i].name) == 0) {
            plain[i].run();
            group_work_done(&configured);
            return 0;
        }
    }
    for (i = 0; i < CV_COUNT(with_config); i++) {
        if (strcmp(argv[1], with_config[i].name) == 0) {
            with_config[i].run((const char *const *)argv + 2);
            group_work_done(&configured);
            return 0;
        }
    }
    CHECK(false, "no scenario %s", argv[1]);
    return 1;
}
