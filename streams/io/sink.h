/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result rows to records. The key of a sink with KEY (a, b) is canonical: the compact JSON array of
 * the columns' values, [1,"x"], UTF-8, no blanks; key_format = 'debezium' makes it the object
 * {"a":1,"b":"x"}. The value is a JSON object of the columns in the order of the SELECT. A column
 * _key or _value replaces key or value by its own bytes (NULL: none, a tombstone); _ts and
 * _partition set timestamp and partition.
 */
#ifndef STREAMS_IO_SINK_H
#define STREAMS_IO_SINK_H

#include <culvert/value.h>

#include "common/arena.h"
#include "streams/sql/plan.h"

/* A record, or a line for the console. Bytes live in the arena it was made with. */
struct output {
    const struct plan_sink *sink;
    struct cv_bytes key;   /* data NULL: none */
    struct cv_bytes value; /* data NULL: tombstone */
    int32_t partition;     /* CV_NO_PARTITION */
    int64_t ts_ms;         /* CHANGE_NONE: that of the event */
};

/* How the columns of one statement's result become the records of one sink; constant once made. */
struct sink_encoder;

CV_MUST_CHECK
enum cv_rc sink_encoder_new(const struct plan_sink *sink, const struct plan_body *body,
                            struct sink_encoder **ret, struct cv_err *err);
void sink_encoder_free(struct sink_encoder *enc);
/* The row that the statement stands on. CV_INVALID: a json_column holds no JSON, a special column
   has a wrong type. */
CV_MUST_CHECK
enum cv_rc sink_encode(struct sink_encoder *enc, struct statement *row, struct cv_arena *arena,
                       struct output *ret, struct cv_err *err);

#endif
