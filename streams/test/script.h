/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test files of a pipeline: SQL with a few statements of ours.
 *
 *   TEST 'name';                          begins a test, on an empty pipeline
 *   AT 'time';                            what follows is committed then
 *   INSERT, UPDATE, DELETE                change the sources' tables, as change events
 *   COMMIT;                               the pipeline works them off and commits
 *   CRASH AFTER 'step';                   the same, but it dies then and starts again; steps are
 *                                         process, flush, offsets, kafka-commit, sqlite-commit
 *   LOSE STATE;                           it dies, and its files are gone
 *   WAIT 10 SECONDS;                      time goes by without events
 *   ADVANCE WATERMARK TO 'time';          all inputs have got so far
 *   EXPECT sink (a, b) ROWS (..), (..);   what came to the sink since it was last asked, in any order
 *   EXPECT sink NONE;
 *   EXPECT TABLE t SELECT .. ROWS (..);   a question to the table over all tasks
 */
#ifndef STREAMS_TEST_SCRIPT_H
#define STREAMS_TEST_SCRIPT_H

#include "streams/sql/parser.h"

enum step_kind {
    STEP_TEST,
    STEP_AT,
    STEP_SQL,
    STEP_COMMIT,
    STEP_CRASH,
    STEP_LOSE,
    STEP_WAIT,
    STEP_WATERMARK,
    STEP_EXPECT,
    STEP_EXPECT_TABLE,
};

struct step {
    enum step_kind kind;
    struct sql_pos pos;
    const char *text; /* name, time, SQL or step of a crash */
    int64_t ms;       /* AT, WAIT, WATERMARK */
    const char *name; /* of the sink or table */
    const char **columns;
    size_t n_columns;
    const char **rows; /* each as "'text', 1, NULL" */
    size_t n_rows;
    struct step *next;
};

/* Steps of one file; what is wrong goes to diags. */
CV_MUST_CHECK
enum cv_rc script_parse(const char *file, const char *text, size_t len, struct cv_arena *arena,
                        struct sql_diags *diags, struct step **ret, struct cv_err *err);

#endif
