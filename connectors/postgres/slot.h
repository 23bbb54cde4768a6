/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replication slot: create, read, compare with the stored position. Only this connector confirms its slot,
 * and only what is durable in Kafka; so a slot that is ahead of the stored offset, gone, or on another server
 * proves that changes were lost, and the server itself never says so (START_REPLICATION at a wrong LSN works).
 */
#ifndef POSTGRES_SLOT_H
#define POSTGRES_SLOT_H

#include "connectors/postgres/connection.h"
#include "connectors/postgres/position.h"

/* What helps when the slot cannot be continued. */
#define SLOT_REMEDY                                                                                        \
    "stop the connector, reset its offsets (DELETE /connectors/NAME/offsets), drop the slot if it exists, and "  \
    "resume: it takes a new snapshot"

struct slot_info {
    bool exists;
    bool active;
    int active_pid;
    char plugin[64];
    char database[64];
    char wal_status[16]; /* reserved, extended, unreserved, lost; "" before PostgreSQL 13 */
    cv_lsn restart_lsn;
    cv_lsn confirmed_flush_lsn;
    uint64_t catalog_xmin;
    int64_t safe_wal_size; /* how much more the server will keep; -1: no limit */
};

struct system_info {
    uint64_t system_id;
    uint32_t timeline;
    cv_lsn wal_end;
};

CV_MUST_CHECK enum cv_rc slot_read(PGconn *conn, const char *name, struct slot_info *ret,
                                   struct cv_err *err);
/* IDENTIFY_SYSTEM on a replication connection. */
CV_MUST_CHECK enum cv_rc slot_system(PGconn *repl, struct system_info *ret, struct cv_err *err);

#define SLOT_SNAPSHOT_MAX 64
struct slot_created {
    cv_lsn lsn;
    char snapshot[SLOT_SNAPSHOT_MAX]; /* exported, valid until the connection's next command */
};
/* Create the slot: begin, ask until it is done, or give it up, so that no slot is left. The server waits for the
   transactions that are running, however long. failover: the slot is to follow to standbys, where the server (17 and
   later) can do that. On failure outputs are untouched. */
CV_MUST_CHECK enum cv_rc slot_create_begin(PGconn *repl, const char *name, bool failover, struct cv_err *err);
CV_MUST_CHECK enum cv_rc slot_create_poll(PGconn *repl, const char *name, bool *ret_done, struct slot_created *ret,
                                          struct cv_err *err);
void slot_create_cancel(PGconn *repl);
CV_MUST_CHECK enum cv_rc slot_drop(PGconn *conn, const char *name, struct cv_err *err);

/* Move the slot forward to lsn. */
CV_MUST_CHECK enum cv_rc slot_advance(PGconn *conn, const char *name, cv_lsn lsn, struct cv_err *err);

/* Whether it is a slot for us: plug-in, database, nobody else on it. CV_RETRY: it is in use, with the pid, its position
   and the stored one, if there is one. */
CV_MUST_CHECK enum cv_rc slot_check_use(const char *name, const struct slot_info *slot, const char *database,
                                        cv_lsn stored, struct cv_err *err);
/* Whether streaming from the stored position misses nothing. CV_INVALID gives both positions and the remedy. */
CV_MUST_CHECK enum cv_rc slot_check_position(const char *name, const struct slot_info *slot,
                                             const struct system_info *sys, const struct position *pos,
                                             struct cv_err *err);

#endif
