/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses of Kafka's protocol, as far as group membership needs them, and what all
 * messages share.
 *
 * The versions are the highest that are not flexible and that every broker from 2.3 to 4.x takes
 * (TxnOffsetCommit: the lowest that names the group's member, which brokers know from 2.5);
 * layouts are those of Kafka's message definitions. A count is never believed beyond what the bytes
 * left could hold. No state, no thread.
 */
#include <config.h>

#include "common/wire/message.h"

#include <assert.h>

#include "common/wire/message_private.h"

/* api, its name, the version spoken */
#define WIRE_APIS(X)                                                                               \
    X(PRODUCE, "Produce", 7)                                                                       \
    X(METADATA, "Metadata", 4)                                                                     \
    X(FIND_COORDINATOR, "FindCoordinator", 2)                                                      \
    X(JOIN_GROUP, "JoinGroup", 5)                                                                  \
    X(HEARTBEAT, "Heartbeat", 3)                                                                   \
    X(LEAVE_GROUP, "LeaveGroup", 1)                                                                \
    X(SYNC_GROUP, "SyncGroup", 3)                                                                  \
    X(SASL_HANDSHAKE, "SaslHandshake", 1)                                                          \
    X(API_VERSIONS, "ApiVersions", 0)                                                              \
    X(INIT_PRODUCER_ID, "InitProducerId", 1)                                                       \
    X(ADD_PARTITIONS_TO_TXN, "AddPartitionsToTxn", 1)                                              \
    X(ADD_OFFSETS_TO_TXN, "AddOffsetsToTxn", 1)                                                    \
    X(END_TXN, "EndTxn", 1)                                                                        \
    X(TXN_OFFSET_COMMIT, "TxnOffsetCommit", 3)                                                     \
    X(SASL_AUTHENTICATE, "SaslAuthenticate", 1)

#define WIRE_ERRORS(X)                                                                             \
    X(UNKNOWN_SERVER_ERROR)                                                                        \
    X(NONE)                                                                                        \
    X(CORRUPT_MESSAGE)                                                                             \
    X(UNKNOWN_TOPIC_OR_PARTITION)                                                                  \
    X(LEADER_NOT_AVAILABLE)                                                                        \
    X(NOT_LEADER_OR_FOLLOWER)                                                                      \
    X(REQUEST_TIMED_OUT)                                                                           \
    X(MESSAGE_TOO_LARGE)                                                                           \
    X(NETWORK_EXCEPTION)                                                                           \
    X(COORDINATOR_LOAD_IN_PROGRESS)                                                                \
    X(COORDINATOR_NOT_AVAILABLE)                                                                   \
    X(NOT_COORDINATOR)                                                                             \
    X(INVALID_TOPIC_EXCEPTION)                                                                     \
    X(RECORD_LIST_TOO_LARGE)                                                                       \
    X(NOT_ENOUGH_REPLICAS)                                                                         \
    X(NOT_ENOUGH_REPLICAS_AFTER_APPEND)                                                            \
    X(INVALID_REQUIRED_ACKS)                                                                       \
    X(ILLEGAL_GENERATION)                                                                          \
    X(INCONSISTENT_GROUP_PROTOCOL)                                                                 \
    X(INVALID_GROUP_ID)                                                                            \
    X(UNKNOWN_MEMBER_ID)                                                                           \
    X(INVALID_SESSION_TIMEOUT)                                                                     \
    X(REBALANCE_IN_PROGRESS)                                                                       \
    X(INVALID_COMMIT_OFFSET_SIZE)                                                                  \
    X(TOPIC_AUTHORIZATION_FAILED)                                                                  \
    X(GROUP_AUTHORIZATION_FAILED)                                                                  \
    X(CLUSTER_AUTHORIZATION_FAILED)                                                                \
    X(INVALID_TIMESTAMP)                                                                           \
    X(UNSUPPORTED_SASL_MECHANISM)                                                                  \
    X(ILLEGAL_SASL_STATE)                                                                          \
    X(UNSUPPORTED_VERSION)                                                                         \
    X(INVALID_REQUEST)                                                                             \
    X(UNSUPPORTED_FOR_MESSAGE_FORMAT)                                                              \
    X(POLICY_VIOLATION)                                                                            \
    X(OUT_OF_ORDER_SEQUENCE_NUMBER)                                                                \
    X(DUPLICATE_SEQUENCE_NUMBER)                                                                   \
    X(INVALID_PRODUCER_EPOCH)                                                                      \
    X(INVALID_TXN_STATE)                                                                           \
    X(INVALID_PRODUCER_ID_MAPPING)                                                                 \
    X(INVALID_TRANSACTION_TIMEOUT)                                                                 \
    X(CONCURRENT_TRANSACTIONS)                                                                     \
    X(TRANSACTION_COORDINATOR_FENCED)                                                              \
    X(TRANSACTIONAL_ID_AUTHORIZATION_FAILED)                                                       \
    X(OPERATION_NOT_ATTEMPTED)                                                                     \
    X(KAFKA_STORAGE_ERROR)                                                                         \
    X(SASL_AUTHENTICATION_FAILED)                                                                  \
    X(UNKNOWN_PRODUCER_ID)                                                                         \
    X(FENCED_LEADER_EPOCH)                                                                         \
    X(UNKNOWN_LEADER_EPOCH)                                                                        \
    X(UNSUPPORTED_COMPRESSION_TYPE)                                                                \
    X(MEMBER_ID_REQUIRED)                                                                          \
    X(GROUP_MAX_SIZE_REACHED)                                                                      \
    X(FENCED_INSTANCE_ID)                                                                          \
    X(INVALID_RECORD)                                                                              \
    X(UNSTABLE_OFFSET_COMMIT)                                                                      \
    X(THROTTLING_QUOTA_EXCEEDED)                                                                   \
    X(PRODUCER_FENCED)

const char *
cv_wire_error_name(int16_t code)
{
    switch (code) {
#define WIRE_ERROR(name)                                                                           \
    case CV_WIRE_##name:                                                                           \
        return #name;
        WIRE_ERRORS(WIRE_ERROR)
#undef WIRE_ERROR
    default:
        return "error code";
    }
}

const char *
cv_wire_api_name(enum cv_wire_api api)
{
    switch (api) {
#define WIRE_API(id, name, version)                                                                \
    case CV_WIRE_##id:                                                                             \
        return name;
        WIRE_APIS(WIRE_API)
#undef WIRE_API
    default:
        return "?";
    }
}

int16_t
cv_wire_api_version(enum cv_wire_api api)
{
    switch (api) {
#define WIRE_API(id, name, version)                                                                \
    case CV_WIRE_##id:                                                                             \
        return version;
        WIRE_APIS(WIRE_API)
#undef WIRE_API
    default:
        return -1;
    }
}

void
wire_write_string(struct cv_buf *out, const char *str)
{
    size_t len = strlen(str);

    if (len > WIRE_STRING_MAX) {
        if (out->failed == CV_OK)
            out->failed = CV_INVALID;
        return;
    }
    cv_buf_be16(out, (uint16_t)len);
    cv_buf_add(out, str, len);
}

void
wire_write_nullable_string(struct cv_buf *out, const char *str)
{
    if (str == NULL)
        cv_buf_be16(out, (uint16_t)-1);
    else
        wire_write_string(out, str);
}

static void
write_bytes(struct cv_buf *out, const void *data, size_t len)
{
    cv_buf_be32(out, (uint32_t)len);
    if (len > 0)
        cv_buf_add(out, data, len);
}

/* Flexible versions (KIP-482) have tagged fields, also in the request's header. */
static bool
is_flexible(enum cv_wire_api api)
{
    return api == CV_WIRE_TXN_OFFSET_COMMIT;
}

void
cv_wire_frame_begin(struct cv_buf *out, enum cv_wire_api api, int32_t correlation_id,
                    const char *client_id)
{
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)api);
    cv_buf_be16(out, (uint16_t)cv_wire_api_version(api));
    cv_buf_be32(out, (uint32_t)correlation_id);
    wire_write_nullable_string(out, client_id);
    if (is_flexible(api))
        cv_buf_char(out, 0);
}

