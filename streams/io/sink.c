/* SPDX-License-Identifier: Apache-2.0 */
/* Result rows to records; see sink.h. */
#include "streams/io/sink.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/number.h"
#include "streams/io/broker.h"
#include "streams/store/function.h"
#include "streams/store/relation.h"

#define RECORD_MAX ((size_t)64 << 20)

enum role {
    ROLE_FIELD,
    ROLE_KEY,
    ROLE_VALUE,
    ROLE_TS,
    ROLE_PARTITION,
    ROLE_HEADERS,
    ROLE_BEFORE,    /* of a change event: a field of the row before */
    ROLE_OP,
    ROLE_COMMIT_TS,
};

#define BEFORE_PREFIX "old_"

struct sink_column {
    enum role role;
    const char *name;
    bool json; /* text that goes in as it stands */
    const struct column *type; /* of a table's column; NULL: as SQLite says */
    char *head; /* FIELD, BEFORE: "name": with comma and escapes as it stands in the record */
    size_t head_len;
};

struct sink_encoder {
    const struct plan_sink *sink;
    struct sink_column *columns;
    size_t n_columns;
    int *key;         /* column of each part of the key */
    char **key_heads; /* in the debezium format */
    int key_column;   /* _key; -1: none */
    int value_column;
    int op_column; /* the same of a change event's */
    bool has_before;
    struct cv_buf key_buf;
    struct cv_buf value_buf;
};

static char *
make_head(const char *name, bool first)
{
    struct cv_buf head = CV_BUF_INIT(1 << 20);
    char *out;

    if (!first)
        cv_buf_char(&head, ',');
    cv_buf_json(&head, name, strlen(name));
    cv_buf_char(&head, ':');
    out = cv_buf_take(&head);
    cv_buf_free(&head);
    return out;
}

static enum role
role_of(const struct plan_sink *sink, const char *name)
{
    if (strcmp(name, "_key") == 0)
        return ROLE_KEY;
    if (strcmp(name, "_value") == 0)
        return ROLE_VALUE;
    if (strcmp(name, "_ts") == 0)
        return ROLE_TS;
    if (strcmp(name, "_partition") == 0)
        return ROLE_PARTITION;
    if (strcmp(name, "_headers") == 0)
        return ROLE_HEADERS;
    if (!sink->envelope)
        return ROLE_FIELD;
    if (strcmp(name, "_op") == 0)
        return ROLE_OP;
    if (strcmp(name, "_commit_ts") == 0)
        return ROLE_COMMIT_TS;
    return strncmp(name, BEFORE_PREFIX, strlen(BEFORE_PREFIX)) == 0 ? ROLE_BEFORE : ROLE_FIELD;
}

static bool
is_json(const struct plan_sink *sink, const char *name)
{
    for (size_t i = 0; i < sink->n_json_columns; i++) {
        if (strcmp(sink->json_columns[i], name) == 0)
            return true;
    }
    return false;
}

static enum cv_rc
make_columns(struct sink_encoder *enc, const struct plan_body *body, const struct column *types,
             struct cv_err *err)
{
    bool first = true;

    for (size_t i = 0; i < body->n_columns; i++) {
        struct sink_column *col = &enc->columns[enc->n_columns++];
        const char *field;

        col->name = body->columns[i];
        col->type = types == NULL ? NULL : &types[i];
        col->role = role_of(enc->sink, col->name);
        if (col->role == ROLE_KEY)
            enc->key_column = (int)i;
        if (col->role == ROLE_VALUE)
            enc->value_column = (int)i;
        if (col->role == ROLE_OP)
            enc->op_column = (int)i;
        if (col->role != ROLE_FIELD && col->role != ROLE_BEFORE)
            continue;
        field = col->name + (col->role == ROLE_BEFORE ? strlen(BEFORE_PREFIX) : 0);
        col->json = is_json(enc->sink, field);
        col->head = make_head(field, col->role == ROLE_BEFORE ? !enc->has_before : first);
        if (col->head == NULL)
            return cv_fail_memory(err);
        col->head_len = strlen(col->head);
        if (col->role == ROLE_BEFORE)
            enc->has_before = true;
        else
            first = false;
    }
    return CV_OK;
}

