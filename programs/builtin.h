/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROGRAMS_BUILTIN_H
#define PROGRAMS_BUILTIN_H

#include <culvert/plugin.h>

/* Every plugin of the worker, NULL at the end. */
extern const struct cv_plugin *const builtin_plugins[];

#endif
