/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question of a person to a state file: one SELECT on a connection of its own that cannot write,
 * with limits. It sees what SQLite has committed, which Kafka had committed before. Any thread.
 */
#ifndef STREAMS_STORE_QUERY_H
#define STREAMS_STORE_QUERY_H

#include "streams/store/database.h"

struct query_spec {
    const char *path;   /* of the state file */
    const char *global; /* file of the GLOBAL tables; NULL: none */
    const char *sql;
    const struct cell *params;
    size_t n_params;
    int64_t deadline_ms; /* monotonic */
    size_t max_rows;     /* more are left out */
};

/* A row. false: enough. */
typedef bool query_row(void *arg, const char *const *names, const struct cell *cells, size_t count);

/*
 * CV_NOT_FOUND: the file lacks a table of the question (it may be another group's). CV_INVALID: it is
 * no SELECT, is wrong, or does what is not allowed. CV_CONFLICT: the time was up. CV_RETRY: no file yet.
 */
CV_MUST_CHECK
enum cv_rc query_run(const struct query_spec *spec, query_row *take, void *arg, bool *ret_more,
                     struct cv_err *err);

#endif
