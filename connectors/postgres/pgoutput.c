/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of the pgoutput plug-in to structs.
 *
 * Tuples are the hot part: they are read with local pointers and one bounds check a field, and nothing is
 * allocated. Everything else goes through cv_reader. Source: PostgreSQL manual, chapters "Streaming
 * Replication Protocol" and "Logical Replication Message Formats".
 */
#include "connectors/postgres/pgoutput.h"

#include <string.h>

static uint16_t
be16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put_be64(unsigned char *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        p[i] = (unsigned char)v;
        v >>= 8;
    }
}

/* Microseconds from 2000 to those from 1970. What no server means is taken for the last time whose
   nanoseconds, which events carry, still fit. */
static int64_t
read_time(struct cv_reader *in)
{
    int64_t us = cv_read_i64(in);

    if (us > INT64_MAX / 1000 - PG_EPOCH_US)
        return INT64_MAX / 1000;
    return us < INT64_MIN / 1000 ? INT64_MIN / 1000 : us + PG_EPOCH_US;
}

enum cv_rc
pgoutput_read_frame(const void *data, size_t len, struct pgoutput_frame *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct pgoutput_frame frame = { .type = (char)cv_read_u8(&in) };

    switch (frame.type) {
    case 'w':
        frame.start = cv_read_u64(&in);
        frame.end = cv_read_u64(&in);
        frame.sent_us = read_time(&in);
        frame.len = cv_reader_left(&in);
        frame.data = cv_read_bytes(&in, frame.len);
        break;
    case 'k':
        frame.end = cv_read_u64(&in);
        frame.sent_us = read_time(&in);
        frame.reply = cv_read_u8(&in) != 0;
        break;
    default:
        return cv_fail(err, CV_INVALID, "unknown replication frame 0x%02x of %zu bytes",
                       (unsigned char)frame.type, len);
    }
    if (cv_reader_finish(&in, frame.type == 'w' ? "XLogData" : "keepalive", err) != CV_OK)
        return err->rc;
    *ret = frame;
    return CV_OK;
}

/* Begin: Int64 final LSN, Int64 commit time (us from 2000), Int32 xid. */
enum cv_rc
pgoutput_read_begin(const void *data, size_t len, struct pgoutput_begin *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct pgoutput_begin begin = { 0 };

    cv_read_u8(&in);
    begin.final_lsn = cv_read_u64(&in);
    begin.commit_time_us = read_time(&in);
    begin.xid = cv_read_u32(&in);
    if (cv_reader_finish(&in, "Begin", err) != CV_OK)
        return err->rc;
    *ret = begin;
    return CV_OK;
}

/* Commit: Int8 flags, Int64 commit LSN, Int64 end LSN, Int64 commit time. */
enum cv_rc
pgoutput_read_commit(const void *data, size_t len, struct pgoutput_commit *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct pgoutput_commit commit = { 0 };

    cv_read_u8(&in);
    cv_read_u8(&in);
    commit.commit_lsn = cv_read_u64(&in);
    commit.end_lsn = cv_read_u64(&in);
    commit.commit_time_us = read_time(&in);
    if (cv_reader_finish(&in, "Commit", err) != CV_OK)
        return err->rc;
    *ret = commit;
    return CV_OK;
}

/* Relation: Int32 OID, String namespace, String name, Int8 replica identity, Int16 columns, and for each Int8
   flags, String name, Int32 type OID, Int32 type modifier. */
enum cv_rc
pgoutput_read_relation(const void *data, size_t len, struct pgoutput_relation *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    uint16_t n;

    cv_read_u8(&in);
    uint32_t oid = cv_read_u32(&in);
    const char *schema = cv_read_cstr(&in);
    const char *name = cv_read_cstr(&in);
    char identity = (char)cv_read_u8(&in);

    n = cv_read_u16(&in);
    if (n > PGOUTPUT_MAX_COLUMNS)
        return cv_fail(err, CV_INVALID, "Relation message names %u columns, more than a table can have", n);
    for (uint16_t i = 0; i < n && !in.failed; i++) {
        struct pgoutput_column *col = &ret->columns[i];

        col->key = (cv_read_u8(&in) & 1) != 0;
        col->name = cv_read_cstr(&in);
        col->type_oid = cv_read_u32(&in);
        col->typmod = cv_read_i32(&in);
    }
    if (cv_reader_finish(&in, "Relation", err) != CV_OK)
        return err->rc;
    ret->oid = oid;
    ret->schema = schema;
    ret->name = name;
    ret->replica_identity = identity;
    ret->n_columns = n;
    return CV_OK;
}

/* TupleData: Int16 columns, and for each 'n', 'u', or 't' with Int32 length and that many bytes. Returns the
   byte behind it, NULL for a bad tuple. */
