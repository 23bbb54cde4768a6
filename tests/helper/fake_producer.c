/* SPDX-License-Identifier: Apache-2.0 */
/* A producer in memory. One lock guards all, delivery callbacks run outside of it. */
#include <config.h>

#include "tests/helper/fake_producer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/kafka/producer.h"

#define MAX_PENDING 4096

struct cv_producer_topic {
    char name[128];
    struct cv_producer_topic *next;
};

struct cv_producer {
    struct cv_producer_topic *topics;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    enum fake_delivery how;
    int full;
    int missing;
    enum cv_rc missing_rc;
    char refused[128];
    enum cv_rc refusal;
    enum cv_rc fatal;
    char log[65536];
    size_t sent;
    struct cv_delivery *pending[MAX_PENDING];
    size_t n_pending;
    char last_topic[128]; /* that something was sent to */
    int alive;
    char transactional_id[256];
    int fail_in;
    bool ends; /* a commit was asked for */
    enum cv_rc fail_rc;
} fake;

static void
note(const char *text)
{
    size_t len = strlen(fake.log);

    snprintf(fake.log + len, sizeof(fake.log) - len, "%s\n", text);
}

/* ---- the test's side ---- */

void
fake_producer_reset(void)
{
    pthread_mutex_lock(&lock);
    memset(&fake, 0, sizeof(fake));
    pthread_mutex_unlock(&lock);
}

void
fake_producer_deliver(enum fake_delivery how)
{
    pthread_mutex_lock(&lock);
    fake.how = how;
    pthread_mutex_unlock(&lock);
}

void
fake_producer_full(int count)
{
    pthread_mutex_lock(&lock);
    fake.full = count;
    pthread_mutex_unlock(&lock);
}

void
fake_producer_missing(int count, enum cv_rc rc)
{
    pthread_mutex_lock(&lock);
    fake.missing = count;
    fake.missing_rc = rc;
    pthread_mutex_unlock(&lock);
}

int
fake_producer_missing_left(void)
{
    int left;

    pthread_mutex_lock(&lock);
    left = fake.missing;
    pthread_mutex_unlock(&lock);
    return left;
}

void
fake_producer_refuse(const char *topic, enum cv_rc rc)
{
    pthread_mutex_lock(&lock);
    snprintf(fake.refused, sizeof(fake.refused), "%s", topic);
    fake.refusal = rc;
    pthread_mutex_unlock(&lock);
}

void
fake_producer_fatal(enum cv_rc rc)
{
    pthread_mutex_lock(&lock);
    fake.fatal = rc;
    pthread_mutex_unlock(&lock);
}

void
fake_producer_log(char *out, size_t len)
{
    pthread_mutex_lock(&lock);
    snprintf(out, len, "%s", fake.log);
    pthread_mutex_unlock(&lock);
}

size_t
fake_producer_sent(void)
{
    size_t n;

    pthread_mutex_lock(&lock);
    n = fake.sent;
    pthread_mutex_unlock(&lock);
    return n;
}

size_t
fake_producer_pending(void)
{
    size_t n;

    pthread_mutex_lock(&lock);
    n = fake.n_pending;
    pthread_mutex_unlock(&lock);
    return n;
}

bool
fake_producer_alive(void)
{
    bool alive;

    pthread_mutex_lock(&lock);
    alive = fake.alive > 0;
    pthread_mutex_unlock(&lock);
    return alive;
}

void
fake_producer_transactional_id(char *out, size_t len)
{
    pthread_mutex_lock(&lock);
    snprintf(out, len, "%s", fake.transactional_id);
    pthread_mutex_unlock(&lock);
}

void
fake_producer_fail_transaction(int nth, enum cv_rc rc)
{
    pthread_mutex_lock(&lock);
    fake.fail_in = nth;
    fake.fail_rc = rc;
    pthread_mutex_unlock(&lock);
}

/* ---- the producer ---- */

