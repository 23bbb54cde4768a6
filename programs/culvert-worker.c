/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culvert-worker FILE.properties: a distributed Connect worker; with --standalone one for itself, its connectors in
 * files.
 *
 * Main owns signals and the order of start and shutdown: REST's sockets first, so that health can be asked at once,
 * then the herder; at SIGTERM or SIGINT REST stops taking requests, tasks stop, the worker leaves the group. SIGHUP
 * reopens the log. Exit codes: 0 stopped, 1 failed, 2 usage, 3 a
 * connector file of a standalone worker.
 */
#include <config.h>

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/kafka/client.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/thread.h"
#include "programs/builtin.h"
#include "programs/version.h"
#include "programs/worker_metrics.h"
#include "programs/worker_options.h"
#include "rest/rest.h"
#include "worker/plugins.h"
#include "worker/standalone.h"
#include "worker/worker.h"
#include "worker/worker_config.h"

#define CONNECT_VERSION "4.1.0"
#define REST_WAIT_MS    5000

static struct cv_wake wake;
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t reopen_log;
static atomic_bool died;

static void
on_signal(int number)
{
    if (number == SIGHUP)
        reopen_log = 1;
    else
        stop_signal = number;
    cv_wake_signal(&wake);
}

static void
on_died(void *arg, const struct cv_err *why)
{
    (void)arg;
    (void)why;
    atomic_store(&died, true);
    cv_wake_signal(&wake);
}

static void
install_signals(void)
{
    struct sigaction act = { .sa_handler = on_signal };

    sigemptyset(&act.sa_mask);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
}

static void
usage(FILE *out)
{
    fputs("usage: culvert-worker FILE.properties\n"
          "       culvert-worker --standalone FILE.properties [CONNECTOR.properties | CONNECTOR.json]...\n"
          "       culvert-worker --version [--deps]\n"
          "       culvert-worker --print-options\n"
          "       culvert-worker --print-metrics\n"
          "       culvert-worker --print-plugins FILE.properties\n"
          "       culvert-worker --help\n"
          "\n"
          "Runs a distributed Kafka Connect worker, or a standalone one. FILE has Kafka's own keys, as "
          "connect-distributed.properties;\n"
          "CONNECT_GROUP_ID and the like in the environment override it. CONNECT_LOG_LEVEL sets the log level.\n",
          out);
}

static void
print_version(bool deps)
{
    printf("culvert-worker %s (commit %s, Kafka Connect %s)\n", CULVERT_VERSION, CULVERT_COMMIT, CONNECT_VERSION);
    if (deps)
        printf("librdkafka %s\n", cv_kafka_library_version());
}

