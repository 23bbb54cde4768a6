/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why there is no connection. What PostgreSQL's JDBC driver has words for is said in them, of database.hostname, as
 * Debezium does; everything else in ours, of the option that mends it. libpq tells failures apart by text only.
 */
#include "connectors/postgres/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "connectors/postgres/connection.h"

static const char in_front[] = "Error while validating connector config: ";

/* The first that fits counts. */
static const struct {
    const char *says;
    const char *and_says; /* NULL: nothing else */
    const char *key;
    const char *remedy;
} causes[] = {
    { "no pg_hba.conf entry", "no encryption", "database.sslmode",
      "add an entry without TLS to the server's pg_hba.conf, or set database.sslmode to require" },
    { "no pg_hba.conf entry", NULL, "database.user", "add an entry for this host, user and database to the server's "
                                                     "pg_hba.conf" },
    { "valid client certificate", NULL, "database.sslcert", "set database.sslcert and database.sslkey" },
    { "certificate authentication failed", NULL, "database.sslcert",
      "the certificate must be the one of database.user" },
    { "no password supplied", NULL, "database.password", "set database.password" },
    { "root certificate", NULL, "database.sslrootcert", "name a file with the certificates of those who signed the "
                                                        "server's" },
    { "certificate verify failed", NULL, "database.sslrootcert",
      "the server's certificate was not signed by who is in this file, or is out of date" },
    { "does not match host name", NULL, "database.hostname",
      "use the name that is in the server's certificate, or database.sslmode=verify-ca" },
    { "bad decrypt", NULL, "database.sslpassword", "it must be the password of the file of database.sslkey" },
    { "private key file", NULL, "database.sslkey", "name the key of database.sslcert, in a file that only its owner "
                                                   "reads" },
    { "certificate file", NULL, "database.sslcert", "name a file with the client's certificate" },
    { "unknown ca", NULL, "database.sslcert", "the server does not trust who signed the client's certificate" },
    { "alert certificate", NULL, "database.sslcert", "the server refuses the client's certificate" },
    { "SSL", "negotiation", "database.port", "this port is another service's than PostgreSQL's" },
    { "expected authentication request", NULL, "database.port", "this port is another service's than PostgreSQL's" },
    { "closed the connection unexpectedly", NULL, "database.port", "is this port PostgreSQL's?" },
    { "SSL", NULL, "database.sslmode", "server and client agree on no way to encrypt; disable does without" },
};

static bool
known_cause(const char *message, struct cv_config_errors *errors)
{
    for (size_t i = 0; i < CV_COUNT(causes); i++) {
        if (strstr(message, causes[i].says) == NULL ||
            (causes[i].and_says != NULL && strstr(message, causes[i].and_says) == NULL))
            continue;
        cv_config_errors_add(errors, causes[i].key, "%s%s; %s", in_front, message, causes[i].remedy);
        return true;
    }
    return false;
}

void
probe_connection_error(const struct pg_config *config, const char *message, const struct cv_err *err,
                       struct cv_config_errors *errors)
{
    static const char host[] = "database.hostname";

    if (strstr(message, "Connection refused") != NULL)
        cv_config_errors_add(errors, host,
                             "%sConnection to %s:%d refused. Check that the hostname and port are correct and that "
                             "the postmaster is accepting TCP/IP connections.",
                             in_front, config->hostname, (int)config->port);
    else if (strstr(message, "could not translate host name") != NULL)
        cv_config_errors_add(errors, host, "%sThe connection attempt failed.", in_front);
    else if (strstr(message, "server does not support SSL") != NULL)
        cv_config_errors_add(errors, host, "%sThe server does not support SSL.", in_front);
    else if (message[0] == '\0' && err->rc == CV_RETRY)
        cv_config_errors_add(errors, "database.port",
                             "%s%s:%d takes connections and says nothing; is this port PostgreSQL's?", in_front,
                             config->hostname, (int)config->port);
    else if (known_cause(message, errors))
        return;
    else if (strncmp(message, "FATAL:", 6) == 0)
        cv_config_errors_add(errors, host, "%sFATAL: %s", in_front, message + 6 + strspn(message + 6, " "));
    else
        cv_config_errors_add(errors, host, "%s%s", in_front, err->text);
}

/* 0, or the errno of connecting; ETIMEDOUT: no answer by then. */
static int
connect_by(const struct addrinfo *to, int64_t deadline_ms)
{
    int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol), code = 0;
    socklen_t size = sizeof(code);

    if (fd < 0)
        return errno;
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
        code = errno;
    if (code == EINPROGRESS) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
        int64_t left = deadline_ms - cv_mono_ms();

        code = ETIMEDOUT;
        if (poll(&poll_fd, 1, left > 0 ? (int)left : 0) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
    }
    close(fd);
    return code;
}

void
probe_address(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char port[12];
    int code = ETIMEDOUT;

    snprintf(port, sizeof(port), "%d", (int)config->port);
    if (config->port < 0 || config->port > 65535 || getaddrinfo(config->hostname, port, &hints, &found) != 0)
        return;
    for (const struct addrinfo *at = found; at != NULL && code != 0; at = at->ai_next)
        code = connect_by(at, deadline);
    freeaddrinfo(found);
    if (code == ETIMEDOUT)
        cv_config_errors_add(errors, "database.hostname",
                             "%sno answer from %s:%d in %d ms: the host is down, or something in between drops what is "
                             "sent to it; check database.hostname and firewalls",
                             in_front, config->hostname, (int)config->port, timeout_ms);
}

void
probe_replication(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors)
{
    PGconn *conn = NULL;
    struct cv_err err;

    if (pg_connect(config, PG_SESSION_REPLICATION, timeout_ms, &conn, &err) == CV_OK)
        PQfinish(conn);
    else if (strstr(err.text, "max_wal_senders") != NULL)
        cv_config_errors_add(errors, "database.hostname",
                             "%sno replication connection: %s; raise max_wal_senders of the server", in_front,
                             err.text);
    else
        cv_config_errors_add(errors, "database.user", "%sno replication connection: %s", in_front, err.text);
}
