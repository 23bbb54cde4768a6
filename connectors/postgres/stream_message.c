/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path's second half: what pgoutput's messages mean. Relations become plans, changes become events, commits
 * become positions.
 *
 * A transaction that was handed over in part comes again as a whole, from its first change; how far it had come is
 * known by count, or from Debezium's offsets by LSN alone (judge()).
 */
#include "connectors/postgres/stream_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/logical_message.h"
#include "connectors/postgres/reselect.h"
#include "connectors/postgres/table_counts.h"
#include "connectors/postgres/transaction.h"

/* ---- relations ---- */

/* What a plan has for the stream only. */
static enum cv_rc
complete_plan(struct stream *s, struct plan *plan, struct cv_err *err)
{
    reselect_mark(s->spec.reselect, plan);
    plan->is_signal = table_is_signal(s->spec.filter, plan->schema_name, plan->table_name);
    if (s->spec.table_counts != NULL && table_counts_find(s->spec.table_counts, plan->schema_name, plan->table_name,
                                                          &plan->counts, err) != CV_OK)
        return err->rc;
    if (s->spec.direct == NULL)
        return CV_OK;
    err->rc = CV_OK;
    plan->topic = s->spec.ctx->topic(s->spec.ctx, plan->topic_name, err);
    return plan->topic == NULL ? err->rc : CV_OK;
}

static enum cv_rc
make_plan(struct stream *s, struct plan **ret, struct cv_err *err)
{
    struct pgoutput_relation *rel = &s->relation;
    struct plan_spec spec = { .config = s->spec.config,
                              .direct = s->spec.direct,
                              .filter = s->spec.filter,
                              .relation = rel,
                              .catalog = s->spec.catalog,
                              .conn = s->conn };
    struct pg_tables tables = { 0 };
    struct pg_table gone = { .oid = rel->oid,
                             .schema = (char *)(uintptr_t)rel->schema,
                             .name = (char *)(uintptr_t)rel->name,
                             .replica_identity = rel->replica_identity };
    enum cv_rc rc = catalog_table_named(s->spec.catalog, s->conn, rel->schema, rel->name, &tables, err);

    if (rc == CV_OK) {
        spec.table = tables.count > 0 ? tables.items[0] : &gone;
        rc = plan_new(&spec, ret, err);
    }
    if (rc == CV_OK && (rc = complete_plan(s, *ret, err)) != CV_OK)
        plan_free(*ret);
    pg_tables_done(&tables);
    return rc;
}

static enum cv_rc
on_relation(struct stream *s, const void *data, size_t len, struct cv_err *err)
{
    struct plan *plan = NULL;
    const char *schema;

    if (pgoutput_read_relation(data, len, &s->relation, err) != CV_OK)
        return err->rc;
    s->last_plan = NULL;
    schema = s->relation.schema[0] != '\0' ? s->relation.schema : "pg_catalog";
    s->relation.schema = schema;
    cv_hash_remove_u64(s->plans, s->relation.oid);
    if (!table_is_captured(s->spec.filter, schema, s->relation.name)) {
        if (!cv_hash_put_u64(s->ignored, s->relation.oid, s))
            return cv_fail_memory(err);
        return CV_OK;
    }
    cv_hash_remove_u64(s->ignored, s->relation.oid);
    if (make_plan(s, &plan, err) != CV_OK)
        return err->rc;
    if (!cv_hash_put_u64(s->plans, s->relation.oid, plan)) {
        plan_free(plan);
        return cv_fail_memory(err);
    }
    return CV_OK;
}

/* *ret NULL: the relation is not captured. */
static enum cv_rc
find_plan(struct stream *s, uint32_t oid, const struct plan **ret, struct cv_err *err)
{
    if (s->last_plan != NULL && s->last_plan->oid == oid) {
        *ret = s->last_plan;
        return CV_OK;
    }
    *ret = cv_hash_get_u64(s->plans, oid);
    if (*ret == NULL && cv_hash_get_u64(s->ignored, oid) == NULL)
        return cv_fail(err, CV_INVALID, "a change of relation %u came without a Relation message", oid);
    s->last_plan = *ret;
    return CV_OK;
}

/* ---- transactions ---- */

/* Whether a snapshot has seen the transaction (PostgreSQL's XidInMVCCSnapshot, low 32 bits). */
static bool
was_seen(const struct stream_seen *seen, const struct pgoutput_begin *begin)
{
    int32_t from_xmin = (int32_t)(begin->xid - (uint32_t)seen->xmin);
    int32_t from_xmax = (int32_t)(begin->xid - (uint32_t)seen->xmax);

    if (seen->until == CV_LSN_NONE || begin->final_lsn > seen->until || from_xmax >= 0)
        return false;
    if (from_xmin < 0)
        return true;
    for (size_t i = 0; i < seen->n_running; i++)
        if (seen->running[i] == begin->xid)
            return false;
    return true;
}

