/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics, what Prometheus expects to know of a process (process_*), read from /proc, and which version runs. */
#include <config.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/metrics.h"
#include "rest/api.h"

#define PLAIN     (1u << CV_DIALECT_PLAIN)
#define CONFLUENT (1u << CV_DIALECT_CONFLUENT)
#define STRIMZI   (1u << CV_DIALECT_STRIMZI)

#define PROCESS(kind, name, text) { .type = kind, .names = { name }, .help = text }

enum { CPU, RSS, VSIZE, FDS, MAX_FDS, START, THREADS };

static const struct cv_metric process_rows[] = {
    [CPU] = PROCESS(CV_COUNTER, "process_cpu_seconds_total", "User and system CPU time."),
    [RSS] = PROCESS(CV_GAUGE, "process_resident_memory_bytes", "Resident memory."),
    [VSIZE] = PROCESS(CV_GAUGE, "process_virtual_memory_bytes", "Virtual memory."),
    [FDS] = PROCESS(CV_GAUGE, "process_open_fds", "Open file descriptors."),
    [MAX_FDS] = PROCESS(CV_GAUGE, "process_max_fds", "Limit of open file descriptors."),
    [START] = PROCESS(CV_GAUGE, "process_start_time_seconds", "When the process started, since 1970."),
    [THREADS] = PROCESS(CV_GAUGE, "process_threads", "Threads."),
};

#define APP(plain, strimzi, text)                                                                  \
    { .names = { "kafka_connect_" plain, "kafka_connect_app_info",                                 \
                 "kafka_connect_app_info_" strimzi },                                              \
      .help = text }

enum { APP_VERSION, APP_COMMIT, APP_START, APP_BARE };

/* app-info of a Java worker. */
static const struct cv_metric app_rows[] = {
    [APP_VERSION] = APP("version_info", "version_info", "1, labelled with the version of Connect."),
    [APP_COMMIT] = APP("commit_id_info", "commit_id_info", "1, labelled with the commit."),
    [APP_START] = APP("start_time_seconds", "start_time_ms", "When the worker started, since 1970."),
    /* of newer exporters, which leave _info out */
    [APP_BARE] = { .names = { "kafka_connect_app", "kafka_connect_app" }, .help = "1, labelled with what runs." },
};

static double
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n - 3; /* ".", ".." and the directory itself */
}

/* Fields of /proc/self/stat behind the name in parentheses; field 3 is the first. */
static void
add_stat(struct cv_metrics_sink *sink)
{
    FILE *file = fopen("/proc/self/stat", "re");
    double ticks = (double)sysconf(_SC_CLK_TCK);
    unsigned long user, system, vsize;
    unsigned long long start;
    struct timespec boot, now;
    char text[1024];
    long threads, rss;
    size_t n;
    char *p;

    if (file == NULL)
        return;
    n = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[n] = '\0';
    p = strrchr(text, ')');
    if (p == NULL ||
        sscanf(p + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld "
               "%*d %llu %lu %ld",
               &user, &system, &threads, &start, &vsize, &rss) != 6)
        return;
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    cv_metrics_add(sink, &process_rows[CPU], NULL, 0, (double)(user + system) / ticks);
    cv_metrics_add(sink, &process_rows[THREADS], NULL, 0, (double)threads);
    cv_metrics_add(sink, &process_rows[VSIZE], NULL, 0, (double)vsize);
    cv_metrics_add(sink, &process_rows[RSS], NULL, 0, (double)rss * (double)sysconf(_SC_PAGESIZE));
    cv_metrics_add(sink, &process_rows[START], NULL, 0,
                   (double)now.tv_sec - (double)boot.tv_sec + (double)start / ticks);
}

void
rest_process_collect(void *arg, struct cv_metrics_sink *sink)
{
    struct rlimit limit;

    (void)arg;
    add_stat(sink);
    cv_metrics_add(sink, &process_rows[FDS], NULL, 0, count_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        cv_metrics_add(sink, &process_rows[MAX_FDS], NULL, 0, (double)limit.rlim_cur);
}

static void
add_app(struct cv_metrics_sink *sink, unsigned dialects, int row, const char *client_label,
        const char *client_id, const char *name, const char *value)
{
    const struct cv_label labels[] = { { client_label, client_id }, { name, value } };

    cv_metrics_add_in(sink, dialects, &app_rows[row], labels, 2, 1);
}

/* Confluent's rules give one series of the value 1 for each attribute. */
void
rest_app_info_collect(void *arg, struct cv_metrics_sink *sink)
{
    const struct rest *rest = arg;
    const struct cv_label plain = { "clientId", rest->client_id }, others = { "client_id", rest->client_id };
    char start[24];

    (void)snprintf(start, sizeof(start), "%lld", (long long)rest->start_ms);
    add_app(sink, PLAIN, APP_VERSION, "clientId", rest->client_id, "version", rest->connect_version);
    add_app(sink, PLAIN, APP_COMMIT, "clientId", rest->client_id, "commit_id", rest->commit);
    cv_metrics_add_in(sink, PLAIN, &app_rows[APP_START], &plain, 1, (double)rest->start_ms / 1000);
    add_app(sink, ~PLAIN, APP_VERSION, "client_id", rest->client_id, "version", rest->connect_version);
    add_app(sink, ~PLAIN, APP_COMMIT, "client_id", rest->client_id, "commit_id", rest->commit);
    add_app(sink, CONFLUENT, APP_START, "client_id", rest->client_id, "start_time_ms", start);
    add_app(sink, CONFLUENT, APP_BARE, "client_id", rest->client_id, "version", rest->connect_version);
    add_app(sink, CONFLUENT, APP_BARE, "client_id", rest->client_id, "commit_id", rest->commit);
    add_app(sink, CONFLUENT, APP_BARE, "client_id", rest->client_id, "start_time_ms", start);
    cv_metrics_add_in(sink, STRIMZI, &app_rows[APP_START], &others, 1, (double)rest->start_ms);
}

unsigned
rest_dialect(const char *name, size_t len)
{
    static const char *const names[CV_DIALECTS] = { "plain", "confluent", "strimzi", "debezium" };

    for (unsigned d = 0; d < CV_DIALECTS; d++)
        if (strlen(names[d]) == len && strncasecmp(name, names[d], len) == 0)
            return 1u << d;
    return 0;
}

/* ?dialect=plain|confluent|strimzi|debezium, any number of them; without, those of metrics.dialects. */
static unsigned
dialects_of(const struct rest *rest, const struct cv_http_request *req)
{
    unsigned set = 0;
    const char *value;

    for (size_t i = 0; (value = cv_http_query(req, "dialect", i)) != NULL; i++)
        set |= rest_dialect(value, strlen(value));
    return set == 0 ? rest->dialects : set;
}

void
rest_metrics(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;

    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    cv_metrics_write(rest->metrics, dialects_of(rest, req), &res->body);
}
