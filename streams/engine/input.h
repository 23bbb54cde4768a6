/* SPDX-License-Identifier: Apache-2.0 */
/* One partition that a task reads: records waiting, the decoder, how far it was read. Task's
 * thread. */
#ifndef STREAMS_ENGINE_INPUT_H
#define STREAMS_ENGINE_INPUT_H

#include "streams/engine/apply.h"
#include "streams/io/broker.h"

#define INPUT_PAUSE_AT  1000
#define INPUT_RESUME_AT 500

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
    bool paused;
    bool attached;
    unsigned probed; /* records whose partition was checked */

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
                      int32_t partition, int32_t partitions, struct cv_err *err);
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
/* The head lies where murmur2 of its key puts it; CV_INVALID names key and partitions. */
CV_MUST_CHECK
enum cv_rc input_probe(struct input *in, struct cv_err *err);

#endif
