/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table's plan: compile once, copy a million times.
 *
 * The row loop does for each column: copy the name literal, then switch on the encoder and append. Everything
 * that depends on the column but not on the row (escaped names, defaults, fallbacks, placeholders) is a literal
 * here.
 */
#include "connectors/postgres/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "connectors/postgres/envelope.h"
#include "connectors/postgres/name.h"
#include "connectors/postgres/type.h"

#define FIELD_MAX 4096

/* Literals are copied in one piece of this size, whatever they have: it takes two instructions. */
#define PUT_AT_ONCE 32

/* Most literals there are. */
static char null_text[PUT_AT_ONCE] = "null";

static bool
literal_set(struct plan_literal *lit, const char *text, size_t len)
{
    if (len == 4 && memcmp(text, null_text, len) == 0) {
        *lit = (struct plan_literal){ null_text, len };
        return true;
    }
    lit->text = calloc(1, len < PUT_AT_ONCE ? PUT_AT_ONCE : len + 1);
    if (lit->text == NULL)
        return false;
    memcpy(lit->text, text, len);
    lit->len = len;
    return true;
}

static void
literal_done(struct plan_literal *lit)
{
    if (lit->text != null_text)
        free(lit->text);
    *lit = (struct plan_literal){ 0 };
}

/* The JSON of a value text, masked if the mask is not NULL, as a literal; "null" for a NULL text or one that does not
   convert. */
static bool
literal_value(struct plan_literal *lit, struct mask *mask, const struct encode *enc, const char *text)
{
    const char *null = mask != NULL ? mask_null_json(mask) : NULL;
    bool bad = false, ok;
    char *buf, *end;

    if (text == NULL || null != NULL)
        return null != NULL ? literal_set(lit, null, strlen(null)) : literal_set(lit, "null", 4);
    buf = malloc(encode_bound(enc, strlen(text)) + (mask != NULL ? mask_room(mask) : 0));
    if (buf == NULL)
        return false;
    end = mask == NULL ? encode_json(enc, text, strlen(text), buf, &bad)
                       : mask_json(mask, enc, text, strlen(text), buf, &bad);
    ok = literal_set(lit, buf, (size_t)(end - buf));
    free(buf);
    return ok;
}

static bool
literal_name(struct plan_literal *lit, const char *name)
{
    size_t len = strlen(name);
    char *buf = malloc(6 * len + 10), *end;
    bool ok;

    if (buf == NULL)
        return false;
    end = encode_json_string(name, len, buf);
    *end++ = ':';
    ok = literal_set(lit, buf, (size_t)(end - buf));
    free(buf);
    return ok;
}

/* What an unchanged TOAST column prints as; without a placeholder of its type what a null of the schema does. */
static bool
literal_placeholder(struct plan_column *col, struct mask *stars, const char *def_text)
{
    if (col->unchanged.text == NULL)
        return literal_value(&col->placeholder, stars, &col->enc, def_text);
    return literal_value(&col->placeholder, col->mask != NULL && mask_encrypts(col->mask) ? NULL : col->mask,
                         &col->unchanged.enc, col->unchanged.text);
}

/* What only typed values are made with. */
static void
column_forget_values(struct plan_column *col)
{
    if (col->field != col->column)
        free(col->field);
    free(col->unchanged.text);
    free(col->def_text);
    free(col->fallback);
    cv_schema_unref(col->schema);
    col->field = col->unchanged.text = col->def_text = col->fallback = NULL;
    col->schema = NULL;
}

/* What only JSON is made with. */
static void
column_forget_literals(struct plan_column *col)
{
    literal_done(&col->name);
    literal_done(&col->null);
    literal_done(&col->placeholder);
}

static void
column_done(struct plan_column *col)
{
    column_forget_values(col);
    free(col->column);
    column_forget_literals(col);
    mask_free(col->mask);
    if (col->plain != NULL)
        column_done(col->plain);
    free(col->plain);
}

