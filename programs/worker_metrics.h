/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROGRAMS_WORKER_METRICS_H
#define PROGRAMS_WORKER_METRICS_H

#include <stdio.h>

/* docs/metrics.md: what culvert-worker --print-metrics says. */
void worker_metrics_print(FILE *out);

#endif
