/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of a worker, its connectors and the other built-in plugins, as Markdown. */
#ifndef PROGRAMS_WORKER_OPTIONS_H
#define PROGRAMS_WORKER_OPTIONS_H

#include <stdio.h>

void worker_options_print(FILE *out);

#endif