void
plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (uint16_t i = 0; i < plan->n_columns; i++)
        column_done(&plan->columns[i]);
    free(plan->columns);
    free(plan->keys);
    free(plan->own_keys);
    free(plan->schema_name);
    free(plan->table_name);
    free(plan->topic_name);
    free(plan->schema_base);
    free(plan->key_extra);
    literal_done(&plan->key_tail);
    literal_done(&plan->source_table);
    free(plan->key_prefix.text);
    free(plan->value_prefix.text);
    cv_schema_unref(plan->key_schema);
    cv_schema_unref(plan->row_schema);
    cv_schema_unref(plan->envelope_schema);
    free(plan);
}

/* A time that stands for an absent one has no fraction, whatever the column's modifier. */
static struct encode
fallback_encode(const struct encode *enc)
{
    struct encode ret = *enc;

    switch (enc->kind) {
    case ENCODE_TIME_ISO:
    case ENCODE_TIMESTAMP_ISO:
    case ENCODE_TIMESTAMPTZ:
    case ENCODE_TIMETZ:
        ret.scale = 0;
        break;
    default:
        break;
    }
    return ret;
}

/* The text of the value that a NOT NULL column has where none was sent; a decimal that is sent as text has all of
   its digits. */
static char *
fallback_text(const struct column_type *type)
{
    struct cv_buf text = CV_BUF_INIT(4096);
    char *ret;

    cv_buf_str(&text, type->fallback);
    if (type->enc.kind == ENCODE_DECIMAL_STRING && type->enc.scale > 0) {
        cv_buf_char(&text, '.');
        for (int32_t i = 0; i < type->enc.scale; i++)
            cv_buf_char(&text, '0');
    }
    ret = cv_buf_take(&text);
    cv_buf_free(&text);
    return ret;
}

/* The column's literals, once its encoder, schema and mask are known. A default is not masked: it is no value. */
static enum cv_rc
set_literals(const struct plan_spec *spec, const struct pg_column *src, struct plan_column *col, struct cv_err *err)
{
    bool use_default = spec->direct == NULL || spec->direct->replace_null_with_default;
    const char *instead = src->not_null || use_default ? col->def_text : NULL;
    struct mask *stars = col->mask != NULL && mask_null_json(col->mask) != NULL ? col->mask : NULL;
    struct encode fallback_enc = fallback_encode(&col->enc);
    struct cv_buf field = CV_BUF_INIT(FIELD_MAX);

    col->column = strdup(src->name);
    name_adjust_field(spec->config, src->name, &field);
    if (col->column != NULL && strcmp(cv_buf_cstr(&field), col->column) == 0)
        col->field = col->column;
    else
        col->field = cv_buf_take(&field);
    cv_buf_free(&field);
    if (col->column == NULL || col->field == NULL || !literal_name(&col->name, col->field) ||
        !(instead != NULL ? literal_value(&col->null, stars, &col->enc, instead)
                          : literal_value(&col->null, col->mask, &fallback_enc, col->fallback)) ||
        !literal_placeholder(col, stars, use_default ? col->def_text : NULL))
        return cv_fail_memory(err);
    col->no_placeholder = col->unchanged.text == NULL && stars == NULL;
    return CV_OK;
}

/* An encrypted column is a text without default, and the placeholder in it is one, too. */
static enum cv_rc
adapt_to_cipher(const struct plan_spec *spec, struct plan_column *col, struct cv_err *err)
{
    free(col->def_text);
    col->def_text = NULL;
    if (col->unchanged.text != NULL && col->unchanged.enc.kind == ENCODE_TEXT)
        return CV_OK;
    free(col->unchanged.text);
    col->unchanged.enc = (struct encode){ .kind = ENCODE_TEXT };
    col->unchanged.text = strdup(spec->config->unavailable_placeholder);
    return col->unchanged.text == NULL ? cv_fail_memory(err) : CV_OK;
}