static enum cv_rc
make_key(struct sink_encoder *enc, const struct plan_body *body, struct cv_err *err)
{
    for (size_t k = 0; k < enc->sink->n_key; k++) {
        enc->key[k] = -1;
        for (size_t i = 0; i < body->n_columns; i++) {
            if (strcmp(body->columns[i], enc->sink->key[k]) == 0)
                enc->key[k] = (int)i;
        }
        if (enc->key[k] < 0 && enc->key_column < 0)
            return cv_fail(err, CV_INVALID, "the result lacks the column \"%s\"",
                           enc->sink->key[k]);
        enc->key_heads[k] = make_head(enc->sink->key[k], k == 0);
        if (enc->key_heads[k] == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

static enum cv_rc
encoder_new(const struct plan_sink *sink, const struct plan_body *body, const struct column *types,
            struct sink_encoder **ret, struct cv_err *err)
{
    struct sink_encoder *enc = calloc(1, sizeof(*enc));
    enum cv_rc rc;

    if (enc == NULL)
        return cv_fail_memory(err);
    enc->sink = sink;
    enc->key_column = enc->value_column = enc->op_column = -1;
    cv_buf_init(&enc->key_buf, RECORD_MAX);
    cv_buf_init(&enc->value_buf, RECORD_MAX);
    enc->columns = calloc(body->n_columns, sizeof(*enc->columns));
    enc->key = calloc(sink->n_key + 1, sizeof(*enc->key));
    enc->key_heads = calloc(sink->n_key + 1, sizeof(*enc->key_heads));
    if (enc->columns == NULL || enc->key == NULL || enc->key_heads == NULL)
        rc = cv_fail_memory(err);
    else
        rc = make_columns(enc, body, types, err);
    if (rc == CV_OK)
        rc = make_key(enc, body, err);
    if (rc != CV_OK) {
        sink_encoder_free(enc);
        return rc;
    }
    *ret = enc;
    return CV_OK;
}

enum cv_rc
sink_encoder_new(const struct plan_sink *sink, const struct plan_body *body,
                 struct sink_encoder **ret, struct cv_err *err)
{
    return encoder_new(sink, body, NULL, ret, err);
}

enum cv_rc
sink_encoder_for_table(const struct plan_sink *sink, const struct table *table,
                       struct sink_encoder **ret, struct cv_err *err)
{
    const char **names = calloc(table->n_columns, sizeof(*names));
    struct plan_body body = { .columns = names, .n_columns = table->n_columns };
    enum cv_rc rc;

    if (names == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < table->n_columns; i++)
        names[i] = table->columns[i].name;
    rc = encoder_new(sink, &body, table->columns, ret, err);
    free(names);
    return rc;
}

void
sink_encoder_free(struct sink_encoder *enc)
{
    if (enc == NULL)
        return;
    for (size_t i = 0; i < enc->n_columns; i++)
        free(enc->columns[i].head);
    for (size_t i = 0; enc->key_heads != NULL && i < enc->sink->n_key; i++)
        free(enc->key_heads[i]);
    cv_buf_free(&enc->key_buf);
    cv_buf_free(&enc->value_buf);
    free(enc->columns);
    free(enc->key);
    free(enc->key_heads);
    free(enc);
}

void
sink_value(struct cv_buf *out, const struct cell *cell)
{
    char text[CV_DOUBLE_MAX];

    switch (cell->kind) {
    case CELL_INTEGER:
        cv_buf_i64(out, cell->integer);
        break;
    case CELL_REAL:
        cv_buf_add(out, text, cv_format_double(cell->real, text));
        break;
    case CELL_TEXT:
        cv_buf_json(out, cell->len == 0 ? "" : cell->data, cell->len);
        break;
    case CELL_BLOB:
        cv_buf_char(out, '"');
        cv_base64(out, cell->data, cell->len);
        cv_buf_char(out, '"');
        break;
    default:
        cv_buf_str(out, "null");
        break;
    }
}

/* type NULL: the result of a statement has none. */
void
sink_column_value(struct cv_buf *out, const struct column *type, const struct cell *cell)
{
    char text[DECIMAL_TEXT_MAX > CV_ISO_MAX ? DECIMAL_TEXT_MAX : CV_ISO_MAX];

    if (type == NULL || cell->kind != CELL_INTEGER) {
        sink_value(out, cell);
        return;
    }
    switch (type->type) {
    case COLUMN_DECIMAL:
        decimal_text(cell->integer, type->scale, text);
        break;
    case COLUMN_TIMESTAMP:
        cv_format_iso_ms(cell->integer, text);
        break;
    case COLUMN_BOOLEAN:
        cv_buf_str(out, cell->integer != 0 ? "true" : "false");
        return;
    default:
        cv_buf_i64(out, cell->integer);
        return;
    }
    cv_buf_json(out, text, strlen(text));
}

/* Text that is JSON goes in as it stands. */
static enum cv_rc
add_json(struct cv_buf *out, const struct sink_column *col, const struct cell *cell,
         struct cv_err *err)
{
    struct cv_json_reader in;

    if (cell->kind != CELL_TEXT) {
        sink_column_value(out, col->type, cell);
        return CV_OK;
    }
    cv_json_reader_init(&in, cell->data, cell->len);
    if (cv_json_skip(&in) == CV_JSON_BAD || cv_json_next(&in) != CV_JSON_DONE)
        return cv_fail(err, CV_INVALID, "column \"%s\" is a json_column, but its text is no JSON",
                       col->name);
    cv_buf_add(out, cell->data, cell->len);
    return CV_OK;
}

static void
encode_key(struct sink_encoder *enc, const struct cell *row)
{
    bool object = enc->sink->key_format == PLAN_KEY_DEBEZIUM;

    cv_buf_reset(&enc->key_buf);
    cv_buf_char(&enc->key_buf, object ? '{' : '[');
    for (size_t i = 0; i < enc->sink->n_key; i++) {
        const struct sink_column *col = &enc->columns[enc->key[i]];

        if (object)
            cv_buf_str(&enc->key_buf, enc->key_heads[i]);
        else if (i > 0)
            cv_buf_char(&enc->key_buf, ',');
        sink_column_value(&enc->key_buf, col->type, &row[enc->key[i]]);
    }
    cv_buf_char(&enc->key_buf, object ? '}' : ']');
}

/* The columns of one role as an object. */
static enum cv_rc
encode_object(struct sink_encoder *enc, enum role role, const struct cell *row, struct cv_err *err)
{
    struct cv_buf *out = &enc->value_buf;

    cv_buf_char(out, '{');
    for (size_t i = 0; i < enc->n_columns; i++) {
        const struct sink_column *col = &enc->columns[i];

        if (col->role != role)
            continue;
        cv_buf_add(out, col->head, col->head_len);
        if (!col->json)
            sink_column_value(out, col->type, &row[i]);
        else if (add_json(out, col, &row[i], err) != CV_OK)
            return err->rc;
    }
    cv_buf_char(out, '}');
    return CV_OK;
}

/* The commit time of a change event, or its event time; null where neither was selected. */
static void
add_event_time(struct sink_encoder *enc, const struct cell *row)
{
    static const struct cell none = { .kind = CELL_NULL };
    const struct cell *time = &none;

    for (size_t i = 0; i < enc->n_columns; i++) {
        if (enc->columns[i].role == ROLE_COMMIT_TS && row[i].kind == CELL_INTEGER)
            time = &row[i];
        if (enc->columns[i].role == ROLE_TS && time == &none)
            time = &row[i];
    }
    sink_value(&enc->value_buf, time);
}

/* Debezium's envelope, so that what reads tables from topics reads this one, too. Of a deleted row without old_
   columns the others tell what it was. */
static enum cv_rc
encode_event(struct sink_encoder *enc, const struct cell *row, struct cv_err *err)
{
    struct cv_buf *out = &enc->value_buf;
    struct cell op = row[enc->op_column];
    bool had;

    if (op.kind != CELL_TEXT || op.len != 1 || strchr("crud", op.data[0]) == NULL)
        return cv_fail(err, CV_INVALID, "\"_op\" of a change event must be 'c', 'r', 'u' or 'd'");
    had = op.data[0] == 'd' || (op.data[0] == 'u' && enc->has_before);
    cv_buf_str(out, "{\"before\":");
    if (!had)
        cv_buf_str(out, "null");
    else if (encode_object(enc, enc->has_before ? ROLE_BEFORE : ROLE_FIELD, row, err) != CV_OK)
        return err->rc;
    cv_buf_str(out, ",\"after\":");
    if (op.data[0] == 'd')
        cv_buf_str(out, "null");
    else if (encode_object(enc, ROLE_FIELD, row, err) != CV_OK)
        return err->rc;
    cv_buf_str(out, ",\"source\":{\"connector\":\"culvert-streams\",\"name\":");
    cv_buf_json(out, enc->sink->name, strlen(enc->sink->name));
    cv_buf_str(out, ",\"ts_ms\":");
    add_event_time(enc, row);
    cv_buf_printf(out, "},\"op\":\"%c\",\"ts_ms\":", op.data[0]);
    add_event_time(enc, row);
    cv_buf_char(out, '}');
    return CV_OK;
}

static enum cv_rc
encode_value(struct sink_encoder *enc, const struct cell *row, struct cv_err *err)
{
    cv_buf_reset(&enc->value_buf);
    return enc->op_column >= 0 ? encode_event(enc, row, err)
                               : encode_object(enc, ROLE_FIELD, row, err);
}

void
sink_csv_field(struct cv_buf *out, const char *text, size_t len, bool quote)
{
    for (size_t i = 0; i < len && !quote; i++)
        quote = strchr("\",\r\n", text[i]) != NULL;
    if (!quote) {
        cv_buf_add(out, text, len);
        return;
    }
    cv_buf_char(out, '"');
    for (size_t i = 0; i < len; i++)
        cv_buf_str(out, text[i] == '"' ? "\"\"" : (const char[]){ text[i], '\0' });
    cv_buf_char(out, '"');
}

static void
csv_value(struct cv_buf *out, const struct sink_column *col, const struct cell *cell)
{
    char text[DECIMAL_TEXT_MAX > CV_ISO_MAX ? DECIMAL_TEXT_MAX : CV_ISO_MAX];

    if (cell->kind == CELL_NULL)
        return;
    if (cell->kind == CELL_TEXT) {
        sink_csv_field(out, cell->data, cell->len, cell->len == 0);
    } else if (col->type != NULL && col->type->type == COLUMN_DECIMAL &&
               cell->kind == CELL_INTEGER) {
        cv_buf_add(out, text, decimal_text(cell->integer, col->type->scale, text));
    } else if (col->type != NULL && col->type->type == COLUMN_TIMESTAMP &&
               cell->kind == CELL_INTEGER) {
        cv_format_iso_ms(cell->integer, text);
        cv_buf_str(out, text);
    } else {
        sink_value(out, cell);
    }
}

static void
encode_csv(struct sink_encoder *enc, const struct cell *row)
{
    bool first = true;

    cv_buf_reset(&enc->value_buf);
    for (size_t i = 0; i < enc->n_columns; i++) {
        if (enc->columns[i].head == NULL)
            continue;
        if (!first)
            cv_buf_char(&enc->value_buf, ',');
        csv_value(&enc->value_buf, &enc->columns[i], &row[i]);
        first = false;
    }
}

/* The bytes of _key or _value. */
static enum cv_rc
take_raw(const struct cell *row, int col, const char *name, struct cv_arena *arena,
         struct cv_bytes *ret, struct cv_err *err)
{
    struct cell cell = row[col];

    if (cell.kind == CELL_NULL)
        return CV_OK;
    if (cell.kind != CELL_TEXT && cell.kind != CELL_BLOB)
        return cv_fail(err, CV_INVALID, "\"%s\" must be text, a blob or NULL", name);
    ret->data = cv_arena_dup(arena, cell.len == 0 ? "" : cell.data, cell.len);
    ret->len = cell.len;
    return ret->data == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
take_buffer(const struct cv_buf *buf, struct cv_arena *arena, struct cv_bytes *ret,
            struct cv_err *err)
{
    if (cv_buf_check(buf, err) != CV_OK)
        return err->rc;
    ret->data = cv_arena_dup(arena, buf->data, buf->len);
    ret->len = buf->len;
    return ret->data == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
encode_rest(struct sink_encoder *enc, const struct cell *row, struct cv_arena *arena,
            struct output *out, struct cv_err *err)
{
    for (size_t i = 0; i < enc->n_columns; i++) {
        enum role role = enc->columns[i].role;
        struct cell cell;

        if (role == ROLE_HEADERS && sink_headers(&row[i], arena, &out->headers, err) != CV_OK)
            return err->rc;
        if (role != ROLE_TS && role != ROLE_PARTITION)
            continue;
        cell = row[i];
        if (cell.kind == CELL_NULL)
            continue;
        if (cell.kind != CELL_INTEGER || cell.integer < 0 ||
            (role == ROLE_PARTITION && cell.integer > INT32_MAX))
            return cv_fail(err, CV_INVALID, "\"%s\" must be a whole number that is not negative",
                           enc->columns[i].name);
        if (role == ROLE_TS)
            out->ts_ms = cell.integer;
        else
            out->partition = (int32_t)cell.integer;
    }
    return CV_OK;
}

enum cv_rc
sink_encode(struct sink_encoder *enc, const struct cell *row, struct cv_arena *arena,
            struct output *ret, struct cv_err *err)
{
    struct output out = { .sink = enc->sink,
                          .topic = enc->sink->topic,
                          .partition = CV_NO_PARTITION, .ts_ms = CHANGE_NONE };
    enum cv_rc rc = CV_OK;

    if (enc->key_column >= 0) {
        rc = take_raw(row, enc->key_column, "_key", arena, &out.key, err);
    } else if (enc->sink->n_key > 0) {
        encode_key(enc, row);
        rc = take_buffer(&enc->key_buf, arena, &out.key, err);
    }
    if (rc == CV_OK && enc->value_column >= 0) {
        rc = take_raw(row, enc->value_column, "_value", arena, &out.value, err);
    } else if (rc == CV_OK && enc->sink->csv) {
        encode_csv(enc, row);
        rc = take_buffer(&enc->value_buf, arena, &out.value, err);
    } else if (rc == CV_OK && (rc = encode_value(enc, row, err)) == CV_OK) {
        rc = take_buffer(&enc->value_buf, arena, &out.value, err);
    }
    if (rc == CV_OK)
        rc = encode_rest(enc, row, arena, &out, err);
    if (rc == CV_OK)
        *ret = out;
    return rc;
}