void
cv_wire_frame_end(struct cv_buf *out, size_t start)
{
    cv_wire_put_u32(out, start, (uint32_t)(out->len - start - 4));
}

void
cv_wire_put_u32(struct cv_buf *out, size_t pos, uint32_t value)
{
    if (out->failed != CV_OK)
        return;
    assert(pos <= out->len && out->len - pos >= 4);
    out->data[pos] = (char)(value >> 24);
    out->data[pos + 1] = (char)(value >> 16);
    out->data[pos + 2] = (char)(value >> 8);
    out->data[pos + 3] = (char)value;
}

void
cv_wire_write_sasl_handshake(struct cv_buf *out, const char *mechanism)
{
    wire_write_string(out, mechanism);
}

void
cv_wire_write_sasl_authenticate(struct cv_buf *out, const void *auth, size_t len)
{
    write_bytes(out, auth, len);
}

void
cv_wire_write_metadata(struct cv_buf *out)
{
    cv_buf_be32(out, 0);
    cv_buf_char(out, 0); /* AllowAutoTopicCreation */
}

void
cv_wire_write_find_coordinator(struct cv_buf *out, const char *group)
{
    wire_write_string(out, group);
    cv_buf_char(out, 0); /* KeyType: group */
}

void
cv_wire_write_join_group(struct cv_buf *out, const struct cv_wire_join *join)
{
    size_t i;

    wire_write_string(out, join->group);
    cv_buf_be32(out, (uint32_t)join->session_timeout_ms);
    cv_buf_be32(out, (uint32_t)join->rebalance_timeout_ms);
    wire_write_string(out, join->member_id);
    wire_write_nullable_string(out, NULL); /* GroupInstanceId */
    wire_write_string(out, join->protocol_type);
    cv_buf_be32(out, (uint32_t)join->n_protocols);
    for (i = 0; i < join->n_protocols; i++) {
        wire_write_string(out, join->protocols[i].name);
        write_bytes(out, join->protocols[i].metadata.data, join->protocols[i].metadata.len);
    }
}

