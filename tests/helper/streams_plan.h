/* SPDX-License-Identifier: Apache-2.0 */
/* A plan from SQL text, for the tests of streams/. */
#ifndef TESTS_HELPER_STREAMS_PLAN_H
#define TESTS_HELPER_STREAMS_PLAN_H

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "streams/sql/explain.h"
#include "streams/sql/plan.h"

/* The plan lives in *ret_arena; the test fails if the text is wrong. */
static inline struct plan *
test_plan(const char *text, struct cv_arena **ret_arena)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct sql_diags diags = { .arena = arena };
    struct sql_unit unit;
    struct plan *plan = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    enum cv_rc rc;

    sql_unit_init(&unit);
    rc = sql_parse(&unit, "test.sql", text, strlen(text), arena, &diags, &err);
    if (rc == CV_OK)
        rc = plan_make(&unit, &diags, &plan, &err);
    explain_diags(&diags, &out);
    if (rc != CV_OK)
        fprintf(stderr, "%s\n%s", err.text, cv_buf_cstr(&out));
    cv_buf_free(&out);
    assert_int_equal(rc, CV_OK);
    *ret_arena = arena;
    return plan;
}

#endif