void
cv_delivery_init(struct cv_delivery *delivery, void (*done)(struct cv_delivery *))
{
    *delivery = (struct cv_delivery){ .pending = 1, .last_offset = CV_OFFSET_INVALID, .done = done };
}

void
cv_delivery_release(struct cv_delivery *delivery)
{
    if (--delivery->pending == 0)
        delivery->done(delivery);
}

enum cv_rc
cv_producer_new(const struct cv_kafka_conf *conf, const char *transactional_id, struct cv_producer **ret,
                struct cv_err *err)
{
    struct cv_producer *producer = calloc(1, sizeof(*producer));

    (void)conf;
    if (producer == NULL)
        return cv_fail_memory(err);
    pthread_mutex_lock(&lock);
    fake.alive++;
    snprintf(fake.transactional_id, sizeof(fake.transactional_id), "%s",
             transactional_id != NULL ? transactional_id : "");
    pthread_mutex_unlock(&lock);
    *ret = producer;
    return CV_OK;
}

/* Report all that is pending; reported outside the lock, as callbacks look at their own things. */
static int
report(bool failed)
{
    static struct cv_delivery *taken[MAX_PENDING]; /* one task's thread at a time */
    size_t n;

    pthread_mutex_lock(&lock);
    n = fake.n_pending;
    memcpy(taken, fake.pending, n * sizeof(taken[0]));
    fake.n_pending = 0;
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < n; i++) {
        if (failed) {
            taken[i]->failed++;
            taken[i]->failed_topic = fake.last_topic;
            taken[i]->too_large = true;
            cv_fail(&taken[i]->err, CV_INVALID, "the broker refused the message");
        }
        cv_delivery_release(taken[i]);
    }
    return (int)n;
}

enum cv_rc
cv_producer_open(struct cv_producer *producer, struct cv_err *err)
{
    (void)producer;
    (void)err;
    return CV_OK;
}

void
cv_producer_free(struct cv_producer *producer, int wait_ms)
{
    (void)wait_ms;
    if (producer == NULL)
        return;
    report(true);
    while (producer->topics != NULL) {
        struct cv_producer_topic *topic = producer->topics;

        producer->topics = topic->next;
        free(topic);
    }
    free(producer);
    pthread_mutex_lock(&lock);
    fake.alive--;
    pthread_mutex_unlock(&lock);
}

enum cv_rc
cv_producer_topic(struct cv_producer *producer, const char *name, struct cv_producer_topic **ret, struct cv_err *err)
{
    struct cv_producer_topic *topic = calloc(1, sizeof(*topic));

    if (topic == NULL)
        return cv_fail_memory(err);
    snprintf(topic->name, sizeof(topic->name), "%s", name);
    topic->next = producer->topics;
    producer->topics = topic;
    *ret = topic;
    return CV_OK;
}

enum cv_rc
cv_producer_partitions(struct cv_producer *producer, const char *topic, int timeout_ms, int32_t *ret,
                       struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    (void)producer;
    (void)timeout_ms;
    pthread_mutex_lock(&lock);
    if (fake.missing > 0) {
        fake.missing--;
        rc = cv_fail(err, fake.missing_rc, "no partitions of topic \"%s\"", topic);
    }
    pthread_mutex_unlock(&lock);
    if (rc != CV_OK)
        return rc;
    *ret = 1;
    return CV_OK;
}