void
cv_wire_write_sync_group(struct cv_buf *out, const struct cv_wire_sync *sync)
{
    size_t i;

    wire_write_string(out, sync->group);
    cv_buf_be32(out, (uint32_t)sync->generation);
    wire_write_string(out, sync->member_id);
    wire_write_nullable_string(out, NULL); /* GroupInstanceId */
    cv_buf_be32(out, (uint32_t)sync->n_assignments);
    for (i = 0; i < sync->n_assignments; i++) {
        wire_write_string(out, sync->assignments[i].member_id);
        write_bytes(out, sync->assignments[i].assignment.data, sync->assignments[i].assignment.len);
    }
}

void
cv_wire_write_heartbeat(struct cv_buf *out, const char *group, int32_t generation,
                        const char *member_id)
{
    wire_write_string(out, group);
    cv_buf_be32(out, (uint32_t)generation);
    wire_write_string(out, member_id);
    wire_write_nullable_string(out, NULL); /* GroupInstanceId */
}

void
cv_wire_write_leave_group(struct cv_buf *out, const char *group, const char *member_id)
{
    wire_write_string(out, group);
    wire_write_string(out, member_id);
}

struct wire_response
wire_response_of(const void *data, size_t len, struct cv_arena *arena)
{
    return (struct wire_response){ .in = cv_reader_of(data, len), .arena = arena };
}

enum cv_rc
wire_response_finish(const struct wire_response *resp, enum cv_wire_api api, struct cv_err *err)
{
    if (resp->no_memory)
        return cv_fail_memory(err);
    if (cv_reader_finish(&resp->in, cv_wire_api_name(api), err) != CV_OK)
        return cv_err_context(err, "cannot read a broker's response");
    return CV_OK;
}

/* len bytes copied with a zero behind them; "" when there are none, and after any failure. */
static void *
copy_bytes(struct wire_response *resp, int32_t len)
{
    static char nothing[1];
    const unsigned char *bytes;
    void *copy;

    if (len < -1)
        resp->in.failed = true;
    if (len <= 0)
        return nothing;
    bytes = cv_read_bytes(&resp->in, (size_t)len);
    if (bytes == NULL)
        return nothing;
    copy = cv_arena_dup(resp->arena, bytes, (size_t)len);
    if (copy != NULL)
        return copy;
    resp->no_memory = true;
    return nothing;
}

