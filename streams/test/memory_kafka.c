/* SPDX-License-Identifier: Apache-2.0 */
/* A double of Kafka in memory; see memory_kafka.h. Memory is assumed not to run out: it is for
 * tests. */
#include "streams/test/memory_kafka.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct partition {
    char topic[128];
    int number;
    struct memory_record **records;
    size_t count;
    int64_t low;
    int64_t committed; /* of the group; -1: none */
    char *metadata;
};

enum outcome { OPEN, COMMITTED, ABORTED };

struct transaction {
    enum outcome outcome;
    char owner[64];
};

struct memory_kafka {
    struct partition **partitions;
    size_t n_partitions;
    struct transaction txns[4096];
    int n_txns;
    size_t fail_in;
    const char *fail_call; /* NULL: any */
    bool fail_after;
    bool failed;
    bool silent;
};

struct attachment {
    struct partition *part;
    int64_t pos;
    bool paused;
    bool eof_told;
};

struct memory_broker {
    struct broker base;
    struct memory_kafka *kafka;
    char id[64];
    int txn; /* 0: none */
    bool ready;
    struct attachment attached[1024];
    size_t n_attached;
    struct cv_topic_partitions offsets; /* of the open transaction */
};

/* ---- the log ---- */

static struct partition *
find(struct memory_kafka *kafka, const char *topic, int number)
{
    struct partition *part;

    for (size_t i = 0; i < kafka->n_partitions; i++) {
        part = kafka->partitions[i];
        if (part->number == number && strcmp(part->topic, topic) == 0)
            return part;
    }
    kafka->partitions =
        realloc(kafka->partitions, (kafka->n_partitions + 1) * sizeof(*kafka->partitions));
    part = calloc(1, sizeof(*part));
    snprintf(part->topic, sizeof(part->topic), "%s", topic);
    part->number = number;
    part->committed = -1;
    kafka->partitions[kafka->n_partitions++] = part;
    return part;
}

static char *
copy(const char *data, size_t len)
{
    char *out = NULL;

    if (data != NULL) {
        out = malloc(len + 1);
        memcpy(out, data, len);
        out[len] = '\0';
    }
    return out;
}

static struct memory_record *
append(struct partition *part, struct cv_bytes key, struct cv_bytes value, int64_t timestamp_ms,
       int txn)
{
    struct memory_record *rec = calloc(1, sizeof(*rec));

    rec->key = copy(key.data, key.len);
    rec->key_len = key.len;
    rec->value = copy(value.data, value.len);
    rec->value_len = value.len;
    rec->timestamp_ms = timestamp_ms;
    rec->offset = (int64_t)part->count;
    rec->txn = txn;
    part->records = realloc(part->records, (part->count + 1) * sizeof(struct memory_record *));
    part->records[part->count++] = rec;
    return rec;
}

static int64_t
last_stable(const struct memory_kafka *kafka, const struct partition *part)
{
    size_t i = 0;

    while (i < part->count && kafka->txns[part->records[i]->txn].outcome != OPEN)
        i++;
    return (int64_t)i;
}

static bool
visible(const struct memory_kafka *kafka, const struct memory_record *rec)
{
    return !rec->marker && kafka->txns[rec->txn].outcome == COMMITTED;
}

static void
end_txn(struct memory_kafka *kafka, int txn, enum outcome outcome)
{
    kafka->txns[txn].outcome = outcome;
    for (size_t i = 0; i < kafka->n_partitions; i++) {
        struct partition *part = kafka->partitions[i];
        bool touched = false;

        for (size_t r = 0; r < part->count; r++)
            touched |= part->records[r]->txn == txn;
        if (touched)
            append(part, (struct cv_bytes){ 0 }, (struct cv_bytes){ 0 }, 0, txn)->marker = true;
    }
}

struct memory_kafka *
memory_kafka_new(void)
{
    struct memory_kafka *kafka = calloc(1, sizeof(*kafka));

    kafka->txns[0].outcome = COMMITTED;
    kafka->n_txns = 1;
    return kafka;
}

void
memory_kafka_free(struct memory_kafka *kafka)
{
    for (size_t i = 0; i < kafka->n_partitions; i++) {
        struct partition *part = kafka->partitions[i];

        for (size_t r = 0; r < part->count; r++) {
            free(part->records[r]->key);
            free(part->records[r]->value);
            free(part->records[r]);
        }
        free(part->records);
        free(part->metadata);
        free(part);
    }
    free(kafka->partitions);
    free(kafka);
}

