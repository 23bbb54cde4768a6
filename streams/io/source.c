/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change events to rows; see source.h. Protocol: Debezium's PostgreSQL connector documentation,
 * "Data change events"; the wrapper is Kafka Connect's JsonConverter with schemas.enable=true.
 */
#include "streams/io/source.h"

#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "streams/io/changes.h"
#include "streams/io/value.h"
#include "streams/io/wire_schema.h"

#define FIELDS_MAX  2048
#define SCRATCH_MAX ((size_t)256 << 20)

/* The field that stood at this place last time, and its column (-1: none of ours). */
struct field {
    char *name;
    size_t len;
    int col;
};

/* What was learnt about one kind of row: the value's or the key's. */
struct learnt {
    struct field *fields;
    size_t n_fields;
    struct wire_schema schema;
};

struct source {
    const struct plan_source *plan;
    struct cell *row;
    struct cell *old; /* streams only */
    bool *seen;
    struct learnt value;
    struct learnt key;
    struct cv_buf scratch;
};

/* Where the row stands: of a logical message (op m) in "message", with its prefix and content. */
static const char *
row_member(const struct plan_source *plan)
{
    return plan->messages ? "message" : "after";
}

enum cv_rc
source_new(const struct plan_source *plan, struct source **ret, struct cv_err *err)
{
    struct source *source = calloc(1, sizeof(*source));
    size_t n = plan->table->n_columns;

    if (source == NULL)
        return cv_fail_memory(err);
    source->plan = plan;
    cv_buf_init(&source->scratch, SCRATCH_MAX);
    source->row = calloc(n, sizeof(*source->row));
    source->old = calloc(n, sizeof(*source->old));
    source->seen = calloc(n, sizeof(*source->seen));
    source->value.fields = calloc(FIELDS_MAX, sizeof(struct field));
    source->key.fields = calloc(FIELDS_MAX, sizeof(struct field));
    if (source->row == NULL || source->old == NULL || source->seen == NULL || source->value.fields == NULL ||
        source->key.fields == NULL || !wire_schema_init(&source->value.schema, plan->table, row_member(plan)) ||
        !wire_schema_init(&source->key.schema, plan->table, NULL)) {
        source_free(source);
        return cv_fail_memory(err);
    }
    *ret = source;
    return CV_OK;
}

static void
learnt_done(struct learnt *learnt)
{
    for (size_t i = 0; i < learnt->n_fields; i++)
        free(learnt->fields[i].name);
    free(learnt->fields);
    wire_schema_done(&learnt->schema);
}

void
source_free(struct source *source)
{
    if (source == NULL)
        return;
    learnt_done(&source->value);
    learnt_done(&source->key);
    cv_buf_free(&source->scratch);
    free(source->row);
    free(source->old);
    free(source->seen);
    free(source);
}

/* ---- rows ---- */

/* The column of the KEY just read, place-th in its object. */
static enum cv_rc
find_column(struct source *source, struct learnt *learnt, size_t place,
            const struct cv_json_reader *in, int *ret, struct cv_err *err)
{
    struct field *field = &learnt->fields[place];
    struct cv_buf name = CV_BUF_INIT(1 << 20);

    if (place < learnt->n_fields && field->len == in->text_len &&
        memcmp(field->name, in->text, field->len) == 0) {
        *ret = field->col;
        return CV_OK;
    }
    if (place >= FIELDS_MAX)
        return cv_fail(err, CV_INVALID, "the row has more than %d fields", FIELDS_MAX);
    cv_json_text(in, &name);
    *ret = table_column(source->plan->table, cv_buf_cstr(&name), name.len);
    cv_buf_free(&name);
    /* Remember it raw, so that the comparison needs no decoding. */
    if (place <= learnt->n_fields) {
        char *copy = malloc(in->text_len + 1);

        if (copy == NULL)
            return cv_fail_memory(err);
        memcpy(copy, in->text, in->text_len);
        free(field->name);
        *field = (struct field){ .name = copy, .len = in->text_len, .col = *ret };
        if (place == learnt->n_fields)
            learnt->n_fields++;
    }
    return CV_OK;
}

