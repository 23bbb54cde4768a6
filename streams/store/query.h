/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question of a person to a state file: one SELECT on a connection of its own that cannot write,
 * with limits. It sees what SQLite has committed, which Kafka had committed before. Any thread.
 */
#ifndef STREAMS_STORE_QUERY_H
#define STREAMS_STORE_QUERY_H

#include "streams/store/database.h"

/* Fill the tables in memory, and begin to read the file at the same moment. */
typedef enum cv_rc query_image(void *arg, struct database *into, int64_t deadline_ms, struct cv_err *err);

struct query_spec {
    const char *path;   /* of the state file */
    const char *global; /* file of the GLOBAL tables; NULL: none */
    const char *memory; /* DDL of the tables that are kept in memory; NULL: none */
    query_image *image; /* asked for if the question reads one of them */
    void *image_arg;
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
 * no SELECT, is wrong, or does what is not allowed. CV_CONFLICT: the time was up. CV_RETRY: no file yet. As image
 * answers, if it is asked.
 */
CV_MUST_CHECK
enum cv_rc query_run(const struct query_spec *spec, query_row *take, void *arg, bool *ret_more,
                     struct cv_err *err);

#endif
