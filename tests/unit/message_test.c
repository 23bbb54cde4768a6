/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/wire/message.h"

#include <stdlib.h>

#include "tests/helper/recording.h"

#include "tests/helper/cmocka_all.h"

static struct recording recording;

static int
load(void **state)
{
    (void)state;
    recording_load(&recording, "group");
    return 0;
}

static int
unload(void **state)
{
    (void)state;
    recording_done(&recording);
    return 0;
}

static void
check_frame(const struct recorded_frame *frame, const struct cv_buf *out)
{
    struct cv_buf expected = CV_BUF_INIT(1 << 20), got = CV_BUF_INIT(1 << 20);
    struct cv_err err;

    assert_int_equal(CV_OK, cv_buf_check(out, &err));
    cv_buf_hex(&expected, frame->bytes, frame->len);
    cv_buf_hex(&got, out->data, out->len);
    if (strcmp(cv_buf_cstr(&expected), cv_buf_cstr(&got)) != 0)
        fail_msg("%s:\n%s\n%s", frame->where, cv_buf_cstr(&expected), cv_buf_cstr(&got));
    cv_buf_free(&expected);
    cv_buf_free(&got);
}

static void
write_recorded_join(struct cv_buf *out, struct json_object *decoded)
{
    struct cv_wire_protocol protocols[4];
    struct json_object *list = field_get(decoded, "protocols");
    struct cv_wire_join join = {
        .group = field_str(decoded, "group"),
        .session_timeout_ms = (int32_t)field_int(decoded, "session_timeout_ms"),
        .rebalance_timeout_ms = (int32_t)field_int(decoded, "rebalance_timeout_ms"),
        .member_id = field_str(decoded, "member_id"),
        .protocol_type = field_str(decoded, "protocol_type"),
        .protocols = protocols,
        .n_protocols = json_object_array_length(list),
    };
    size_t i;

    assert_true(join.n_protocols <= CV_COUNT(protocols));
    for (i = 0; i < join.n_protocols; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        protocols[i].name = field_str(item, "name");
        protocols[i].metadata.data =
            hex_bytes(field_str(item, "metadata_hex"), &protocols[i].metadata.len);
    }
    cv_wire_write_join_group(out, &join);
    for (i = 0; i < join.n_protocols; i++)
        free((void *)protocols[i].metadata.data);
}

static void
write_recorded_sync(struct cv_buf *out, struct json_object *decoded)
{
    struct cv_wire_assignment assignments[8];
    struct json_object *list = field_get(decoded, "assignments");
    struct cv_wire_sync sync = {
        .group = field_str(decoded, "group"),
        .generation = (int32_t)field_int(decoded, "generation"),
        .member_id = field_str(decoded, "member_id"),
        .assignments = assignments,
        .n_assignments = json_object_array_length(list),
    };
    size_t i;

    assert_true(sync.n_assignments <= CV_COUNT(assignments));
    for (i = 0; i < sync.n_assignments; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        assignments[i].member_id = field_str(item, "member_id");
        assignments[i].assignment.data =
            hex_bytes(field_str(item, "assignment_hex"), &assignments[i].assignment.len);
    }
    cv_wire_write_sync_group(out, &sync);
    for (i = 0; i < sync.n_assignments; i++)
        free((void *)assignments[i].assignment.data);
}

static enum cv_wire_api
write_recorded_body(struct cv_buf *out, const struct recorded_frame *frame, bool write)
{
    struct json_object *decoded = frame->decoded;

    if (strcmp(frame->api, "FindCoordinator") == 0) {
        if (write)
            cv_wire_write_find_coordinator(out, field_str(decoded, "key"));
        return CV_WIRE_FIND_COORDINATOR;
    }
    if (strcmp(frame->api, "JoinGroup") == 0) {
        if (write)
            write_recorded_join(out, decoded);
        return CV_WIRE_JOIN_GROUP;
    }
    if (strcmp(frame->api, "SyncGroup") == 0) {
        if (write)
            write_recorded_sync(out, decoded);
        return CV_WIRE_SYNC_GROUP;
    }
    if (strcmp(frame->api, "Heartbeat") == 0) {
        if (write)
            cv_wire_write_heartbeat(out, field_str(decoded, "group"),
                                    (int32_t)field_int(decoded, "generation"),
                                    field_str(decoded, "member_id"));
        return CV_WIRE_HEARTBEAT;
    }
    assert_string_equal("LeaveGroup", frame->api);
    if (write)
        cv_wire_write_leave_group(out, field_str(decoded, "group"),
                                  field_str(decoded, "member_id"));
    return CV_WIRE_LEAVE_GROUP;
}