/* with_rules: rules of columns count. */
static enum cv_rc
compile_form(const struct plan_spec *spec, const struct pg_column *src, bool is_key, bool with_rules,
             struct plan_column *col, struct cv_err *err)
{
    const struct pg_table *table = spec->table;
    struct column_type type;
    struct cv_schema *schema = NULL;

    type_of_column(spec->config, src, &type);
    col->enc = type.enc;
    col->enc.numeric = spec->direct != NULL && spec->direct->decimal_numeric;
    col->def_text = type_default_text(spec->config, src);
    if (type_schema(spec->config, src, !src->not_null, col->def_text, &schema, err) != CV_OK ||
        (with_rules && mask_column(table_masks(spec->filter), table->schema, table->name, src, spec->relation == NULL,
                                   is_key, &schema, &col->mask, err) != CV_OK)) {
        cv_schema_unref(schema);
        return cv_err_context(err, "column \"%s\"", src->name);
    }
    col->schema = schema;
    col->sent = true;
    col->required = !schema->optional && schema->def == NULL;
    if (type_placeholder(spec->config, src, &col->unchanged, err) != CV_OK)
        return err->rc;
    if (col->mask != NULL && mask_encrypts(col->mask) && adapt_to_cipher(spec, col, err) != CV_OK)
        return err->rc;
    if (src->not_null && col->def_text == NULL && (col->fallback = fallback_text(&type)) == NULL)
        return cv_fail_memory(err);
    return set_literals(spec, src, col, err);
}

static enum cv_rc
compile_column(const struct plan_spec *spec, const struct pg_column *src, bool is_key, struct plan_column *col,
               struct cv_err *err)
{
    const struct pg_table *table = spec->table;
    struct column_type type;

    type_of_column(spec->config, src, &type);
    if (type.enc.kind == ENCODE_NONE)
        return CV_OK;
    col->in_value = table_column_is_captured(spec->filter, table->schema, table->name, src->name);
    if (!col->in_value && !is_key)
        return CV_OK;
    if (is_key && mask_spares_key(table_masks(spec->filter), table->schema, table->name, src)) {
        col->plain = calloc(1, sizeof(*col->plain));
        if (col->plain == NULL)
            return cv_fail_memory(err);
        if (compile_form(spec, src, true, false, col->plain, err) != CV_OK)
            return err->rc;
    }
    return compile_form(spec, src, is_key, true, col, err);
}

static enum cv_rc
streamed_type(const struct plan_spec *spec, uint32_t oid, const struct pg_type **ret, struct cv_err *err)
{
    enum cv_rc rc = catalog_type(spec->catalog, spec->conn, oid, ret, err);

    if (rc != CV_NOT_FOUND)
        return rc;
    *ret = &catalog_dropped_type;
    return CV_OK;
}

/* The catalog's column of a tuple column. When the catalog no longer has it, it is optional and without default; when
   it has another type by now, that of the stream counts, and the default is none of it. */
static enum cv_rc
find_column(const struct plan_spec *spec, uint16_t i, struct pg_column *ret, struct cv_err *err)
{
    const struct pg_table *table = spec->table;
    const struct pgoutput_column *streamed;
    int at;

    if (spec->relation == NULL) {
        *ret = table->columns[i];
        return CV_OK;
    }
    streamed = &spec->relation->columns[i];
    at = pg_table_column(table, streamed->name);
    *ret = at >= 0 ? table->columns[at] : (struct pg_column){ .name = (char *)(uintptr_t)streamed->name };
    if (at < 0 || ret->type->oid != streamed->type_oid) {
        ret->def = NULL;
        if (streamed_type(spec, streamed->type_oid, &ret->type, err) != CV_OK)
            return err->rc;
    }
    /* the values are of this modifier, which may have changed since */
    ret->typmod = streamed->typmod >= 0 ? streamed->typmod : ret->type->typmod;
    return CV_OK;
}