void
memory_kafka_put(struct memory_kafka *kafka, const char *topic, int partition, const char *key,
                 const char *value, int64_t timestamp_ms)
{
    append(find(kafka, topic, partition), (struct cv_bytes){ key, key == NULL ? 0 : strlen(key) },
           (struct cv_bytes){ value, value == NULL ? 0 : strlen(value) }, timestamp_ms, 0);
}

const struct memory_record *
memory_kafka_read(struct memory_kafka *kafka, const char *topic, int partition, size_t i)
{
    struct partition *part = find(kafka, topic, partition);

    for (size_t r = 0; r < part->count; r++) {
        if (visible(kafka, part->records[r]) && i-- == 0)
            return part->records[r];
    }
    return NULL;
}

size_t
memory_kafka_count(struct memory_kafka *kafka, const char *topic, int partition)
{
    size_t n = 0;

    while (memory_kafka_read(kafka, topic, partition, n) != NULL)
        n++;
    return n;
}

void
memory_kafka_trim(struct memory_kafka *kafka, const char *topic, int partition, int64_t before)
{
    find(kafka, topic, partition)->low = before;
}

void
memory_kafka_recreate(struct memory_kafka *kafka, const char *topic, int partition)
{
    struct partition *part = find(kafka, topic, partition);

    for (size_t i = 0; i < part->count; i++) {
        free(part->records[i]->key);
        free(part->records[i]->value);
        free(part->records[i]);
    }
    part->count = 0;
    part->low = 0;
}

void
memory_kafka_set_header(struct memory_kafka *kafka, const char *topic, int partition,
                        const char *header)
{
    struct partition *part = find(kafka, topic, partition);
    struct memory_record *rec = part->records[part->count - 1];

    snprintf(rec->header, sizeof(rec->header), "%s", header);
}

int64_t
memory_kafka_committed(struct memory_kafka *kafka, const char *topic, int partition)
{
    return find(kafka, topic, partition)->committed;
}

void
memory_kafka_set_committed(struct memory_kafka *kafka, const char *topic, int partition,
                           int64_t offset, const char *metadata)
{
    struct partition *part = find(kafka, topic, partition);

    part->committed = offset;
    free(part->metadata);
    part->metadata = metadata != NULL ? strdup(metadata) : NULL;
}

size_t
memory_kafka_open_txns(const struct memory_kafka *kafka)
{
    size_t n = 0;

    for (int i = 0; i < kafka->n_txns; i++)
        n += kafka->txns[i].outcome == OPEN;
    return n;
}

bool
memory_kafka_fail(struct memory_kafka *kafka, size_t nth, bool after)
{
    bool was = kafka->failed;

    kafka->fail_in = nth;
    kafka->fail_call = NULL;
    kafka->fail_after = after;
    kafka->failed = false;
    return was;
}

void
memory_kafka_fail_call(struct memory_kafka *kafka, const char *call, bool after)
{
    memory_kafka_fail(kafka, 1, after);
    kafka->fail_call = call;
}

/* ---- a broker ---- */

void
memory_kafka_be_silent(struct memory_kafka *kafka, bool silent)
{
    kafka->silent = silent;
}

static struct memory_broker *
of(struct broker *b)
{
    return cv_container_of(b, struct memory_broker, base);
}

/* Whether this call is the one to fail; *ret_skip: without its effect. */
static bool
fails(struct memory_broker *mb, const char *call, bool *ret_skip, struct cv_err *err)
{
    struct memory_kafka *kafka = mb->kafka;

    *ret_skip = false;
    if (!mb->ready) {
        cv_fail(err, CV_RETRY, "no producer");
        *ret_skip = true;
        return true;
    }
    if (kafka->fail_call != NULL && strcmp(kafka->fail_call, call) != 0)
        return false;
    if (kafka->fail_in == 0 || --kafka->fail_in > 0)
        return false;
    kafka->failed = true;
    *ret_skip = !kafka->fail_after;
    cv_fail(err, CV_RETRY, "failure on demand");
    return true;
}

static enum cv_rc
mem_open(struct broker *b, struct cv_err *err)
{
    struct memory_broker *mb = of(b);

    (void)err;
    for (int i = 1; i < mb->kafka->n_txns; i++) {
        if (mb->kafka->txns[i].outcome == OPEN && strcmp(mb->kafka->txns[i].owner, mb->id) == 0)
            end_txn(mb->kafka, i, ABORTED);
    }
    mb->ready = true;
    return CV_OK;
}

