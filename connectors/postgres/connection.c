/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to PostgreSQL.
 *
 * What makes text predictable is set at connection start through "options", so that it also holds for the
 * walsender's session. Classes follow the SQLSTATE: a server that is starting, stopping or out of slots is
 * worth another try; a wrong password or a missing right is not (it would only lock accounts).
 */
#include "connectors/postgres/connection.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-events.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/number.h"

#define MAX_PARAMS     24
#define LIMIT_SLACK_MS 2000

#define SESSION_OPTIONS                                                                                    \
    "-c datestyle=ISO,YMD -c intervalstyle=postgres -c timezone=UTC -c bytea_output=hex "                  \
    "-c extra_float_digits=1 -c lc_monetary=C -c client_min_messages=warning -c standard_conforming_strings=on"
#define STATEMENT_MAX 65536
#define OPTIONS_MAX   8192

struct params {
    const char *keys[MAX_PARAMS + 1];
    const char *values[MAX_PARAMS + 1];
    size_t count;
};

static void
param(struct params *params, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    params->keys[params->count] = key;
    params->values[params->count++] = value;
}

enum cv_rc
pg_class(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum cv_rc rc;
    } classes[] = {
        { "08", CV_RETRY },    /* connection exception */
        { "53", CV_RETRY },    /* insufficient resources: connections, memory, disk */
        { "55006", CV_RETRY }, /* object in use: the slot is active elsewhere */
        { "57", CV_RETRY },    /* operator intervention: shutdown, starting up */
        { "58", CV_RETRY },    /* system error */
        { "40", CV_RETRY },    /* serialization failure, deadlock */
        { "XX", CV_INTERNAL },
    };

    for (size_t i = 0; i < CV_COUNT(classes); i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].rc;
    return CV_INVALID;
}

/* libpq's message without its trailing newline and further lines. */
static void
first_line(const char *message, char *out, size_t size)
{
    size_t n = strcspn(message, "\n");

    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), message);
}

enum cv_rc
pg_fail(struct cv_err *err, PGconn *conn, const PGresult *res, const char *fmt, ...)
{
    char context[320], message[560];
    const char *state = res != NULL ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *hint = res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_HINT) : NULL;
    enum cv_rc rc = state != NULL ? pg_class(state) : CV_RETRY;
    bool silent = res == NULL && PQtransactionStatus(conn) == PQTRANS_ACTIVE;
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    first_line(primary != NULL ? primary : PQerrorMessage(conn), message, sizeof(message));
    cv_fail(err, rc, "%s: %s%s%s%s", context, message[0] != '\0' ? message : silent ? "no answer" : "connection lost",
            hint != NULL ? " (" : "", hint != NULL ? hint : "", hint != NULL ? ")" : "");
    snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", state != NULL ? state : "");
    return rc;
}

/* A failed connection has no SQLSTATE in libpq 15: read the class off the server's fixed texts. */
static enum cv_rc
connect_class(const char *message)
{
    static const char *const permanent[] = { "password authentication failed",
                                             "no password supplied",
                                             "role \"",
                                             "database \"",
                                             "no pg_hba.conf entry",
                                             "must be superuser or replication role",
                                             "authentication failed",
                                             "SSL error: certificate verify failed",
                                             "does not support SSL",
                                             "permission denied" };

    if (strstr(message, "too many connections") != NULL) /* for the role, or for the database */
        return CV_RETRY;
    for (size_t i = 0; i < CV_COUNT(permanent); i++)
        if (strstr(message, permanent[i]) != NULL)
            return CV_INVALID;
    return CV_RETRY;
}

static const char *
connect_remedy(const char *message)
{
    if (strstr(message, "password") != NULL)
        return "; check database.user and database.password";
    if (strstr(message, "too many connections") != NULL)
        return "; end other sessions, or raise the CONNECTION LIMIT";
    if (strstr(message, "database \"") != NULL)
        return "; check database.dbname";
    if (strstr(message, "replication role") != NULL)
        return "; give the role of database.user the REPLICATION attribute";
    if (strstr(message, "role \"") != NULL)
        return "; check database.user";
    if (strstr(message, "pg_hba.conf") != NULL)
        return "; add an entry for this host, user and database to the server's pg_hba.conf";
    if (strstr(message, "Connection refused") != NULL || strstr(message, "could not translate") != NULL)
        return "; check database.hostname and database.port";
    return "";
}

static enum cv_rc
connect_fail(const struct pg_config *config, PGconn *conn, char ret_message[PG_MESSAGE_MAX], struct cv_err *err)
{
    const char *text = conn != NULL ? PQerrorMessage(conn) : "out of memory";
    const char *fatal = strstr(text, "FATAL:");

    first_line(fatal != NULL ? fatal : text, ret_message, PG_MESSAGE_MAX);
    return cv_fail(err, connect_class(text),
                   "could not connect to PostgreSQL at %s:%d as user \"%s\" to database \"%s\": %s%s",
                   config->hostname, (int)config->port, config->user, config->dbname, ret_message,
                   connect_remedy(ret_message));
}