/* Position in tuple order of a column of the table; -1. */
static int
tuple_position(const struct plan_spec *spec, uint16_t table_column)
{
    const char *name = spec->table->columns[table_column].name;

    if (spec->relation == NULL)
        return table_column;
    for (uint16_t i = 0; i < spec->relation->n_columns; i++)
        if (strcmp(spec->relation->columns[i].name, name) == 0)
            return i;
    return -1;
}

/* Columns of the table as positions in tuple order; *ret is the caller's. */
static enum cv_rc
positions(const struct plan_spec *spec, const uint16_t *columns, size_t n, uint16_t **ret, size_t *ret_n,
          struct cv_err *err)
{
    uint16_t *at = calloc(n + 1, sizeof(*at));

    if (at == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        int position = tuple_position(spec, columns[i]);

        if (position >= 0)
            at[(*ret_n)++] = (uint16_t)position;
    }
    *ret = at;
    return CV_OK;
}

static enum cv_rc
choose_keys(const struct plan_spec *spec, struct plan *plan, struct cv_err *err)
{
    const struct pg_table *table = spec->table;
    uint16_t *keys = calloc(table->n_columns + 1, sizeof(*keys));
    enum cv_rc rc;

    if (keys == NULL)
        return cv_fail_memory(err);
    rc = positions(spec, keys, table_key_columns(spec->filter, table, keys), &plan->keys, &plan->n_keys, err);
    if (rc == CV_OK)
        rc = positions(spec, table->keys, table->n_keys, &plan->own_keys, &plan->n_own_keys, err);
    free(keys);
    return rc;
}

static bool
is_key(const struct plan *plan, uint16_t i)
{
    for (size_t k = 0; k < plan->n_keys; k++)
        if (plan->keys[k] == i)
            return true;
    return false;
}

/* The direct path makes values of keys only, for headers; the record path JSON of keys only, for chunks. */
static void
forget_rows(struct plan *plan, bool direct)
{
    for (uint16_t i = 0; i < plan->n_columns; i++)
        if (!is_key(plan, i) && direct)
            column_forget_values(&plan->columns[i]);
        else if (!is_key(plan, i))
            column_forget_literals(&plan->columns[i]);
    if (!direct)
        return;
    cv_schema_unref(plan->row_schema);
    cv_schema_unref(plan->envelope_schema);
    plan->row_schema = plan->envelope_schema = NULL;
}

static size_t
literals_len(const struct plan_column *col)
{
    return col->name.len + 16 + col->null.len + col->placeholder.len;
}

/* Debezium's snapshots read the columns of the row only, and with none of them all. */
static void
set_unread(struct plan *plan)
{
    bool any = false;

    for (uint16_t i = 0; i < plan->n_columns; i++)
        any |= plan->columns[i].in_value;
    for (uint16_t i = 0; any && i < plan->n_columns; i++)
        plan->columns[i].unread = !plan->columns[i].in_value;
}

static enum cv_rc
compile_columns(const struct plan_spec *spec, struct plan *plan, struct cv_err *err)
{
    size_t n = spec->relation != NULL ? spec->relation->n_columns : spec->table->n_columns;

    plan->text_factor = 6;
    plan->columns = calloc(n + 1, sizeof(*plan->columns));
    if (plan->columns == NULL)
        return cv_fail_memory(err);
    for (uint16_t i = 0; i < n; i++) {
        struct plan_column *col = &plan->columns[plan->n_columns++];
        struct encode_room room;
        struct pg_column src;

        if (find_column(spec, i, &src, err) != CV_OK ||
            compile_column(spec, &src, is_key(plan, i), col, err) != CV_OK)
            return cv_err_context(err, "table \"%s.%s\"", spec->table->schema, spec->table->name);
        room = encode_room(&col->enc);
        if (room.factor > plan->text_factor)
            plan->text_factor = room.factor;
        plan->row_bound += literals_len(col) + room.fixed + (col->mask != NULL ? mask_room(col->mask) : 0);
        if (col->plain != NULL)
            plan->row_bound += literals_len(col->plain);
    }
    plan->row_bound += 64;
    if (spec->relation == NULL)
        set_unread(plan);
    return CV_OK;
}