char *
wire_read_string(struct wire_response *resp)
{
    return copy_bytes(resp, cv_read_i16(&resp->in));
}

static struct cv_wire_bytes
read_bytes(struct wire_response *resp)
{
    int32_t len = cv_read_i32(&resp->in);
    struct cv_wire_bytes bytes = { .data = copy_bytes(resp, len) };

    if (len > 0 && !resp->in.failed && !resp->no_memory)
        bytes.len = (size_t)len;
    return bytes;
}

size_t
wire_read_count(struct cv_reader *in, size_t min_bytes)
{
    int32_t count = cv_read_i32(in);

    if (count < -1 || (count > 0 && (size_t)count > cv_reader_left(in) / min_bytes)) {
        in->failed = true;
        return 0;
    }
    return count > 0 ? (size_t)count : 0;
}

void *
wire_array_room(struct wire_response *resp, size_t *inout_count, size_t size)
{
    void *room = cv_arena_zalloc(resp->arena, *inout_count * size);

    if (room == NULL) {
        resp->no_memory = true;
        *inout_count = 0;
    }
    return room;
}

enum cv_rc
cv_wire_read_api_versions(const void *data, size_t len, struct cv_arena *arena,
                          struct cv_wire_api_versions *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_api_versions versions = { 0 };
    size_t i;

    versions.error = cv_read_i16(&resp.in);
    versions.n_apis = wire_read_count(&resp.in, 6);
    versions.apis = wire_array_room(&resp, &versions.n_apis, sizeof(*versions.apis));
    for (i = 0; i < versions.n_apis; i++) {
        versions.apis[i].key = cv_read_i16(&resp.in);
        versions.apis[i].min = cv_read_i16(&resp.in);
        versions.apis[i].max = cv_read_i16(&resp.in);
    }
    if (wire_response_finish(&resp, CV_WIRE_API_VERSIONS, err) != CV_OK)
        return err->rc;
    *ret = versions;
    return CV_OK;
}

/* ARRAY<STRING> as one text, with ", " between. */
static char *
read_list(struct wire_response *resp)
{
    size_t count = wire_read_count(&resp->in, 2), start = resp->in.pos, room = 1, used = 0, i;
    char *text;

    for (i = 0; i < count; i++)
        room += strlen(wire_read_string(resp)) + 2;
    text = cv_arena_alloc(resp->arena, room);
    if (text == NULL || resp->in.failed || resp->no_memory) {
        resp->no_memory = resp->no_memory || text == NULL;
        return text;
    }
    resp->in.pos = start;
    text[0] = '\0';
    for (i = 0; i < count; i++) {
        const char *item = wire_read_string(resp);
        size_t len = strlen(item);

        if (i > 0) {
            memcpy(text + used, ", ", 2);
            used += 2;
        }
        memcpy(text + used, item, len + 1);
        used += len;
    }
    return text;
}

enum cv_rc
cv_wire_read_sasl_handshake(const void *data, size_t len, struct cv_arena *arena,
                            struct cv_wire_sasl_handshake *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_sasl_handshake handshake = { 0 };

    handshake.error = cv_read_i16(&resp.in);
    handshake.mechanisms = read_list(&resp);
    if (wire_response_finish(&resp, CV_WIRE_SASL_HANDSHAKE, err) != CV_OK)
        return err->rc;
    *ret = handshake;
    return CV_OK;
}

enum cv_rc
cv_wire_read_sasl_authenticate(const void *data, size_t len, struct cv_arena *arena,
                               struct cv_wire_sasl_authenticate *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_sasl_authenticate answer = { 0 };

    answer.error = cv_read_i16(&resp.in);
    answer.message = wire_read_string(&resp);
    answer.auth = read_bytes(&resp);
    answer.session_lifetime_ms = cv_read_i64(&resp.in);
    if (wire_response_finish(&resp, CV_WIRE_SASL_AUTHENTICATE, err) != CV_OK)
        return err->rc;
    *ret = answer;
    return CV_OK;
}

