/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culvert-streams: runs the SQL files of one pipeline over Kafka topics, or checks and explains
 * them.
 *
 * Main owns signals and is the group's member: REST's sockets first, so that health can be asked at
 * once, then the worker until SIGTERM or SIGINT; SIGHUP reopens the log. Exit codes: 0 fine, 1
 * failed (check: the pipeline has errors; run: it could not start, or all its tasks had failed), 2
 * usage.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/kafka/client.h"
#include "common/log.h"
#include "common/secret.h"
#include "programs/options_doc.h"
#include "programs/version.h"
#include "streams/app.h"
#include "streams/reset.h"
#include "streams/rest.h"
#include "streams/sql/explain.h"
#include "streams/sql/plan_compare.h"
#include "streams/store/database.h"
#include "streams/streams_config.h"
#include "streams/test/runner.h"

#define OUTPUT_MAX ((size_t)64 << 20)

static struct app *running; /* set once before signals are let through */

static void
on_stop(int number)
{
    (void)number;
    if (running != NULL)
        app_stop(running);
}

static void
on_hangup(int number)
{
    (void)number;
    cv_log_reopen();
}

static void
install_signals(void)
{
    struct sigaction act = { .sa_handler = on_stop };

    sigemptyset(&act.sa_mask);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    act.sa_handler = on_hangup;
    sigaction(SIGHUP, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
    sigaction(SIGXFSZ, &act, NULL); /* a file at its limit is an error like a full disk */
}

static int
usage(FILE *out, int code)
{
    fputs(
        "usage: culvert-streams run FILE.properties\n"
        "       culvert-streams check DIR\n"
        "       culvert-streams explain [--json | --dot | --sqlite] DIR\n"
        "       culvert-streams plan OLD_DIR DIR\n"
        "       culvert-streams test DIR\n"
        "       culvert-streams reset FILE.properties [--table NAME]\n"
        "       culvert-streams --version [--deps]\n"
        "       culvert-streams --print-options\n"
        "       culvert-streams --help\n"
        "\n"
        "run      work on the pipeline that FILE names, until SIGTERM\n"
        "check    read the *.sql files of DIR and report what is wrong, each at file:line:column\n"
        "explain  print tables, task groups and queries, as text or JSON, or the SQL that SQLite "
        "gets\n"
        "plan     what becomes of the state of OLD_DIR's pipeline if DIR's goes on with it; fails if "
        "that needs a reset\n"
        "test     run the tests of DIR/tests/*.test.sql on a Kafka in memory\n"
        "reset    forget what the application has read and computed: its group, changelog and "
        "repartition topics and\n"
        "         the state of this worker; its outputs stay. With --table only the rows of that state table. All\n"
        "         workers must be stopped\n"
        "\n"
        "FILE has bootstrap.servers, pipeline.directory, state.dir, listeners and any Kafka client "
        "keys, see\n"
        "etc/culvert-streams.properties; CULVERT_STREAMS_<KEY> in the environment overrides it.\n",
        out);
    return code;
}

static int
print_version(bool deps)
{
    printf("culvert-streams %s (commit %s)\n", CULVERT_VERSION, CULVERT_COMMIT);
    if (deps)
        printf("librdkafka %s\nsqlite %s\n", cv_kafka_library_version(), db_library_version());
    return 0;
}

/* The part of docs/configuration.md that is ours. */
static int
print_options(void)
{
    fputs("## Streams worker\n\n"
          "`culvert-streams run FILE.properties`. `CULVERT_STREAMS_STATE_DIR` in the environment is `state.dir`, and "
          "so on.\n"
          "Kafka client keys (`security.protocol`, `producer.linger.ms`, ...) are handed on.\n\n",
          stdout);
    options_doc_table(stdout, streams_config_defs);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int
fail(const struct cv_err *err)
{
    fprintf(stderr, "culvert-streams: %s\n", err->text);
    return 1;
}

/* Read and plan a directory; what is to say about it goes to standard error. */
static enum cv_rc
load_plan(const char *dir, struct cv_arena *arena, struct plan **ret, size_t *ret_warnings,
          struct cv_err *err)
{
    struct sql_diags diags = { .arena = arena };
    struct sql_unit unit;
    struct cv_buf text = CV_BUF_INIT(OUTPUT_MAX);
    enum cv_rc rc;

    sql_unit_init(&unit);
    rc = sql_parse_dir(&unit, dir, arena, &diags, err);
    if (rc == CV_OK)
        rc = plan_make(&unit, &diags, ret, err);
    explain_diags(&diags, &text);
    fputs(cv_buf_cstr(&text), stderr);
    cv_buf_free(&text);
    *ret_warnings = diags.count - diags.errors;
    return rc;
}

static int
check(const char *dir, struct cv_arena *arena)
{
    struct cv_err err = CV_ERR_INIT;
    struct plan *plan;
    size_t warnings;

    if (load_plan(dir, arena, &plan, &warnings, &err) != CV_OK)
        return fail(&err);
    printf("%s: pipeline %s is fine: %zu source%s, %zu quer%s, %zu sink%s, %zu task group%s", dir,
           plan->name, plan->n_sources, plan->n_sources == 1 ? "" : "s", plan->n_rules,
           plan->n_rules == 1 ? "y" : "ies", plan->n_sinks, plan->n_sinks == 1 ? "" : "s",
           plan->n_groups, plan->n_groups == 1 ? "" : "s");
    if (warnings > 0)
        printf(", %zu warning%s", warnings, warnings == 1 ? "" : "s");
    putchar('\n');
    return 0;
}

static int
explain(const char *dir, void (*print)(const struct plan *, struct cv_buf *),
        struct cv_arena *arena)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf text = CV_BUF_INIT(OUTPUT_MAX);
    struct plan *plan;
    size_t warnings;

    if (load_plan(dir, arena, &plan, &warnings, &err) != CV_OK)
        return fail(&err);
    print(plan, &text);
    fputs(cv_buf_cstr(&text), stdout);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        putchar('\n');
    cv_buf_free(&text);
    return 0;
}

static void
print_difference(void *arg, enum plan_effect effect, const char *text)
{
    (void)arg;
    printf("%s: %s\n", plan_effect_name(effect), text);
}

static int
compare(const char *old_dir, const char *dir, struct cv_arena *arena)
{
    struct cv_err err = CV_ERR_INIT;
    struct plan *old;
    struct plan *new;
    size_t warnings;
    enum plan_effect effect;

    if (load_plan(old_dir, arena, &old, &warnings, &err) != CV_OK ||
        load_plan(dir, arena, &new, &warnings, &err) != CV_OK)
        return fail(&err);
    effect = plan_compare(old, new, print_difference, NULL);
    printf("%s: %s\n", dir,
           effect == PLAN_RESETS ? "the state cannot be used; culvert-streams reset, or take it back"
           : effect == PLAN_REBUILDS ? "the state goes on, rebuilt from the changelog"
                                     : "the state goes on");
    return effect == PLAN_RESETS ? 1 : 0;
}

static int
test(const char *dir, struct cv_arena *arena)
{
    struct cv_err err = CV_ERR_INIT;
    struct plan *plan;
    size_t warnings;
    size_t failed = 0;

    if (cv_log_level_set("root", CV_LOG_LEVEL_ERROR, &err) != CV_OK ||
        load_plan(dir, arena, &plan, &warnings, &err) != CV_OK ||
        runner_run(plan, dir, arena, stdout, &failed, &err) != CV_OK)
        return fail(&err);
    return failed > 0 ? 1 : 0;
}

static int
run_app(const struct streams_config *config, const struct plan *plan)
{
    struct cv_err err = CV_ERR_INIT;
    struct streams_rest *rest = NULL;
    struct app *app = NULL;
    int code = 0;

    if (app_new(config, plan, &app, &err) != CV_OK)
        return fail(&err);
    running = app;
    install_signals();
    if (streams_rest_start(config, app, &rest, &err) != CV_OK || app_run(app, &err) != CV_OK)
        code = fail(&err);
    running = NULL;
    if (streams_rest_stop(rest))
        app_free(app);
    return code;
}

static const char *reset_table; /* NULL: everything */

static int
reset(const struct streams_config *config, const struct plan *plan)
{
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = reset_table != NULL
                        ? streams_reset_table(config, plan, reset_table, stdout, &err)
                        : streams_reset(config, plan, stdout, &err);

    return rc == CV_OK ? 0 : fail(&err);
}

/* Read file and pipeline, then do it. */
static int
run(const char *file, int (*work)(const struct streams_config *, const struct plan *),
    struct cv_arena *arena)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_config_errors errors = { 0 };
    struct streams_config config = { 0 };
    struct plan *plan;
    enum cv_log_level level;
    const char *level_name;
    size_t warnings;
    int code;

    if (streams_config_load(file, &config, &errors, &err) != CV_OK) {
        for (size_t i = 0; i < errors.count; i++)
            fprintf(stderr, "culvert-streams: %s: %s: %s\n", file, errors.items[i].key,
                    errors.items[i].text);
        code = errors.count > 0 ? 1 : fail(&err);
        cv_config_errors_done(&errors);
        return code;
    }
    cv_config_errors_done(&errors);
    level_name =
        getenv("CONNECT_LOG_LEVEL") != NULL ? getenv("CONNECT_LOG_LEVEL") : config.log_level;
    if (!cv_log_level_parse(level_name, &level))
        cv_fail(&err, CV_INVALID,
                "the log level \"%s\" is none of TRACE, DEBUG, INFO, WARN and ERROR", level_name);
    if (err.rc != CV_OK || cv_log_level_set("root", level, &err) != CV_OK ||
        load_plan(config.pipeline_directory, arena, &plan, &warnings, &err) != CV_OK)
        code = fail(&err);
    else
        code = work(&config, plan);
    streams_config_done(&config);
    return code;
}

