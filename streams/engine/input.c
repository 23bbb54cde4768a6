/* SPDX-License-Identifier: Apache-2.0 */
/* One partition that a task reads; see input.h. */
#include "streams/engine/input.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/murmur2.h"

#define PROBES     1000
#define MAX_FUTURE ((int64_t)5 * 60000)

enum cv_rc
input_init(struct input *in, const struct plan_source *source, size_t source_no, int32_t partition,
           int32_t partitions, int32_t upstreams, struct cv_err *err)
{
    *in = (struct input){ .source = source,
                          .source_no = source_no,
                          .partition = partition,
                          .partitions = partitions,
                          .end_offset = -1 };
    if (upstreams > 0) {
        in->stamps = calloc((size_t)upstreams, sizeof(*in->stamps));
        if (in->stamps == NULL)
            return cv_fail_memory(err);
        in->n_stamps = (size_t)upstreams;
    }
    return source_new(source, &in->decoder, err);
}

void
input_done(struct input *in)
{
    input_clear(in);
    free(in->queue);
    free(in->stamps);
    batch_done(&in->batch);
    applier_free(in->applier);
    source_free(in->decoder);
    *in = (struct input){ 0 };
}

enum cv_rc
input_put(struct input *in, const struct cv_consumed *msg, struct cv_err *err)
{
    if (in->count == in->cap) {
        size_t cap = in->cap == 0 ? 256 : 2 * in->cap;
        struct cv_consumed *queue = malloc(cap * sizeof(*queue));

        if (queue == NULL)
            return cv_fail_memory(err);
        for (size_t i = 0; i < in->count; i++)
            queue[i] = in->queue[(in->head + i) % in->cap];
        free(in->queue);
        in->queue = queue;
        in->cap = cap;
        in->head = 0;
    }
    in->queue[(in->head + in->count++) % in->cap] = *msg;
    in->taken_next = msg->offset + 1;
    in->eof = false;
    if (msg->offset >= in->end_offset)
        in->end_offset = msg->offset + 1;
    return CV_OK;
}

const struct cv_consumed *
input_head(const struct input *in)
{
    return in->count > 0 ? &in->queue[in->head] : NULL;
}

void
input_decode(struct input *in)
{
    const struct cv_consumed *msg = input_head(in);

    if (in->decoded)
        return;
    in->decode_rc = source_decode(in->decoder, msg->key, msg->value, &in->event, &in->decode_err);
    in->decoded = true;
}

int64_t
input_time(struct input *in)
{
    int column = in->source->event_time;

    input_decode(in);
    if (in->decode_rc == CV_OK && in->event.ts_ms != CHANGE_NONE)
        return in->event.ts_ms;
    if (in->decode_rc == CV_OK && in->event.kind == EVENT_UPSERT && column >= 0 &&
        in->event.row[column].kind == CELL_INTEGER)
        return in->event.row[column].integer;
    if (in->decode_rc == CV_OK && in->event.commit_ts_ms != CHANGE_NONE)
        return in->event.commit_ts_ms;
    return input_head(in)->timestamp_ms;
}

void
input_pop(struct input *in)
{
    cv_consumed_free(&in->queue[in->head], 1);
    in->head = (in->head + 1) % in->cap;
    in->count--;
    in->decoded = false;
    if (in->count == 0)
        in->empty_ms = cv_mono_ms();
}

void
input_clear(struct input *in)
{
    while (in->count > 0)
        input_pop(in);
    batch_clear(&in->batch);
    in->end_offset = -1;
    in->eof = false;
    in->empty_ms = cv_mono_ms();
}

bool
input_at_end(const struct input *in)
{
    return in->count == 0 &&
           (in->eof || (in->end_offset >= 0 && in->pos.next_offset >= in->end_offset));
}

void
input_eof(struct input *in, int64_t offset)
{
    in->end_offset = offset;
    in->eof = offset >= in->taken_next;
}

int64_t
input_next_offset(const struct input *in)
{
    return in->count == 0 && in->eof && in->end_offset > in->pos.next_offset ? in->end_offset
                                                                             : in->pos.next_offset;
}

/* ---- time ---- */

void
input_move_clock(struct input *in)
{
    const struct event *event = &in->event;
    int64_t clock = event->commit_ts_ms;

    if (in->n_stamps > 0 || in->decode_rc != CV_OK || event->snapshot == EVENT_SNAPSHOT)
        return;
    /* A tombstone has no time of its own; when it was written to the topic tells nothing. */
    if (event->kind == EVENT_TOMBSTONE)
        return;
    if (in->source->clock_is_event)
        clock = input_time(in);
    else if (clock == CHANGE_NONE && in->source->format == PLAN_JSON)
        clock = input_head(in)->timestamp_ms;
    if (clock <= in->pos.clock_ms)
        return;
    if (clock > cv_now_ms() + MAX_FUTURE) {
        in->future++;
        return;
    }
    in->pos.clock_ms = clock;
    in->moved_ms = cv_mono_ms();
    in->idle = false;
}

enum cv_rc
input_stamp(struct input *in, const struct event *event, struct cv_err *err)
{
    struct stamp *stamp;

    if (event->upstream >= in->n_stamps)
        return cv_fail(err, CV_INVALID,
                       "a watermark of upstream task %u, but there are %zu; was the input given "
                       "other partitions? Then begin anew with culvert-streams reset",
                       event->upstream, in->n_stamps);
    stamp = &in->stamps[event->upstream];
    if (!stamp->known || event->watermark_ms > stamp->watermark_ms)
        stamp->watermark_ms = event->watermark_ms;
    stamp->known = stamp->moved = true;
    stamp->idle = event->idle;
    if (!event->idle)
        in->idle = false;
    return CV_OK;
}

int64_t
input_watermark(const struct input *in)
{
    int64_t least = INT64_MAX;
    int64_t most = TIME_NONE;

    if (in->n_stamps == 0)
        return in->pos.clock_ms == 0 ? TIME_NONE : in->pos.clock_ms - in->source->delay_ms;
    for (size_t i = 0; i < in->n_stamps; i++) {
        if (!in->stamps[i].known)
            return TIME_NONE;
        if (in->stamps[i].watermark_ms > most)
            most = in->stamps[i].watermark_ms;
        if (!in->stamps[i].idle && in->stamps[i].watermark_ms < least)
            least = in->stamps[i].watermark_ms;
    }
    return least == INT64_MAX ? most : least;
}

bool
input_seems_idle(const struct input *in)
{
    if (!input_at_end(in))
        return false;
    for (size_t i = 0; i < in->n_stamps; i++) {
        if (!in->stamps[i].known || !in->stamps[i].idle)
            return false;
    }
    return in->n_stamps > 0 || cv_mono_ms() - in->moved_ms >= in->source->idle_ms;
}

enum cv_rc
input_probe(struct input *in, struct cv_err *err)
{
    const struct cv_consumed *msg = input_head(in);
    int32_t want;

    if (in->probed >= PROBES || msg->key.data == NULL)
        return CV_OK;
    in->probed++;
    want = cv_murmur2_partition(msg->key.data, msg->key.len, in->partitions);
    if (want == in->partition)
        return CV_OK;
    return cv_fail(
        err, CV_INVALID,
        "topic \"%s\" cannot be joined by partition: the key %.*s lies in partition %d, but the "
        "partitioner of Java clients (murmur2) puts it into partition %d of %d; write the topic "
        "with "
        "that partitioner and the same key as the others",
        in->source->topic, msg->key.len > 100 ? 100 : (int)msg->key.len, msg->key.data,
        in->partition, want, in->partitions);
}