static struct cv_wire_broker
read_broker(struct wire_response *resp)
{
    struct cv_wire_broker broker = { 0 };

    broker.node = cv_read_i32(&resp->in);
    broker.host = wire_read_string(resp);
    broker.port = cv_read_i32(&resp->in);
    return broker;
}

struct cv_wire_metadata
wire_read_cluster(struct wire_response *resp)
{
    struct cv_wire_metadata metadata = { 0 };

    (void)cv_read_i32(&resp->in); /* ThrottleTimeMs */
    metadata.n_brokers = wire_read_count(&resp->in, 12);
    metadata.brokers = wire_array_room(resp, &metadata.n_brokers, sizeof(*metadata.brokers));
    for (size_t i = 0; i < metadata.n_brokers; i++) {
        metadata.brokers[i] = read_broker(resp);
        (void)wire_read_string(resp); /* Rack */
    }
    metadata.cluster_id = wire_read_string(resp);
    metadata.controller = cv_read_i32(&resp->in);
    return metadata;
}

enum cv_rc
cv_wire_read_metadata(const void *data, size_t len, struct cv_arena *arena,
                      struct cv_wire_metadata *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_metadata metadata = wire_read_cluster(&resp);

    if (cv_read_i32(&resp.in) > 0) /* Topics: none was asked for */
        resp.in.failed = true;
    if (wire_response_finish(&resp, CV_WIRE_METADATA, err) != CV_OK)
        return err->rc;
    *ret = metadata;
    return CV_OK;
}

enum cv_rc
cv_wire_read_find_coordinator(const void *data, size_t len, struct cv_arena *arena,
                              struct cv_wire_find_coordinator *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_find_coordinator found = { 0 };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    found.error = cv_read_i16(&resp.in);
    found.message = wire_read_string(&resp);
    found.broker = read_broker(&resp);
    if (wire_response_finish(&resp, CV_WIRE_FIND_COORDINATOR, err) != CV_OK)
        return err->rc;
    *ret = found;
    return CV_OK;
}

enum cv_rc
cv_wire_read_join_group(const void *data, size_t len, struct cv_arena *arena,
                        struct cv_wire_joined *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_joined joined = { 0 };
    size_t i;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    joined.error = cv_read_i16(&resp.in);
    joined.generation = cv_read_i32(&resp.in);
    joined.protocol = wire_read_string(&resp);
    joined.leader = wire_read_string(&resp);
    joined.member_id = wire_read_string(&resp);
    joined.n_members = wire_read_count(&resp.in, 8);
    joined.members = wire_array_room(&resp, &joined.n_members, sizeof(*joined.members));
    for (i = 0; i < joined.n_members; i++) {
        joined.members[i].id = wire_read_string(&resp);
        (void)wire_read_string(&resp); /* GroupInstanceId */
        joined.members[i].metadata = read_bytes(&resp);
    }
    if (wire_response_finish(&resp, CV_WIRE_JOIN_GROUP, err) != CV_OK)
        return err->rc;
    *ret = joined;
    return CV_OK;
}

enum cv_rc
cv_wire_read_sync_group(const void *data, size_t len, struct cv_arena *arena,
                        struct cv_wire_synced *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_synced synced = { 0 };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    synced.error = cv_read_i16(&resp.in);
    synced.assignment = read_bytes(&resp);
    if (wire_response_finish(&resp, CV_WIRE_SYNC_GROUP, err) != CV_OK)
        return err->rc;
    *ret = synced;
    return CV_OK;
}

enum cv_rc
wire_read_error(const void *data, size_t len, enum cv_wire_api api, int16_t *ret_error,
                struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, NULL);
    int16_t error;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    error = cv_read_i16(&resp.in);
    if (wire_response_finish(&resp, api, err) != CV_OK)
        return err->rc;
    *ret_error = error;
    return CV_OK;
}

enum cv_rc
cv_wire_read_heartbeat(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return wire_read_error(data, len, CV_WIRE_HEARTBEAT, ret_error, err);
}

enum cv_rc
cv_wire_read_leave_group(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return wire_read_error(data, len, CV_WIRE_LEAVE_GROUP, ret_error, err);
}
