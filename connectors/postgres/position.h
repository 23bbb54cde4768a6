/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the connector stands: the end LSN of the last transaction that is complete, how far into the next one it
 * came, and the map that says so in the offset topic, in Debezium's fields (lsn, lsn_proc, lsn_commit, txId,
 * ts_usec, ...) so that either system goes on from the other's offsets. Fields of our own, which Debezium ignores,
 * begin with "culvert_".
 */
#ifndef POSTGRES_POSITION_H
#define POSTGRES_POSITION_H

#include <culvert/value.h>

#include "connectors/postgres/pgoutput.h"

enum position_phase {
    POSITION_NONE,     /* nothing stored */
    POSITION_SNAPSHOT, /* a snapshot was under way */
    POSITION_STREAM,   /* a snapshot was complete, or streaming */
};

/*
 * How much of the transaction behind a commit was handed over. LSNs within a transaction never fall, but several
 * changes may share one (COPY), so only the count is exact; Debezium knows the LSN alone.
 */
struct position_partial {
    cv_lsn row_lsn;   /* all changes up to this LSN were handed over; CV_LSN_NONE: no such LSN */
    cv_lsn final_lsn; /* which transaction: LSN of its commit record; CV_LSN_NONE: the next one (Debezium's) */
    cv_lsn last_lsn;  /* of the last change handed over, ours */
    uint64_t changes; /* how many, ours */
    uint64_t txid;
    cv_time_us time_us;
    char type; /* of the change at row_lsn: I, U, D, T */
};

struct position {
    enum position_phase phase;
    cv_lsn lsn;         /* streaming begins here; everything that ended before is in Kafka */
    cv_lsn last_commit; /* end LSN of the last commit that brought something; 0: none since the snapshot */
    cv_time_us time_us; /* of that commit, or of the snapshot */
    uint64_t txid;
    struct position_partial partial;
    bool snapshot_last; /* the offset that ends a snapshot */
    bool blocking;      /* POSITION_SNAPSHOT: one that a signal asked for, while streaming */
    bool bare;          /* a snapshot without rows: only where it was taken */
    uint64_t system_id; /* of the server; 0: not known (written by Debezium) */
    uint32_t timeline;
};

/* Whether it is behind a part of a transaction. */
static inline bool
position_is_inside(const struct position *pos)
{
    return pos->partial.row_lsn != CV_LSN_NONE || pos->partial.final_lsn != CV_LSN_NONE;
}

/* An offset map, ours or Debezium's. CV_INVALID names the field. */
CV_MUST_CHECK enum cv_rc position_read(const struct cv_value *offset, struct position *ret,
                                       struct cv_err *err);
/* Maps in the arena, members in the order in which Debezium's are. */
CV_MUST_CHECK enum cv_rc position_write(const struct position *pos, struct cv_arena *arena,
                                        struct cv_value **ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc position_partition(const char *topic_prefix, struct cv_arena *arena,
                                            struct cv_value **ret, struct cv_err *err);

#endif