static const unsigned char *
read_tuple(const unsigned char *p, const unsigned char *end, struct pgoutput_tuple *tuple)
{
    uint16_t n;

    if (end - p < 2)
        return NULL;
    n = be16(p);
    p += 2;
    if (n > PGOUTPUT_MAX_COLUMNS)
        return NULL;
    for (uint16_t i = 0; i < n; i++) {
        struct pgoutput_value *val = &tuple->values[i];

        if (p == end)
            return NULL;
        val->kind = (char)*p++;
        if (val->kind == 't') {
            if (end - p < 4)
                return NULL;
            val->len = be32(p);
            p += 4;
            if ((size_t)(end - p) < val->len)
                return NULL;
            val->data = (const char *)p;
            p += val->len;
        } else if (val->kind == 'n' || val->kind == 'u') {
            val->len = 0;
            val->data = NULL;
        } else {
            return NULL;
        }
    }
    tuple->n_columns = n;
    return p;
}

/* Insert: Int32 OID, 'N' tuple. Update: Int32 OID, optional 'K' or 'O' tuple, 'N' tuple. Delete: Int32 OID,
   'K' or 'O' tuple. */
enum cv_rc
pgoutput_read_change(const void *data, size_t len, struct pgoutput_change *inout, struct cv_err *err)
{
    const unsigned char *p = data, *end = p + len;
    char type, old_kind = 0;
    bool has_new = false;
    uint32_t relation;

    if (len < 6)
        goto bad;
    type = (char)p[0];
    relation = be32(p + 1);
    p += 5;
    if (type != 'I' && (*p == 'K' || *p == 'O')) {
        old_kind = (char)*p++;
        p = read_tuple(p, end, &inout->old);
        if (p == NULL)
            goto bad;
    }
    if (type != 'D') {
        if (p == end || *p++ != 'N')
            goto bad;
        p = read_tuple(p, end, &inout->new);
        if (p == NULL)
            goto bad;
        has_new = true;
    } else if (old_kind == 0) {
        goto bad;
    }
    if (p != end)
        goto bad;
    inout->relation = relation;
    inout->old_kind = old_kind;
    inout->has_new = has_new;
    return CV_OK;
bad:
    return cv_fail(err, CV_INVALID, "malformed %s message of %zu bytes",
                   len == 0                              ? "empty"
                   : *(const unsigned char *)data == 'I' ? "Insert"
                   : *(const unsigned char *)data == 'U' ? "Update"
                                                         : "Delete",
                   len);
}

/* Truncate: Int32 relations, Int8 options, and an Int32 OID for each. */
enum cv_rc
pgoutput_read_truncate(const void *data, size_t len, struct pgoutput_truncate *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct pgoutput_truncate truncate = { 0 };

    cv_read_u8(&in);
    truncate.n_relations = cv_read_u32(&in);
    truncate.options = cv_read_u8(&in);
    if (truncate.n_relations > cv_reader_left(&in) / 4)
        return cv_fail(err, CV_INVALID, "Truncate message names %u relations in %zu bytes",
                       truncate.n_relations, len);
    truncate.relations = cv_read_bytes(&in, (size_t)truncate.n_relations * 4);
    if (cv_reader_finish(&in, "Truncate", err) != CV_OK)
        return err->rc;
    *ret = truncate;
    return CV_OK;
}

uint32_t
pgoutput_truncate_oid(const struct pgoutput_truncate *truncate, uint32_t i)
{
    return be32(truncate->relations + (size_t)i * 4);
}

/* Message: Int8 flags, Int64 LSN, String prefix, Int32 length, content. */
enum cv_rc
pgoutput_read_message(const void *data, size_t len, struct pgoutput_message *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct pgoutput_message msg = { 0 };

    cv_read_u8(&in);
    msg.transactional = (cv_read_u8(&in) & 1) != 0;
    msg.lsn = cv_read_u64(&in);
    msg.prefix = cv_read_cstr(&in);
    msg.len = cv_read_u32(&in);
    msg.content = cv_read_bytes(&in, msg.len);
    if (cv_reader_finish(&in, "Message", err) != CV_OK)
        return err->rc;
    *ret = msg;
    return CV_OK;
}

void
pgoutput_write_status(unsigned char out[PGOUTPUT_STATUS_LEN], cv_lsn written, cv_lsn flushed,
                      cv_lsn applied, cv_time_us now_us, bool reply)
{
    out[0] = 'r';
    put_be64(out + 1, written);
    put_be64(out + 9, flushed);
    put_be64(out + 17, applied);
    put_be64(out + 25, (uint64_t)(now_us - PG_EPOCH_US));
    out[33] = reply ? 1 : 0;
}
