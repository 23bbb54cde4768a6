/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to values. The text is cut into tokens at { } [ ] , : and " (a backslash protects the next character); blanks
 * around tokens do not count outside of quotes. Anything that goes wrong inside an array or map makes the whole text
 * a string, so the parser only says "no" and the caller at the top decides.
 *
 * Source: org.apache.kafka.connect.data.Values.
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "data/calendar.h"
#include "data/text_value.h"

#define DEPTH_MAX    64
#define TIME_LEN     13 /* 22:13:20.123Z */
#define STAMP_LEN    24 /* 2023-11-14T22:13:20.123Z */
#define DATE_LEN     10 /* 2023-11-14 */
#define NUMBER_BYTES (16 * 1024)

struct span {
    const char *at;
    size_t len;
};

struct parser {
    const char *text;
    size_t len;
    size_t pos;
    struct span next; /* token looked at but not consumed; at NULL: none */
    int depth;
    struct cv_arena *arena;
    struct cv_err *err; /* memory only; err->rc is CV_OK otherwise */
};

static bool parse_value(struct parser *p, bool embedded, struct cv_value *ret);

/* ---- tokens ---- */

static struct span
cut_token(struct parser *p)
{
    size_t start = p->pos;
    bool escaped = false;

    for (; p->pos < p->len; p->pos++) {
        char c = p->text[p->pos];

        if (c == '\\') {
            escaped = !escaped;
            continue;
        }
        if (c != '\0' && strchr(":,{}[]\"", c) != NULL && !escaped) {
            if (p->pos == start)
                p->pos++;
            break;
        }
        escaped = false;
    }
    return (struct span){ .at = p->text + start, .len = p->pos - start };
}

static struct span
trimmed(struct span s)
{
    while (s.len > 0 && (unsigned char)s.at[0] <= ' ') {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (unsigned char)s.at[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static bool
has_next(const struct parser *p)
{
    return p->next.at != NULL || p->pos < p->len;
}

static struct span
take_token(struct parser *p)
{
    struct span token = p->next.at != NULL ? p->next : cut_token(p);

    p->next.at = NULL;
    return token;
}

static bool
span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Consume the next token if it is that one; blanks around it do not count unless exact. */
static bool
consume(struct parser *p, const char *expected, bool exact)
{
    if (p->next.at == NULL) {
        if (p->pos >= p->len)
            return false;
        p->next = cut_token(p);
    }
    if (!exact) {
        p->next = trimmed(p->next);
        while (p->next.len == 0 && p->pos < p->len)
            p->next = trimmed(cut_token(p));
    }
    if (!span_is(p->next, expected))
        return false;
    p->next.at = NULL;
    return true;
}

/* ---- dates and times ---- */

/* Digits where the form has 9; other characters as they are. */
static bool
has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++)
        if (*form == '9' ? (*text < '0' || *text > '9') : *text != *form)
            return false;
    return true;
}

static int
digits(const char *text, size_t n)
{
    int v = 0;

    while (n-- > 0)
        v = v * 10 + (*text++ - '0');
    return v;
}

static int64_t
time_ms(const char *t)
{
    return ((digits(t, 2) * INT64_C(60) + digits(t + 3, 2)) * 60 + digits(t + 6, 2)) * 1000 + digits(t + 9, 3);
}

static struct cv_schema *
logical_schema(enum cv_type type, const char *name, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(type);
    struct cv_schema *schema = NULL;

    cv_schema_set_name(b, name);
    cv_schema_set_version(b, 1);
    return cv_schema_finish(b, &schema, err) == CV_OK ? schema : NULL;
}

/* Give the value a new schema that lives as long as the arena; takes it. */
static bool
set_schema(struct parser *p, struct cv_value *val, struct cv_schema *take_schema)
{
    if (take_schema == NULL)
        return false;
    val->schema = take_schema;
    if (cv_schema_hold(p->arena, take_schema, p->err) != CV_OK)
        val->schema = NULL;
    cv_schema_unref(take_schema);
    return val->schema != NULL;
}

static const char *
temporal_name(const struct cv_value *val, size_t len)
{
    return len == DATE_LEN ? CV_DATE_NAME : val->type == CV_INT32 ? CV_TIME_NAME : CV_TIMESTAMP_NAME;
}

/* The value without its schema. Fields beyond their range carry over, as in a lenient SimpleDateFormat. */
bool
text_parse_temporal(const char *text, size_t len, struct cv_value *ret)
{
    int64_t days;

    if (len == TIME_LEN && has_form(text, "99:99:99.999Z") && time_ms(text) < MS_PER_DAY) {
        *ret = cv_int(CV_INT32, time_ms(text));
        return true;
    }
    if ((len != DATE_LEN || !has_form(text, "9999-99-99")) &&
        (len != STAMP_LEN || !has_form(text, "9999-99-99T99:99:99.999Z")))
        return false;
    days = calendar_days(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2));
    *ret = len == DATE_LEN ? cv_int(CV_INT32, days) : cv_int(CV_INT64, days * MS_PER_DAY + time_ms(text + 11));
    return true;
}

