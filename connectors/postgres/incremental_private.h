/* SPDX-License-Identifier: Apache-2.0 */
/* What incremental.c (the run), incremental_chunk.c (reading) and incremental_offset.c share. */
#ifndef POSTGRES_INCREMENTAL_PRIVATE_H
#define POSTGRES_INCREMENTAL_PRIVATE_H

#include "common/buf.h"
#include "common/uuid.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/java_object.h"
#include "connectors/postgres/visibility.h"

struct cv_hash;

struct incremental_collection {
    char *id;        /* schema.table */
    char *condition; /* NULL: none */
    char *surrogate; /* column to go by instead of the key; NULL: none */
};

/* Rows that wait for their window to close. */
struct incremental_chunk {
    char id[CV_UUID_TEXT]; /* of its marks */
    bool waiting;          /* read, and not yet sent */
    bool open;             /* the first mark has passed */
    struct plan *plan;
    struct pg_tables tables; /* the one table that the plan is of */
    PGresult *rows;          /* one column for each that the plan reads; NULL: none */
    bool *dropped;
    int16_t *field_of;      /* of the plan's columns: index in rows, -1 */
    struct cv_hash *by_key; /* JSON of the key to index of the row, plus 1 */
    struct java_key end;    /* key of the last row */

    /* read.only */
    uint64_t xmin, xmax;
    uint32_t *running;
    size_t n_running;
    bool sees_transaction; /* the one that streams now is in the chunk already */
    cv_lsn high;           /* the window closes here */
};

struct incremental {
    struct incremental_spec spec;
    PGconn *conn; /* NULL: none, or lost */
    char *signal_table; /* quoted; NULL: there is none */

    char *correlation_id; /* of the run; NULL: there is none */
    struct incremental_collection *queue; /* the first is being read */
    size_t n_queue;
    struct java_key maximum; /* of the table being read */
    struct java_key last;    /* of the rows sent */
    bool has_maximum;
    bool has_last;
    bool paused;
    bool postponed;            /* a chunk is due, but what the stream has had is not visible yet */
    struct visibility visibility;
    int64_t ask_ms; /* when to look again whether it is */
    uint64_t n_rows; /* read of the table, by this task */
    double estimate; /* of the rows that there are to read; 0: not known */
    int64_t begun_ms; /* when this task began to read the table; 0: it did not */

    struct incremental_chunk chunk;
    struct cv_buf scratch;
};

static inline bool
incremental_runs(const struct incremental *inc)
{
    return inc->n_queue > 0;
}

/* Free the chunk's rows and plan. */
void incremental_chunk_done(struct incremental_chunk *chunk);
/* Open and close a window around the next rows of the queue: the table changes until there are some, or none is
   left. CV_RETRY: the connection was lost. */
CV_MUST_CHECK enum cv_rc incremental_chunk_read(struct incremental *inc, struct cv_err *err);

/* A connection, if there is none. */
CV_MUST_CHECK enum cv_rc incremental_connect(struct incremental *inc, struct cv_err *err);
/* Close it, if it was lost. */
void incremental_disconnect(struct incremental *inc);

/* Drop the first of the queue, or all of it. */
void incremental_queue_shift(struct incremental *inc);
void incremental_queue_clear(struct incremental *inc);
CV_MUST_CHECK enum cv_rc incremental_queue_add(struct incremental *inc, const char *id, size_t id_len,
                                               const char *condition, const char *surrogate, struct cv_err *err);

/* Notifications of the run; status NULL: none of a table. */
CV_MUST_CHECK enum cv_rc incremental_tell(struct incremental *inc, const char *type, struct cv_err *err);
CV_MUST_CHECK enum cv_rc incremental_tell_table(struct incremental *inc, const char *status, struct cv_err *err);
CV_MUST_CHECK enum cv_rc incremental_tell_chunk(struct incremental *inc, struct cv_err *err);

#endif
