/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpq connections: what we connect with, what every session sets, SQLSTATE to class. A connection belongs to
 * one thread. Values of connector configs are passed as parameters of their own (expand_dbname off), so that
 * none of them can smuggle in another.
 */
#ifndef POSTGRES_CONNECTION_H
#define POSTGRES_CONNECTION_H

#include <libpq-fe.h>

#include "connectors/postgres/config.h"
#include "connectors/postgres/pgoutput.h"

/* USER: for statements that the user wrote; names without a schema are looked for as usual. */
enum pg_session { PG_SESSION_ORDINARY, PG_SESSION_REPLICATION, PG_SESSION_USER };

/* Connect within timeout_ms. The session prints values as encode.h wants them, with search_path empty but for USER.
   Ordinary sessions have run database.initial.statements. */
CV_MUST_CHECK enum cv_rc pg_connect(const struct pg_config *config, enum pg_session session,
                                    int timeout_ms, PGconn **ret, struct cv_err *err);
/* The same; on failure ret_message is the server's or libpq's own line ("FATAL:  ..."), "" if there was none. */
#define PG_MESSAGE_MAX 600
CV_MUST_CHECK enum cv_rc pg_connect_verbose(const struct pg_config *config, enum pg_session session,
                                            int timeout_ms, PGconn **ret, char ret_message[PG_MESSAGE_MAX],
                                            struct cv_err *err);

/* Fill *err from a result (NULL: from the connection): the formatted context, the server's message, its hint,
   SQLSTATE and class. Returns the class. */
enum cv_rc pg_fail(struct cv_err *err, PGconn *conn, const PGresult *res, const char *fmt, ...)
    CV_PRINTF(4, 5);
/* CV_RETRY for connection trouble, resources and shutdown; CV_INVALID for rights, names and syntax; ... */
enum cv_rc pg_class(const char *sqlstate);

/* Run one statement, with count parameters; its result, or NULL: no connection, or no answer within the session's
   database.query.timeout.ms and some slack, behind which the connection is good for nothing but PQfinish. pg_fail tells
   which. */
PGresult *pg_exec(PGconn *conn, const char *sql, int count, const char *const *values);
/* The same with a limit of its own. */
PGresult *pg_exec_within(PGconn *conn, const char *sql, int count, const char *const *values, int timeout_ms);

/* Run one statement; res must be cleared by the caller. what is the context of a failure. */
CV_MUST_CHECK enum cv_rc pg_query(PGconn *conn, const char *sql, PGresult **ret, const char *what,
                                  struct cv_err *err);
/* Run a statement without rows. */
CV_MUST_CHECK enum cv_rc pg_command(PGconn *conn, const char *sql, const char *what, struct cv_err *err);

/* "16/B374D848" */
CV_MUST_CHECK enum cv_rc pg_parse_lsn(const char *text, cv_lsn *ret, struct cv_err *err);
#define PG_LSN_MAX 20
const char *pg_format_lsn(cv_lsn lsn, char out[PG_LSN_MAX]);

#endif