static bool
temporal(struct parser *p, struct span token, struct cv_value *ret)
{
    char text[STAMP_LEN + 1];
    size_t len = 0;

    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] == '\\' && i + 1 < token.len && token.at[i + 1] == ':')
            continue;
        if (len == STAMP_LEN)
            return false;
        text[len++] = token.at[i];
    }
    text[len] = '\0';
    return text_parse_temporal(text, len, ret) &&
           set_schema(p, ret, logical_schema(ret->type, temporal_name(ret, len), p->err));
}

/* A time has two colons, which cut it into five tokens: try those as one, else the first alone. */
static bool
temporal_of_tokens(struct parser *p, struct span token, struct cv_value *ret)
{
    struct parser before = *p;
    struct span whole = token;
    bool found;

    for (int i = 0; i < 4 && has_next(p); i++) {
        struct span part = take_token(p);

        whole.len = (size_t)(part.at + part.len - whole.at);
    }
    found = temporal(p, whole, ret);
    if (found)
        return true;
    *p = before;
    return temporal(p, token, ret);
}

/* ---- numbers ---- */

/* The grammar of new BigDecimal(String). */
static bool
is_number(struct span s)
{
    size_t i = 0, n = 0;

    if (i < s.len && (s.at[i] == '+' || s.at[i] == '-'))
        i++;
    for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++)
        n++;
    if (i < s.len && s.at[i] == '.')
        for (i++; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++)
            n++;
    if (n == 0)
        return false;
    if (i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        if (i < s.len && (s.at[i] == '+' || s.at[i] == '-'))
            i++;
        for (n = 0; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++)
            n++;
    }
    return n > 0 && i == s.len;
}

