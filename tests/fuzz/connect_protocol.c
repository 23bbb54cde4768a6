/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the readers of group membership. The first byte chooses: 'm' the metadata of a
 * member, 'a' an assignment, anything else the response of the Kafka request with that number.
 * Beyond not crashing: what is accepted as metadata or assignment, written again, reads the same
 * and gives the same bytes.
 */
#include <config.h>

#include <stdlib.h>

#include "common/wire/message.h"
#include "worker/group/protocol.h"

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
same_bytes(struct cv_buf *first, struct cv_buf *second)
{
    must(first->failed == CV_OK && second->failed == CV_OK);
    must(first->len == second->len && memcmp(first->data, second->data, first->len) == 0);
    cv_buf_free(first);
    cv_buf_free(second);
}

static void
read_assignment(const uint8_t *data, size_t size)
{
    struct cv_buf first = CV_BUF_INIT(OUT_MAX), second = CV_BUF_INIT(OUT_MAX);
    struct group_assignment assignment, again;
    struct cv_err err;

    if (group_read_assignment(data, size, &assignment, &err) != CV_OK)
        return;
    group_write_assignment(&first, 2, &assignment);
    must(group_read_assignment(first.data, first.len, &again, &err) == CV_OK);
    must(again.assigned.count == assignment.assigned.count &&
         again.revoked.count == assignment.revoked.count);
    group_write_assignment(&second, 2, &again);
    same_bytes(&first, &second);
    group_assignment_done(&assignment);
    group_assignment_done(&again);
}

static void
read_metadata(const uint8_t *data, size_t size)
{
    struct cv_buf first = CV_BUF_INIT(OUT_MAX), second = CV_BUF_INIT(OUT_MAX);
    struct group_metadata metadata, again;
    struct cv_err err;

    if (group_read_metadata(data, size, &metadata, &err) != CV_OK)
        return;
    group_write_metadata(&first, 2, &metadata);
    must(group_read_metadata(first.data, first.len, &again, &err) == CV_OK);
    must(again.has_allocation == metadata.has_allocation);
    group_write_metadata(&second, 2, &again);
    same_bytes(&first, &second);
    group_metadata_done(&metadata);
    group_metadata_done(&again);
}

static void
read_response(int api, const uint8_t *data, size_t size)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    union {
        struct cv_wire_api_versions versions;
        struct cv_wire_sasl_handshake handshake;
        struct cv_wire_sasl_authenticate authenticate;
        struct cv_wire_metadata metadata;
        struct cv_wire_find_coordinator found;
        struct cv_wire_joined joined;
        struct cv_wire_synced synced;
        int16_t error;
    } out;
    struct cv_err err;
    enum cv_rc rc = CV_INVALID;

    must(arena != NULL);
    if (api == CV_WIRE_API_VERSIONS)
        rc = cv_wire_read_api_versions(data, size, arena, &out.versions, &err);
    else if (api == CV_WIRE_SASL_HANDSHAKE)
        rc = cv_wire_read_sasl_handshake(data, size, arena, &out.handshake, &err);
    else if (api == CV_WIRE_SASL_AUTHENTICATE)
        rc = cv_wire_read_sasl_authenticate(data, size, arena, &out.authenticate, &err);
    else if (api == CV_WIRE_METADATA)
        rc = cv_wire_read_metadata(data, size, arena, &out.metadata, &err);
    else if (api == CV_WIRE_FIND_COORDINATOR)
        rc = cv_wire_read_find_coordinator(data, size, arena, &out.found, &err);
    else if (api == CV_WIRE_JOIN_GROUP)
        rc = cv_wire_read_join_group(data, size, arena, &out.joined, &err);
    else if (api == CV_WIRE_SYNC_GROUP)
        rc = cv_wire_read_sync_group(data, size, arena, &out.synced, &err);
    else if (api == CV_WIRE_HEARTBEAT)
        rc = cv_wire_read_heartbeat(data, size, &out.error, &err);
    else if (api == CV_WIRE_LEAVE_GROUP)
        rc = cv_wire_read_leave_group(data, size, &out.error, &err);
    if (rc == CV_OK && api == CV_WIRE_JOIN_GROUP && out.joined.n_members > 0)
        read_metadata(out.joined.members[0].metadata.data, out.joined.members[0].metadata.len);
    if (rc == CV_OK && api == CV_WIRE_SYNC_GROUP)
        read_assignment(out.synced.assignment.data, out.synced.assignment.len);
    cv_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'm')
        read_metadata(data + 1, size - 1);
    else if (data[0] == 'a')
        read_assignment(data + 1, size - 1);
    else
        read_response(data[0], data + 1, size - 1);
    return 0;
}
