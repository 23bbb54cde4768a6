/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener on 127.0.0.1 that speaks Kafka's frames, for unit tests of what talks to brokers:
 * every request goes to a callback that writes the response. One thread a connection; the callback
 * is called by one at a time.
 */
#ifndef TESTS_FAKE_BROKER_H
#define TESTS_FAKE_BROKER_H

#include "common/buf.h"
#include "common/reader.h"

enum fake_answer {
    FAKE_ANSWER,   /* send what was written */
    FAKE_SLOWLY,   /* the same, a byte at a time */
    FAKE_RAW,      /* send what was written without size and correlation id */
    FAKE_WRONG_ID, /* with another correlation id */
    FAKE_SILENCE,  /* nothing; go on reading */
    FAKE_CUT,      /* half of it, then close the connection */
    FAKE_CLOSE,    /* close the connection */
};

typedef enum fake_answer fake_broker_request(void *arg, int api, int version,
                                             struct cv_reader *body, struct cv_buf *out);

struct fake_broker;

/* tls_pem: a PEM file of key and certificate; NULL: no TLS. */
struct fake_broker *fake_broker_start(fake_broker_request *request, void *arg, const char *tls_pem);
/* On this port, for one that comes back; 0: a free one. */
struct fake_broker *fake_broker_start_on(int port, fake_broker_request *request, void *arg,
                                         const char *tls_pem);
void fake_broker_stop(struct fake_broker *broker);
/* Its threads begin to end, which takes them some milliseconds: for many that are stopped together. */
void fake_broker_begin_stop(struct fake_broker *broker);
int fake_broker_port(const struct fake_broker *broker);
/* From within the callback: what it returns is done so much later, while others are served. */
void fake_broker_delay(int ms);
/* Connections taken so far. */
int fake_broker_connections(struct fake_broker *broker);

/* An ApiVersions v0 response that offers all that we speak; join_max: the highest JoinGroup. */
void fake_broker_versions(struct cv_buf *out, int join_max);
/* A STRING; "" past the end. out holds 256 bytes. */
const char *fake_broker_string(struct cv_reader *in, char *out);
void fake_broker_put_string(struct cv_buf *out, const char *str);

#endif
