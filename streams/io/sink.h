/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result rows to records. The key of a sink with KEY (a, b) is canonical: the compact JSON array of
 * the columns' values, [1,"x"], UTF-8, no blanks; key_format = 'debezium' makes it the object
 * {"a":1,"b":"x"}. The value is a JSON object of the columns in the order of the SELECT. A column
 * _key or _value replaces key or value by its own bytes (NULL: none, a tombstone); _ts and
 * _partition set timestamp and partition, _headers the headers: a JSON object of name and text.
 *
 * Rows that come from a table itself (late ones) are written by the types of its columns: DECIMAL
 * as decimal text, TIMESTAMP as ISO 8601, BOOLEAN as true or false.
 */
#ifndef STREAMS_IO_SINK_H
#define STREAMS_IO_SINK_H

#include <culvert/value.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/kafka/producer.h"
#include "streams/sql/plan.h"

/* A record, or a line for the console or a file. Bytes live in the arena it was made with. */
struct output {
    const struct plan_sink *sink; /* NULL: for a repartition topic */
    const char *topic;            /* NULL: console or file */
    struct cv_bytes key;   /* data NULL: none */
    struct cv_bytes value; /* data NULL: tombstone */
    const struct cv_raw_headers *headers; /* NULL: none */
    int32_t partition;     /* CV_NO_PARTITION */
    int64_t ts_ms;         /* CHANGE_NONE: that of the event */
};

/* The record that a row comes from. */
struct sink_origin {
    const char *topic;
    int32_t partition;
    int64_t offset;
};

/* How rows become the records of one sink; constant once made. */
struct sink_encoder;

/* For the result of a statement. */
CV_MUST_CHECK
enum cv_rc sink_encoder_new(const struct plan_sink *sink, const struct plan_body *body,
                            struct sink_encoder **ret, struct cv_err *err);
/* For the rows of a table, which must outlive it. */
CV_MUST_CHECK
enum cv_rc sink_encoder_for_table(const struct plan_sink *sink, const struct table *table,
                                  struct sink_encoder **ret, struct cv_err *err);
void sink_encoder_free(struct sink_encoder *enc);
/* A row of all columns. CV_INVALID: a json_column holds no JSON, a special column has a wrong type.
 */
CV_MUST_CHECK
enum cv_rc sink_encode(struct sink_encoder *enc, const struct cell *row, struct cv_arena *arena,
                       struct output *ret, struct cv_err *err);
/* A JSON object as headers, made in the arena; NULL: *ret NULL. CV_INVALID: it is something else. */
CV_MUST_CHECK
enum cv_rc sink_headers(const struct cell *cell, struct cv_arena *arena,
                        const struct cv_raw_headers **ret, struct cv_err *err);
/* __culvert.errors.topic, .partition and .offset (origin NULL: without them), .exception and .stage.
   NULL: memory is out. */
const struct cv_raw_headers *sink_error_headers(const struct sink_origin *origin,
                                                const char *exception, const char *stage,
                                                struct cv_arena *arena);
/* A field of CSV (RFC 4180): quoted if it must be, or if told to. */
void sink_csv_field(struct cv_buf *out, const char *text, size_t len, bool quote);

/* One value as JSON. */
void sink_value(struct cv_buf *out, const struct cell *cell);
/* The same by the type of a table's column; NULL: it has none. */
void sink_column_value(struct cv_buf *out, const struct column *column, const struct cell *cell);

#endif
