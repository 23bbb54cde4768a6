/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms and predicates of this folder, for programs/builtin.c. */
#ifndef TRANSFORMS_TRANSFORMS_H
#define TRANSFORMS_TRANSFORMS_H

#include <culvert/plugin.h>

extern const struct cv_plugin regex_router_plugin;

extern const struct cv_plugin topic_name_matches_plugin;
extern const struct cv_plugin record_is_tombstone_plugin;
extern const struct cv_plugin has_header_key_plugin;

#endif
