/* SPDX-License-Identifier: Apache-2.0 */
/* The transaction coordinator of the fake cluster, and what the group coordinator has to do with
   it. */
#include <config.h>

#include <stdlib.h>

#include "tests/helper/fake_kafka_private.h"

#define TIMEOUT_MAX_MS 900000 /* transaction.max.timeout.ms */

static struct txn *
txn_find(struct fake_kafka *k, const char *id)
{
    for (int i = 0; id != NULL && i < k->n_txns; i++) {
        if (strcmp(k->txns[i].id, id) == 0)
            return &k->txns[i];
    }
    return NULL;
}

static struct txn_part *
part_find(const struct txn *txn, const char *topic, int32_t partition)
{
    struct txn_part *part = txn->parts;

    while (part != NULL && (part->partition != partition || strcmp(part->topic, topic) != 0))
        part = part->next;
    return part;
}

/* Whether a request of a transaction is its producer's: an error code, or 0 and the transaction. */
static int16_t
check_producer(struct request *req, const char *id, int64_t producer_id, int16_t epoch,
               struct txn **ret)
{
    struct txn *txn = txn_find(req->k, id);

    if (req->k->coordinator != req->node->id)
        return CV_WIRE_NOT_COORDINATOR;
    if (txn == NULL || txn->producer_id != producer_id)
        return CV_WIRE_INVALID_PRODUCER_ID_MAPPING;
    if (txn->epoch != epoch)
        return CV_WIRE_INVALID_PRODUCER_EPOCH;
    *ret = txn;
    return 0;
}

int16_t
fake_txn_check(struct fake_kafka *k, const char *transactional_id, int64_t producer_id,
               int16_t epoch, const char *topic, int32_t partition)
{
    const struct txn *txn = txn_find(k, transactional_id);

    if (txn == NULL || txn->producer_id != producer_id)
        return CV_WIRE_INVALID_PRODUCER_ID_MAPPING;
    if (epoch != txn->epoch)
        return CV_WIRE_INVALID_PRODUCER_EPOCH;
    if (txn->state != TXN_ONGOING || part_find(txn, topic, partition) == NULL)
        return CV_WIRE_INVALID_TXN_STATE;
    return 0;
}

static void
end_txn(struct fake_kafka *k, struct txn *txn, bool commit)
{
    struct txn_offset *last = txn->offsets;

    for (const struct txn_part *at = txn->parts; at != NULL; at = at->next) {
        struct partition *part = fake_partition_find(k, at->topic, at->partition);

        if (part != NULL)
            fake_partition_end_txn(part, txn->producer_id, txn->epoch,
                                   commit ? FAKE_COMMITTED : FAKE_ABORTED);
    }
    if (commit && last != NULL) {
        while (last->next != NULL)
            last = last->next;
        last->next = k->committed;
        k->committed = txn->offsets;
    }
    txn->parts = NULL;
    txn->offsets = NULL;
    txn->group = NULL;
    txn->state = commit ? TXN_COMMITTED : TXN_ABORTED;
}

/* A new epoch, which fences who has the old one and aborts his transaction. */
static struct txn *
txn_begin_epoch(struct fake_kafka *k, const char *id)
{
    struct txn *txn = txn_find(k, id);

    if (txn == NULL) {
        fake_must(k->n_txns < TXNS_MAX);
        txn = &k->txns[k->n_txns++];
        *txn = (struct txn){ .id = cv_arena_strdup(k->arena, id),
                             .producer_id = k->next_producer_id++,
                             .epoch = -1 };
    }
    if (txn->state == TXN_ONGOING)
        end_txn(k, txn, false);
    txn->state = TXN_EMPTY;
    if (txn->epoch < INT16_MAX - 1) {
        txn->epoch++;
    } else {
        txn->producer_id = k->next_producer_id++;
        txn->epoch = 0;
    }
    return txn;
}

void
fake_handle_init_producer_id(struct request *req)
{
    struct fake_kafka *k = req->k;
    const char *id = fake_read_string(req->in, k->arena);
    int32_t timeout_ms = cv_read_i32(req->in);
    int64_t producer_id = -1;
    int16_t epoch = -1, error = 0;

    if (req->in->failed)
        return;
    if (id != NULL && k->coordinator != req->node->id) {
        error = CV_WIRE_NOT_COORDINATOR;
    } else if (id != NULL && (timeout_ms <= 0 || timeout_ms > TIMEOUT_MAX_MS)) {
        error = CV_WIRE_INVALID_TRANSACTION_TIMEOUT;
    } else if (request_is_done(req) && id == NULL) {
        producer_id = k->next_producer_id++;
        epoch = 0;
    } else if (request_is_done(req)) {
        const struct txn *txn = txn_begin_epoch(k, id);

        producer_id = txn->producer_id;
        epoch = txn->epoch;
    }
    error = request_error(req, error);
    cv_buf_be32(req->out, 0);
    cv_buf_be16(req->out, (uint16_t)error);
    cv_buf_be64(req->out, (uint64_t)(error == 0 ? producer_id : -1));
    cv_buf_be16(req->out, (uint16_t)(error == 0 ? epoch : -1));
}

