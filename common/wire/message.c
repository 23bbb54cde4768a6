/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses of Kafka's protocol, as far as group membership needs them.
 *
 * The versions are the highest that are not flexible and that every broker from 2.3 to 4.x takes;
 * layouts are those of Kafka's message definitions. A count is never believed beyond what the bytes
 * left could hold. No state, no thread.
 */
#include <config.h>

#include "common/wire/message.h"

#include "common/reader.h"

#define STRING_MAX 32767

/* api, its name, the version spoken */
#define WIRE_APIS(X)                                                                               \
    X(METADATA, "Metadata", 4)                                                                     \
    X(FIND_COORDINATOR, "FindCoordinator", 2)                                                      \
    X(JOIN_GROUP, "JoinGroup", 5)                                                                  \
    X(HEARTBEAT, "Heartbeat", 3)                                                                   \
    X(LEAVE_GROUP, "LeaveGroup", 1)                                                                \
    X(SYNC_GROUP, "SyncGroup", 3)                                                                  \
    X(SASL_HANDSHAKE, "SaslHandshake", 1)                                                          \
    X(API_VERSIONS, "ApiVersions", 0)                                                              \
    X(SASL_AUTHENTICATE, "SaslAuthenticate", 1)

#define WIRE_ERRORS(X)                                                                             \
    X(UNKNOWN_SERVER_ERROR)                                                                        \
    X(NONE)                                                                                        \
    X(REQUEST_TIMED_OUT)                                                                           \
    X(COORDINATOR_LOAD_IN_PROGRESS)                                                                \
    X(COORDINATOR_NOT_AVAILABLE)                                                                   \
    X(NOT_COORDINATOR)                                                                             \
    X(ILLEGAL_GENERATION)                                                                          \
    X(INCONSISTENT_GROUP_PROTOCOL)                                                                 \
    X(INVALID_GROUP_ID)                                                                            \
    X(UNKNOWN_MEMBER_ID)                                                                           \
    X(INVALID_SESSION_TIMEOUT)                                                                     \
    X(REBALANCE_IN_PROGRESS)                                                                       \
    X(GROUP_AUTHORIZATION_FAILED)                                                                  \
    X(UNSUPPORTED_SASL_MECHANISM)                                                                  \
    X(ILLEGAL_SASL_STATE)                                                                          \
    X(UNSUPPORTED_VERSION)                                                                         \
    X(SASL_AUTHENTICATION_FAILED)                                                                  \
    X(MEMBER_ID_REQUIRED)                                                                          \
    X(GROUP_MAX_SIZE_REACHED)                                                                      \
    X(FENCED_INSTANCE_ID)

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

static void
write_string(struct cv_buf *out, const char *str)
{
    size_t len = strlen(str);

    if (len > STRING_MAX) {
        if (out->failed == CV_OK)
            out->failed = CV_INVALID;
        return;
    }
    cv_buf_be16(out, (uint16_t)len);
    cv_buf_add(out, str, len);
}

static void
write_null_string(struct cv_buf *out)
{
    cv_buf_be16(out, (uint16_t)-1);
}

static void
write_bytes(struct cv_buf *out, const void *data, size_t len)
{
    cv_buf_be32(out, (uint32_t)len);
    if (len > 0)
        cv_buf_add(out, data, len);
}

void
cv_wire_frame_begin(struct cv_buf *out, enum cv_wire_api api, int32_t correlation_id,
                    const char *client_id)
{
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)api);
    cv_buf_be16(out, (uint16_t)cv_wire_api_version(api));
    cv_buf_be32(out, (uint32_t)correlation_id);
    if (client_id == NULL)
        write_null_string(out);
    else
        write_string(out, client_id);
}

void
cv_wire_frame_end(struct cv_buf *out)
{
    uint32_t size = (uint32_t)(out->len - 4);

    if (out->failed != CV_OK)
        return;
    out->data[0] = (char)(size >> 24);
    out->data[1] = (char)(size >> 16);
    out->data[2] = (char)(size >> 8);
    out->data[3] = (char)size;
}

void
cv_wire_write_sasl_handshake(struct cv_buf *out, const char *mechanism)
{
    write_string(out, mechanism);
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
    write_string(out, group);
    cv_buf_char(out, 0); /* KeyType: group */
}

void
cv_wire_write_join_group(struct cv_buf *out, const struct cv_wire_join *join)
{
    size_t i;

    write_string(out, join->group);
    cv_buf_be32(out, (uint32_t)join->session_timeout_ms);
    cv_buf_be32(out, (uint32_t)join->rebalance_timeout_ms);
    write_string(out, join->member_id);
    write_null_string(out); /* GroupInstanceId */
    write_string(out, join->protocol_type);
    cv_buf_be32(out, (uint32_t)join->n_protocols);
    for (i = 0; i < join->n_protocols; i++) {
        write_string(out, join->protocols[i].name);
        write_bytes(out, join->protocols[i].metadata.data, join->protocols[i].metadata.len);
    }
}