/* What a worker with this file has to offer, one a line: kind, class, version. */
static int
print_plugins(const char *file)
{
    struct worker *worker = NULL;
    struct cv_err err;

    if (worker_new(file, false, builtin_plugins, &worker, &err) != CV_OK) {
        fprintf(stderr, "culvert-worker: %s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < plugins_count(worker_plugins(worker)); i++) {
        struct plugin_entry entry = plugins_at(worker_plugins(worker), i);

        printf("%s %s %s\n", plugins_kind_name(entry.plugin->kind), entry.class_name, entry.plugin->version);
    }
    worker_free(worker);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* *ret_spec holds the TLS keys that REST and the herder borrow: rest_spec_done after both have stopped. */
static enum cv_rc
start_rest(struct worker *worker, struct rest_spec *ret_spec, struct rest **ret, struct cv_err *err)
{
    if (rest_spec_init(ret_spec, worker_raw(worker), err) != CV_OK)
        return err->rc;
    ret_spec->connect_version = CONNECT_VERSION;
    ret_spec->version = CULVERT_VERSION;
    ret_spec->commit = CULVERT_COMMIT;
    ret_spec->plugins = worker_plugins(worker);
    ret_spec->metrics = worker_metrics(worker);
    if (rest_start(ret_spec, ret, err) != CV_OK) {
        rest_spec_done(ret_spec);
        return err->rc;
    }
    return CV_OK;
}

/* Until a signal, or the herder's end. */
static void
wait_for_end(void)
{
    while (stop_signal == 0 && !atomic_load(&died)) {
        cv_wake_wait(&wake, -1);
        if (reopen_log) {
            reopen_log = 0;
            cv_log_reopen();
        }
    }
}

static bool
is_stopping(void)
{
    return stop_signal != 0 || atomic_load(&died);
}

static int
serve(struct worker *worker, char *const *files, size_t n_files, struct cv_log *log, struct cv_err *err)
{
    bool created = true;
    struct rest *rest = NULL;
    struct rest_spec spec;

    if (start_rest(worker, &spec, &rest, err) != CV_OK)
        return 1;
    if (worker_start(worker, rest_url(rest), rest_worker_id(rest), spec.tls, on_died, NULL, err) != CV_OK) {
        if (rest_stop(rest, 0))
            rest_spec_done(&spec);
        return 1;
    }
    rest_ready(rest, worker_herder(worker));
    CV_LOG_INFO(log, "REST API open", CV_STR("url", rest_url(rest)), CV_STR("version", CULVERT_VERSION));
    created = n_files == 0 || standalone_create(worker_herder(worker), files, n_files, is_stopping, err) == CV_OK ||
              err->rc == CV_FENCED;
    if (created)
        wait_for_end();
    CV_LOG_INFO(log, "stopping", CV_INT("signal", stop_signal));
    if (!rest_stop(rest, REST_WAIT_MS)) {
        CV_LOG_WARN(log, "a request still runs; leaving without it");
        _exit(!created ? 3 : atomic_load(&died) ? 1 : 0);
    }
    worker_stop(worker);
    rest_spec_done(&spec);
    CV_LOG_INFO(log, "stopped");
    if (!created)
        return 3;
    if (!atomic_load(&died))
        return 0;
    cv_fail(err, CV_INTERNAL, "the herder ended; the log says why");
    return 1;
}

static void
set_log_level(void)
{
    const char *text = getenv("CONNECT_LOG_LEVEL");
    enum cv_log_level level;
    struct cv_err err;

    if (text == NULL || text[0] == '\0')
        return;
    if (!cv_log_level_parse(text, &level) || cv_log_level_set("root", level, &err) != CV_OK)
        fprintf(stderr, "culvert-worker: CONNECT_LOG_LEVEL=%s is no log level; use DEBUG, INFO, WARN or ERROR\n", text);
}

int
main(int argc, char **argv)
{
    struct worker *worker = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool standalone = false;
    int code;

    cv_secret_guard_process();
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        print_version(argc > 2 && strcmp(argv[2], "--deps") == 0);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--print-options") == 0) {
        worker_options_print(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 2 && strcmp(argv[1], "--print-metrics") == 0) {
        worker_metrics_print(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "--print-plugins") == 0)
        return print_plugins(argv[2]);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return 0;
    }
    if (argc >= 3 && strcmp(argv[1], "--standalone") == 0) {
        standalone = true;
        argv++;
        argc--;
    }
    if ((argc != 2 && !standalone) || argv[1][0] == '-') {
        usage(stderr);
        return 2;
    }
    cv_kafka_no_plugins();
    mallopt(M_ARENA_MAX, 2); /* a heap for each of dozens of threads would keep what each once needed */
    set_log_level();
    if (cv_wake_init(&wake, &err) != CV_OK) {
        fprintf(stderr, "culvert-worker: %s\n", err.text);
        return 1;
    }
    install_signals();
    if (worker_new(argv[1], standalone, builtin_plugins, &worker, &err) != CV_OK) {
        fprintf(stderr, "culvert-worker: %s\n", err.text);
        return 1;
    }
    code = serve(worker, argv + 2, (size_t)(argc - 2), cv_log_get("culvert.worker"), &err);
    if (code != 0)
        fprintf(stderr, "culvert-worker: %s\n", err.text);
    worker_free(worker);
    return code;
}