/* A partition that is to be added, and what is said about it. */
struct adding {
    const char *topic;
    int32_t partition;
    bool first; /* of its topic; the count of them then */
    int32_t n_parts;
};

/* The partitions that are asked for; how many there are. */
static size_t
read_adding(struct request *req, struct adding *ret, size_t max)
{
    size_t n = 0;

    for (int32_t topics = cv_read_i32(req->in); topics > 0 && !req->in->failed; topics--) {
        const char *topic = fake_read_string(req->in, req->k->arena);
        int32_t n_parts = cv_read_i32(req->in);

        for (int32_t i = 0; i < n_parts && !req->in->failed; i++) {
            fake_must(n < max);
            ret[n++] = (struct adding){ .topic = topic == NULL ? "" : topic,
                                        .partition = cv_read_i32(req->in),
                                        .first = i == 0,
                                        .n_parts = n_parts };
        }
    }
    return n;
}

static void
add_all(struct request *req, struct txn *txn, const struct adding *adding, size_t n)
{
    txn->state = TXN_ONGOING;
    for (size_t i = 0; i < n; i++) {
        struct txn_part *part;

        if (part_find(txn, adding[i].topic, adding[i].partition) != NULL)
            continue;
        part = cv_arena_zalloc(req->k->arena, sizeof(*part));
        *part = (struct txn_part){ .next = txn->parts,
                                   .topic = cv_arena_strdup(req->k->arena, adding[i].topic),
                                   .partition = adding[i].partition };
        txn->parts = part;
    }
}

void
fake_handle_add_partitions(struct request *req)
{
    static const size_t max = 1024;
    struct fake_kafka *k = req->k;
    struct adding *adding = cv_arena_zalloc(k->arena, max * sizeof(*adding));
    const char *id = fake_read_string(req->in, k->arena);
    int64_t producer_id = cv_read_i64(req->in);
    int16_t epoch = cv_read_i16(req->in);
    struct txn *txn = NULL;
    size_t n = read_adding(req, adding, max), n_topics = 0, unknown = 0;
    int16_t error = check_producer(req, id, producer_id, epoch, &txn);

    if (req->in->failed)
        return;
    for (size_t i = 0; i < n; i++) {
        n_topics += adding[i].first;
        unknown += fake_partition_find(k, adding[i].topic, adding[i].partition) == NULL;
    }
    if (error == 0 && unknown == 0 && request_is_done(req))
        add_all(req, txn, adding, n);
    error = request_error(req, error);
    cv_buf_be32(req->out, 0);
    cv_buf_be32(req->out, (uint32_t)n_topics);
    for (size_t i = 0; i < n; i++) {
        int16_t told = error;

        if (error == 0 && unknown > 0)
            told = fake_partition_find(k, adding[i].topic, adding[i].partition) == NULL
                       ? CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION
                       : CV_WIRE_OPERATION_NOT_ATTEMPTED;
        if (adding[i].first) {
            fake_broker_put_string(req->out, adding[i].topic);
            cv_buf_be32(req->out, (uint32_t)adding[i].n_parts);
        }
        cv_buf_be32(req->out, (uint32_t)adding[i].partition);
        cv_buf_be16(req->out, (uint16_t)told);
    }
}

void
fake_handle_add_offsets(struct request *req)
{
    const char *id = fake_read_string(req->in, req->k->arena);
    int64_t producer_id = cv_read_i64(req->in);
    int16_t epoch = cv_read_i16(req->in);
    char *group = fake_read_string(req->in, req->k->arena);
    struct txn *txn = NULL;
    int16_t error = check_producer(req, id, producer_id, epoch, &txn);

    if (req->in->failed)
        return;
    if (error == 0 && request_is_done(req)) {
        txn->group = group;
        txn->state = TXN_ONGOING;
    }
    cv_buf_be32(req->out, 0);
    cv_buf_be16(req->out, (uint16_t)request_error(req, error));
}

void
fake_handle_end_txn(struct request *req)
{
    const char *id = fake_read_string(req->in, req->k->arena);
    int64_t producer_id = cv_read_i64(req->in);
    int16_t epoch = cv_read_i16(req->in);
    bool commit = cv_read_u8(req->in);
    struct txn *txn = NULL;
    int16_t error = check_producer(req, id, producer_id, epoch, &txn);

    if (req->in->failed)
        return;
    /* Asked again for the end that it had, it is well; nothing begun cannot end. */
    if (error == 0 && txn->state != TXN_ONGOING &&
        txn->state != (commit ? TXN_COMMITTED : TXN_ABORTED))
        error = CV_WIRE_INVALID_TXN_STATE;
    if (error == 0 && txn->state == TXN_ONGOING && request_is_done(req))
        end_txn(req->k, txn, commit);
    cv_buf_be32(req->out, 0);
    cv_buf_be16(req->out, (uint16_t)request_error(req, error));
}

