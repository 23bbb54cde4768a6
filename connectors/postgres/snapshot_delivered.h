/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a snapshot has come in Kafka, so that one that was interrupted can go on (snapshot.resume), and how the
 * offset that says "under way" carries it: as JSON in a field of our own, which Debezium ignores.
 */
#ifndef POSTGRES_SNAPSHOT_DELIVERED_H
#define POSTGRES_SNAPSHOT_DELIVERED_H

#include "connectors/postgres/position.h"

#define SNAPSHOT_DELIVERED_FIELD "culvert_snapshot"

/* A table that was begun. One that is not whole has its first pages delivered, as they were in one snapshot or several:
   a row version in them that was written by a transaction before xid is delivered, as long as nobody moved it. */
struct snapshot_delivered_table {
    uint32_t oid;
    uint32_t structure; /* hash of its name, columns and key */
    uint64_t rows;      /* events */
    bool whole;         /* to its end; what follows is of no meaning then */
    uint64_t pages;
    uint32_t filenode;  /* where its pages were: another one if it was rewritten */
    uint64_t xid;       /* with its epoch */
};

struct snapshot_delivered {
    cv_lsn start; /* where streaming begins behind the snapshot: what any of its rows missed is in the WAL from there */
    cv_lsn lsn;   /* of its events */
    uint64_t system_id;
    uint32_t timeline;
    struct snapshot_delivered_table *tables; /* by oid */
    size_t count;
};

void snapshot_delivered_free(struct snapshot_delivered *delivered);
/* NULL: it was not begun. */
const struct snapshot_delivered_table *snapshot_delivered_find(const struct snapshot_delivered *delivered,
                                                               uint32_t oid);
/* By oid; false: one is there twice. */
bool snapshot_delivered_sort(struct snapshot_delivered *delivered);
/* Events of all tables. */
uint64_t snapshot_delivered_rows(const struct snapshot_delivered *delivered);

/* Of an offset, whose position is pos. *ret is NULL where it carries nothing of the kind. CV_INVALID names the
   field. */
CV_MUST_CHECK enum cv_rc snapshot_delivered_read(const struct cv_value *offset, const struct position *pos,
                                                 struct snapshot_delivered **ret, struct cv_err *err);
/* Add it to an offset. *ret_fits is false, and nothing added, if there are too many tables for one record. */
CV_MUST_CHECK enum cv_rc snapshot_delivered_write(const struct snapshot_delivered *delivered, struct cv_arena *arena,
                                                  struct cv_value *offset, bool *ret_fits, struct cv_err *err);

#endif