/* As a crash does it: the transaction stays open until its id is used again. */
static void
mem_drop(struct broker *b)
{
    struct memory_broker *mb = of(b);

    mb->txn = 0;
    mb->ready = false;
    cv_topic_partitions_done(&mb->offsets);
    mb->offsets = (struct cv_topic_partitions){ 0 };
}

static enum cv_rc
mem_begin(struct broker *b, struct cv_err *err)
{
    struct memory_broker *mb = of(b);
    bool skip;

    if (fails(mb, "begin", &skip, err))
        return err->rc;
    mb->txn = mb->kafka->n_txns++;
    assert(mb->txn < (int)CV_COUNT(mb->kafka->txns));
    snprintf(mb->kafka->txns[mb->txn].owner, sizeof(mb->kafka->txns[mb->txn].owner), "%s", mb->id);
    return CV_OK;
}

static enum cv_rc
mem_send(struct broker *b, const struct out_record *rec, struct cv_delivery *delivery,
         struct cv_err *err)
{
    struct memory_broker *mb = of(b);
    bool skip;
    bool failed = fails(mb, "send", &skip, err);
    struct memory_record *done;
    int32_t partition = rec->partition >= 0 ? rec->partition : 0;

    if (skip)
        return err->rc;
    done = append(find(mb->kafka, rec->topic, partition), rec->key, rec->value, rec->timestamp_ms,
                  mb->txn);
    for (size_t i = 0; rec->headers != NULL && i < rec->headers->count; i++) {
        size_t len = strlen(done->header);

        snprintf(done->header + len, sizeof(done->header) - len, "%s=%.*s;",
                 rec->headers->items[i].name, (int)rec->headers->items[i].value.len,
                 rec->headers->items[i].value.data);
    }
    if (done->offset > delivery->last_offset)
        delivery->last_offset = done->offset;
    return failed ? err->rc : CV_OK;
}

static enum cv_rc
mem_flush(struct broker *b, struct cv_err *err)
{
    bool skip;

    return fails(of(b), "flush", &skip, err) ? err->rc : CV_OK;
}

static enum cv_rc
mem_offsets(struct broker *b, const struct cv_topic_partitions *offsets, struct cv_err *err)
{
    struct memory_broker *mb = of(b);
    bool skip;

    if (fails(mb, "offsets", &skip, err))
        return err->rc;
    mb->offsets.items = calloc(offsets->count, sizeof(*mb->offsets.items));
    mb->offsets.count = offsets->count;
    for (size_t i = 0; i < offsets->count; i++) {
        mb->offsets.items[i] = offsets->items[i];
        mb->offsets.items[i].topic = strdup(offsets->items[i].topic);
        mb->offsets.items[i].metadata = strdup(offsets->items[i].metadata);
    }
    return CV_OK;
}

static enum cv_rc
mem_commit(struct broker *b, struct cv_err *err)
{
    struct memory_broker *mb = of(b);
    bool skip;
    bool failed = fails(mb, "commit", &skip, err);

    if (skip)
        return err->rc;
    end_txn(mb->kafka, mb->txn, COMMITTED);
    for (size_t i = 0; i < mb->offsets.count; i++)
        memory_kafka_set_committed(mb->kafka, mb->offsets.items[i].topic,
                                   mb->offsets.items[i].partition, mb->offsets.items[i].offset,
                                   mb->offsets.items[i].metadata);
    cv_topic_partitions_done(&mb->offsets);
    mb->offsets = (struct cv_topic_partitions){ 0 };
    mb->txn = 0;
    return failed ? err->rc : CV_OK;
}

static enum cv_rc
mem_committed(struct broker *b, struct cv_topic_partitions *inout_parts, struct cv_err *err)
{
    (void)err;
    for (size_t i = 0; i < inout_parts->count; i++) {
        struct cv_topic_partition *item = &inout_parts->items[i];
        const struct partition *part = find(of(b)->kafka, item->topic, item->partition);

        item->offset = part->committed >= 0 ? part->committed : CV_OFFSET_INVALID;
        item->metadata = part->metadata != NULL ? strdup(part->metadata) : NULL;
    }
    return CV_OK;
}

static enum cv_rc
mem_range(struct broker *b, const char *topic, int32_t partition, int64_t *ret_low,
          int64_t *ret_high, struct cv_err *err)
{
    struct partition *part = find(of(b)->kafka, topic, partition);

    if (of(b)->kafka->silent)
        return cv_fail(err, CV_RETRY, "no answer");
    *ret_low = part->low;
    *ret_high = last_stable(of(b)->kafka, part);
    return CV_OK;
}