/* An integral number that fits 64 bits: the smallest type that holds it. */
static bool
smallest_integer(const struct cv_buf *unscaled, struct cv_value *ret)
{
    uint64_t bits;
    int64_t v;

    if (unscaled->len > 8)
        return false;
    bits = unscaled->len > 0 && (unscaled->data[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < unscaled->len; i++)
        bits = bits << 8 | (unsigned char)unscaled->data[i];
    v = (int64_t)bits;
    *ret = cv_int(v == (int8_t)v    ? CV_INT8
                  : v == (int16_t)v ? CV_INT16
                  : v == (int32_t)v ? CV_INT32
                                    : CV_INT64,
                  v);
    ret->schema = cv_schema_plain(ret->type, false);
    return true;
}

static bool
decimal(struct parser *p, struct span token, int32_t scale, struct cv_value *ret)
{
    struct cv_buf unscaled = CV_BUF_INIT(NUMBER_BYTES);
    struct cv_err problem = CV_ERR_INIT;
    struct cv_schema_builder *b;
    struct cv_schema *schema = NULL;
    char scale_text[16];
    bool ok = false;

    if (cv_decimal_unscaled(token.at, token.len, scale, &unscaled, &problem) == CV_OK) {
        const char *copy = cv_arena_dup(p->arena, unscaled.data, unscaled.len);

        b = cv_schema_new(CV_BYTES);
        snprintf(scale_text, sizeof(scale_text), "%d", (int)scale);
        cv_schema_set_name(b, CV_DECIMAL_NAME);
        cv_schema_set_version(b, 1);
        cv_schema_add_param(b, "scale", scale_text);
        *ret = cv_binary(copy, unscaled.len);
        ok = cv_schema_finish(b, &schema, p->err) == CV_OK && set_schema(p, ret, schema);
        if (copy == NULL)
            ok = cv_fail_memory(p->err) == CV_OK;
    }
    cv_buf_free(&unscaled);
    return ok;
}

/* An integral value is the smallest integer type, any other a FLOAT32, FLOAT64 or Decimal: the first that is not
   infinite. Integers beyond 64 bits written out in full are Decimals. */
static bool
number(struct parser *p, struct span token, struct cv_value *ret)
{
    struct cv_buf text = CV_BUF_INIT(NUMBER_BYTES);
    struct cv_err problem = CV_ERR_INIT;
    int32_t scale = 0;
    bool ok = false;

    if (!is_number(token) || token.len >= NUMBER_BYTES / 4)
        return false;
    if (cv_decimal_scale(token.at, token.len, &scale, &problem) != CV_OK)
        return false;
    if (scale > -20 && cv_decimal_unscaled(token.at, token.len, 0, &text, &problem) == CV_OK)
        ok = smallest_integer(&text, ret);
    cv_buf_reset(&text);
    cv_buf_add(&text, token.at, token.len);
    if (!ok && scale != 0 && cv_buf_check(&text, &problem) == CV_OK) {
        float f = strtof(cv_buf_cstr(&text), NULL);
        double d = strtod(cv_buf_cstr(&text), NULL);

        ok = isfinite(f) || isfinite(d);
        *ret = isfinite(f) ? cv_float32(f) : cv_float64(d);
        ret->schema = cv_schema_plain(ret->type, false);
    }
    if (!ok)
        ok = decimal(p, token, scale, ret);
    cv_buf_free(&text);
    return ok;
}

/* ---- common types of elements ---- */

static int
numeric_rank(enum cv_type type)
{
    return type <= CV_FLOAT64 ? (int)type : -1;
}

/* What the elements so far have in common. */
struct common {
    const struct cv_schema *schema; /* NULL: nothing yet */
    bool none;                      /* they have nothing in common */
};

static void
merge(struct common *c, const struct cv_value *val)
{
    int rank, other;

    if (c->none || val->is_null)
        return;
    if (val->schema == NULL) {
        c->none = true;
        return;
    }
    if (c->schema == NULL || c->schema->type == val->schema->type) {
        c->schema = val->schema;
        return;
    }
    rank = numeric_rank(c->schema->type);
    other = numeric_rank(val->schema->type);
    if (rank < 0 || other < 0)
        c->none = true;
    else if (other > rank)
        c->schema = val->schema;
}

static void
widen(struct cv_value *val, enum cv_type type)
{
    double v = val->type == CV_FLOAT32 ? (double)val->float32 : (double)val->integer;

    if (type == CV_FLOAT32)
        val->float32 = (float)v;
    else if (type == CV_FLOAT64)
        val->float64 = v;
}

/* The value in the common type; false for what the type has no room for, such as a null. */
static bool
align(struct cv_value *val, const struct cv_schema *schema)
{
    if (val->is_null)
        return false;
    if (val->type != schema->type) {
        if (numeric_rank(val->type) < 0 || numeric_rank(val->type) > numeric_rank(schema->type))
            return false;
        widen(val, schema->type);
    } else if (schema->type == CV_ARRAY) {
        for (size_t i = 0; i < val->list.count; i++)
            if (!align(&val->list.items[i], schema->items))
                return false;
    } else if (schema->type == CV_MAP) {
        for (size_t i = 0; i < val->map.count; i++)
            if (!align(&val->map.entries[i].key, schema->keys) ||
                !align(&val->map.entries[i].value, schema->items))
                return false;
    }
    val->type = schema->type;
    val->schema = schema;
    return true;
}

/* ---- arrays and maps ---- */

static bool
finish_array(struct parser *p, const struct common *items, struct cv_value *ret)
{
    struct cv_schema_builder *b;
    struct cv_schema *schema = NULL;

    if (items->none || items->schema == NULL)
        return true;
    for (size_t i = 0; i < ret->list.count; i++)
        if (!align(&ret->list.items[i], items->schema))
            return false;
    b = cv_schema_new(CV_ARRAY);
    cv_schema_set_items(b, items->schema);
    return cv_schema_finish(b, &schema, p->err) == CV_OK && set_schema(p, ret, schema);
}

static bool
parse_array(struct parser *p, struct cv_value *ret)
{
    struct common items = { .schema = NULL };

    *ret = (struct cv_value){ .type = CV_ARRAY };
    while (has_next(p)) {
        struct cv_value item;

        if (consume(p, "]", false))
            return finish_array(p, &items, ret);
        if (consume(p, ",", false) || !parse_value(p, true, &item))
            return false;
        merge(&items, &item);
        if (cv_array_add(p->arena, ret, item, p->err) != CV_OK)
            return false;
        if (consume(p, "]", false))
            return finish_array(p, &items, ret);
        if (!consume(p, ",", false))
            return false;
    }
    return false;
}

static bool
finish_map(struct parser *p, const struct common *keys, const struct common *values, struct cv_value *ret)
{
    struct cv_schema_builder *b;
    struct cv_schema *schema = NULL;

    if (keys->none || keys->schema == NULL || values->none || values->schema == NULL)
        return true;
    for (size_t i = 0; i < ret->map.count; i++)
        if (!align(&ret->map.entries[i].key, keys->schema) ||
            !align(&ret->map.entries[i].value, values->schema))
            return false;
    b = cv_schema_new(CV_MAP);
    cv_schema_set_keys(b, keys->schema);
    cv_schema_set_items(b, values->schema);
    return cv_schema_finish(b, &schema, p->err) == CV_OK && set_schema(p, ret, schema);
}

static bool
put_entry(struct parser *p, struct cv_value *map, const struct cv_map_entry *entry)
{
    struct cv_map_entry *grown;

    for (size_t i = 0; i < map->map.count; i++) {
        if (cv_value_equal(&map->map.entries[i].key, &entry->key)) {
            map->map.entries[i].value = entry->value;
            return true;
        }
    }
    if (map->map.count == map->map.cap) {
        map->map.cap = map->map.cap == 0 ? 4 : map->map.cap * 2;
        grown = cv_arena_alloc(p->arena, map->map.cap * sizeof(*grown));
        if (grown == NULL)
            return cv_fail_memory(p->err) == CV_OK;
        if (map->map.count > 0)
            memcpy(grown, map->map.entries, map->map.count * sizeof(*grown));
        map->map.entries = grown;
    }
    map->map.entries[map->map.count++] = *entry;
    return true;
}

static bool
parse_map(struct parser *p, struct cv_value *ret)
{
    struct common keys = { .schema = NULL };
    struct common values = { .schema = NULL };

    *ret = (struct cv_value){ .type = CV_MAP };
    while (has_next(p)) {
        struct cv_map_entry entry;

        if (consume(p, "}", false))
            return finish_map(p, &keys, &values, ret);
        if (consume(p, ",", false) || !parse_value(p, true, &entry.key) || entry.key.is_null ||
            !consume(p, ":", false) || !parse_value(p, true, &entry.value) || !put_entry(p, ret, &entry))
            return false;
        merge(&keys, &entry.key);
        merge(&values, &entry.value);
        consume(p, ",", false);
    }
    return false;
}

/* ---- one value ---- */

/* Behind the opening quote. Backslashes stay. */
static bool
parse_quoted(struct parser *p, struct cv_value *ret)
{
    struct span whole = { .at = p->text + p->pos, .len = 0 };
    const char *copy;

    while (has_next(p) && !consume(p, "\"", true)) {
        struct span part = take_token(p);

        whole.len = (size_t)(part.at + part.len - whole.at);
    }
    if (temporal(p, whole, ret))
        return true;
    copy = cv_arena_dup(p->arena, whole.at, whole.len);
    if (copy == NULL)
        return cv_fail_memory(p->err) == CV_OK;
    *ret = cv_string(copy, whole.len);
    ret->schema = cv_schema_plain(CV_STRING, false);
    return true;
}

static bool
parse_literal(struct parser *p, struct cv_value *ret)
{
    if (consume(p, "null", false)) {
        *ret = cv_null(NULL);
        return true;
    }
    if (consume(p, "true", false))
        *ret = cv_boolean(true);
    else if (consume(p, "false", false))
        *ret = cv_boolean(false);
    else
        return false;
    ret->schema = cv_schema_plain(CV_BOOLEAN, false);
    return true;
}

static bool
parse_scalar(struct parser *p, struct cv_value *ret)
{
    struct span token = trimmed(take_token(p));
    bool digit = token.len > 0 && token.at[0] >= '0' && token.at[0] <= '9';

    if (token.len == 0)
        return false;
    if (digit && temporal_of_tokens(p, token, ret))
        return true;
    return (digit || token.at[0] == '+' || token.at[0] == '-') && number(p, token, ret);
}

static bool
parse_value(struct parser *p, bool embedded, struct cv_value *ret)
{
    bool ok;

    if (!has_next(p) || p->depth == DEPTH_MAX)
        return false;
    if (embedded && consume(p, "\"", false))
        return parse_quoted(p, ret);
    if (parse_literal(p, ret))
        return true;
    p->depth++;
    if (consume(p, "[", false))
        ok = parse_array(p, ret);
    else if (consume(p, "{", false))
        ok = parse_map(p, ret);
    else
        ok = parse_scalar(p, ret);
    p->depth--;
    return ok;
}

enum cv_rc
text_parse(const char *utf8, size_t len, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct cv_err memory = CV_ERR_INIT;
    struct parser p = { .text = utf8, .len = len, .arena = arena, .err = &memory };
    struct cv_value val;
    const char *copy;

    if (!parse_value(&p, false, &val)) {
        if (memory.rc != CV_OK) {
            *err = memory;
            return memory.rc;
        }
        copy = cv_arena_dup(arena, utf8, len);
        if (copy == NULL)
            return cv_fail_memory(err);
        val = cv_string(copy, len);
        val.schema = cv_schema_plain(CV_STRING, false);
    }
    *ret = val;
    return CV_OK;
}