static void
every_recorded_request_is_written_to_the_same_bytes(void **state)
{
    size_t i, seen = 0;

    (void)state;
    for (i = 0; i < recording.count; i++) {
        const struct recorded_frame *frame = &recording.frames[i];
        struct cv_buf out = CV_BUF_INIT(1 << 20);
        enum cv_wire_api api;

        if (!frame->request)
            continue;
        api = write_recorded_body(&out, frame, false);
        assert_int_equal(frame->version, cv_wire_api_version(api));
        cv_wire_frame_begin(&out, api, frame->correlation_id,
                            field_str(frame->decoded, "client_id"));
        write_recorded_body(&out, frame, true);
        cv_wire_frame_end(&out, 0);
        check_frame(frame, &out);
        cv_buf_free(&out);
        seen++;
    }
    assert_true(seen > 120);
}

static void
check_bytes_field(struct json_object *obj, const char *key, const struct cv_wire_bytes *got)
{
    size_t len;
    unsigned char *expected = hex_bytes(field_str(obj, key), &len);

    assert_int_equal(len, got->len);
    if (len > 0)
        assert_memory_equal(expected, got->data, len);
    free(expected);
}

static void
check_joined(struct json_object *decoded, const void *body, size_t len, struct cv_arena *arena)
{
    struct json_object *list = field_get(decoded, "members");
    struct cv_wire_joined got;
    struct cv_err err;
    size_t i;

    assert_int_equal(CV_OK, cv_wire_read_join_group(body, len, arena, &got, &err));
    assert_int_equal(field_int(decoded, "error"), got.error);
    assert_int_equal(field_int(decoded, "generation"), got.generation);
    assert_string_equal(field_str(decoded, "protocol_name"), got.protocol);
    assert_string_equal(field_str(decoded, "leader"), got.leader);
    assert_string_equal(field_str(decoded, "member_id"), got.member_id);
    assert_int_equal(json_object_array_length(list), got.n_members);
    for (i = 0; i < got.n_members; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        assert_string_equal(field_str(item, "member_id"), got.members[i].id);
        check_bytes_field(item, "metadata_hex", &got.members[i].metadata);
    }
}

static void
check_found(struct json_object *decoded, const void *body, size_t len, struct cv_arena *arena)
{
    struct cv_wire_find_coordinator got;
    struct cv_err err;

    assert_int_equal(CV_OK, cv_wire_read_find_coordinator(body, len, arena, &got, &err));
    assert_int_equal(field_int(decoded, "error"), got.error);
    assert_string_equal(field_str(decoded, "message"), got.message);
    assert_int_equal(field_int(decoded, "node"), got.broker.node);
    assert_string_equal(field_str(decoded, "host"), got.broker.host);
    assert_int_equal(field_int(decoded, "port"), got.broker.port);
}

static void
check_response(const struct recorded_frame *frame, const void *body, size_t len,
               struct cv_arena *arena)
{
    struct json_object *decoded = frame->decoded;
    struct cv_wire_synced synced;
    struct cv_err err;
    int16_t error = -77;

    if (strcmp(frame->api, "FindCoordinator") == 0) {
        check_found(decoded, body, len, arena);
    } else if (strcmp(frame->api, "JoinGroup") == 0) {
        check_joined(decoded, body, len, arena);
    } else if (strcmp(frame->api, "SyncGroup") == 0) {
        assert_int_equal(CV_OK, cv_wire_read_sync_group(body, len, arena, &synced, &err));
        assert_int_equal(field_int(decoded, "error"), synced.error);
        check_bytes_field(decoded, "assignment_hex", &synced.assignment);
    } else {
        assert_string_equal("Heartbeat", frame->api);
        assert_int_equal(CV_OK, cv_wire_read_heartbeat(body, len, &error, &err));
        assert_int_equal(field_int(decoded, "error"), error);
    }
}