static enum cv_rc
on_begin(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch, struct cv_err *err)
{
    if (s->in_transaction)
        return cv_fail(err, CV_INVALID, "a Begin message came inside a transaction");
    if (pgoutput_read_begin(data, len, &s->begin, err) != CV_OK)
        return err->rc;
    s->in_transaction = true;
    s->source_rendered = false;
    s->changes = 0;
    s->change_lsn = s->whole_lsn = CV_LSN_NONE;
    s->skip_transaction = s->spec.seen != NULL && was_seen(s->spec.seen, &s->begin);
    incremental_transaction(s->spec.incremental, s->begin.xid);
    if (s->skip_transaction)
        return CV_OK;
    return transaction_begin(s->spec.transaction, &s->begin, lsn, batch, err);
}

static void
drop_held(struct stream *s)
{
    free(s->held_change.data);
    s->held_change.data = NULL;
}

static enum cv_rc
on_commit(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch, struct cv_err *err)
{
    struct pgoutput_commit commit;

    if (pgoutput_read_commit(data, len, &commit, err) != CV_OK)
        return err->rc;
    if (!s->in_transaction)
        return cv_fail(err, CV_INVALID, "a Commit message came outside of a transaction");
    if (commit.commit_lsn != s->begin.final_lsn)
        return cv_fail(err, CV_INVALID, "a Commit message is not of the transaction that began");
    if (commit.end_lsn < s->position.lsn)
        return cv_fail(err, CV_INVALID, "a Commit message ends before the position that was reached");
    if (!s->skip_transaction) {
        s->seen_commit = commit.end_lsn;
        if (transaction_end(s->spec.transaction, lsn, batch, err) != CV_OK)
            return err->rc;
    }
    s->in_transaction = false;
    drop_held(s);
    s->sent = (struct position_partial){ 0 };
    stream_move(s, commit.end_lsn, commit.commit_time_us, s->begin.xid);
    s->transactions++;
    s->behind_seconds = (double)(s->batch_us - commit.commit_time_us) / 1e6;
    if (incremental_reached(s->spec.incremental, commit.end_lsn))
        return stream_window_closed(s, lsn, batch, err);
    return CV_OK;
}

/* ---- what an earlier stream handed over ---- */

enum verdict { VERDICT_EMIT, VERDICT_SKIP, VERDICT_HOLD };

/*
 * Counts the change, and says whether it was handed over before. Our own positions have the count. Debezium's have
 * an LSN, and several changes may share it: then how many of them it sent is not known, and all come again. So the
 * first change at that LSN is held back until the next one shows whether it is the only one.
 */
static enum verdict
judge(struct stream *s, char type, cv_lsn lsn)
{
    const struct position_partial *sent = &s->sent;

    s->changes++;
    if (lsn != s->change_lsn) {
        s->whole_lsn = s->change_lsn;
        s->whole_type = s->change_type;
    }
    s->change_lsn = lsn;
    s->change_type = type;
    if (sent->final_lsn != CV_LSN_NONE)
        return s->begin.final_lsn == sent->final_lsn && s->changes <= sent->changes && lsn <= sent->last_lsn
                   ? VERDICT_SKIP
                   : VERDICT_EMIT;
    if (sent->row_lsn == CV_LSN_NONE || lsn > sent->row_lsn)
        return VERDICT_EMIT;
    return lsn < sent->row_lsn || type == 'T' ? VERDICT_SKIP : VERDICT_HOLD;
}

static enum cv_rc
hold(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_err *err)
{
    char *copy = malloc(len);

    if (copy == NULL)
        return cv_fail_memory(err);
    memcpy(copy, data, len);
    s->held_change = (struct stream_held){ .data = copy, .len = len, .lsn = lsn };
    return CV_OK;
}

/* ---- changes ---- */

static void
render_source(struct stream *s)
{
    if (s->source_rendered)
        return;
    envelope_transaction(s->spec.envelope, s->begin.commit_time_us, s->begin.xid, s->seen_commit);
    s->source_rendered = true;
}

/* event.processing.failure.handling.mode: an event that cannot be made is left out, if the user wants that. */
static enum cv_rc
tolerate(struct stream *s, cv_lsn lsn, const struct cv_err *err)
{
    int mode = s->spec.config->event_processing_failure_mode;
    uint64_t suppressed;

    if (err->rc != CV_INVALID || mode == PG_FAILURE_FAIL)
        return err->rc;
    if (mode == PG_FAILURE_WARN && cv_log_limit(&s->bad_event_limit, 10000, &suppressed))
        CV_LOG_WARN(s->spec.ctx->log, "an event was left out (event.processing.failure.handling.mode)",
                    CV_LSN("lsn", lsn), CV_INT("suppressed", suppressed), CV_ERR(err));
    return CV_OK;
}