void
cv_wire_write_sync_group(struct cv_buf *out, const struct cv_wire_sync *sync)
{
    size_t i;

    write_string(out, sync->group);
    cv_buf_be32(out, (uint32_t)sync->generation);
    write_string(out, sync->member_id);
    write_null_string(out); /* GroupInstanceId */
    cv_buf_be32(out, (uint32_t)sync->n_assignments);
    for (i = 0; i < sync->n_assignments; i++) {
        write_string(out, sync->assignments[i].member_id);
        write_bytes(out, sync->assignments[i].assignment.data, sync->assignments[i].assignment.len);
    }
}

void
cv_wire_write_heartbeat(struct cv_buf *out, const char *group, int32_t generation,
                        const char *member_id)
{
    write_string(out, group);
    cv_buf_be32(out, (uint32_t)generation);
    write_string(out, member_id);
    write_null_string(out); /* GroupInstanceId */
}

void
cv_wire_write_leave_group(struct cv_buf *out, const char *group, const char *member_id)
{
    write_string(out, group);
    write_string(out, member_id);
}

/* A response being read: the reader, where copies go, and whether memory ran out. */
struct response {
    struct cv_reader in;
    struct cv_arena *arena;
    bool no_memory;
};

static struct response
response_of(const void *data, size_t len, struct cv_arena *arena)
{
    return (struct response){ .in = cv_reader_of(data, len), .arena = arena };
}

static enum cv_rc
response_finish(const struct response *resp, enum cv_wire_api api, struct cv_err *err)
{
    if (resp->no_memory)
        return cv_fail_memory(err);
    if (cv_reader_finish(&resp->in, cv_wire_api_name(api), err) != CV_OK)
        return cv_err_context(err, "cannot read a broker's response");
    return CV_OK;
}

/* len bytes copied with a zero behind them; "" when there are none, and after any failure. */
static void *
copy_bytes(struct response *resp, int32_t len)
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

static char *
read_string(struct response *resp)
{
    return copy_bytes(resp, cv_read_i16(&resp->in));
}

static struct cv_wire_bytes
read_bytes(struct response *resp)
{
    int32_t len = cv_read_i32(&resp->in);
    struct cv_wire_bytes bytes = { .data = copy_bytes(resp, len) };

    if (len > 0 && !resp->in.failed && !resp->no_memory)
        bytes.len = (size_t)len;
    return bytes;
}

/* The count of an array whose elements take at least min_bytes each; 0 for null and after any
 * failure. */
static size_t
read_count(struct response *resp, size_t min_bytes)
{
    int32_t count = cv_read_i32(&resp->in);

    if (count < -1 || (count > 0 && (size_t)count > cv_reader_left(&resp->in) / min_bytes)) {
        resp->in.failed = true;
        return 0;
    }
    return count > 0 ? (size_t)count : 0;
}

/* Zeroed room for an array; *inout_count becomes 0 when memory is out. */
static void *
array_room(struct response *resp, size_t *inout_count, size_t size)
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
    struct response resp = response_of(data, len, arena);
    struct cv_wire_api_versions versions = { 0 };
    size_t i;

    versions.error = cv_read_i16(&resp.in);
    versions.n_apis = read_count(&resp, 6);
    versions.apis = array_room(&resp, &versions.n_apis, sizeof(*versions.apis));
    for (i = 0; i < versions.n_apis; i++) {
        versions.apis[i].key = cv_read_i16(&resp.in);
        versions.apis[i].min = cv_read_i16(&resp.in);
        versions.apis[i].max = cv_read_i16(&resp.in);
    }
    if (response_finish(&resp, CV_WIRE_API_VERSIONS, err) != CV_OK)
        return err->rc;
    *ret = versions;
    return CV_OK;
}