int
main(int argc, char **argv)
{
    struct cv_arena *arena;
    int code;

    cv_secret_guard_process();
    cv_kafka_no_plugins();
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc >= 2 && argc <= 3 && strcmp(argv[1], "--version") == 0 &&
        (argc == 2 || strcmp(argv[2], "--deps") == 0))
        return print_version(argc == 3);
    if (argc == 2 && strcmp(argv[1], "--print-options") == 0)
        return print_options();
    db_process_init();
    arena = cv_arena_new(NULL);
    if (arena == NULL)
        return 1;
    if (argc == 3 && strcmp(argv[1], "run") == 0)
        code = run(argv[2], run_app, arena);
    else if (argc == 3 && strcmp(argv[1], "reset") == 0)
        code = run(argv[2], reset, arena);
    else if (argc == 5 && strcmp(argv[1], "reset") == 0 && strcmp(argv[3], "--table") == 0) {
        reset_table = argv[4];
        code = run(argv[2], reset, arena);
    } else if (argc == 3 && strcmp(argv[1], "check") == 0)
        code = check(argv[2], arena);
    else if (argc == 3 && strcmp(argv[1], "explain") == 0)
        code = explain(argv[2], explain_text, arena);
    else if (argc == 4 && strcmp(argv[1], "explain") == 0 && strcmp(argv[2], "--json") == 0)
        code = explain(argv[3], explain_json, arena);
    else if (argc == 4 && strcmp(argv[1], "explain") == 0 && strcmp(argv[2], "--sqlite") == 0)
        code = explain(argv[3], explain_sqlite, arena);
    else if (argc == 4 && strcmp(argv[1], "explain") == 0 && strcmp(argv[2], "--dot") == 0)
        code = explain(argv[3], explain_dot, arena);
    else if (argc == 4 && strcmp(argv[1], "plan") == 0)
        code = compare(argv[2], argv[3], arena);
    else if (argc == 3 && strcmp(argv[1], "test") == 0)
        code = test(argv[2], arena);
    else
        code = usage(stderr, 2);
    cv_arena_free(arena);
    return code;
}
