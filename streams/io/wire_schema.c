/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of wrapped JSON records; see wire_schema.h. Names of logical types: Debezium's "Data
   type mappings" and Kafka Connect's org.apache.kafka.connect.data. */
#include "streams/io/wire_schema.h"

#include <stdlib.h>
#include <string.h>

#include "common/number.h"

static const struct {
    const char *name;
    enum wire_type type;
} logical_types[] = {
    { "io.debezium.time.Date", WIRE_DATE },
    { "io.debezium.time.Timestamp", WIRE_MS },
    { "io.debezium.time.MicroTimestamp", WIRE_US },
    { "io.debezium.time.NanoTimestamp", WIRE_NS },
    { "org.apache.kafka.connect.data.Date", WIRE_DATE },
    { "org.apache.kafka.connect.data.Timestamp", WIRE_MS },
    { "org.apache.kafka.connect.data.Decimal", WIRE_DECIMAL },
};

bool
wire_schema_init(struct wire_schema *schema, const struct table *table, const char *row_field)
{
    *schema = (struct wire_schema){ .table = table, .row_field = row_field };
    schema->fields = calloc(table->n_columns, sizeof(*schema->fields));
    return schema->fields != NULL;
}

void
wire_schema_done(struct wire_schema *schema)
{
    free(schema->fields);
    free(schema->head);
}

bool
wire_schema_known(const struct wire_schema *schema, struct cv_bytes text)
{
    return schema->head != NULL && text.len > schema->head_len + 1 &&
           text.data[text.len - 1] == '}' && memcmp(text.data, schema->head, schema->head_len) == 0;
}

void
wire_schema_forget(struct wire_schema *schema)
{
    if (schema->head == NULL)
        return;
    free(schema->head);
    schema->head = NULL;
    memset(schema->fields, 0, schema->table->n_columns * sizeof(*schema->fields));
}

void
wire_schema_learn(struct wire_schema *schema, struct cv_bytes text, size_t head_len)
{
    char *head = malloc(head_len);

    if (head == NULL)
        return; /* then the next record is read in full, too */
    memcpy(head, text.data, head_len);
    free(schema->head);
    schema->head = head;
    schema->head_len = head_len;
}

/* One field's schema as it is collected: keys come in any order. */
struct field_schema {
    int col;
    struct wire_field wire;
    struct cv_bytes fields; /* raw, of a struct */
    bool is_row;
};

static enum cv_rc
read_parameters(struct cv_json_reader *in, struct field_schema *field, struct cv_err *err)
{
    enum cv_json_token tok;

    while ((tok = cv_json_next(in)) == CV_JSON_KEY) {
        bool is_scale = cv_json_text_is(in, "scale");
        int64_t scale;

        if (!is_scale) {
            if (cv_json_skip(in) == CV_JSON_BAD)
                return cv_json_fail(in, err);
            continue;
        }
        tok = cv_json_next(in);
        if ((tok != CV_JSON_STRING && tok != CV_JSON_NUMBER) ||
            !cv_parse_i64(in->text, in->text_len, &scale) || scale < -1000 || scale > 1000)
            return cv_fail(err, CV_INVALID, "schema: the parameter \"scale\" is no scale");
        field->wire.scale = (int32_t)scale;
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(in, err);
}

static void
read_logical_name(const struct cv_json_reader *in, struct field_schema *field)
{
    for (size_t i = 0; i < CV_COUNT(logical_types); i++) {
        if (cv_json_text_is(in, logical_types[i].name))
            field->wire.type = logical_types[i].type;
    }
}

/* One schema object; its opening brace has been read. */
static enum cv_rc
read_field(const struct wire_schema *schema, struct cv_json_reader *in, struct field_schema *ret,
           struct cv_err *err)
{
    enum cv_json_token tok;

    *ret = (struct field_schema){ .col = -1 };
    while ((tok = cv_json_next(in)) == CV_JSON_KEY) {
        bool is_name = cv_json_text_is(in, "name");
        bool is_field = cv_json_text_is(in, "field");
        bool is_fields = cv_json_text_is(in, "fields");

        if (cv_json_text_is(in, "parameters")) {
            tok = cv_json_next(in);
            if (tok == CV_JSON_OBJECT && read_parameters(in, ret, err) != CV_OK)
                return err->rc;
            continue;
        }
        if (!is_name && !is_field) {
            tok = cv_json_skip(in);
            if (tok == CV_JSON_BAD)
                return cv_json_fail(in, err);
            if (is_fields && tok == CV_JSON_ARRAY)
                ret->fields = (struct cv_bytes){ .data = in->text, .len = in->text_len };
            continue;
        }
        tok = cv_json_next(in);
        if (tok == CV_JSON_STRING && is_name)
            read_logical_name(in, ret);
        if (tok == CV_JSON_STRING && is_field) {
            struct cv_buf name = CV_BUF_INIT(1 << 20);

            cv_json_text(in, &name);
            ret->col = table_column(schema->table, cv_buf_cstr(&name), name.len);
            ret->is_row =
                schema->row_field != NULL && strcmp(cv_buf_cstr(&name), schema->row_field) == 0;
            cv_buf_free(&name);
        }
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(in, err);
}

/* The array of a struct's fields. envelope: descend into the row's field instead of taking them. */
static enum cv_rc
read_fields(struct wire_schema *schema, bool envelope, struct cv_bytes fields, struct cv_err *err)
{
    struct cv_json_reader in;
    struct field_schema field;
    struct cv_bytes row = { 0 };
    enum cv_json_token tok;

    if (fields.data == NULL)
        return CV_OK;
    cv_json_reader_init(&in, fields.data, fields.len);
    tok = cv_json_next(&in);
    while (tok != CV_JSON_BAD && (tok = cv_json_next(&in)) == CV_JSON_OBJECT) {
        if (read_field(schema, &in, &field, err) != CV_OK)
            return err->rc;
        if (envelope && field.is_row)
            row = field.fields;
        if (!envelope && field.col >= 0)
            schema->fields[field.col] = field.wire;
    }
    if (tok != CV_JSON_ARRAY_END)
        return in.problem != NULL ? cv_json_fail(&in, err)
                                  : cv_fail(err, CV_INVALID, "schema: bad list of fields");
    return envelope ? read_fields(schema, false, row, err) : CV_OK;
}

enum cv_rc
wire_schema_read(struct wire_schema *schema, const char *text, size_t len, struct cv_err *err)
{
    struct cv_json_reader in;
    struct field_schema top;

    free(schema->head);
    schema->head = NULL;
    memset(schema->fields, 0, schema->table->n_columns * sizeof(*schema->fields));
    cv_json_reader_init(&in, text, len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return CV_OK; /* null: nothing known */
    if (read_field(schema, &in, &top, err) != CV_OK)
        return err->rc;
    return read_fields(schema, schema->row_field != NULL, top.fields, err);
}
