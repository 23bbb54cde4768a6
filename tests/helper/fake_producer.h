/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer behind common/kafka/producer.h, in memory: link fake_producer.c in front of libkafka.a (or instead of
 * it), and a source task runs without a broker. The task's thread calls the producer; the test's thread sets what
 * becomes of messages and looks at what was written. All functions here are for the test's thread.
 */
#ifndef TESTS_FAKE_PRODUCER_H
#define TESTS_FAKE_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>

#include <culvert/err.h>

enum fake_delivery {
    FAKE_DELIVERS, /* a poll reports every message as written */
    FAKE_HOLDS,    /* no message is reported */
    FAKE_LOSES,    /* a poll reports every message as failed */
};

/* Forget everything; messages are delivered again. */
void fake_producer_reset(void);
void fake_producer_deliver(enum fake_delivery how);
/* The next count sends find the queue full. */
void fake_producer_full(int count);
/* The next count questions for a topic fail with rc; CV_NOT_FOUND: it is not there. */
void fake_producer_missing(int count, enum cv_rc rc);
int fake_producer_missing_left(void);
/* Every later send to the topic fails with rc; CV_OK: none does. */
void fake_producer_refuse(const char *topic, enum cv_rc rc);
/* What cv_producer_check says from now on. */
void fake_producer_fatal(enum cv_rc rc);

/* What was sent, a line each, in order: "TOPIC KEY VALUE\n" (null as "-"; " NAME=VALUE" of each header behind), and for
   transactions "init", "begin", "commit" and "abort", a line each. At most len bytes with the NUL behind. */
void fake_producer_log(char *out, size_t len);
size_t fake_producer_sent(void);    /* messages */
size_t fake_producer_pending(void); /* messages without a report */
bool fake_producer_alive(void);
/* The transactional id of the last producer made; "" for none. */
void fake_producer_transactional_id(char *out, size_t len);
/* The n-th call from now (1: the next) of init, begin, commit or abort fails with rc. */
void fake_producer_fail_transaction(int nth, enum cv_rc rc);

#endif
