/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the state of a running pipeline when another version of it is started: each
 * difference, and whether the state goes on, is rebuilt from the changelog, or cannot be used. The
 * engine itself refuses what needs a reset when it meets it; this says so before.
 */
#ifndef STREAMS_SQL_PLAN_COMPARE_H
#define STREAMS_SQL_PLAN_COMPARE_H

#include "streams/sql/plan.h"

enum plan_effect {
    PLAN_GOES_ON,
    PLAN_REBUILDS, /* state files are made anew from the changelog: the start takes longer */
    PLAN_RESETS,   /* refused on start; culvert-streams reset, or take it back */
};

const char *plan_effect_name(enum plan_effect effect); /* "compatible", "rebuild", "reset" */

typedef void plan_difference(void *arg, enum plan_effect effect, const char *text);

/* Tell every difference; returns the worst effect. */
enum plan_effect plan_compare(const struct plan *old, const struct plan *new, plan_difference *tell,
                              void *arg);

#endif