/* Drive a connection that PQconnectStartParams made until it is usable. */
static bool
finish_connecting(PGconn *conn, int64_t deadline_ms)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        struct pollfd fd = { .fd = PQsocket(conn),
                             .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        int64_t left = deadline_ms - cv_mono_ms();

        if (left <= 0)
            return false;
        poll(&fd, 1, left > 1000 ? 1000 : (int)left);
        if (fd.revents != 0)
            status = PQconnectPoll(conn);
    }
    return status == PGRES_POLLING_OK;
}

/* Statements separated by ";"; ";;" stands for one within a statement. */
static enum cv_rc
run_initial_statements(PGconn *conn, const char *text, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(STATEMENT_MAX);
    enum cv_rc rc = CV_OK;

    while (rc == CV_OK && text != NULL && *text != '\0') {
        cv_buf_reset(&sql);
        for (; *text != '\0' && (*text != ';' || text[1] == ';'); text++) {
            cv_buf_char(&sql, *text);
            if (*text == ';')
                text++;
        }
        text += *text == ';' ? 1 : 0;
        rc = cv_buf_check(&sql, err);
        if (rc == CV_OK && strspn(cv_buf_cstr(&sql), " \t\r\n") < sql.len)
            rc = pg_command(conn, cv_buf_cstr(&sql), "could not run database.initial.statements", err);
    }
    cv_buf_free(&sql);
    return rc;
}

/* Nothing but the name under which a session's limit is kept. */
static int
session_event(PGEventId id, void *info, void *data)
{
    (void)id;
    (void)info;
    (void)data;
    return 1;
}

/* The server ends a statement itself by then; whoever hears nothing of it has no server any more. */
static void
limit_session(PGconn *conn, int64_t query_timeout_ms)
{
    int64_t limit_ms = query_timeout_ms > 0 && query_timeout_ms < INT_MAX - LIMIT_SLACK_MS
                           ? query_timeout_ms + LIMIT_SLACK_MS : INT_MAX;

    if (PQregisterEventProc(conn, session_event, "culvert", NULL) != 0)
        PQsetInstanceData(conn, session_event, (void *)(intptr_t)limit_ms);
}

/* What pgjdbc calls so; NULL: not given. */
static const char *
driver_property(const struct pg_config *config, const char *name)
{
    static const char *const prefixes[] = { "driver.", "database." };
    const char *value = NULL;
    char key[64];

    for (size_t i = 0; i < CV_COUNT(prefixes) && value == NULL; i++) {
        snprintf(key, sizeof(key), "%s%s", prefixes[i], name);
        value = cv_config_get(config->all, key);
    }
    return value;
}

/* A property in seconds that is a lower limit than the one given. */
static int64_t
driver_limit_ms(const struct pg_config *config, const char *name, int64_t limit_ms)
{
    const char *value = driver_property(config, name);
    int64_t seconds;

    if (value == NULL || !cv_parse_i64(value, strlen(value), &seconds) || seconds <= 0 || seconds >= INT_MAX / 1000)
        return limit_ms;
    return limit_ms <= 0 || seconds * 1000 < limit_ms ? seconds * 1000 : limit_ms;
}

/* The user's come first: what makes text predictable stays as it is. */
static enum cv_rc
session_options(const struct pg_config *config, enum pg_session session, struct cv_buf *out, struct cv_err *err)
{
    const char *options = driver_property(config, "options");

    cv_buf_printf(out, "%s " SESSION_OPTIONS "%s -c statement_timeout=%d", options != NULL ? options : "",
                  session == PG_SESSION_USER ? "" : " -c search_path=",
                  session == PG_SESSION_REPLICATION ? 0 : (int)config->query_timeout_ms);
    return cv_buf_check(out, err);
}

enum cv_rc
pg_connect(const struct pg_config *config, enum pg_session session, int timeout_ms, PGconn **ret,
           struct cv_err *err)
{
    char message[PG_MESSAGE_MAX];

    return pg_connect_verbose(config, session, timeout_ms, ret, message, err);
}