static enum cv_rc
emit(struct stream *s, const struct plan *plan, const struct envelope_change *change,
     struct cv_batch *batch, struct cv_err *err)
{
    int bad = -1;
    uint64_t suppressed;

    render_source(s);
    if (envelope_emit(s->spec.envelope, plan, change, batch, &bad, err) != CV_OK) {
        cv_err_context(err, "table \"%s.%s\"", plan->schema_name, plan->table_name);
        return tolerate(s, change->lsn, err);
    }
    s->events++;
    s->creates += change->op == 'c';
    s->updates += change->op == 'u';
    s->deletes += change->op == 'd';
    if (plan->counts != NULL)
        table_count_add(plan->counts, change->op);
    s->erroneous += bad >= 0;
    if (bad >= 0 && cv_log_limit(&s->bad_value_limit, 10000, &suppressed))
        CV_LOG_WARN(s->spec.ctx->log,
                    envelope_lacks(change, bad) ? "an unchanged value, whose type has no placeholder, was sent as null"
                                                : "a value could not be converted and was sent as null",
                    CV_STR("relation", plan->topic_name), CV_STR("column", plan->columns[bad].column),
                    CV_LSN("lsn", change->lsn), CV_INT("suppressed", suppressed));
    return CV_OK;
}

static bool
fits(const struct plan *plan, const struct pgoutput_tuple *tuple)
{
    return tuple->n_columns == plan->n_columns;
}

/* The envelope's view of a change; its tuples are those of *change. */
static enum cv_rc
describe(const struct plan *plan, char type, struct pgoutput_change *change, struct envelope_change *ret,
         struct cv_err *err)
{
    if ((change->has_new && !fits(plan, &change->new)) || (change->old_kind != 0 && !fits(plan, &change->old)))
        return cv_fail(err, CV_INVALID, "a change of \"%s.%s\" has another number of columns than its Relation "
                       "message", plan->schema_name, plan->table_name);
    ret->op = type == 'I' ? 'c' : type == 'U' ? 'u' : 'd';
    if (change->old_kind != 0) {
        ret->old = &change->old;
        ret->old_kind = change->old_kind == 'K' ? PLAN_ROW_OLD_KEY : PLAN_ROW_WHOLE;
    }
    if (change->has_new)
        ret->new = &change->new;
    return CV_OK;
}

/* skipped.operations, skip.messages.without.change */
static bool
is_left_out(const struct stream *s, const struct plan *plan, char type, const struct pgoutput_change *change)
{
    unsigned op = type == 'I' ? PG_OP_CREATE : type == 'U' ? PG_OP_UPDATE : PG_OP_DELETE;

    return (s->skipped_ops & op) != 0 || (s->spec.config->skip_unchanged && type == 'U' && change->old_kind == 'O' &&
                                          !plan_row_changed(plan, &change->old, &change->new));
}

static enum cv_rc
emit_change(struct stream *s, char type, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
            struct cv_err *err)
{
    struct pgoutput_change change = { .old.values = s->old_values, .new.values = s->new_values };
    struct envelope_change event = { .text_len = len, .lsn = lsn };
    const struct plan *plan;

    if (pgoutput_read_change(data, len, &change, err) != CV_OK ||
        find_plan(s, change.relation, &plan, err) != CV_OK)
        return err->rc;
    if (plan == NULL) {
        s->filtered++;
        return CV_OK;
    }
    if (describe(plan, type, &change, &event, err) != CV_OK)
        return err->rc;
    if (incremental_watches(s->spec.incremental, plan->oid) &&
        incremental_change(s->spec.incremental, plan, &event, err) != CV_OK)
        return err->rc;
    if (is_left_out(s, plan, type, &change)) {
        s->filtered++;
        return CV_OK;
    }
    if (plan->reselects && change.has_new && !plan->is_signal &&
        reselect_fill(s->spec.reselect, plan, s->conn, &change.new, event.old_kind == PLAN_ROW_WHOLE ? event.old : NULL,
                      &event.text_len, err) != CV_OK)
        return err->rc;
    if (emit(s, plan, &event, batch, err) != CV_OK)
        return err->rc;
    return plan->is_signal ? stream_signal_row(s, event.op, &change, lsn, batch, err) : CV_OK;
}

