/* SPDX-License-Identifier: Apache-2.0 */
/* One partition that a task reads; see input.h. */
#include "streams/engine/input.h"

#include <stdlib.h>
#include <string.h>

#include "common/murmur2.h"

#define PROBES 1000

enum cv_rc
input_init(struct input *in, const struct plan_source *source, size_t source_no, int32_t partition,
           int32_t partitions, struct cv_err *err)
{
    *in = (struct input){ .source = source,
                          .source_no = source_no,
                          .partition = partition,
                          .partitions = partitions,
                          .end_offset = -1 };
    return source_new(source, &in->decoder, err);
}

void
input_done(struct input *in)
{
    input_clear(in);
    free(in->queue);
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
}

void
input_clear(struct input *in)
{
    while (in->count > 0)
        input_pop(in);
    in->end_offset = -1;
}

bool
input_at_end(const struct input *in)
{
    return in->count == 0 && in->end_offset >= 0 && in->pos.next_offset >= in->end_offset;
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