/* Read an object's fields into the row; its opening brace has been read. */
static enum cv_rc
read_row(struct source *source, struct learnt *learnt, struct cv_json_reader *in, struct cell *row,
         struct cv_err *err)
{
    const struct table *table = source->plan->table;
    const struct value_target to = { .source = source->plan, .scratch = &source->scratch };
    enum cv_json_token tok;

    memset(source->seen, 0, table->n_columns * sizeof(*source->seen));
    for (size_t i = 0; i < table->n_columns; i++)
        row[i].kind = CELL_NULL;
    for (size_t place = 0; (tok = cv_json_next(in)) == CV_JSON_KEY; place++) {
        int col = -1;

        if (find_column(source, learnt, place, in, &col, err) != CV_OK)
            return err->rc;
        if (col < 0) {
            if (cv_json_skip(in) == CV_JSON_BAD)
                return cv_json_fail(in, err);
            continue;
        }
        if (source->seen[col])
            return cv_fail(err, CV_INVALID, "the field \"%s\" stands there twice",
                           table->columns[col].name);
        source->seen[col] = true;
        if (value_read(&to, in, &table->columns[col], &learnt->schema.fields[col],
                       &row[col], err) != CV_OK)
            return cv_err_context(err, "field \"%s\"", table->columns[col].name);
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(in, err);
}

/* Every column that must not be null has a value. */
static enum cv_rc
check_row(const struct source *source, struct cv_err *err)
{
    const struct table *table = source->plan->table;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].not_null && source->row[i].kind == CELL_NULL)
            return cv_fail(err, CV_INVALID,
                           "column \"%s\" is NOT NULL or of the key, but the event %s",
                           table->columns[i].name, source->seen[i] ? "has null" : "lacks it");
    }
    return CV_OK;
}

static enum cv_rc
check_key(const struct source *source, struct cv_err *err)
{
    const struct table *table = source->plan->table;

    for (size_t i = 0; i < table->n_key; i++) {
        enum cell_kind kind = source->row[table->key[i]].kind;

        if (kind == CELL_NULL || kind == CELL_UNCHANGED)
            return cv_fail(err, CV_INVALID, "the event has no value for \"%s\" of the key",
                           table->columns[table->key[i]].name);
    }
    return CV_OK;
}

/* ---- the envelope ---- */

/* source.sequence: "[\"commit lsn\",\"lsn\"]" or "[null,\"lsn\"]", escapes included. */
static int64_t
sequence_commit_lsn(const char *text, size_t len)
{
    size_t begin = 0;
    size_t end;
    uint64_t lsn;

    while (begin < len &&
           (text[begin] == '[' || text[begin] == '\\' || text[begin] == '"' || text[begin] == ' '))
        begin++;
    end = begin;
    while (end < len && text[end] >= '0' && text[end] <= '9')
        end++;
    if (!cv_parse_u64(text + begin, end - begin, &lsn) || lsn > INT64_MAX)
        return CHANGE_NONE;
    return (int64_t)lsn;
}

static enum event_snapshot
snapshot_of(const struct cv_json_reader *in, enum cv_json_token tok)
{
    if (tok == CV_JSON_TRUE)
        return EVENT_SNAPSHOT;
    if (tok != CV_JSON_STRING || cv_json_text_is(in, "false"))
        return EVENT_LIVE;
    return cv_json_text_is(in, "incremental") ? EVENT_INCREMENTAL : EVENT_SNAPSHOT;
}

/* A whole number or null. */
static enum cv_rc
whole_number(const struct cv_json_reader *in, enum cv_json_token tok, const char *name,
             int64_t *ret, struct cv_err *err)
{
    if (tok == CV_JSON_NULL || (tok == CV_JSON_NUMBER && cv_json_int64(in, ret)))
        return CV_OK;
    return cv_fail(err, CV_INVALID, "field \"source.%s\" is no whole number", name);
}