/* Regex strategies: the field that tells tables of one topic apart. */
static enum cv_rc
set_key_extra(const struct plan_spec *spec, struct plan *plan, struct cv_err *err)
{
    const struct namer *namer = table_namer(spec->filter);
    struct cv_buf value = CV_BUF_INIT(FIELD_MAX), tail = CV_BUF_INIT(FIELD_MAX);
    enum cv_rc rc = CV_OK;

    plan->key_extra_field = namer_key_field(namer);
    if (plan->key_extra_field == NULL)
        return CV_OK;
    namer_key_value(namer, spec->table->schema, spec->table->name, &value);
    cv_buf_json(&tail, plan->key_extra_field, strlen(plan->key_extra_field));
    cv_buf_char(&tail, ':');
    cv_buf_json(&tail, cv_buf_cstr(&value), value.len);
    rc = cv_buf_check(&tail, err);
    plan->key_extra = cv_buf_take(&value);
    if (rc == CV_OK && (plan->key_extra == NULL || !literal_set(&plan->key_tail, tail.data, tail.len)))
        rc = cv_fail_memory(err);
    plan->row_bound += plan->key_tail.len;
    cv_buf_free(&tail);
    return rc;
}

static enum cv_rc
set_names(const struct plan_spec *spec, struct plan *plan, struct cv_err *err)
{
    struct cv_buf buf = CV_BUF_INIT(FIELD_MAX);
    enum cv_rc rc = CV_OK;

    plan->oid = spec->relation != NULL ? spec->relation->oid : spec->table->oid;
    plan->schema_name = strdup(spec->table->schema);
    plan->table_name = strdup(spec->table->name);
    namer_table_topic(table_namer(spec->filter), spec->table->schema, spec->table->name, &buf);
    plan->topic_name = cv_buf_take(&buf);
    if (plan->topic_name == NULL)
        return cv_fail_memory(err);
    name_adjust_schema(spec->config, plan->topic_name, &buf);
    plan->schema_base = cv_buf_take(&buf);
    cv_buf_json(&buf, spec->table->schema, strlen(spec->table->schema));
    cv_buf_str(&buf, ",\"table\":");
    cv_buf_json(&buf, spec->table->name, strlen(spec->table->name));
    cv_buf_str(&buf, ",\"txId\":");
    rc = cv_buf_check(&buf, err);
    if (rc == CV_OK && (plan->schema_name == NULL || plan->table_name == NULL || plan->schema_base == NULL ||
                        !literal_set(&plan->source_table, cv_buf_cstr(&buf), buf.len)))
        rc = cv_fail_memory(err);
    cv_buf_free(&buf);
    return rc;
}

enum cv_rc
plan_new(const struct plan_spec *spec, struct plan **ret, struct cv_err *err)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    enum cv_rc rc;

    if (plan == NULL)
        return cv_fail_memory(err);
    rc = set_names(spec, plan, err);
    if (rc == CV_OK)
        rc = set_key_extra(spec, plan, err);
    if (rc == CV_OK)
        rc = choose_keys(spec, plan, err);
    if (rc == CV_OK)
        rc = compile_columns(spec, plan, err);
    if (rc == CV_OK)
        rc = envelope_schemas(spec, plan, err);
    if (rc != CV_OK) {
        plan_free(plan);
        return rc;
    }
    forget_rows(plan, spec->direct != NULL);
    *ret = plan;
    return CV_OK;
}

/* Of the columns of a row that have no value to send the one to tell of: one that cannot be null before others. */
static void
note_bad(const struct plan *plan, uint16_t i, int *ret_bad)
{
    if (*ret_bad < 0 || plan->columns[i].required)
        *ret_bad = i;
}

