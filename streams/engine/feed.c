/* SPDX-License-Identifier: Apache-2.0 */
/* Records of one repartition topic; see feed.h. */
#include "streams/engine/feed.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/murmur2.h"
#include "streams/io/changes.h"

#define RECORD_MAX ((size_t)64 << 20)

struct feed {
    const struct plan_source *source;
    int32_t partitions;
    int32_t upstream;
    char *key_head; /* in front of the key's value */
    const char *key_tail;
    struct cv_buf key;
    struct cv_buf value;
    bool told; /* the partitions have heard: */
    int64_t watermark_ms;
    bool idle;
};

enum cv_rc
feed_new(const struct plan *plan, size_t source, const int32_t *partitions, int32_t upstream,
         struct feed **ret, struct cv_err *err)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    struct cv_buf head = CV_BUF_INIT(4096);

    if (feed == NULL)
        return cv_fail_memory(err);
    feed->source = &plan->sources[source];
    feed->partitions = partitions[source];
    feed->upstream = upstream;
    cv_buf_init(&feed->key, RECORD_MAX);
    cv_buf_init(&feed->value, RECORD_MAX);
    if (feed->source->like == PLAN_NONE) {
        cv_buf_char(&head, '[');
        feed->key_tail = "]";
    } else {
        const struct table *table = plan->sources[feed->source->like].table;
        const char *name = table->columns[table->key[0]].name;

        cv_buf_char(&head, '{');
        cv_buf_json(&head, name, strlen(name));
        cv_buf_char(&head, ':');
        feed->key_tail = "}";
    }
    feed->key_head = cv_buf_take(&head);
    if (feed->key_head == NULL) {
        feed_free(feed);
        return cv_fail_memory(err);
    }
    *ret = feed;
    return CV_OK;
}

void
feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    cv_buf_free(&feed->key);
    cv_buf_free(&feed->value);
    free(feed->key_head);
    free(feed);
}

static enum cv_rc
take(const struct cv_buf *buf, struct cv_arena *arena, struct cv_bytes *ret, struct cv_err *err)
{
    if (cv_buf_check(buf, err) != CV_OK)
        return err->rc;
    ret->data = cv_arena_dup(arena, buf->data, buf->len);
    ret->len = buf->len;
    return ret->data == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
append(struct feed *feed, const struct change *change, const struct cell *key, struct outputs *out,
       struct cv_err *err)
{
    struct output output = { .topic = feed->source->topic, .ts_ms = CHANGE_NONE };

    cv_buf_reset(&feed->key);
    cv_buf_str(&feed->key, feed->key_head);
    sink_value(&feed->key, key);
    cv_buf_str(&feed->key, feed->key_tail);
    cv_buf_reset(&feed->value);
    changes_write(feed->source->table, change, &feed->value);
    if (take(&feed->key, out->arena, &output.key, err) != CV_OK ||
        take(&feed->value, out->arena, &output.value, err) != CV_OK)
        return err->rc;
    output.partition =
        cv_murmur2_partition(output.key.data, output.key.len, feed->partitions);
    return outputs_append(out, &output, err);
}

enum cv_rc
feed_change(struct feed *feed, const struct change *change, struct outputs *out,
            struct cv_err *err)
{
    const struct cell *key = &change->row[feed->source->by];
    struct change half = *change;

    if (change->old == NULL || change->op == 'd' ||
        cell_equal(&change->old[feed->source->by], key))
        return append(feed, change, key, out, err);
    half.op = 'd';
    half.row = half.old = change->old;
    if (append(feed, &half, &change->old[feed->source->by], out, err) != CV_OK)
        return err->rc;
    half = *change;
    half.op = 'c';
    half.old = NULL;
    return append(feed, &half, key, out, err);
}

bool
feed_lacks(const struct feed *feed, int64_t watermark_ms, bool idle)
{
    return !feed->told || watermark_ms > feed->watermark_ms || idle != feed->idle;
}

enum cv_rc
feed_watermark(struct feed *feed, int64_t watermark_ms, bool idle, struct outputs *out,
               struct cv_err *err)
{
    struct output output = { .topic = feed->source->topic, .ts_ms = CHANGE_NONE };

    if (!feed_lacks(feed, watermark_ms, idle))
        return CV_OK;
    cv_buf_reset(&feed->value);
    changes_write_watermark((uint32_t)feed->upstream, watermark_ms, idle, &feed->value);
    if (take(&feed->value, out->arena, &output.value, err) != CV_OK)
        return err->rc;
    for (output.partition = 0; output.partition < feed->partitions; output.partition++) {
        if (outputs_append(out, &output, err) != CV_OK)
            return err->rc;
    }
    feed->told = true;
    feed->watermark_ms = watermark_ms;
    feed->idle = idle;
    return CV_OK;
}

void
feed_forget(struct feed *feed)
{
    feed->told = false;
}