static enum cv_rc
read_origin(struct cv_json_reader *in, struct event *event, struct cv_err *err)
{
    enum cv_json_token tok;

    while ((tok = cv_json_next(in)) == CV_JSON_KEY) {
        enum { LSN, TXID, TS, SEQUENCE, SNAPSHOT, OTHER } field = OTHER;
        enum cv_rc rc = CV_OK;

        switch (in->text_len) {
        case 3:
            field = cv_json_text_is(in, "lsn") ? LSN : OTHER;
            break;
        case 4:
            field = cv_json_text_is(in, "txId") ? TXID : OTHER;
            break;
        case 5:
            field = cv_json_text_is(in, "ts_ms") ? TS : OTHER;
            break;
        case 8:
            field = cv_json_text_is(in, "sequence")   ? SEQUENCE
                    : cv_json_text_is(in, "snapshot") ? SNAPSHOT
                                                      : OTHER;
            break;
        default:
            break;
        }
        if (field == OTHER) {
            if (cv_json_skip(in) == CV_JSON_BAD)
                return cv_json_fail(in, err);
            continue;
        }
        tok = cv_json_next(in);
        if (field == LSN)
            rc = whole_number(in, tok, "lsn", &event->lsn, err);
        else if (field == TXID)
            rc = whole_number(in, tok, "txId", &event->txid, err);
        else if (field == TS)
            rc = whole_number(in, tok, "ts_ms", &event->commit_ts_ms, err);
        else if (field == SEQUENCE && tok == CV_JSON_STRING)
            event->commit_lsn = sequence_commit_lsn(in->text, in->text_len);
        else if (field == SNAPSHOT)
            event->snapshot = snapshot_of(in, tok);
        if (rc != CV_OK)
            return rc;
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(in, err);
}

/* The parts of an envelope as they are met. */
struct envelope {
    bool has_after; /* row holds it */
    struct cv_bytes before;
    char op;
};

static enum cv_rc
read_op(struct cv_json_reader *in, struct envelope *env, struct cv_err *err)
{
    if (cv_json_next(in) != CV_JSON_STRING || in->text_len != 1 ||
        strchr("crudtm", in->text[0]) == NULL)
        return cv_fail(err, CV_INVALID, "field \"op\" is \"%.*s\"; known are c, r, u, d, t and m",
                       in->text_len > 20 ? 20 : (int)in->text_len, in->text);
    env->op = in->text[0];
    return CV_OK;
}

/* One member of the envelope; its KEY has just been read. */
static enum cv_rc
read_member(struct source *source, struct cv_json_reader *in, struct envelope *env,
            struct event *event, struct cv_err *err)
{
    enum cv_json_token tok;

    if (cv_json_text_is(in, row_member(source->plan))) {
        tok = cv_json_next(in);
        if (env->has_after)
            return cv_fail(err, CV_INVALID, "the field \"%s\" stands there twice",
                           row_member(source->plan));
        if (tok == CV_JSON_OBJECT) {
            env->has_after = true;
            if (read_row(source, &source->value, in, source->row, err) != CV_OK)
                return cv_err_context(err, "%s", row_member(source->plan));
        } else if (tok != CV_JSON_NULL) {
            return in->problem != NULL
                       ? cv_json_fail(in, err)
                       : cv_fail(err, CV_INVALID, "field \"%s\" is neither object nor null",
                                 row_member(source->plan));
        }
        return CV_OK;
    }
    if (cv_json_text_is(in, "op"))
        return read_op(in, env, err);
    if (cv_json_text_is(in, "source")) {
        tok = cv_json_next(in);
        return tok == CV_JSON_OBJECT ? read_origin(in, event, err)
                                     : cv_fail(err, CV_INVALID, "field \"source\" is no object");
    }
    if (cv_json_text_is(in, "before")) {
        tok = cv_json_skip(in);
        if (tok == CV_JSON_OBJECT)
            env->before = (struct cv_bytes){ .data = in->text, .len = in->text_len };
        return tok == CV_JSON_BAD ? cv_json_fail(in, err) : CV_OK;
    }
    return cv_json_skip(in) == CV_JSON_BAD ? cv_json_fail(in, err) : CV_OK;
}

static enum cv_rc
read_envelope(struct source *source, struct cv_json_reader *in, struct envelope *env,
              struct event *event, struct cv_err *err)
{
    enum cv_json_token tok;

    while ((tok = cv_json_next(in)) == CV_JSON_KEY) {
        if (read_member(source, in, env, event, err) != CV_OK)
            return err->rc;
    }
    if (tok != CV_JSON_OBJECT_END)
        return cv_json_fail(in, err);
    return CV_OK;
}

/* Open the object that a JSON text is, behind the wrapper if it has one: afterwards the reader
   stands in the payload. *ret_null: the payload is null. */
static enum cv_rc
open_payload(struct learnt *learnt, struct cv_bytes text, struct cv_json_reader *in,
             bool *ret_wrapped, bool *ret_null, struct cv_err *err)
{
    struct cv_json_reader start;

    *ret_wrapped = *ret_null = false;
    if (wire_schema_known(&learnt->schema, text)) {
        /* The same head as last time: go on at the payload, without the wrapper's closing brace. */
        cv_json_reader_init(in, text.data + learnt->schema.head_len,
                            text.len - learnt->schema.head_len - 1);
        if (cv_json_next(in) == CV_JSON_OBJECT)
            return CV_OK;
    }
    cv_json_reader_init(in, text.data, text.len);
    if (cv_json_next(in) != CV_JSON_OBJECT)
        return in->problem != NULL ? cv_json_fail(in, err)
                                   : cv_fail(err, CV_INVALID, "it is no JSON object");
    start = *in;
    if (cv_json_next(in) != CV_JSON_KEY || !cv_json_text_is(in, "schema")) {
        *in = start;
        wire_schema_forget(&learnt->schema);
        return CV_OK;
    }
    if (cv_json_skip(in) == CV_JSON_BAD)
        return cv_json_fail(in, err);
    if (wire_schema_read(&learnt->schema, in->text, in->text_len, err) != CV_OK)
        return err->rc;
    if (cv_json_next(in) != CV_JSON_KEY || !cv_json_text_is(in, "payload"))
        return cv_fail(err, CV_INVALID, "the wrapper has no \"payload\" behind its \"schema\"");
    *ret_wrapped = true;
    switch (cv_json_next(in)) {
    case CV_JSON_OBJECT:
        wire_schema_learn(&learnt->schema, text, in->pos - 1);
        return CV_OK;
    case CV_JSON_NULL:
        *ret_null = true;
        return CV_OK;
    default:
        return in->problem != NULL ? cv_json_fail(in, err)
                                   : cv_fail(err, CV_INVALID, "\"payload\" is no object");
    }
}

/* Nothing may follow but the wrapper's brace. */
static enum cv_rc
close_payload(struct cv_json_reader *in, bool wrapped, struct cv_err *err)
{
    enum cv_json_token tok = cv_json_next(in);

    if (wrapped && tok == CV_JSON_OBJECT_END)
        tok = cv_json_next(in);
    if (tok == CV_JSON_DONE)
        return CV_OK;
    return in->problem != NULL
               ? cv_json_fail(in, err)
               : cv_fail(err, CV_INVALID, "something stands behind the \"payload\"");
}

/* The row of the record's key. */
static enum cv_rc
decode_key(struct source *source, struct cv_bytes key, struct cv_err *err)
{
    struct cv_json_reader in;
    bool wrapped;
    bool is_null;

    if (key.data == NULL)
        return cv_fail(err, CV_INVALID, "the record has neither value nor key");
    if (open_payload(&source->key, key, &in, &wrapped, &is_null, err) != CV_OK)
        return cv_err_context(err, "key");
    if (is_null)
        return cv_fail(err, CV_INVALID, "the record's key is null");
    if (read_row(source, &source->key, &in, source->row, err) != CV_OK ||
        close_payload(&in, wrapped, err) != CV_OK)
        return cv_err_context(err, "key");
    return check_key(source, err);
}

/* Which row a delete means: the key's columns of before, or the record's key. */
static enum cv_rc
decode_deleted(struct source *source, struct cv_bytes key, const struct envelope *env,
               struct cv_err *err)
{
    struct cv_json_reader in;

    if (env->before.data == NULL)
        return decode_key(source, key, err);
    cv_json_reader_init(&in, env->before.data, env->before.len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return cv_json_fail(&in, err);
    if (read_row(source, &source->value, &in, source->row, err) != CV_OK)
        return cv_err_context(err, "before");
    return check_key(source, err);
}

static enum cv_rc
decode_value(struct source *source, struct cv_bytes value, struct envelope *env,
             struct event *event, bool *ret_null, struct cv_err *err)
{
    struct cv_json_reader in;
    bool wrapped;

    if (open_payload(&source->value, value, &in, &wrapped, ret_null, err) != CV_OK)
        return err->rc;
    if (!*ret_null && read_envelope(source, &in, env, event, err) != CV_OK)
        return err->rc;
    return close_payload(&in, wrapped, err);
}

static enum cv_rc
finish_upsert(struct source *source, const struct envelope *env, struct event *event,
              struct cv_err *err)
{
    if (!env->has_after)
        return cv_fail(err, CV_INVALID, "op \"%c\" without \"%s\"", env->op,
                       row_member(source->plan));
    event->kind = EVENT_UPSERT;
    if (check_row(source, err) != CV_OK)
        return err->rc;
    return check_key(source, err);
}

/* A stream has no stored row: what was before is what the event says. */
static enum cv_rc
decode_before(struct source *source, const struct envelope *env, struct event *event,
              struct cv_err *err)
{
    struct cv_json_reader in;

    if (!source->plan->stream || env->before.data == NULL || event->kind == EVENT_TOMBSTONE ||
        source->plan->messages)
        return CV_OK;
    if (event->kind == EVENT_DELETE) {
        event->old = source->row;
        return CV_OK;
    }
    cv_json_reader_init(&in, env->before.data, env->before.len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return cv_json_fail(&in, err);
    if (read_row(source, &source->value, &in, source->old, err) != CV_OK)
        return cv_err_context(err, "before");
    event->old = source->old;
    return CV_OK;
}

/* A plain object: every record is a new row. */
static enum cv_rc
decode_object(struct source *source, struct cv_bytes value, struct event *ret, struct cv_err *err)
{
    struct event event = EVENT_INIT;
    struct cv_json_reader in;

    event.kind = EVENT_OTHER;
    event.row = source->row;
    if (value.data != NULL) {
        event.kind = EVENT_UPSERT;
        event.op = 'c';
        cv_json_reader_init(&in, value.data, value.len);
        if (cv_json_next(&in) != CV_JSON_OBJECT)
            return in.problem != NULL ? cv_json_fail(&in, err)
                                      : cv_fail(err, CV_INVALID, "it is no JSON object");
        if (read_row(source, &source->value, &in, source->row, err) != CV_OK ||
            close_payload(&in, false, err) != CV_OK || check_row(source, err) != CV_OK)
            return err->rc;
    }
    *ret = event;
    return CV_OK;
}

enum cv_rc
source_decode(struct source *source, struct cv_bytes key, struct cv_bytes value, struct event *ret,
              struct cv_err *err)
{
    struct event event = EVENT_INIT;
    struct envelope env = { 0 };
    bool is_null = value.data == NULL;
    enum cv_rc rc = CV_OK;

    event.row = source->row;
    if (source->plan->format == PLAN_CHANGES)
        return changes_read(source->plan->table, value, source->row, source->old, ret, err);
    cv_buf_reset(&source->scratch);
    /* Decoded text is never longer than its JSON, so nothing moves while cells point into scratch.
     */
    if (cv_buf_reserve(&source->scratch, key.len + 3 * value.len + 1) == NULL)
        return cv_fail(err, CV_INVALID, "the record is too large");
    if (source->plan->format == PLAN_JSON)
        return decode_object(source, value, ret, err);
    if (!is_null)
        rc = decode_value(source, value, &env, &event, &is_null, err);
    if (rc != CV_OK)
        return rc;
    event.op = env.op;
    if (source->plan->messages && env.op != 'm') {
        event.kind = EVENT_OTHER;
    } else if (source->plan->messages) {
        rc = finish_upsert(source, &env, &event, err);
    } else if (is_null) {
        event.kind = EVENT_TOMBSTONE;
        rc = decode_key(source, key, err);
    } else if (env.op == 'd') {
        event.kind = EVENT_DELETE;
        rc = decode_deleted(source, key, &env, err);
    } else if (env.op == 't' || env.op == 'm') {
        event.kind = env.op == 't' ? EVENT_TRUNCATE : EVENT_OTHER;
    } else if (env.op == '\0') {
        rc = cv_fail(err, CV_INVALID, "the event has no \"op\"; is it a Debezium envelope?");
    } else {
        rc = finish_upsert(source, &env, &event, err);
    }
    if (rc == CV_OK)
        rc = decode_before(source, &env, &event, err);
    if (rc == CV_OK)
        *ret = event;
    return rc;
}