enum cv_rc
cv_producer_send(struct cv_producer *producer, struct cv_producer_topic *topic, int32_t partition, struct cv_bytes key,
                 struct cv_bytes value, const struct cv_raw_headers *headers, int64_t timestamp_ms,
                 struct cv_delivery *delivery, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;
    char line[4096];

    (void)producer;
    (void)partition;
    (void)timestamp_ms;
    pthread_mutex_lock(&lock);
    if (fake.full > 0 || fake.n_pending == MAX_PENDING) {
        fake.full--;
        rc = cv_fail(err, CV_RETRY, "the queue is full");
    } else if (fake.refusal != CV_OK && strcmp(topic->name, fake.refused) == 0) {
        rc = cv_fail(err, fake.refusal, "the message is refused");
    } else {
        snprintf(line, sizeof(line), "%s %.*s %.*s", topic->name, key.data == NULL ? 1 : (int)key.len,
                 key.data == NULL ? "-" : (const char *)key.data, value.data == NULL ? 1 : (int)value.len,
                 value.data == NULL ? "-" : (const char *)value.data);
        for (size_t i = 0; headers != NULL && i < headers->count; i++) {
            size_t len = strlen(line);

            snprintf(line + len, sizeof(line) - len, " %s=%.*s", headers->items[i].name,
                     (int)headers->items[i].value.len,
                     headers->items[i].value.data == NULL ? "" : (const char *)headers->items[i].value.data);
        }
        note(line);
        fake.sent++;
        if (delivery != NULL) {
            delivery->pending++;
            fake.pending[fake.n_pending++] = delivery;
            snprintf(fake.last_topic, sizeof(fake.last_topic), "%s", topic->name);
        }
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

int
cv_producer_poll(struct cv_producer *producer, int timeout_ms)
{
    enum fake_delivery how;

    (void)producer;
    pthread_mutex_lock(&lock);
    how = fake.how;
    pthread_mutex_unlock(&lock);
    if (how == FAKE_HOLDS) { /* as long as the real one would, so that loops do not spin */
        nanosleep(&(struct timespec){ .tv_nsec = (timeout_ms < 10 ? timeout_ms : 10) * 1000000L }, NULL);
        return 0;
    }
    return report(how == FAKE_LOSES);
}

void
cv_producer_notify(struct cv_producer *producer, struct cv_wake *wake)
{
    (void)producer;
    (void)wake;
}

enum cv_rc
cv_producer_flush(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    cv_producer_poll(producer, timeout_ms);
    return fake_producer_pending() == 0 ? CV_OK : cv_fail(err, CV_RETRY, "messages are without a report");
}

enum cv_rc
cv_producer_check(struct cv_producer *producer, struct cv_err *err)
{
    enum cv_rc rc;

    (void)producer;
    pthread_mutex_lock(&lock);
    rc = fake.fatal;
    pthread_mutex_unlock(&lock);
    return rc == CV_OK ? CV_OK : cv_fail(err, rc, "the producer is fenced");
}

size_t
cv_producer_queued(const struct cv_producer *producer)
{
    (void)producer;
    return fake_producer_pending();
}

static enum cv_rc
transaction(const char *what, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    pthread_mutex_lock(&lock);
    if (fake.fail_in > 0 && --fake.fail_in == 0)
        rc = cv_fail(err, fake.fail_rc, "%s fails on demand", what);
    else
        note(what);
    pthread_mutex_unlock(&lock);
    return rc;
}

enum cv_rc
cv_producer_txn_init(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    (void)producer;
    (void)timeout_ms;
    return transaction("init", err);
}

enum cv_rc
cv_producer_txn_begin(struct cv_producer *producer, struct cv_err *err)
{
    (void)producer;
    return transaction("begin", err);
}

enum cv_rc
cv_producer_txn_commit(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    cv_producer_poll(producer, timeout_ms);
    return transaction("commit", err);
}

/* Done when it is asked for the second time. */
enum cv_rc
cv_producer_txn_commit_try(struct cv_producer *producer, int timeout_ms, bool *ret_done, struct cv_err *err)
{
    (void)timeout_ms;
    cv_producer_poll(producer, 0);
    *ret_done = false;
    fake.ends = !fake.ends;
    if (fake.ends)
        return CV_OK;
    *ret_done = transaction("commit", err) == CV_OK;
    return *ret_done ? CV_OK : err->rc;
}

enum cv_rc
cv_producer_txn_abort(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    (void)producer;
    (void)timeout_ms;
    report(true);
    return transaction("abort", err);
}
