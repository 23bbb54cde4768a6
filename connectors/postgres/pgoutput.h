/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pgoutput plug-in's messages, protocol version 1 (manual: "Logical Replication Message Formats"), and
 * the two CopyData frames around them ("Streaming Replication Protocol"). Bytes to structs, bounds first.
 * Strings and tuple data are borrowed from the message.
 */
#ifndef POSTGRES_PGOUTPUT_H
#define POSTGRES_PGOUTPUT_H

#include "common/clock.h"
#include "common/reader.h"

typedef uint64_t cv_lsn;

#define CV_LSN_NONE ((cv_lsn)0)
/* Microseconds from 1970 to 2000, PostgreSQL's epoch. */
#define PG_EPOCH_US INT64_C(946684800000000)
/* The most columns a table can have (MaxHeapAttributeNumber), with room. */
#define PGOUTPUT_MAX_COLUMNS 1664

/* CopyData frames of a walsender. */
struct pgoutput_frame {
    char type;         /* 'w' XLogData, 'k' keepalive */
    cv_lsn start;      /* XLogData: dataStart, which is the event's LSN */
    cv_lsn end;        /* the server's end of WAL that it has sent */
    cv_time_us sent_us; /* since 1970 */
    bool reply;        /* keepalive: answer at once */
    const void *data;  /* XLogData: the message */
    size_t len;
};

CV_MUST_CHECK enum cv_rc pgoutput_read_frame(const void *data, size_t len, struct pgoutput_frame *ret,
                                             struct cv_err *err);

struct pgoutput_begin {
    cv_lsn final_lsn; /* of the commit record */
    cv_time_us commit_time_us; /* since 1970 */
    uint32_t xid;
};

struct pgoutput_commit {
    cv_lsn commit_lsn;
    cv_lsn end_lsn;
    cv_time_us commit_time_us;
};

struct pgoutput_column {
    bool key; /* part of the replica identity's key */
    const char *name;
    uint32_t type_oid;
    int32_t typmod;
};

struct pgoutput_relation {
    uint32_t oid;
    const char *schema; /* "" is pg_catalog */
    const char *name;
    char replica_identity; /* pg_class.relreplident: d, n, f, i */
    uint16_t n_columns;
    struct pgoutput_column columns[PGOUTPUT_MAX_COLUMNS];
};

/* kind: 'n' null, 'u' unchanged TOAST, 't' text. */
struct pgoutput_value {
    char kind;
    uint32_t len;
    const char *data;
};

struct pgoutput_tuple {
    uint16_t n_columns;
    struct pgoutput_value *values; /* PGOUTPUT_MAX_COLUMNS of them, the caller's */
};

struct pgoutput_change {
    uint32_t relation;
    char old_kind; /* 0 none, 'K' key only, 'O' whole old row */
    bool has_new;
    struct pgoutput_tuple old;
    struct pgoutput_tuple new;
};

#define PGOUTPUT_CASCADE  1
#define PGOUTPUT_IDENTITY 2

struct pgoutput_truncate {
    uint8_t options;
    uint32_t n_relations;
    const unsigned char *relations; /* big-endian OIDs */
};

struct pgoutput_message {
    bool transactional;
    cv_lsn lsn;
    const char *prefix;
    const void *content;
    uint32_t len;
};

/*
 * Each reads one whole message, the type byte included; outputs are untouched on failure, which is always
 * CV_INVALID and names message and problem. read_change serves Insert, Update and Delete; the values arrays
 * of old and new must be set by the caller.
 */
CV_MUST_CHECK enum cv_rc pgoutput_read_begin(const void *data, size_t len, struct pgoutput_begin *ret,
                                             struct cv_err *err);
CV_MUST_CHECK enum cv_rc pgoutput_read_commit(const void *data, size_t len, struct pgoutput_commit *ret,
                                              struct cv_err *err);
CV_MUST_CHECK enum cv_rc pgoutput_read_relation(const void *data, size_t len,
                                                struct pgoutput_relation *ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc pgoutput_read_change(const void *data, size_t len, struct pgoutput_change *inout,
                                              struct cv_err *err);
CV_MUST_CHECK enum cv_rc pgoutput_read_truncate(const void *data, size_t len,
                                                struct pgoutput_truncate *ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc pgoutput_read_message(const void *data, size_t len, struct pgoutput_message *ret,
                                               struct cv_err *err);
/* OID i of a truncate; i must be below n_relations. */
uint32_t pgoutput_truncate_oid(const struct pgoutput_truncate *truncate, uint32_t i);

/* A standby status update: 34 bytes. */
#define PGOUTPUT_STATUS_LEN 34
void pgoutput_write_status(unsigned char out[PGOUTPUT_STATUS_LEN], cv_lsn written, cv_lsn flushed,
                           cv_lsn applied, cv_time_us now_us, bool reply);

#endif
