/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of key, row, source and envelope, as Connect objects and as the JSON prefix of the direct path. */
#include "connectors/postgres/envelope_private.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/postgres/transaction.h"
#include "data/json.h"
#include "data/schema_json.h"

#define SCHEMA_JSON_MAX ((size_t)8 << 20)
#define NAME_MAX_BYTES  2048 /* a topic name, each character escaped, and a suffix */

static enum cv_rc
make_source_schema(struct cv_schema **ret, struct cv_err *err)
{
    static const struct {
        const char *name;
        enum cv_type type;
        bool optional;
    } fields[] = {
        { "version", CV_STRING, false }, { "connector", CV_STRING, false }, { "name", CV_STRING, false },
        { "ts_ms", CV_INT64, false },    { "snapshot", CV_STRING, true },   { "db", CV_STRING, false },
        { "sequence", CV_STRING, true }, { "ts_us", CV_INT64, true },       { "ts_ns", CV_INT64, true },
        { "schema", CV_STRING, false },  { "table", CV_STRING, false },     { "txId", CV_INT64, true },
        { "lsn", CV_INT64, true },       { "xmin", CV_INT64, true },
    };
    struct cv_schema_builder *b = cv_schema_new(CV_STRING), *source;
    struct cv_value no = cv_cstring("false");
    struct cv_schema *snapshot = NULL;
    enum cv_rc rc;

    cv_schema_set_optional(b);
    cv_schema_set_name(b, "io.debezium.data.Enum");
    cv_schema_set_version(b, 1);
    cv_schema_add_param(b, "allowed",
                        "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental");
    cv_schema_set_default(b, &no);
    if (cv_schema_finish(b, &snapshot, err) != CV_OK)
        return err->rc;
    source = cv_schema_new(CV_STRUCT);
    cv_schema_set_name(source, "io.debezium.connector.postgresql.Source");
    cv_schema_set_version(source, 1);
    for (size_t i = 0; i < CV_COUNT(fields); i++)
        cv_schema_add_field(source, fields[i].name,
                            strcmp(fields[i].name, "snapshot") == 0
                                ? snapshot
                                : cv_schema_plain(fields[i].type, fields[i].optional));
    rc = cv_schema_finish(source, ret, err);
    cv_schema_unref(snapshot);
    return rc;
}

/* One for all tables of all tasks, which may be thousands; it is never freed. */
enum cv_rc
envelope_source_schema(struct cv_schema **ret, struct cv_err *err)
{
    static _Atomic(struct cv_schema *) shared;
    struct cv_schema *known = atomic_load(&shared), *made = NULL;

    if (known == NULL) {
        if (make_source_schema(&made, err) != CV_OK)
            return err->rc;
        if (atomic_compare_exchange_strong(&shared, &known, made))
            known = made;
        else /* another task was first */
            cv_schema_unref(made);
    }
    *ret = cv_schema_ref(known);
    return CV_OK;
}

/* A struct of the given columns, named topic + suffix. */
static enum cv_rc
columns_schema(const struct plan *plan, const char *suffix, bool keys, struct cv_schema **ret,
               struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof(name), "%s%s", plan->schema_base, suffix);
    cv_schema_set_name(b, name);
    if (!keys)
        cv_schema_set_optional(b);
    for (size_t i = 0; i < (keys ? plan->n_keys : plan->n_columns); i++) {
        const struct plan_column *col = &plan->columns[keys ? plan->keys[i] : i];

        if (keys || col->in_value)
            cv_schema_add_field(b, col->field, keys && col->plain != NULL ? col->plain->schema : col->schema);
    }
    if (keys && plan->key_extra != NULL)
        cv_schema_add_field(b, plan->key_extra_field, cv_schema_plain(CV_STRING, false));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
envelope_schema(const struct plan *plan, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b;
    struct cv_schema *source = NULL, *transaction = NULL;
    char name[NAME_MAX_BYTES];
    enum cv_rc rc = envelope_source_schema(&source, err);

    if (rc == CV_OK)
        rc = transaction_block_schema(&transaction, err);
    if (rc == CV_OK) {
        b = cv_schema_new(CV_STRUCT);
        snprintf(name, sizeof(name), "%s.Envelope", plan->schema_base);
        cv_schema_set_name(b, name);
        cv_schema_set_version(b, 2);
        cv_schema_add_field(b, "before", plan->row_schema);
        cv_schema_add_field(b, "after", plan->row_schema);
        cv_schema_add_field(b, "source", source);
        cv_schema_add_field(b, "transaction", transaction);
        cv_schema_add_field(b, "op", cv_schema_plain(CV_STRING, false));
        cv_schema_add_field(b, "ts_ms", cv_schema_plain(CV_INT64, true));
        cv_schema_add_field(b, "ts_us", cv_schema_plain(CV_INT64, true));
        cv_schema_add_field(b, "ts_ns", cv_schema_plain(CV_INT64, true));
        rc = cv_schema_finish(b, ret, err);
    }
    cv_schema_unref(source);
    cv_schema_unref(transaction);
    return rc;
}

/* {"schema":...,"payload": */
static enum cv_rc
schema_prefix(const struct cv_schema *schema, const struct cv_direct *direct, struct plan_literal *ret,
              struct cv_err *err)
{
    const struct connect_json_format format = { .decimal_numeric = direct->decimal_numeric,
                                                .replace_null = direct->replace_null_with_default };
    struct cv_buf buf = CV_BUF_INIT(SCHEMA_JSON_MAX);
    enum cv_rc rc;

    cv_buf_str(&buf, "{\"schema\":");
    cv_schema_json(&buf, schema, &format);
    cv_buf_str(&buf, ",\"payload\":");
    rc = cv_buf_check(&buf, err);
    if (rc == CV_OK) {
        ret->len = buf.len;
        ret->text = cv_buf_take(&buf);
    }
    cv_buf_free(&buf);
    return rc;
}

enum cv_rc
envelope_schemas(const struct plan_spec *spec, struct plan *plan, struct cv_err *err)
{
    const struct cv_direct *direct = spec->direct;

    if (plan->n_keys > 0 && columns_schema(plan, ".Key", true, &plan->key_schema, err) != CV_OK)
        return err->rc;
    if (columns_schema(plan, ".Value", false, &plan->row_schema, err) != CV_OK ||
        envelope_schema(plan, &plan->envelope_schema, err) != CV_OK)
        return err->rc;
    if (direct == NULL)
        return CV_OK;
    if (direct->key_schemas && plan->n_keys > 0 &&
        schema_prefix(plan->key_schema, direct, &plan->key_prefix, err) != CV_OK)
        return err->rc;
    if (direct->value_schemas &&
        schema_prefix(plan->envelope_schema, direct, &plan->value_prefix, err) != CV_OK)
        return err->rc;
    return CV_OK;
}
