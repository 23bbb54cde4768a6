/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks, CPU times and arguments of the measuring programs. Any thread may call the clocks.
 *
 * Source: proc(5), fields 14 and 15 of /proc/PID/stat.
 */
#include "bench/measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t
clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t
mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void
sleep_until_us(int64_t due_us)
{
    struct timespec due = { .tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
}

double
cpu_seconds(int pid)
{
    unsigned long user = 0, system = 0;
    char path[64], line[1024];
    const char *rest;
    FILE *file;
    double seconds = -1;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return -1;
    /* the command name, which may hold blanks, ends at the last parenthesis; utime and stime are 12th after it */
    if (fgets(line, sizeof(line), file) != NULL && (rest = strrchr(line, ')')) != NULL &&
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
        seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    fclose(file);
    return seconds;
}

long
parse_count(const char *what, const char *text, long min)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min)
        die("%s must be a whole number from %ld on, not \"%s\"", what, min, text);
    return value;
}

_Noreturn void
die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}
