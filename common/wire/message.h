/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka requests that we speak ourselves, each at one version: writers of request bodies,
 * readers of response bodies. Here those of opening a connection and of group membership; those of
 * a producer are in produce.h.
 *
 * Readers copy what they keep into the arena given; strings end in a zero byte, and a null string
 * reads as "". On failure *ret is untouched and the class is CV_INVALID.
 */
#ifndef COMMON_WIRE_MESSAGE_H
#define COMMON_WIRE_MESSAGE_H

#include "common/arena.h"
#include "common/buf.h"

enum cv_wire_api {
    CV_WIRE_PRODUCE = 0,
    CV_WIRE_METADATA = 3,
    CV_WIRE_FIND_COORDINATOR = 10,
    CV_WIRE_JOIN_GROUP = 11,
    CV_WIRE_HEARTBEAT = 12,
    CV_WIRE_LEAVE_GROUP = 13,
    CV_WIRE_SYNC_GROUP = 14,
    CV_WIRE_SASL_HANDSHAKE = 17,
    CV_WIRE_API_VERSIONS = 18,
    CV_WIRE_INIT_PRODUCER_ID = 22,
    CV_WIRE_ADD_PARTITIONS_TO_TXN = 24,
    CV_WIRE_ADD_OFFSETS_TO_TXN = 25,
    CV_WIRE_END_TXN = 26,
    CV_WIRE_TXN_OFFSET_COMMIT = 28,
    CV_WIRE_SASL_AUTHENTICATE = 36,
};

/* Error codes of responses, as far as they are told apart. */
enum cv_wire_error {
    CV_WIRE_UNKNOWN_SERVER_ERROR = -1,
    CV_WIRE_NONE = 0,
    CV_WIRE_CORRUPT_MESSAGE = 2,
    CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION = 3,
    CV_WIRE_LEADER_NOT_AVAILABLE = 5,
    CV_WIRE_NOT_LEADER_OR_FOLLOWER = 6,
    CV_WIRE_REQUEST_TIMED_OUT = 7,
    CV_WIRE_MESSAGE_TOO_LARGE = 10,
    CV_WIRE_NETWORK_EXCEPTION = 13,
    CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS = 14,
    CV_WIRE_COORDINATOR_NOT_AVAILABLE = 15,
    CV_WIRE_NOT_COORDINATOR = 16,
    CV_WIRE_INVALID_TOPIC_EXCEPTION = 17,
    CV_WIRE_RECORD_LIST_TOO_LARGE = 18,
    CV_WIRE_NOT_ENOUGH_REPLICAS = 19,
    CV_WIRE_NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    CV_WIRE_INVALID_REQUIRED_ACKS = 21,
    CV_WIRE_ILLEGAL_GENERATION = 22,
    CV_WIRE_INCONSISTENT_GROUP_PROTOCOL = 23,
    CV_WIRE_INVALID_GROUP_ID = 24,
    CV_WIRE_UNKNOWN_MEMBER_ID = 25,
    CV_WIRE_INVALID_SESSION_TIMEOUT = 26,
    CV_WIRE_REBALANCE_IN_PROGRESS = 27,
    CV_WIRE_INVALID_COMMIT_OFFSET_SIZE = 28,
    CV_WIRE_TOPIC_AUTHORIZATION_FAILED = 29,
    CV_WIRE_GROUP_AUTHORIZATION_FAILED = 30,
    CV_WIRE_CLUSTER_AUTHORIZATION_FAILED = 31,
    CV_WIRE_INVALID_TIMESTAMP = 32,
    CV_WIRE_UNSUPPORTED_SASL_MECHANISM = 33,
    CV_WIRE_ILLEGAL_SASL_STATE = 34,
    CV_WIRE_UNSUPPORTED_VERSION = 35,
    CV_WIRE_INVALID_REQUEST = 42,
    CV_WIRE_UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    CV_WIRE_POLICY_VIOLATION = 44,
    CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    CV_WIRE_DUPLICATE_SEQUENCE_NUMBER = 46,
    CV_WIRE_INVALID_PRODUCER_EPOCH = 47,
    CV_WIRE_INVALID_TXN_STATE = 48,
    CV_WIRE_INVALID_PRODUCER_ID_MAPPING = 49,
    CV_WIRE_INVALID_TRANSACTION_TIMEOUT = 50,
    CV_WIRE_CONCURRENT_TRANSACTIONS = 51,
    CV_WIRE_TRANSACTION_COORDINATOR_FENCED = 52,
    CV_WIRE_TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53,
    CV_WIRE_OPERATION_NOT_ATTEMPTED = 55,
    CV_WIRE_KAFKA_STORAGE_ERROR = 56,
    CV_WIRE_SASL_AUTHENTICATION_FAILED = 58,
    CV_WIRE_UNKNOWN_PRODUCER_ID = 59,
    CV_WIRE_FENCED_LEADER_EPOCH = 74,
    CV_WIRE_UNKNOWN_LEADER_EPOCH = 75,
    CV_WIRE_UNSUPPORTED_COMPRESSION_TYPE = 76,
    CV_WIRE_MEMBER_ID_REQUIRED = 79,
    CV_WIRE_GROUP_MAX_SIZE_REACHED = 81,
    CV_WIRE_FENCED_INSTANCE_ID = 82,
    CV_WIRE_INVALID_RECORD = 87,
    CV_WIRE_UNSTABLE_OFFSET_COMMIT = 88,
    CV_WIRE_THROTTLING_QUOTA_EXCEEDED = 89,
    CV_WIRE_PRODUCER_FENCED = 90,
};