enum cv_rc
pg_connect_verbose(const struct pg_config *config, enum pg_session session, int timeout_ms, PGconn **ret,
                   char ret_message[PG_MESSAGE_MAX], struct cv_err *err)
{
    struct params params = { .count = 0 };
    const char *application = driver_property(config, "ApplicationName");
    struct cv_buf options = CV_BUF_INIT(OPTIONS_MAX);
    char port[12];
    int64_t deadline;
    PGconn *conn;

    if (session_options(config, session, &options, err) != CV_OK) {
        cv_buf_free(&options);
        ret_message[0] = '\0';
        return cv_err_context(err, "driver.options");
    }
    timeout_ms = (int)driver_limit_ms(config, "connectTimeout", driver_limit_ms(config, "loginTimeout", timeout_ms));
    deadline = cv_mono_ms() + timeout_ms;
    snprintf(port, sizeof(port), "%d", (int)config->port);
    param(&params, "host", config->hostname);
    param(&params, "port", port);
    param(&params, "user", config->user);
    param(&params, "password", config->password);
    param(&params, "dbname", config->dbname);
    param(&params, "sslmode", config->sslmode);
    param(&params, "sslcert", config->sslcert);
    param(&params, "sslkey", config->sslkey);
    param(&params, "sslrootcert", config->sslrootcert);
    param(&params, "sslpassword", config->sslpassword);
    param(&params, "keepalives", config->tcp_keepalive ? "1" : "0");
    param(&params, "keepalives_idle", "10");
    param(&params, "keepalives_interval", "5");
    param(&params, "keepalives_count", "3");
    /* keepalives are not sent while something of ours waits to be acknowledged: the same 25 s for that */
    param(&params, "tcp_user_timeout", config->tcp_keepalive ? "25000" : NULL);
    param(&params, "client_encoding", "UTF8");
    param(&params, "application_name",
          application != NULL ? application : session == PG_SESSION_REPLICATION ? "culvert streaming" : "culvert");
    param(&params, "options", cv_buf_cstr(&options));
    param(&params, "gssencmode", "disable");
    if (session == PG_SESSION_REPLICATION)
        param(&params, "replication", "database");
    conn = PQconnectStartParams(params.keys, params.values, 0);
    cv_buf_free(&options);
    if (conn == NULL || PQstatus(conn) == CONNECTION_BAD) {
        connect_fail(config, conn, ret_message, err);
    } else if (finish_connecting(conn, deadline)) {
        ret_message[0] = '\0';
        limit_session(conn, driver_limit_ms(config, "socketTimeout", config->query_timeout_ms));
        if (session == PG_SESSION_REPLICATION ||
            run_initial_statements(conn, config->initial_statements, err) == CV_OK) {
            *ret = conn;
            return CV_OK;
        }
    } else if (PQstatus(conn) == CONNECTION_BAD) {
        connect_fail(config, conn, ret_message, err);
    } else {
        ret_message[0] = '\0';
        cv_fail(err, CV_RETRY,
                "could not connect to PostgreSQL at %s:%d: no answer in %d ms; check database.hostname, database.port "
                "and what is between here and there",
                config->hostname, (int)config->port, timeout_ms);
    }
    PQfinish(conn);
    return err->rc;
}

PGresult *
pg_exec(PGconn *conn, const char *sql, int count, const char *const *values)
{
    intptr_t limit_ms = (intptr_t)PQinstanceData(conn, session_event);

    return pg_exec_within(conn, sql, count, values, limit_ms > 0 ? (int)limit_ms : INT_MAX);
}

static bool
is_copy(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

PGresult *
pg_exec_within(PGconn *conn, const char *sql, int count, const char *const *values, int timeout_ms)
{
    int64_t deadline = cv_mono_ms() + timeout_ms, left;
    PGresult *res, *last = NULL;
    /* a walsender takes no parameters */
    int sent = count == 0 ? PQsendQuery(conn, sql) : PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0);

    if (sent == 0)
        return NULL;
    for (;;) {
        struct pollfd fd = { .fd = PQsocket(conn), .events = POLLIN };

        if (PQisBusy(conn)) {
            left = deadline - cv_mono_ms();
            if (left > 0) {
                poll(&fd, 1, (int)left);
                if (PQconsumeInput(conn) != 0)
                    continue;
            }
            PQclear(last);
            return NULL;
        }
        res = PQgetResult(conn);
        if (res == NULL)
            return last;
        PQclear(last);
        last = res;
        if (is_copy(res))
            return res;
    }
}

enum cv_rc
pg_query(PGconn *conn, const char *sql, PGresult **ret, const char *what, struct cv_err *err)
{
    PGresult *res = pg_exec(conn, sql, 0, NULL);
    ExecStatusType status = PQresultStatus(res);

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        pg_fail(err, conn, res, "%s", what);
        PQclear(res);
        return err->rc;
    }
    *ret = res;
    return CV_OK;
}

enum cv_rc
pg_command(PGconn *conn, const char *sql, const char *what, struct cv_err *err)
{
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(conn, sql, &res, what, err);

    if (rc == CV_OK)
        PQclear(res);
    return rc;
}

enum cv_rc
pg_parse_lsn(const char *text, cv_lsn *ret, struct cv_err *err)
{
    uint32_t hi, lo;
    char rest;

    if (sscanf(text, "%8" SCNx32 "/%8" SCNx32 "%c", &hi, &lo, &rest) != 2)
        return cv_fail(err, CV_INVALID, "\"%s\" is no LSN", text);
    *ret = (uint64_t)hi << 32 | lo;
    return CV_OK;
}

const char *
pg_format_lsn(cv_lsn lsn, char out[PG_LSN_MAX])
{
    snprintf(out, PG_LSN_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
    return out;
}
