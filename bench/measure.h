/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measuring programs share: clocks, a process's CPU time, arguments, and the end on failure.
 *
 * They share no code with the programs that they measure.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

/* Wall clock and monotonic clock, in microseconds. */
int64_t wall_us(void);
int64_t mono_us(void);

/* Sleep until the monotonic clock shows due_us. */
void sleep_until_us(int64_t due_us);

/* CPU seconds (user and system) that process pid of this machine has used; -1 if there is none. */
double cpu_seconds(int pid);

/* The whole number in text, from min on; anything else ends the program and names the argument. */
long parse_count(const char *what, const char *text, long min);

/* Print "PROGRAM: ..." and exit with status 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
