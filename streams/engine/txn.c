/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka transaction of one processing thread; see txn.h. */
#include "streams/engine/txn.h"

#include "common/clock.h"

#define ARENA_BLOCK ((size_t)256 << 10)
#define RECORDS_MAX 10000
#define BYTES_MAX   ((size_t)16 << 20)
#define CONSOLE_MAX ((size_t)64 << 20)

enum cv_rc
txn_init(struct txn *txn, struct broker *broker, struct cv_err *err)
{
    *txn = (struct txn){ .broker = broker, .since_ms = cv_mono_ms(), .ended_ms = cv_mono_ms() };
    cv_buf_init(&txn->console, CONSOLE_MAX);
    txn->pool = cv_arena_pool_new(ARENA_BLOCK, 2 * BYTES_MAX);
    if (txn->pool != NULL)
        txn->arena = cv_arena_new(txn->pool);
    if (txn->arena == NULL) {
        txn_done(txn);
        return cv_fail_memory(err);
    }
    cv_delivery_init(&txn->delivery, NULL);
    return CV_OK;
}

void
txn_done(struct txn *txn)
{
    cv_arena_free(txn->arena);
    cv_arena_pool_free(txn->pool);
    cv_buf_free(&txn->console);
    *txn = (struct txn){ 0 };
}

enum cv_rc
txn_begin(struct txn *txn, struct cv_err *err)
{
    if (txn->open)
        return CV_OK;
    if (txn->arena == NULL)
        txn->arena = cv_arena_new(txn->pool);
    if (txn->arena == NULL)
        return cv_fail_memory(err);
    if (txn->broker->ops->begin(txn->broker, err) != CV_OK)
        return err->rc;
    txn->open = true;
    txn->begin_ms = cv_mono_ms();
    return CV_OK;
}

enum cv_rc
txn_send(struct txn *txn, const struct out_record *rec, struct cv_delivery *delivery,
         struct cv_err *err)
{
    txn->bytes += rec->key.len + rec->value.len;
    return txn->broker->ops->send(txn->broker, rec, delivery, err);
}

enum cv_rc
txn_write(struct txn *txn, const struct output *out, int64_t timestamp_ms, struct cv_err *err)
{
    struct out_record rec = { .topic = out->topic,
                              .partition = out->partition,
                              .key = out->key,
                              .value = out->value,
                              .headers = out->headers,
                              .timestamp_ms =
                                  out->ts_ms != CHANGE_NONE ? out->ts_ms : timestamp_ms };

    if (out->topic != NULL)
        return txn_send(txn, &rec, &txn->delivery, err);
    cv_buf_str(&txn->console, out->sink->name);
    cv_buf_char(&txn->console, ' ');
    if (out->value.data != NULL)
        cv_buf_add(&txn->console, out->value.data, out->value.len);
    else
        cv_buf_str(&txn->console, "null");
    cv_buf_char(&txn->console, '\n');
    return cv_buf_check(&txn->console, err);
}

static bool
is_full(const struct txn *txn)
{
    return txn->records >= RECORDS_MAX || txn->bytes >= BYTES_MAX;
}

bool
txn_ripe(const struct txn *txn, int interval_ms)
{
    return txn->open && (is_full(txn) || cv_mono_ms() - txn->begin_ms >= interval_ms);
}

bool
txn_due(const struct txn *txn, int interval_ms, bool more)
{
    int64_t now = cv_mono_ms();
    int64_t took = txn->ended_ms - txn->since_ms;

    if (!txn->open || is_full(txn))
        return txn->open;
    return now - txn->since_ms >= interval_ms &&
           (!more || now - txn->ended_ms >= (took < interval_ms ? took : interval_ms));
}

int
txn_due_in(const struct txn *txn, int interval_ms)
{
    int64_t left;

    if (!txn->open)
        return -1;
    left = txn->since_ms + interval_ms - cv_mono_ms();
    return left < 0 ? 0 : (int)left;
}

void
txn_commits(struct txn *txn)
{
    txn->since_ms = cv_mono_ms();
}

void
txn_end(struct txn *txn)
{
    cv_arena_free(txn->arena);
    txn->arena = cv_arena_new(txn->pool);
    cv_buf_reset(&txn->console);
    cv_delivery_init(&txn->delivery, NULL);
    txn->open = false;
    txn->ended_ms = cv_mono_ms();
    txn->records = 0;
    txn->bytes = 0;
}
