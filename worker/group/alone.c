/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JoinGroup is answered with the member as leader of itself under the first protocol that it offers; SyncGroup with the
 * assignment that it then sends. The generation stays at 1: nobody compares it.
 *
 * Source: the classic group protocol, JoinGroup 5 and SyncGroup 3 (connect-runtime.md, section 2).
 */
#include <config.h>

#include "worker/group/alone.h"

#include <culvert/value.h>

#include "common/buf.h"
#include "common/reader.h"

#define ALONE      "alone"
#define GENERATION 1
#define ANSWER_MAX ((size_t)16 << 20)

static struct cv_bytes
read_string(struct cv_reader *in)
{
    int16_t len = cv_read_i16(in);
    const unsigned char *at = len < 0 ? NULL : cv_read_bytes(in, (size_t)len);

    return (struct cv_bytes){ (const char *)at, at == NULL ? 0 : (size_t)len };
}

static struct cv_bytes
read_bytes(struct cv_reader *in)
{
    int32_t len = cv_read_i32(in);
    const unsigned char *at = len < 0 ? NULL : cv_read_bytes(in, (size_t)len);

    return (struct cv_bytes){ (const char *)at, at == NULL ? 0 : (size_t)len };
}

static void
write_string(struct cv_buf *out, const char *text, size_t len)
{
    cv_buf_be16(out, (uint16_t)len);
    cv_buf_add(out, text, len);
}

static void
write_bytes(struct cv_buf *out, struct cv_bytes bytes)
{
    cv_buf_be32(out, (uint32_t)bytes.len);
    cv_buf_add(out, bytes.data, bytes.len);
}

static void
answer_join(struct cv_reader *in, struct cv_buf *out)
{
    struct cv_bytes protocol, metadata;

    (void)read_string(in); /* group */
    (void)cv_read_i32(in); /* session timeout */
    (void)cv_read_i32(in); /* rebalance timeout */
    (void)read_string(in); /* member */
    (void)read_string(in); /* group instance */
    (void)read_string(in); /* protocol type */
    (void)cv_read_i32(in); /* number of protocols, of which the first is the best */
    protocol = read_string(in);
    metadata = read_bytes(in);
    cv_buf_be32(out, 0); /* throttle time */
    cv_buf_be16(out, 0); /* error */
    cv_buf_be32(out, GENERATION);
    write_string(out, protocol.data, protocol.len);
    write_string(out, ALONE, sizeof(ALONE) - 1); /* leader */
    write_string(out, ALONE, sizeof(ALONE) - 1); /* this member */
    cv_buf_be32(out, 1);
    write_string(out, ALONE, sizeof(ALONE) - 1);
    cv_buf_be16(out, UINT16_MAX); /* no group instance */
    write_bytes(out, metadata);
}

static void
answer_sync(struct cv_reader *in, struct cv_buf *out)
{
    struct cv_bytes assignment;

    (void)read_string(in); /* group */
    (void)cv_read_i32(in); /* generation */
    (void)read_string(in); /* member */
    (void)read_string(in); /* group instance */
    (void)cv_read_i32(in); /* number of assignments: ours */
    (void)read_string(in); /* member */
    assignment = read_bytes(in);
    cv_buf_be32(out, 0); /* throttle time */
    cv_buf_be16(out, 0); /* error */
    write_bytes(out, assignment);
}

void
alone_answer(enum cv_wire_api api, struct cv_buf *inout_body)
{
    struct cv_reader in = cv_reader_of(inout_body->data, inout_body->len);
    struct cv_buf out = CV_BUF_INIT(ANSWER_MAX);

    if (api == CV_WIRE_JOIN_GROUP)
        answer_join(&in, &out);
    else if (api == CV_WIRE_SYNC_GROUP)
        answer_sync(&in, &out);
    cv_buf_free(inout_body);
    *inout_body = out;
}
