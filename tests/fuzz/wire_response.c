/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of a broker's answer; the first says of which request. Beyond not crashing:
 * what is refused says why, and what is read lies within the answer or in the arena. Metadata is
 * asked for in two ways: with the highest bit of the first byte it is one of topics.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/wire/message.h"
#include "common/wire/produce.h"

#define TOPIC_METADATA (0x80 | CV_WIRE_METADATA)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
must_lie_in(const struct cv_wire_bytes *bytes, const uint8_t *data, size_t size)
{
    const uint8_t *at = bytes->data;
    volatile uint8_t last;

    if (bytes->len == 0)
        return;
    must(bytes->len <= size);
    last = at[0];
    last = at[bytes->len - 1]; /* the address sanitizer looks */
    (void)last;
    (void)data;
}

static void
must_be_text(const char *text)
{
    must(text == NULL || strlen(text) < (size_t)1 << 20);
}

static enum cv_rc
read_joined(const uint8_t *data, size_t size, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_wire_joined joined = { 0 };
    enum cv_rc rc = cv_wire_read_join_group(data, size, arena, &joined, err);

    for (size_t i = 0; rc == CV_OK && i < joined.n_members; i++) {
        must_be_text(joined.members[i].id);
        must_lie_in(&joined.members[i].metadata, data, size);
    }
    must_be_text(joined.leader);
    return rc;
}

static enum cv_rc
read_metadata(const uint8_t *data, size_t size, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_wire_metadata metadata = { 0 };
    enum cv_rc rc = cv_wire_read_metadata(data, size, arena, &metadata, err);

    for (size_t i = 0; rc == CV_OK && i < metadata.n_brokers; i++)
        must_be_text(metadata.brokers[i].host);
    return rc;
}

static enum cv_rc
read_topics(const uint8_t *data, size_t size, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_wire_topic_metadata metadata = { 0 };
    enum cv_rc rc = cv_wire_read_topic_metadata(data, size, arena, &metadata, err);
    volatile int32_t leader = 0;

    if (rc == CV_OK)
        must_be_text(metadata.cluster_id);
    for (size_t i = 0; rc == CV_OK && i < metadata.n_brokers; i++)
        must_be_text(metadata.brokers[i].host);
    for (size_t i = 0; rc == CV_OK && i < metadata.n_topics; i++) {
        must_be_text(metadata.topics[i].name);
        for (size_t j = 0; j < metadata.topics[i].n_partitions; j++)
            leader = metadata.topics[i].partitions[j].leader;
    }
    (void)leader;
    return rc;
}

static enum cv_rc
read_produced(const uint8_t *data, size_t size, struct cv_err *err)
{
    struct cv_wire_produced produced = cv_wire_read_produced(data, size);
    size_t n = 0;

    while (cv_wire_produced_next(&produced)) {
        const uint8_t *topic = (const uint8_t *)produced.topic;

        must(topic >= data && topic + produced.topic_len <= data + size);
        must(++n <= size);
    }
    must(!cv_wire_produced_next(&produced));
    return cv_wire_produced_finish(&produced, err);
}

static enum cv_rc
read_one(uint8_t api, const uint8_t *data, size_t size, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_wire_api_versions versions = { 0 };
    struct cv_wire_sasl_handshake handshake = { 0 };
    struct cv_wire_sasl_authenticate auth = { 0 };
    struct cv_wire_find_coordinator coordinator = { 0 };
    struct cv_wire_synced synced = { 0 };
    struct cv_wire_producer_id producer = { 0 };
    int16_t error = 0;
    struct cv_bytes added;
    enum cv_rc rc;

    switch (api) {
    case CV_WIRE_API_VERSIONS:
        return cv_wire_read_api_versions(data, size, arena, &versions, err);
    case CV_WIRE_SASL_HANDSHAKE:
        rc = cv_wire_read_sasl_handshake(data, size, arena, &handshake, err);
        must_be_text(handshake.mechanisms);
        return rc;
    case CV_WIRE_SASL_AUTHENTICATE:
        rc = cv_wire_read_sasl_authenticate(data, size, arena, &auth, err);
        if (rc == CV_OK)
            must_lie_in(&auth.auth, data, size);
        return rc;
    case CV_WIRE_METADATA:
        return read_metadata(data, size, arena, err);
    case CV_WIRE_FIND_COORDINATOR:
        rc = cv_wire_read_find_coordinator(data, size, arena, &coordinator, err);
        must_be_text(coordinator.broker.host);
        return rc;
    case CV_WIRE_JOIN_GROUP:
        return read_joined(data, size, arena, err);
    case CV_WIRE_SYNC_GROUP:
        return cv_wire_read_sync_group(data, size, arena, &synced, err);
    case CV_WIRE_HEARTBEAT:
        return cv_wire_read_heartbeat(data, size, &error, err);
    case CV_WIRE_LEAVE_GROUP:
        return cv_wire_read_leave_group(data, size, &error, err);
    case TOPIC_METADATA:
        return read_topics(data, size, arena, err);
    case CV_WIRE_INIT_PRODUCER_ID:
        return cv_wire_read_init_producer_id(data, size, &producer, err);
    case CV_WIRE_PRODUCE:
        return read_produced(data, size, err);
    case CV_WIRE_ADD_PARTITIONS_TO_TXN:
        return cv_wire_read_add_partitions(data, size, &error, &added, err);
    case CV_WIRE_ADD_OFFSETS_TO_TXN:
        return cv_wire_read_add_offsets(data, size, &error, err);
    case CV_WIRE_END_TXN:
        return cv_wire_read_end_txn(data, size, &error, err);
    case CV_WIRE_TXN_OFFSET_COMMIT:
        return cv_wire_read_txn_offsets(data, size, &error, err);
    default:
        return CV_OK;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc;

    must(arena != NULL);
    if (size > 0) {
        rc = read_one(data[0], data + 1, size - 1, arena, &err);
        must(rc == CV_OK || err.text[0] != '\0');
    }
    cv_arena_free(arena);
    return 0;
}