/* "NOT_COORDINATOR"; "error code" for one that is not listed. */
const char *cv_wire_error_name(int16_t code);
const char *cv_wire_api_name(enum cv_wire_api api);
/* The version that we speak. */
int16_t cv_wire_api_version(enum cv_wire_api api);

/* A frame is begun behind what the buffer holds, gets its body, and is ended, which writes its
   size; start: len of the buffer before it was begun. */
void cv_wire_frame_begin(struct cv_buf *out, enum cv_wire_api api, int32_t correlation_id,
                         const char *client_id);
void cv_wire_frame_end(struct cv_buf *out, size_t start);
/* Write over the four bytes at pos: a count or size that was not known before. */
void cv_wire_put_u32(struct cv_buf *out, size_t pos, uint32_t value);

struct cv_wire_bytes {
    const void *data;
    size_t len;
};

/* ApiVersions v0 */
struct cv_wire_api_range {
    int16_t key;
    int16_t min;
    int16_t max;
};
struct cv_wire_api_versions {
    int16_t error;
    struct cv_wire_api_range *apis;
    size_t n_apis;
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_api_versions(const void *data, size_t len, struct cv_arena *arena,
                                     struct cv_wire_api_versions *ret, struct cv_err *err);

/* SaslHandshake v1, SaslAuthenticate v1 */
void cv_wire_write_sasl_handshake(struct cv_buf *out, const char *mechanism);
struct cv_wire_sasl_handshake {
    int16_t error;
    char *mechanisms; /* "PLAIN, SCRAM-SHA-256" */
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_sasl_handshake(const void *data, size_t len, struct cv_arena *arena,
                                       struct cv_wire_sasl_handshake *ret, struct cv_err *err);
void cv_wire_write_sasl_authenticate(struct cv_buf *out, const void *auth, size_t len);
struct cv_wire_sasl_authenticate {
    int16_t error;
    char *message;
    struct cv_wire_bytes auth;
    int64_t session_lifetime_ms; /* 0: no end */
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_sasl_authenticate(const void *data, size_t len, struct cv_arena *arena,
                                          struct cv_wire_sasl_authenticate *ret,
                                          struct cv_err *err);

/* Metadata v4, of brokers alone: no topic is asked for, none is expected. */
void cv_wire_write_metadata(struct cv_buf *out);
struct cv_wire_broker {
    int32_t node;
    char *host;
    int32_t port;
};
struct cv_wire_metadata {
    struct cv_wire_broker *brokers;
    size_t n_brokers;
    char *cluster_id;
    int32_t controller;
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_metadata(const void *data, size_t len, struct cv_arena *arena,
                                 struct cv_wire_metadata *ret, struct cv_err *err);

/* FindCoordinator v2, of a group */
void cv_wire_write_find_coordinator(struct cv_buf *out, const char *group);
struct cv_wire_find_coordinator {
    int16_t error;
    char *message;
    struct cv_wire_broker broker; /* node -1, host "" on error */
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_find_coordinator(const void *data, size_t len, struct cv_arena *arena,
                                         struct cv_wire_find_coordinator *ret, struct cv_err *err);

/* JoinGroup v5, dynamic members only */
struct cv_wire_protocol {
    const char *name;
    struct cv_wire_bytes metadata;
};
struct cv_wire_join {
    const char *group;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    const char *member_id; /* "" at first */
    const char *protocol_type;
    const struct cv_wire_protocol *protocols;
    size_t n_protocols;
};
void cv_wire_write_join_group(struct cv_buf *out, const struct cv_wire_join *join);
struct cv_wire_member {
    char *id;
    struct cv_wire_bytes metadata;
};
struct cv_wire_joined {
    int16_t error;
    int32_t generation;
    char *protocol;
    char *leader;
    char *member_id;
    struct cv_wire_member *members; /* for the leader alone */
    size_t n_members;
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_join_group(const void *data, size_t len, struct cv_arena *arena,
                                   struct cv_wire_joined *ret, struct cv_err *err);

/* SyncGroup v3 */
struct cv_wire_assignment {
    const char *member_id;
    struct cv_wire_bytes assignment;
};
struct cv_wire_sync {
    const char *group;
    int32_t generation;
    const char *member_id;
    const struct cv_wire_assignment *assignments; /* of the leader alone */
    size_t n_assignments;
};
void cv_wire_write_sync_group(struct cv_buf *out, const struct cv_wire_sync *sync);
struct cv_wire_synced {
    int16_t error;
    struct cv_wire_bytes assignment;
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_sync_group(const void *data, size_t len, struct cv_arena *arena,
                                   struct cv_wire_synced *ret, struct cv_err *err);

/* Heartbeat v3, LeaveGroup v1: both answer with an error code. */
void cv_wire_write_heartbeat(struct cv_buf *out, const char *group, int32_t generation,
                             const char *member_id);
CV_MUST_CHECK
enum cv_rc cv_wire_read_heartbeat(const void *data, size_t len, int16_t *ret_error,
                                  struct cv_err *err);
void cv_wire_write_leave_group(struct cv_buf *out, const char *group, const char *member_id);
CV_MUST_CHECK
enum cv_rc cv_wire_read_leave_group(const void *data, size_t len, int16_t *ret_error,
                                    struct cv_err *err);

#endif