static void
every_recorded_response_is_read_as_recorded(void **state)
{
    size_t i, seen = 0;

    (void)state;
    for (i = 0; i < recording.count; i++) {
        const struct recorded_frame *frame = &recording.frames[i];
        struct cv_arena *arena;

        if (frame->request)
            continue;
        arena = cv_arena_new(NULL);
        assert_non_null(arena);
        check_response(frame, frame->bytes + 8, frame->len - 8, arena);
        cv_arena_free(arena);
        seen++;
    }
    assert_true(seen > 120);
}

/* One reader a row, on some arena, with its output zeroed before. */
enum { OUT_MAX = 64 };

static enum cv_rc
read_any(const char *api, const void *data, size_t len, struct cv_arena *arena, void *out,
         struct cv_err *err)
{
    if (strcmp(api, "ApiVersions") == 0)
        return cv_wire_read_api_versions(data, len, arena, out, err);
    if (strcmp(api, "SaslHandshake") == 0)
        return cv_wire_read_sasl_handshake(data, len, arena, out, err);
    if (strcmp(api, "SaslAuthenticate") == 0)
        return cv_wire_read_sasl_authenticate(data, len, arena, out, err);
    if (strcmp(api, "Metadata") == 0)
        return cv_wire_read_metadata(data, len, arena, out, err);
    if (strcmp(api, "FindCoordinator") == 0)
        return cv_wire_read_find_coordinator(data, len, arena, out, err);
    if (strcmp(api, "JoinGroup") == 0)
        return cv_wire_read_join_group(data, len, arena, out, err);
    if (strcmp(api, "SyncGroup") == 0)
        return cv_wire_read_sync_group(data, len, arena, out, err);
    if (strcmp(api, "LeaveGroup") == 0)
        return cv_wire_read_leave_group(data, len, out, err);
    return cv_wire_read_heartbeat(data, len, out, err);
}

static void
check_every_length(const char *api, const unsigned char *body, size_t len)
{
    unsigned char untouched[OUT_MAX] = { 0 };
    size_t cut;

    for (cut = 0; cut <= len + 1; cut++) {
        unsigned char out[OUT_MAX] __attribute__((aligned(16))) = { 0 };
        unsigned char *exact = calloc(1, cut + 1); /* so that sanitizers see a read past the end */
        struct cv_arena *arena = cv_arena_new(NULL);
        struct cv_err err = CV_ERR_INIT;
        enum cv_rc rc;

        assert_true(exact != NULL && arena != NULL);
        memcpy(exact + 1, body, cut <= len ? cut : len);
        rc = read_any(api, exact + 1, cut <= len ? cut : len, arena, out, &err);
        if (cut > len) {
            unsigned char *longer = calloc(1, len + 1);

            assert_non_null(longer);
            memcpy(longer, body, len);
            memset(out, 0, sizeof(out));
            rc = read_any(api, longer, len + 1, arena, out, &err);
            free(longer);
        }
        assert_int_equal(cut == len ? CV_OK : CV_INVALID, rc);
        if (rc != CV_OK) {
            assert_memory_equal(untouched, out, OUT_MAX);
            assert_non_null(strstr(err.text, api));
        }
        cv_arena_free(arena);
        free(exact);
    }
}