/* ARRAY<STRING> as one text, with ", " between. */
static char *
read_list(struct response *resp)
{
    size_t count = read_count(resp, 2), start = resp->in.pos, room = 1, used = 0, i;
    char *text;

    for (i = 0; i < count; i++)
        room += strlen(read_string(resp)) + 2;
    text = cv_arena_alloc(resp->arena, room);
    if (text == NULL || resp->in.failed || resp->no_memory) {
        resp->no_memory = resp->no_memory || text == NULL;
        return text;
    }
    resp->in.pos = start;
    text[0] = '\0';
    for (i = 0; i < count; i++) {
        const char *item = read_string(resp);
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
    struct response resp = response_of(data, len, arena);
    struct cv_wire_sasl_handshake handshake = { 0 };

    handshake.error = cv_read_i16(&resp.in);
    handshake.mechanisms = read_list(&resp);
    if (response_finish(&resp, CV_WIRE_SASL_HANDSHAKE, err) != CV_OK)
        return err->rc;
    *ret = handshake;
    return CV_OK;
}

enum cv_rc
cv_wire_read_sasl_authenticate(const void *data, size_t len, struct cv_arena *arena,
                               struct cv_wire_sasl_authenticate *ret, struct cv_err *err)
{
    struct response resp = response_of(data, len, arena);
    struct cv_wire_sasl_authenticate answer = { 0 };

    answer.error = cv_read_i16(&resp.in);
    answer.message = read_string(&resp);
    answer.auth = read_bytes(&resp);
    answer.session_lifetime_ms = cv_read_i64(&resp.in);
    if (response_finish(&resp, CV_WIRE_SASL_AUTHENTICATE, err) != CV_OK)
        return err->rc;
    *ret = answer;
    return CV_OK;
}

static struct cv_wire_broker
read_broker(struct response *resp)
{
    struct cv_wire_broker broker = { 0 };

    broker.node = cv_read_i32(&resp->in);
    broker.host = read_string(resp);
    broker.port = cv_read_i32(&resp->in);
    return broker;
}

enum cv_rc
cv_wire_read_metadata(const void *data, size_t len, struct cv_arena *arena,
                      struct cv_wire_metadata *ret, struct cv_err *err)
{
    struct response resp = response_of(data, len, arena);
    struct cv_wire_metadata metadata = { 0 };
    size_t i;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    metadata.n_brokers = read_count(&resp, 12);
    metadata.brokers = array_room(&resp, &metadata.n_brokers, sizeof(*metadata.brokers));
    for (i = 0; i < metadata.n_brokers; i++) {
        metadata.brokers[i] = read_broker(&resp);
        (void)read_string(&resp); /* Rack */
    }
    metadata.cluster_id = read_string(&resp);
    metadata.controller = cv_read_i32(&resp.in);
    if (cv_read_i32(&resp.in) > 0) /* Topics: none was asked for */
        resp.in.failed = true;
    if (response_finish(&resp, CV_WIRE_METADATA, err) != CV_OK)
        return err->rc;
    *ret = metadata;
    return CV_OK;
}

enum cv_rc
cv_wire_read_find_coordinator(const void *data, size_t len, struct cv_arena *arena,
                              struct cv_wire_find_coordinator *ret, struct cv_err *err)
{
    struct response resp = response_of(data, len, arena);
    struct cv_wire_find_coordinator found = { 0 };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    found.error = cv_read_i16(&resp.in);
    found.message = read_string(&resp);
    found.broker = read_broker(&resp);
    if (response_finish(&resp, CV_WIRE_FIND_COORDINATOR, err) != CV_OK)
        return err->rc;
    *ret = found;
    return CV_OK;
}

enum cv_rc
cv_wire_read_join_group(const void *data, size_t len, struct cv_arena *arena,
                        struct cv_wire_joined *ret, struct cv_err *err)
{
    struct response resp = response_of(data, len, arena);
    struct cv_wire_joined joined = { 0 };
    size_t i;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    joined.error = cv_read_i16(&resp.in);
    joined.generation = cv_read_i32(&resp.in);
    joined.protocol = read_string(&resp);
    joined.leader = read_string(&resp);
    joined.member_id = read_string(&resp);
    joined.n_members = read_count(&resp, 8);
    joined.members = array_room(&resp, &joined.n_members, sizeof(*joined.members));
    for (i = 0; i < joined.n_members; i++) {
        joined.members[i].id = read_string(&resp);
        (void)read_string(&resp); /* GroupInstanceId */
        joined.members[i].metadata = read_bytes(&resp);
    }
    if (response_finish(&resp, CV_WIRE_JOIN_GROUP, err) != CV_OK)
        return err->rc;
    *ret = joined;
    return CV_OK;
}

enum cv_rc
cv_wire_read_sync_group(const void *data, size_t len, struct cv_arena *arena,
                        struct cv_wire_synced *ret, struct cv_err *err)
{
    struct response resp = response_of(data, len, arena);
    struct cv_wire_synced synced = { 0 };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    synced.error = cv_read_i16(&resp.in);
    synced.assignment = read_bytes(&resp);
    if (response_finish(&resp, CV_WIRE_SYNC_GROUP, err) != CV_OK)
        return err->rc;
    *ret = synced;
    return CV_OK;
}

static enum cv_rc
read_error(const void *data, size_t len, enum cv_wire_api api, int16_t *ret_error,
           struct cv_err *err)
{
    struct response resp = response_of(data, len, NULL);
    int16_t error;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    error = cv_read_i16(&resp.in);
    if (response_finish(&resp, api, err) != CV_OK)
        return err->rc;
    *ret_error = error;
    return CV_OK;
}

enum cv_rc
cv_wire_read_heartbeat(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return read_error(data, len, CV_WIRE_HEARTBEAT, ret_error, err);
}

enum cv_rc
cv_wire_read_leave_group(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return read_error(data, len, CV_WIRE_LEAVE_GROUP, ret_error, err);
}
