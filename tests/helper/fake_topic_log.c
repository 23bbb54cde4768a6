/* SPDX-License-Identifier: Apache-2.0 */
/* Topics in memory; see fake_topic_log.h. Memory is assumed not to run out: it is for tests. */
#include <config.h>

#include "tests/helper/fake_topic_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 64
#define HELD_MAX       8

struct cv_topic_log {
    char name[128];
    struct fake_record *records;
    size_t count;
    int64_t next_offset[PARTITIONS_MAX];
    int64_t timestamp_ms; /* of the next */
    cv_topic_log_handler *handler;
    void *arg;
    enum cv_rc fail;
    size_t send_fails_at; /* the n-th from now, from 1; 0: none */
    bool holds;
    struct {
        cv_topic_log_sent *sent;
        void *arg;
    } held[HELD_MAX];
    size_t n_held;
    int reads;
    int read_timeout_ms; /* of the last */
};

static struct cv_topic_log topics[8];
static size_t n_topics;

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static struct cv_topic_log *
find(const char *name)
{
    for (size_t i = 0; i < n_topics; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    must(n_topics < CV_COUNT(topics));
    topics[n_topics] = (struct cv_topic_log){ .timestamp_ms = CV_NO_TIMESTAMP };
    snprintf(topics[n_topics].name, sizeof(topics[n_topics].name), "%s", name);
    return &topics[n_topics++];
}

static void
hand_over(const struct cv_topic_log *log, const struct fake_record *rec)
{
    const struct cv_consumed consumed = {
        .topic = log->name,
        .partition = rec->partition,
        .offset = rec->offset,
        .timestamp_ms = rec->timestamp_ms,
        .key = { rec->key, rec->key_len },
        .value = { rec->value, rec->value_len },
    };

    log->handler(log->arg, &consumed);
}

static char *
copy(struct cv_bytes bytes)
{
    char *text;

    if (bytes.data == NULL)
        return NULL;
    text = malloc(bytes.len + 1);
    must(text != NULL);
    memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return text;
}

static void
append(struct cv_topic_log *log, int32_t partition, struct cv_bytes key, struct cv_bytes value)
{
    const struct fake_record rec = { .key = copy(key), .key_len = key.len, .value = copy(value), .value_len = value.len,
                                     .partition = partition, .offset = log->next_offset[partition]++, .timestamp_ms = log->timestamp_ms };

    log->records = realloc(log->records, (log->count + 1) * sizeof(*log->records));
    log->records[log->count] = rec;
    if (log->handler != NULL)
        hand_over(log, &log->records[log->count]);
    log->count++;
}

static struct cv_bytes
bytes_of(const char *text)
{
    return text == NULL ? (struct cv_bytes){ 0 } : (struct cv_bytes){ text, strlen(text) };
}

void
fake_log_put(const char *topic, int32_t partition, const char *key, const char *value)
{
    append(find(topic), partition, bytes_of(key), bytes_of(value));
}

void
fake_log_put_bytes(const char *topic, struct cv_bytes key, struct cv_bytes value)
{
    append(find(topic), 0, key, value);
}

void
fake_log_put_at(const char *topic, int32_t partition, int64_t offset, const char *key, const char *value)
{
    find(topic)->next_offset[partition] = offset;
    fake_log_put(topic, partition, key, value);
}

void
fake_log_time(const char *topic, int64_t timestamp_ms)
{
    find(topic)->timestamp_ms = timestamp_ms;
}

void
fake_records_free(struct fake_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(records[i].key);
        free(records[i].value);
    }
    free(records);
}

size_t
fake_log_count(const char *topic)
{
    return find(topic)->count;
}

const struct fake_record *
fake_log_at(const char *topic, size_t i)
{
    must(i < find(topic)->count);
    return &find(topic)->records[i];
}

const struct fake_record *
fake_log_last(const char *topic)
{
    return fake_log_at(topic, fake_log_count(topic) - 1);
}

void
fake_log_fail(const char *topic, enum cv_rc rc)
{
    find(topic)->fail = rc;
}

void
fake_log_fail_send(const char *topic, size_t nth)
{
    find(topic)->send_fails_at = nth;
}

void
fake_log_hold(const char *topic)
{
    find(topic)->holds = true;
}

void
fake_log_answer(const char *topic, size_t i, const struct cv_err *err)
{
    struct cv_topic_log *log = find(topic);

    must(i < log->n_held);
    log->held[i].sent(log->held[i].arg, err);
}

int
fake_log_reads(const char *topic, int *ret_timeout_ms)
{
    *ret_timeout_ms = find(topic)->read_timeout_ms;
    return find(topic)->reads;
}

void
fake_log_reset(void)
{
    for (size_t i = 0; i < n_topics; i++)
        fake_records_free(topics[i].records, topics[i].count);
    n_topics = 0;
}

/* ---- what topic_log.c offers ---- */

enum cv_rc
cv_topic_log_start(const struct cv_topic_log_spec *spec, const atomic_bool *stop, struct cv_topic_log **ret,
                   struct cv_err *err)
{
    struct cv_topic_log *log = find(spec->topic.name);

    (void)stop;
    if (log->fail != CV_OK)
        return cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
    log->handler = spec->handler;
    log->arg = spec->arg;
    for (size_t i = 0; i < log->count; i++)
        hand_over(log, &log->records[i]);
    *ret = log;
    return CV_OK;
}

void
cv_topic_log_free(struct cv_topic_log *log, int wait_ms)
{
    (void)wait_ms;
    if (log != NULL)
        log->handler = NULL;
}

enum cv_rc
cv_topic_log_read_to_end(struct cv_topic_log *log, int timeout_ms, struct cv_err *err)
{
    log->reads++;
    log->read_timeout_ms = timeout_ms;
    return log->fail == CV_OK ? CV_OK : cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
}

static enum cv_rc
take(struct cv_topic_log *log, struct cv_err *err)
{
    if (log->fail == CV_OK && log->send_fails_at > 0 && --log->send_fails_at == 0)
        return cv_fail(err, CV_RETRY, "the queue is full");
    return log->fail == CV_OK ? CV_OK : cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
}

enum cv_rc
cv_topic_log_write(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value, int timeout_ms,
                   struct cv_err *err)
{
    (void)timeout_ms;
    if (take(log, err) != CV_OK)
        return err->rc;
    append(log, 0, key, value);
    return CV_OK;
}

/* Held: it is among the topic's records, but not handed over. */
static void
hold(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value, cv_topic_log_sent *sent, void *arg)
{
    cv_topic_log_handler *handler = log->handler;

    must(log->n_held < HELD_MAX);
    log->held[log->n_held].sent = sent;
    log->held[log->n_held++].arg = arg;
    log->handler = NULL;
    append(log, 0, key, value);
    log->handler = handler;
}

enum cv_rc
cv_topic_log_send(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value, cv_topic_log_sent *sent,
                  void *arg, struct cv_err *err)
{
    if (take(log, err) != CV_OK)
        return err->rc;
    if (log->holds) {
        hold(log, key, value, sent, arg);
        return CV_OK;
    }
    append(log, 0, key, value);
    if (sent != NULL)
        sent(arg, NULL);
    return CV_OK;
}

enum cv_rc
cv_topic_log_check(struct cv_topic_log *log, struct cv_err *err)
{
    (void)log;
    (void)err;
    return CV_OK;
}

bool
cv_topic_log_was_created(const struct cv_topic_log *log)
{
    (void)log;
    return false;
}

const char *
cv_topic_log_topic(const struct cv_topic_log *log)
{
    return log->name;
}
