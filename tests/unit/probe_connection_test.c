/* SPDX-License-Identifier: Apache-2.0 */
/* Which option an error of the connection belongs to. */
#include "connectors/postgres/probe.h"

#include "tests/helper/cmocka_all.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER "connection to server at \"127.0.0.1\", port 5432 failed: "

static char host_name[] = "db.example", shop[] = "shop", capture[] = "capture";
static const struct pg_config config = { .hostname = host_name, .port = 5432, .dbname = shop, .user = capture };

static const struct {
    const char *message;
    const char *key;
    const char *says;
} rows[] = {
    /* as recorded */
    { "FATAL:  password authentication failed for user \"capture\"", "database.hostname",
      "config: FATAL: password authentication failed for user \"capture\"" },
    { "FATAL:  database \"shop\" does not exist", "database.hostname",
      "config: FATAL: database \"shop\" does not exist" },
    { SERVER "Connection refused", "database.hostname", "Connection to db.example:5432 refused. Check that" },
    { "could not translate host name \"db.example\" to address", "database.hostname",
      "The connection attempt failed." },
    { SERVER "server does not support SSL, but SSL was required", "database.hostname",
      "The server does not support SSL." },
    /* ours */
    { "FATAL:  no pg_hba.conf entry for host \"10.0.0.1\", user \"capture\", database \"shop\", SSL encryption",
      "database.user", "add an entry for this host" },
    { "FATAL:  no pg_hba.conf entry for host \"10.0.0.1\", user \"capture\", database \"shop\", no encryption",
      "database.sslmode", "require" },
    { "FATAL:  connection requires a valid client certificate", "database.sslcert", "database.sslkey" },
    { SERVER "fe_sendauth: no password supplied", "database.password", "set database.password" },
    { SERVER "root certificate file \"/x\" does not exist", "database.sslrootcert", "\"/x\"" },
    { SERVER "SSL error: certificate verify failed", "database.sslrootcert", "signed" },
    { SERVER "server certificate for \"a\" does not match host name \"b\"", "database.hostname", "verify-ca" },
    { SERVER "certificate present, but not private key file \"/x\"", "database.sslkey", "\"/x\"" },
    { SERVER "could not load private key file \"/x\": bad decrypt", "database.sslpassword", "database.sslkey" },
    { SERVER "could not open certificate file \"/x\": No such file or directory", "database.sslcert", "\"/x\"" },
    { SERVER "SSL error: tlsv1 alert unknown ca", "database.sslcert", "does not trust" },
    { SERVER "received invalid response to SSL negotiation: H", "database.port", "another service" },
    { SERVER "expected authentication request from server, but received H", "database.port", "another service" },
    { SERVER "server closed the connection unexpectedly", "database.port", "PostgreSQL's?" },
    { SERVER "SSL error: wrong version number", "database.sslmode", "encrypt" },
    { "FATAL:  sorry, too many clients already", "database.hostname", "too many clients" },
    { "", "database.port", "says nothing" },
    { "something new", "database.hostname", "all that is known" },
};

static void
each_failure_is_an_error_of_the_option_that_mends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config_errors errors = { 0 };
        struct cv_err err;

        (void)cv_fail(&err, CV_RETRY, "all that is known");
        probe_connection_error(&config, rows[i].message, &err, &errors);
        assert_int_equal(errors.count, 1);
        if (strcmp(errors.items[0].key, rows[i].key) != 0 || strstr(errors.items[0].text, rows[i].says) == NULL)
            fail_msg("\"%s\" is an error of %s: \"%s\"", rows[i].message, errors.items[0].key, errors.items[0].text);
        cv_config_errors_done(&errors);
    }
}

/* A port whose queue is full takes no connection and refuses none, as if packets were dropped. */
static void
an_address_that_does_not_answer_is_told_in_time(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0), filler = socket(AF_INET, SOCK_STREAM, 0);
    struct cv_config_errors errors = { 0 };
    struct pg_config local = config;
    char host[] = "127.0.0.1";

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    local.hostname = host;
    local.port = ntohs(at.sin_port);
    probe_address(&local, 200, &errors); /* refused: the login says so */
    assert_int_equal(errors.count, 0);
    assert_int_equal(listen(fd, 0), 0);
    probe_address(&local, 200, &errors);
    assert_int_equal(errors.count, 0);
    close(accept(fd, NULL, NULL));
    assert_int_equal(connect(filler, (struct sockaddr *)&at, size), 0);
    probe_address(&local, 200, &errors);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].key, "database.hostname");
    assert_non_null(strstr(errors.items[0].text, "no answer from 127.0.0.1"));
    cv_config_errors_done(&errors);
    close(filler);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_is_an_error_of_the_option_that_mends_it),
        cmocka_unit_test(an_address_that_does_not_answer_is_told_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