static enum cv_rc
mem_attach(struct broker *b, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    struct memory_broker *mb = of(b);

    (void)err;
    for (size_t i = 0; i < parts->count; i++) {
        assert(mb->n_attached < CV_COUNT(mb->attached));
        mb->attached[mb->n_attached++] = (struct attachment){
            .part = find(mb->kafka, parts->items[i].topic, parts->items[i].partition),
            .pos = parts->items[i].offset,
        };
    }
    return CV_OK;
}

static struct attachment *
attachment_of(struct memory_broker *mb, const struct cv_topic_partition *item)
{
    for (size_t i = 0; i < mb->n_attached; i++) {
        if (mb->attached[i].part == find(mb->kafka, item->topic, item->partition))
            return &mb->attached[i];
    }
    return NULL;
}

static enum cv_rc
mem_detach(struct broker *b, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    struct memory_broker *mb = of(b);

    (void)err;
    for (size_t i = 0; i < parts->count; i++) {
        struct attachment *at = attachment_of(mb, &parts->items[i]);

        assert(at != NULL);
        *at = mb->attached[--mb->n_attached];
    }
    return CV_OK;
}

static enum cv_rc
mem_pause(struct broker *b, const struct cv_topic_partitions *parts, bool on, struct cv_err *err)
{
    (void)err;
    for (size_t i = 0; i < parts->count; i++)
        attachment_of(of(b), &parts->items[i])->paused = on;
    return CV_OK;
}

/* The next message or end of one partition. */
static bool
next_of(struct memory_broker *mb, struct attachment *at, struct cv_consumed *out)
{
    int64_t end = last_stable(mb->kafka, at->part);

    while (at->pos < end && !visible(mb->kafka, at->part->records[at->pos]))
        at->pos++;
    if (at->paused || (at->pos >= end && at->eof_told))
        return false;
    *out = (struct cv_consumed){ .topic = at->part->topic,
                                 .partition = at->part->number,
                                 .offset = at->pos,
                                 .timestamp_ms = CV_NO_TIMESTAMP,
                                 .eof = at->pos >= end };
    at->eof_told = out->eof;
    if (!out->eof) {
        const struct memory_record *rec = at->part->records[at->pos++];

        out->timestamp_ms = rec->timestamp_ms;
        out->key = (struct cv_bytes){ rec->key, rec->key_len };
        out->value = (struct cv_bytes){ rec->value, rec->value_len };
    }
    return true;
}

static enum cv_rc
mem_poll(struct broker *b, struct cv_consumed *out, size_t max, int timeout_ms, size_t *ret_count,
         struct cv_err *err)
{
    struct memory_broker *mb = of(b);
    size_t n = 0;

    (void)timeout_ms;
    (void)err;
    for (size_t i = 0; i < mb->n_attached; i++) {
        while (n < max && next_of(mb, &mb->attached[i], &out[n]))
            n++;
    }
    *ret_count = n;
    return CV_OK;
}

static bool
mem_header(struct broker *b, const struct cv_consumed *msg, const char *name, struct cv_bytes *ret)
{
    const char *at = find(of(b)->kafka, msg->topic, msg->partition)->records[msg->offset]->header;
    size_t len = strlen(name);
    bool found = false;

    for (; *at != '\0'; at += strcspn(at, ";") + 1) {
        if (strncmp(at, name, len) != 0 || at[len] != '=')
            continue;
        *ret = (struct cv_bytes){ at + len + 1, strcspn(at + len + 1, ";") };
        found = true;
    }
    return found;
}

static void
mem_free(struct broker *b)
{
    mem_drop(b);
    free(of(b));
}

static const struct broker_ops memory_ops = {
    .open = mem_open,
    .drop = mem_drop,
    .begin = mem_begin,
    .send = mem_send,
    .flush = mem_flush,
    .offsets = mem_offsets,
    .commit = mem_commit,
    .committed = mem_committed,
    .range = mem_range,
    .attach = mem_attach,
    .detach = mem_detach,
    .pause = mem_pause,
    .header = mem_header,
    .poll = mem_poll,
    .free = mem_free,
};

struct broker *
memory_broker_new(struct memory_kafka *kafka, const char *transactional_id)
{
    struct memory_broker *mb = calloc(1, sizeof(*mb));

    mb->base.ops = &memory_ops;
    mb->kafka = kafka;
    snprintf(mb->id, sizeof(mb->id), "%s", transactional_id);
    return &mb->base;
}