static void
responses_are_refused_at_every_other_length(void **state)
{
    static const char *const rows[][2] = {
        { "ApiVersions", "0000000000020012000000040003000000 0c" },
        { "SaslHandshake", "0021000000020005504c41494e0001 58" },
        { "SaslAuthenticate", "003a0003626164000000026f6b0000000000001388" },
        { "Metadata", "00000000000000010000000100016800002384ffff0001630000000100000000" },
        { "FindCoordinator", "000000000000000000000001000168 00002384" },
        { "JoinGroup", "0000000000000000000700017300016c00016d00000001"
                       "00016dffff0000000161" },
        { "SyncGroup", "0000000000000000000161" },
        { "Heartbeat", "00000000001b" },
        { "LeaveGroup", "000000000000" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        char hex[256];
        const char *from = rows[i][1];
        size_t n = 0, len;
        unsigned char *body;

        for (; *from != '\0'; from++) {
            if (*from != ' ')
                hex[n++] = *from;
        }
        hex[n] = '\0';
        body = hex_bytes(hex, &len);
        check_every_length(rows[i][0], body, len);
        free(body);
    }
}

static void
counts_beyond_the_bytes_left_are_refused(void **state)
{
    static const struct {
        const char *api, *hex;
    } rows[] = {
        { "ApiVersions", "00007fffffff" },
        { "ApiVersions", "0000fffffffe" },
        { "SaslHandshake", "00007fffffff" },
        { "SaslAuthenticate", "0000ffff7fffffff0000000000000000" },
        { "Metadata", "000000007fffffff" },
        { "Metadata", "0000000000000000ffff0000000100000001" },
        { "JoinGroup", "00000000000000000007000000000000"
                       "7fffffff" },
        { "JoinGroup", "00000000000000000007fffe00000000"
                       "00000000" },
        { "SyncGroup", "0000000000007fffffff" },
        { "SyncGroup", "000000000000fffffffe" },
    };
    size_t i, len;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        unsigned char out[OUT_MAX] __attribute__((aligned(16))) = { 0 };
        unsigned char *body = hex_bytes(rows[i].hex, &len);
        struct cv_arena *arena = cv_arena_new(NULL);
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(CV_INVALID, read_any(rows[i].api, body, len, arena, out, &err));
        assert_non_null(strstr(err.text, rows[i].api));
        cv_arena_free(arena);
        free(body);
    }
}

static void
handshake_lists_the_mechanisms_of_the_broker(void **state)
{
    struct cv_wire_sasl_handshake got;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err;
    size_t len;
    unsigned char *body = hex_bytes("0021000000020005504c41494e000158", &len);

    (void)state;
    assert_int_equal(CV_OK, cv_wire_read_sasl_handshake(body, len, arena, &got, &err));
    assert_int_equal(CV_WIRE_UNSUPPORTED_SASL_MECHANISM, got.error);
    assert_string_equal("PLAIN, X", got.mechanisms);
    cv_arena_free(arena);
    free(body);
}

static void
brokers_are_read_from_metadata(void **state)
{
    struct cv_wire_metadata got;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err;
    size_t len;
    unsigned char *body =
        hex_bytes("00000000000000010000000500016800002384ffff0001630000000100000000", &len);

    (void)state;
    assert_int_equal(CV_OK, cv_wire_read_metadata(body, len, arena, &got, &err));
    assert_int_equal(1, got.n_brokers);
    assert_int_equal(5, got.brokers[0].node);
    assert_string_equal("h", got.brokers[0].host);
    assert_int_equal(9092, got.brokers[0].port);
    assert_string_equal("c", got.cluster_id);
    cv_arena_free(arena);
    free(body);
}

static void
errors_and_requests_have_names(void **state)
{
    (void)state;
    assert_string_equal("REBALANCE_IN_PROGRESS", cv_wire_error_name(27));
    assert_string_equal("UNKNOWN_SERVER_ERROR", cv_wire_error_name(-1));
    assert_string_equal("error code", cv_wire_error_name(12345));
    assert_string_equal("SaslAuthenticate", cv_wire_api_name(CV_WIRE_SASL_AUTHENTICATE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_request_is_written_to_the_same_bytes),
        cmocka_unit_test(every_recorded_response_is_read_as_recorded),
        cmocka_unit_test(responses_are_refused_at_every_other_length),
        cmocka_unit_test(counts_beyond_the_bytes_left_are_refused),
        cmocka_unit_test(handshake_lists_the_mechanisms_of_the_broker),
        cmocka_unit_test(brokers_are_read_from_metadata),
        cmocka_unit_test(errors_and_requests_have_names),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