/* ---- rows to JSON ---- */

static char *
put(char *out, const struct plan_literal *lit)
{
    memcpy(out, lit->text, PUT_AT_ONCE);
    if (lit->len > PUT_AT_ONCE)
        memcpy(out + PUT_AT_ONCE, lit->text + PUT_AT_ONCE, lit->len - PUT_AT_ONCE);
    return out + lit->len;
}

/* A value; what cannot be converted prints as null does, and where there is no null it is not sent in the end. */
static char *
write_value(const struct plan_column *col, const struct pgoutput_value *val, char *out, bool *ret_bad)
{
    char *end = col->mask == NULL ? encode_json(&col->enc, val->data, val->len, out, ret_bad)
                                  : mask_json(col->mask, &col->enc, val->data, val->len, out, ret_bad);

    if (*ret_bad && !col->required && end == out + 4 && memcmp(out, "null", 4) == 0)
        return put(out, &col->null);
    return end;
}

static char *
write_column(const struct plan_column *col, const struct pgoutput_value *val, const struct pgoutput_value *old,
             char *out, bool *ret_bad)
{
    if (val->kind == 'u' && old != NULL && old->kind != 'u')
        val = old;
    switch (val->kind) {
    case 't':
        return write_value(col, val, out, ret_bad);
    case 'u':
        *ret_bad = col->no_placeholder;
        return put(out, &col->placeholder);
    default:
        return put(out, &col->null);
    }
}

char *
plan_write_row(const struct plan *plan, const struct pgoutput_tuple *row, const struct pgoutput_tuple *old, char *out,
               int *ret_bad)
{
    char *start = out++;

    for (uint16_t i = 0; i < plan->n_columns; i++) {
        const struct plan_column *col = &plan->columns[i];
        bool bad = false;

        if (!col->in_value)
            continue;
        out = put(out, &col->name);
        out = write_column(col, &row->values[i], old != NULL ? &old->values[i] : NULL, out, &bad);
        *out++ = ',';
        if (bad)
            note_bad(plan, i, ret_bad);
    }
    *start = '{';
    if (out > start + 1)
        out--; /* the last comma */
    *out++ = '}';
    return out;
}

/* What the key goes by: rules of columns concern rows only. */
static const struct plan_column *
key_column(const struct plan *plan, size_t k)
{
    const struct plan_column *col = &plan->columns[plan->keys[k]];

    return col->plain != NULL ? col->plain : col;
}

char *
plan_write_key(const struct plan *plan, const struct pgoutput_tuple *row, char *out, int *ret_bad)
{
    *out++ = '{';
    for (size_t k = 0; k < plan->n_keys; k++) {
        const struct plan_column *col = key_column(plan, k);
        bool bad = false;

        if (k > 0)
            *out++ = ',';
        out = put(out, &col->name);
        out = col->unread ? put(out, &col->null) : write_column(col, &row->values[plan->keys[k]], NULL, out, &bad);
        if (bad)
            note_bad(plan, plan->keys[k], ret_bad);
    }
    if (plan->key_tail.len > 0) {
        *out++ = ',';
        out = put(out, &plan->key_tail);
    }
    *out++ = '}';
    return out;
}