static uint32_t
read_varint(struct cv_reader *in)
{
    uint32_t value = 0;
    uint8_t byte;
    unsigned shift = 0;

    do {
        byte = cv_read_u8(in);
        value |= (uint32_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80 && shift < 32);
    in->failed = in->failed || byte >= 0x80;
    return value;
}

static void
put_varint(struct cv_buf *out, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        cv_buf_char(out, (char)(value | 0x80));
    cv_buf_char(out, (char)value);
}

/* COMPACT_STRING; null as NULL. */
static char *
read_compact(struct request *req)
{
    uint32_t more = read_varint(req->in);
    const unsigned char *bytes = more == 0 ? NULL : cv_read_bytes(req->in, more - 1);

    return bytes == NULL ? NULL : cv_arena_dup(req->k->arena, bytes, more - 1);
}

static void
read_no_tags(struct cv_reader *in)
{
    if (cv_read_u8(in) != 0)
        in->failed = true;
}

/* TxnOffsetCommit as far as its topics, and what it is answered for each. */
struct offsets {
    const char *id, *group, *member, *instance;
    int64_t producer_id;
    int16_t epoch;
    int32_t generation;
    int16_t error;
    struct txn *txn;
};

static int16_t
check_member(const struct fake_kafka *k, const struct offsets *offsets)
{
    if (k->group == NULL || offsets->group == NULL || strcmp(k->group, offsets->group) != 0)
        return 0;
    if (offsets->member == NULL || strcmp(offsets->member, k->group_member) != 0)
        return CV_WIRE_UNKNOWN_MEMBER_ID;
    return offsets->generation == k->group_generation ? 0 : CV_WIRE_ILLEGAL_GENERATION;
}

static int16_t
check_offsets(struct request *req, struct offsets *offsets)
{
    int16_t error =
        check_producer(req, offsets->id, offsets->producer_id, offsets->epoch, &offsets->txn);

    if (error == 0)
        error = check_member(req->k, offsets);
    if (error == 0 && (offsets->txn->group == NULL || offsets->group == NULL ||
                       strcmp(offsets->txn->group, offsets->group) != 0)) {
        fake_complain(req->k, "TxnOffsetCommit of a group that AddOffsetsToTxn did not announce");
        error = CV_WIRE_INVALID_TXN_STATE;
    }
    return error;
}

static void
take_offset(struct request *req, const struct offsets *offsets, char *topic)
{
    struct txn_offset *offset = cv_arena_zalloc(req->k->arena, sizeof(*offset));

    offset->group = cv_arena_strdup(req->k->arena, offsets->group == NULL ? "" : offsets->group);
    offset->topic = topic;
    offset->partition = cv_read_i32(req->in);
    offset->offset = cv_read_i64(req->in);
    (void)cv_read_i32(req->in); /* CommittedLeaderEpoch */
    (void)read_compact(req);    /* CommittedMetadata */
    read_no_tags(req->in);
    cv_buf_be32(req->out, (uint32_t)offset->partition);
    cv_buf_be16(req->out, (uint16_t)request_error(req, offsets->error));
    cv_buf_char(req->out, 0);
    if (offsets->error == 0 && !req->in->failed && request_is_done(req)) {
        offset->next = offsets->txn->offsets;
        offsets->txn->offsets = offset;
    }
}

void
fake_handle_txn_offset_commit(struct request *req)
{
    struct offsets offsets = { 0 };
    struct cv_reader *in = req->in;
    uint32_t n_topics;

    read_no_tags(in); /* of the request's header */
    offsets.id = read_compact(req);
    offsets.group = read_compact(req);
    offsets.producer_id = cv_read_i64(in);
    offsets.epoch = cv_read_i16(in);
    offsets.generation = cv_read_i32(in);
    offsets.member = read_compact(req);
    offsets.instance = read_compact(req);
    req->k->instance = offsets.instance;
    offsets.error = check_offsets(req, &offsets);
    cv_buf_char(req->out, 0); /* tags of the response's header */
    cv_buf_be32(req->out, 0); /* ThrottleTimeMs */
    n_topics = read_varint(in);
    put_varint(req->out, n_topics);
    for (; n_topics > 1 && !in->failed; n_topics--) {
        char *topic = read_compact(req);
        uint32_t n_parts = read_varint(in);

        if (topic == NULL) {
            in->failed = true;
            return;
        }
        put_varint(req->out, (uint32_t)strlen(topic) + 1);
        cv_buf_str(req->out, topic);
        put_varint(req->out, n_parts);
        for (; n_parts > 1 && !in->failed; n_parts--)
            take_offset(req, &offsets, topic);
        read_no_tags(in);
        cv_buf_char(req->out, 0);
    }
    read_no_tags(in);
    cv_buf_char(req->out, 0);
}
