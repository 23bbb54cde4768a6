/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions of the fake cluster: Produce, with the order of sequence numbers that brokers
   keep. */
#include <config.h>

#include <stdlib.h>

#include "tests/helper/fake_kafka_batch.h"
#include "tests/helper/fake_kafka_private.h"

static struct producer *
producer_find(struct partition *part, int64_t id)
{
    for (size_t i = 0; i < part->n_producers; i++) {
        if (part->producers[i].id == id)
            return &part->producers[i];
    }
    return NULL;
}

static struct producer *
producer_of(struct partition *part, const struct fake_batch *batch)
{
    struct producer *producer = producer_find(part, batch->producer_id);

    if (producer == NULL) {
        part->producers =
            realloc(part->producers, (part->n_producers + 1) * sizeof(*part->producers));
        fake_must(part->producers != NULL);
        producer = &part->producers[part->n_producers++];
        *producer = (struct producer){ .id = batch->producer_id, .epoch = batch->epoch };
    }
    if (producer->epoch != batch->epoch)
        *producer = (struct producer){ .id = batch->producer_id, .epoch = batch->epoch };
    return producer;
}

static void
note_batch(struct partition *part, const struct fake_batch *batch)
{
    struct producer *producer = producer_of(part, batch);

    memmove(&producer->batches[1], &producer->batches[0],
            (BATCHES_KNOWN - 1) * sizeof(producer->batches[0]));
    producer->batches[0].first = batch->first_sequence;
    producer->batches[0].last = fake_sequence_add(batch->first_sequence, batch->count - 1);
    producer->batches[0].offset = part->next_offset;
    if (producer->n_batches < BATCHES_KNOWN)
        producer->n_batches++;
}