/* The held change has company at its LSN: it goes out after all, and so does what follows. Otherwise it was sent. */
static enum cv_rc
release_held(struct stream *s, cv_lsn next_lsn, struct cv_batch *batch, struct cv_err *err)
{
    struct stream_held held = s->held_change;
    enum cv_rc rc = CV_OK;

    if (held.data == NULL)
        return CV_OK;
    s->held_change.data = NULL;
    s->sent = (struct position_partial){ 0 };
    if (held.lsn == next_lsn)
        rc = emit_change(s, held.data[0], held.lsn, held.data, held.len, batch, err);
    free(held.data);
    return rc;
}

static enum cv_rc
on_change(struct stream *s, char type, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
          struct cv_err *err)
{
    if (s->skip_transaction)
        return CV_OK;
    if (s->held_change.data != NULL && release_held(s, lsn, batch, err) != CV_OK)
        return err->rc;
    switch (judge(s, type, lsn)) {
    case VERDICT_SKIP:
        return CV_OK;
    case VERDICT_HOLD:
        return hold(s, lsn, data, len, err);
    case VERDICT_EMIT:
        break;
    }
    return emit_change(s, type, lsn, data, len, batch, err);
}

static enum cv_rc
on_truncate(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
            struct cv_err *err)
{
    struct envelope_change event = { .op = 't', .lsn = lsn };
    struct pgoutput_truncate truncate;
    const struct plan *plan;

    if (pgoutput_read_truncate(data, len, &truncate, err) != CV_OK)
        return err->rc;
    if (s->skip_transaction)
        return CV_OK;
    if (release_held(s, lsn, batch, err) != CV_OK)
        return err->rc;
    if (judge(s, 'T', lsn) == VERDICT_SKIP)
        return CV_OK;
    for (uint32_t i = 0; i < truncate.n_relations; i++) {
        if (find_plan(s, pgoutput_truncate_oid(&truncate, i), &plan, err) != CV_OK)
            return err->rc;
        if (plan != NULL && incremental_watches(s->spec.incremental, plan->oid) &&
            incremental_change(s->spec.incremental, plan, &event, err) != CV_OK)
            return err->rc;
        if (plan != NULL && (s->skipped_ops & PG_OP_TRUNCATE) == 0 && emit(s, plan, &event, batch, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/*
 * A logical message. One outside of transactions is a commit of its own: it comes as soon as it is decoded, whatever
 * becomes of the transaction around it, and the stream can restart behind it.
 */
static enum cv_rc
on_logical_message(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
                   struct cv_err *err)
{
    struct pgoutput_message msg;

    if (pgoutput_read_message(data, len, &msg, err) != CV_OK)
        return err->rc;
    if (!msg.transactional) {
        if (lsn < s->position.lsn || s->in_transaction)
            return s->in_transaction ? cv_fail(err, CV_INVALID, "a message without transaction came inside of one")
                                     : CV_OK;
        s->seen_commit = lsn;
        envelope_transaction(s->spec.envelope, s->position.time_us, 0, s->seen_commit);
        stream_move(s, lsn, s->position.time_us, s->position.txid);
        return logical_message_emit(s->spec.messages, s->spec.envelope, &msg, lsn, batch, err);
    }
    if (!s->in_transaction)
        return cv_fail(err, CV_INVALID, "a message of a transaction came outside of one");
    s->changes++;
    if (s->skip_transaction ||
        (s->begin.final_lsn == s->sent.final_lsn && s->changes <= s->sent.changes && lsn <= s->sent.last_lsn))
        return CV_OK;
    render_source(s);
    return logical_message_emit(s->spec.messages, s->spec.envelope, &msg, lsn, batch, err);
}

enum cv_rc
stream_message(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
               struct cv_err *err)
{
    char type = len > 0 ? *(const char *)data : '\0';

    switch (type) {
    case 'B':
        return on_begin(s, lsn, data, len, batch, err);
    case 'C':
        return on_commit(s, lsn, data, len, batch, err);
    case 'R':
        return on_relation(s, data, len, err);
    case 'I':
    case 'U':
    case 'D':
        if (!s->in_transaction)
            return cv_fail(err, CV_INVALID, "a change came outside of a transaction");
        return on_change(s, type, lsn, data, len, batch, err);
    case 'T':
        if (!s->in_transaction)
            return cv_fail(err, CV_INVALID, "a Truncate message came outside of a transaction");
        return on_truncate(s, lsn, data, len, batch, err);
    case 'M':
        return on_logical_message(s, lsn, data, len, batch, err);
    case 'Y': /* type: looked up in the catalog instead */
    case 'O': /* origin: not part of the source block */
        return CV_OK;
    default:
        return cv_fail(err, CV_INVALID, "unknown pgoutput message 0x%02x of %zu bytes", (unsigned char)type,
                       len);
    }
}
