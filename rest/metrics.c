/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics, and what Prometheus expects to know of a process (process_*), read from /proc. */
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

static const struct cv_metric cpu_metric = { CV_COUNTER,
                                             { "process_cpu_seconds_total", NULL, NULL },
                                             "User and system CPU time." };
static const struct cv_metric rss_metric = { CV_GAUGE,
                                             { "process_resident_memory_bytes", NULL, NULL },
                                             "Resident memory." };
static const struct cv_metric vsize_metric = { CV_GAUGE,
                                               { "process_virtual_memory_bytes", NULL, NULL },
                                               "Virtual memory." };
static const struct cv_metric fds_metric = { CV_GAUGE,
                                             { "process_open_fds", NULL, NULL },
                                             "Open file descriptors." };
static const struct cv_metric max_fds_metric = { CV_GAUGE,
                                                 { "process_max_fds", NULL, NULL },
                                                 "Limit of open file descriptors." };
static const struct cv_metric start_metric = { CV_GAUGE,
                                               { "process_start_time_seconds", NULL, NULL },
                                               "When the process started, since 1970." };
static const struct cv_metric threads_metric = { CV_GAUGE,
                                                 { "process_threads", NULL, NULL },
                                                 "Threads." };

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
    cv_metrics_add(sink, &cpu_metric, NULL, 0, (double)(user + system) / ticks);
    cv_metrics_add(sink, &threads_metric, NULL, 0, (double)threads);
    cv_metrics_add(sink, &vsize_metric, NULL, 0, (double)vsize);
    cv_metrics_add(sink, &rss_metric, NULL, 0, (double)rss * (double)sysconf(_SC_PAGESIZE));
    cv_metrics_add(sink, &start_metric, NULL, 0,
                   (double)now.tv_sec - (double)boot.tv_sec + (double)start / ticks);
}

void
rest_process_collect(void *arg, struct cv_metrics_sink *sink)
{
    struct rlimit limit;

    (void)arg;
    add_stat(sink);
    cv_metrics_add(sink, &fds_metric, NULL, 0, count_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        cv_metrics_add(sink, &max_fds_metric, NULL, 0, (double)limit.rlim_cur);
}

/* ?dialect=plain|confluent|strimzi, any number of them; all without. */
static unsigned
dialects_of(const struct cv_http_request *req)
{
    static const char *const names[CV_DIALECTS] = { "plain", "confluent", "strimzi" };
    unsigned set = 0;
    const char *value;

    for (size_t i = 0; (value = cv_http_query(req, "dialect", i)) != NULL; i++)
        for (unsigned d = 0; d < CV_DIALECTS; d++)
            if (strcasecmp(value, names[d]) == 0)
                set |= 1u << d;
    return set == 0 ? (1u << CV_DIALECTS) - 1 : set;
}

void
rest_metrics(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;

    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    cv_metrics_write(rest->metrics, dialects_of(req), &res->body);
}
