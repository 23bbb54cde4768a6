/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change events to rows: Debezium's JSON envelope, with and without the schema/payload wrapper, and
 * plain JSON objects, read by the pull reader straight into the cells of the source's columns. No tree, no allocation a
 * record.
 *
 * A decoder belongs to one thread. It learns the order of fields and the wrapper's schema from the
 * events and compares the next ones with what it learnt.
 */
#ifndef STREAMS_IO_SOURCE_H
#define STREAMS_IO_SOURCE_H

#include <culvert/value.h>

#include "streams/sql/plan.h"
#include "streams/store/relation.h"

enum event_kind {
    EVENT_UPSERT,    /* op c, r or u */
    EVENT_DELETE,    /* op d */
    EVENT_TOMBSTONE, /* no value */
    EVENT_TRUNCATE,
    EVENT_OTHER,     /* op m: nothing for a table */
    EVENT_WATERMARK, /* of a repartition topic */
};

enum event_snapshot { EVENT_LIVE, EVENT_SNAPSHOT, EVENT_INCREMENTAL };

/* Borrowed from the record's bytes and from the decoder, until its next call. Numbers that the
   event does not have are CHANGE_NONE (streams/store/relation.h). */
struct event {
    enum event_kind kind;
    char op;
    enum event_snapshot snapshot;
    struct cell *row; /* of all columns. UPSERT: the new image; DELETE, TOMBSTONE: only the key's
                         are valid, of a stream all */
    struct cell *old; /* of a stream: the row before, if the event has it; else NULL */
    int64_t ts_ms;    /* event time; CHANGE_NONE: look at the row */
    int64_t commit_ts_ms;
    int64_t lsn;
    int64_t commit_lsn; /* last commit before this change, from source.sequence */
    int64_t txid;
    uint32_t upstream; /* WATERMARK: the task that sent it */
    int64_t watermark_ms;
    bool idle;
};

#define EVENT_INIT                                                                                 \
    {                                                                                              \
        .ts_ms = CHANGE_NONE, .commit_ts_ms = CHANGE_NONE, .lsn = CHANGE_NONE,                     \
        .commit_lsn = CHANGE_NONE, .txid = CHANGE_NONE, .watermark_ms = CHANGE_NONE                \
    }

struct source;

CV_MUST_CHECK
enum cv_rc source_new(const struct plan_source *plan, struct source **ret, struct cv_err *err);
void source_free(struct source *source);

/*
 * key.data, value.data NULL: none. CV_INVALID names the field and what is wrong with it: a poison
 * record, for on_error.
 */
CV_MUST_CHECK
enum cv_rc source_decode(struct source *source, struct cv_bytes key, struct cv_bytes value,
                         struct event *ret, struct cv_err *err);

#endif
