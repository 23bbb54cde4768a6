/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One partition that a task reads: records waiting, the decoder, how far it was read, and its
 * watermark: nothing older than that is expected from it. Task's thread.
 *
 * The watermark of a topic of others stays WATERMARK DELAY behind its clock, the newest commit time
 * (or event time) seen. The rows of a snapshot do not move the clock, for they carry history; nor do
 * times that lie in the future. In a repartition topic the upstream tasks say how far they are, and
 * the slowest one counts.
 */
#ifndef STREAMS_ENGINE_INPUT_H
#define STREAMS_ENGINE_INPUT_H

#include "streams/engine/apply.h"
#include "streams/engine/batch.h"
#include "streams/io/broker.h"

#define INPUT_PAUSE_AT  1000
#define INPUT_RESUME_AT 500

/* What an upstream task said last. */
struct stamp {
    bool known;
    bool idle;
    bool moved; /* since it was saved */
    int64_t watermark_ms;
};

struct input {
    const struct plan_source *source;
    size_t source_no; /* in the plan */
    int32_t partition;
    int32_t partitions; /* of its topic */
    struct source *decoder;
    struct applier *applier; /* NULL while the state file is closed */
    struct relation *relation;
    struct position pos;
    int64_t end_offset; /* as last heard; -1: never */
    int64_t taken_next; /* behind the last record put into the queue */
    bool eof;           /* the broker had nothing more behind that */
    bool paused;
    bool attached;
    bool identified; /* what it is stands in the state */
    bool committed;  /* the group had an offset of it when the task began */
    unsigned probed; /* records whose partition was checked */

    struct stamp *stamps; /* of a repartition topic, one an upstream task */
    size_t n_stamps;
    int64_t empty_ms;     /* monotonic, since when no record waits; while none does */
    int64_t moved_ms;     /* monotonic, when the clock last moved, or the broker was away */
    int64_t asked_ms;     /* monotonic, when the broker was last asked whether there is more */
    bool idle;
    uint64_t future;      /* times beyond the guard */

    bool batched;       /* a SELECT runs over its changes at each commit: */
    struct batch batch; /* they are kept here */

    struct cv_consumed *queue; /* a ring */
    size_t cap;
    size_t head;
    size_t count;

    bool decoded; /* of the head */
    enum cv_rc decode_rc;
    struct event event;
    struct cv_err decode_err;
};

CV_MUST_CHECK
enum cv_rc input_init(struct input *in, const struct plan_source *source, size_t source_no,
                      int32_t partition, int32_t partitions, int32_t upstreams,
                      struct cv_err *err);
void input_done(struct input *in);

/* Take the message; on failure it stays the caller's. */
CV_MUST_CHECK
enum cv_rc input_put(struct input *in, const struct cv_consumed *msg, struct cv_err *err);
const struct cv_consumed *input_head(const struct input *in); /* NULL: none waits */
/* Decode the head unless that was done. */
void input_decode(struct input *in);
/* Time of the head's event, for the order over partitions. */
int64_t input_time(struct input *in);
void input_pop(struct input *in);
void input_clear(struct input *in);
/* Everything that the broker has was taken. */
bool input_at_end(const struct input *in);
/* The broker has nothing behind offset. */
void input_eof(struct input *in, int64_t offset);
/* Where to go on: behind what was processed and, at the end, behind the marks of transactions. */
int64_t input_next_offset(const struct input *in);

/* ---- time ---- */

/* The head, which was decoded, has been processed. */
void input_move_clock(struct input *in);
CV_MUST_CHECK
enum cv_rc input_stamp(struct input *in, const struct event *event, struct cv_err *err);
/* TIME_NONE: not known yet. */
int64_t input_watermark(const struct input *in);
/* Whether it could be idle: at its end, and still for IDLE TIMEOUT, or all its upstream tasks are. */
bool input_seems_idle(const struct input *in);
/* The head lies where murmur2 of its key puts it; CV_INVALID names key and partitions. */
CV_MUST_CHECK
enum cv_rc input_probe(struct input *in, struct cv_err *err);

#endif