/* An error code; 0 with *ret_known not -1: this batch is here already. */
static int16_t
check_sequence(struct partition *part, const struct fake_batch *batch, int64_t *ret_known)
{
    const struct producer *producer = producer_find(part, batch->producer_id);
    int32_t last = fake_sequence_add(batch->first_sequence, batch->count - 1), expected;

    if (producer == NULL)
        return batch->first_sequence == 0 ? 0 : CV_WIRE_UNKNOWN_PRODUCER_ID;
    if (batch->epoch < producer->epoch)
        return CV_WIRE_INVALID_PRODUCER_EPOCH;
    if (batch->epoch > producer->epoch || producer->n_batches == 0)
        return batch->first_sequence == 0 ? 0 : CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER;
    for (int i = 0; i < producer->n_batches; i++) {
        if (producer->batches[i].first == batch->first_sequence &&
            producer->batches[i].last == last) {
            *ret_known = producer->batches[i].offset;
            return 0;
        }
    }
    expected = fake_sequence_add(producer->batches[0].last, 1);
    if (batch->first_sequence == expected)
        return 0;
    return last < expected ? CV_WIRE_DUPLICATE_SEQUENCE_NUMBER
                           : CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

static void
append(struct partition *part, const struct fake_batch *batch)
{
    while (part->n_records + batch->n_rows > part->records_cap) {
        part->records_cap = part->records_cap == 0 ? 64 : part->records_cap * 2;
        part->records = realloc(part->records, part->records_cap * sizeof(*part->records));
        fake_must(part->records != NULL);
    }
    for (size_t i = 0; i < batch->n_rows; i++) {
        struct fake_kafka_record *record = &part->records[part->n_records++];

        *record = batch->rows[i];
        record->offset += part->next_offset;
        record->batch = part->n_batches;
        record->txn = batch->transactional ? FAKE_OPEN : FAKE_NO_TXN;
    }
    part->n_batches++;
    part->next_offset += batch->count;
}

/* A Produce request at one of its partitions. */
struct produce {
    struct request *req;
    const char *transactional_id; /* NULL: none */
    const char *topic;
    int32_t partition;
};

/* Take a batch: an error code, or 0 and where it is. */
static int16_t
take_batch(const struct produce *produce, const unsigned char *data, size_t len, int64_t *ret_base)
{
    struct fake_kafka *k = produce->req->k;
    struct partition *part = fake_partition_find(k, produce->topic, produce->partition);
    struct fake_batch batch;
    int64_t known = -1;
    const char *why;
    int16_t error;

    if (part == NULL)
        return CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION;
    if (part->fail_times > 0) {
        part->fail_times--;
        return part->fail_error;
    }
    if (part->leader != produce->req->node->id)
        return CV_WIRE_NOT_LEADER_OR_FOLLOWER;
    if (len > k->max_bytes)
        return CV_WIRE_MESSAGE_TOO_LARGE;
    error = fake_batch_read(data, len, k->arena, &batch, &why);
    if (error != 0) {
        fake_complain(k, "batch of %s-%d: %s", produce->topic, produce->partition, why);
        return error;
    }
    if (batch.transactional != (produce->transactional_id != NULL)) {
        fake_complain(k, "batch of %s-%d: it is transactional, or its request, but not both",
                      produce->topic, produce->partition);
        return CV_WIRE_INVALID_RECORD;
    }
    if (batch.producer_id >= 0) {
        if (batch.transactional)
            error = fake_txn_check(k, produce->transactional_id, batch.producer_id, batch.epoch,
                                   produce->topic, produce->partition);
        if (error == 0)
            error = check_sequence(part, &batch, &known);
        if (error == 0 && known < 0)
            note_batch(part, &batch);
    }
    *ret_base = known >= 0 ? known : part->next_offset;
    if (error == 0 && known < 0)
        append(part, &batch);
    return error;
}

static void
produce_partition(struct produce *produce, bool *inout_failed)
{
    struct request *req = produce->req;
    struct cv_buf *out = req->out;
    const unsigned char *data;
    int64_t base = -1;
    int16_t error = 0;
    int32_t len;

    produce->partition = cv_read_i32(req->in);
    len = cv_read_i32(req->in);
    data = len < 0 ? NULL : cv_read_bytes(req->in, (size_t)len);
    if (data == NULL) {
        req->in->failed = true;
        return;
    }
    if (request_is_done(req))
        error = take_batch(produce, data, (size_t)len, &base);
    error = request_error(req, error);
    *inout_failed = *inout_failed || error != 0;
    cv_buf_be32(out, (uint32_t)produce->partition);
    cv_buf_be16(out, (uint16_t)error);
    cv_buf_be64(out, (uint64_t)(error == 0 ? base : -1));
    cv_buf_be64(out, (uint64_t)-1); /* LogAppendTimeMs */
    cv_buf_be64(out, error == 0 ? 0 : (uint64_t)-1);
}

void
fake_handle_produce(struct request *req)
{
    struct produce produce = { .req = req };
    bool failed = false;
    int16_t acks;
    int32_t n_topics;

    produce.transactional_id = fake_read_string(req->in, req->k->arena);
    acks = cv_read_i16(req->in);
    (void)cv_read_i32(req->in); /* TimeoutMs */
    if (acks < -1 || acks > 1) {
        fake_complain(req->k, "Produce with acks %d", acks);
        req->error = CV_WIRE_INVALID_REQUIRED_ACKS;
        req->error_when = FAKE_BEFORE;
    }
    n_topics = cv_read_i32(req->in);
    cv_buf_be32(req->out, (uint32_t)n_topics);
    for (; n_topics > 0 && !req->in->failed; n_topics--) {
        int32_t n_parts;

        produce.topic = fake_read_string(req->in, req->k->arena);
        n_parts = cv_read_i32(req->in);
        if (produce.topic == NULL) {
            req->in->failed = true;
            return;
        }
        fake_broker_put_string(req->out, produce.topic);
        cv_buf_be32(req->out, (uint32_t)n_parts);
        for (; n_parts > 0 && !req->in->failed; n_parts--)
            produce_partition(&produce, &failed);
    }
    cv_buf_be32(req->out, 0); /* ThrottleTimeMs */
    if (acks == 0) /* nobody waits; a broken connection is all that can tell of an error */
        req->answer = failed ? FAKE_CLOSE : FAKE_SILENCE;
}

void
fake_partition_end_txn(struct partition *part, int64_t producer_id, int16_t epoch,
                       enum fake_kafka_txn how)
{
    for (size_t i = 0; i < part->n_records; i++) {
        struct fake_kafka_record *record = &part->records[i];

        if (record->producer_id == producer_id && record->epoch == epoch &&
            record->txn == FAKE_OPEN)
            record->txn = how;
    }
    part->next_offset++; /* the marker's */
}