/* Whether two values, none of them an unchanged TOAST, are sent alike. */
static bool
same_value(const struct plan_column *col, const struct pgoutput_value *a, const struct pgoutput_value *b)
{
    if (col->mask != NULL && mask_null_json(col->mask) != NULL)
        return true;
    if (a->kind != b->kind)
        return false;
    return a->kind != 't' || (a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

bool
plan_row_changed(const struct plan *plan, const struct pgoutput_tuple *old, const struct pgoutput_tuple *row)
{
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        const struct plan_column *col = &plan->columns[i];

        if (col->in_value && row->values[i].kind != 'u' && !same_value(col, &old->values[i], &row->values[i]))
            return true;
    }
    return false;
}

/* ---- rows to values ---- */

/* *ret is a null of its schema before. */
static enum cv_rc
plain_value(const struct plan_column *col, const struct pgoutput_value *val, const struct pgoutput_value *old,
            struct cv_arena *arena, struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    if (val->kind == 'u' && old != NULL && old->kind != 'u')
        val = old;
    if (val->kind == 't')
        return encode_value(&col->enc, val->data, val->len, arena, ret, ret_bad, err);
    if (val->kind == 'u' && col->unchanged.text != NULL)
        return encode_value(&col->unchanged.enc, col->unchanged.text, strlen(col->unchanged.text), arena, ret,
                            ret_bad, err);
    if (val->kind != 'u' && col->fallback != NULL) {
        const struct encode enc = fallback_encode(&col->enc);

        return encode_value(&enc, col->fallback, strlen(col->fallback), arena, ret, ret_bad, err);
    }
    if (val->kind != 'u' && col->def_text != NULL && !col->schema->optional)
        return encode_value(&col->enc, col->def_text, strlen(col->def_text), arena, ret, ret_bad, err);
    *ret_bad = val->kind == 'u' && col->no_placeholder;
    return CV_OK; /* null: the converter puts the schema's default in its place */
}

static enum cv_rc
column_value(const struct plan_column *col, const struct pgoutput_value *val, const struct pgoutput_value *old,
             struct cv_arena *arena, struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    bool placeholder = val->kind == 'u' && (old == NULL || old->kind == 'u');
    enum cv_rc rc;

    *ret = cv_null(col->mask != NULL && !placeholder ? mask_plain_schema(col->mask, col->schema) : col->schema);
    rc = plain_value(col, val, old, arena, ret, ret_bad, err);
    if (col->mask != NULL && placeholder && mask_encrypts(col->mask))
        return rc;
    return rc == CV_OK && col->mask != NULL ? mask_value(col->mask, arena, ret, err) : rc;
}

enum cv_rc
plan_row_value(const struct plan *plan, const struct pgoutput_tuple *row, const struct pgoutput_tuple *old,
               struct cv_arena *arena, struct cv_value *ret, int *ret_bad, struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, plan->row_schema);
    size_t field = 0;

    if (val == NULL)
        return cv_fail_memory(err);
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        const struct plan_column *col = &plan->columns[i];
        bool bad = false;

        if (!col->in_value)
            continue;
        if (column_value(col, &row->values[i], old != NULL ? &old->values[i] : NULL, arena,
                         cv_struct_at(val, field++), &bad, err) != CV_OK)
            return err->rc;
        if (bad)
            note_bad(plan, i, ret_bad);
    }
    *ret = *val;
    return CV_OK;
}

enum cv_rc
plan_key_value(const struct plan *plan, const struct pgoutput_tuple *row, struct cv_arena *arena, struct cv_value *ret,
               struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, plan->key_schema);

    if (val == NULL)
        return cv_fail_memory(err);
    for (size_t k = 0; k < plan->n_keys; k++) {
        static const struct pgoutput_value none = { .kind = 'n' };
        const struct plan_column *col = key_column(plan, k);
        bool bad = false;

        if (column_value(col, col->unread ? &none : &row->values[plan->keys[k]], NULL, arena, cv_struct_at(val, k),
                         &bad, err) != CV_OK)
            return err->rc;
    }
    if (plan->key_extra != NULL) {
        struct cv_value *extra = cv_struct_at(val, plan->n_keys);
        char *text = cv_arena_strdup(arena, plan->key_extra);
        const struct cv_schema *schema = extra->schema;

        if (text == NULL)
            return cv_fail_memory(err);
        *extra = cv_cstring(text);
        extra->schema = schema;
    }
    *ret = *val;
    return CV_OK;
}
