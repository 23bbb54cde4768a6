/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults of columns for the schema, read from the expressions of the catalog as Debezium reads them: the text of
 * a literal up to its first quote, and a stand-in of its own for what only the server can evaluate.
 */
#include "connectors/postgres/type_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/number.h"

/* "now()", "(nextval(...": an identifier and an opening parenthesis, with one in front at most. */
static bool
is_function_call(const char *expr)
{
    size_t n;

    if (*expr == '(')
        expr++;
    n = strspn(expr, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return n > 0 && expr[n] == '(';
}

/* CURRENT_DATE, LOCALTIMESTAMP, ... */
static bool
is_clock_keyword(const char *expr)
{
    return strncmp(expr, "CURRENT_", 8) == 0 || strncmp(expr, "LOCALTIME", 9) == 0;
}

/* numeric defaults are brought up to the column's scale; more digits than that: none. */
static char *
scaled_text(const struct pg_column *col, char *text)
{
    struct cv_err err;
    struct cv_buf out = CV_BUF_INIT(4096);
    int32_t precision, scale, have = 0;

    if (cv_decimal_scale(text, strlen(text), &have, &err) != CV_OK) {
        free(text);
        return NULL;
    }
    if (!type_numeric_modifier(col, &precision, &scale))
        return text;
    if (have <= scale) {
        cv_buf_str(&out, text);
        if (have <= 0 && scale > 0)
            cv_buf_char(&out, '.');
        for (; have < scale; have++)
            cv_buf_char(&out, '0');
    }
    free(text);
    text = have > scale ? NULL : cv_buf_take(&out);
    cv_buf_free(&out);
    return text;
}

/* The text between the first two quotes, or the expression itself. */
static char *
literal_text(const char *expr)
{
    const char *open = strchr(expr, '\''), *close;

    if (open == NULL)
        return strdup(expr);
    close = strchr(open + 1, '\'');
    return close == NULL ? NULL : strndup(open + 1, (size_t)(close - open - 1));
}

char *
type_default_text(const struct pg_config *config, const struct pg_column *col)
{
    const struct base_type *base = type_base(config, col->type);
    struct column_type type;
    char out[4096];
    bool bad = false;
    char *text;

    if (col->def == NULL || base == NULL || !base->defaults || strncmp(col->def, "NULL::", 6) == 0)
        return NULL;
    type_of_column(config, col, &type);
    if (type.enc.kind == ENCODE_DECIMAL_VARIABLE)
        return NULL;
    if (is_function_call(col->def) || (base->family >= FAMILY_DATE && is_clock_keyword(col->def)))
        text = strdup(base->computed);
    else
        text = literal_text(col->def);
    if (text != NULL && base->family == FAMILY_NUMERIC)
        text = scaled_text(col, text);
    if (text == NULL)
        return NULL;
    if (base->kind == ENCODE_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        text[1] = '\0';
    if (base->family == FAMILY_ZONED && (strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0))
        goto none;
    if (base->family == FAMILY_PLAIN && base->type >= CV_INT8 && base->type <= CV_INT64) {
        int64_t ignored;

        if (!cv_parse_i64(text, strlen(text), &ignored))
            goto none;
    }
    if (encode_bound(&type.enc, strlen(text)) > sizeof(out))
        goto none;
    encode_json(&type.enc, text, strlen(text), out, &bad);
    if (!bad)
        return text;
none:
    free(text);
    return NULL;
}

