/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of options to a struct and to the list of all errors. What counts as a value, the order of
 * parsing and checking, and every text are those of Kafka's ConfigDef
 * (org.apache.kafka.common.config.ConfigDef: parseType, parseForValidate, Range, ValidString,
 * CaseInsensitiveValidString, NonEmptyString), because clients of the REST interface compare them.
 * Rows are constant; any thread.
 */
#include <config.h>

#include <culvert/config.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/number.h"
#include "common/secret.h"

#define PROBLEM_MAX ((size_t)64 << 10)

/* One parsed value. The text that it came from is not needed behind it. */
struct parsed {
    union {
        bool boolean;
        int64_t integer; /* INT, SHORT, LONG, ENUM */
        double real;
        char *text; /* STRING, CLASS, PASSWORD */
        struct cv_list list;
    };
};

/* String.trim() of Java: everything up to the blank goes. */
static void
trim(const char **inout_text, size_t *inout_len)
{
    const char *text = *inout_text;
    size_t len = *inout_len;

    while (len > 0 && (unsigned char)*text <= ' ') {
        text++;
        len--;
    }
    while (len > 0 && (unsigned char)text[len - 1] <= ' ')
        len--;
    *inout_text = text;
    *inout_len = len;
}

static const char *
type_name(enum cv_config_type type)
{
    switch (type) {
    case CV_CONFIG_INT:
        return "INT";
    case CV_CONFIG_SHORT:
        return "SHORT";
    case CV_CONFIG_LONG:
        return "LONG";
    default:
        return "DOUBLE";
    }
}

static void
list_done(struct cv_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct cv_list){ .items = NULL };
}

/* Java's \s, which the separator of lists, \s*,\s*, takes in. */
static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Split trimmed text at commas; empty items stay, empty text is the empty list. False: memory is
 * out. */
static bool
list_parse(const char *text, size_t len, struct cv_list *ret)
{
    struct cv_list list = { .items = NULL };
    const char *end = text + len;
    size_t n = 1;

    if (len == 0) {
        *ret = list;
        return true;
    }
    for (const char *p = text; p < end; p++)
        n += *p == ',';
    list.items = calloc(n, sizeof(*list.items));
    if (list.items == NULL)
        return false;
    while (list.count < n) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma == NULL ? end : comma;

        if (list.count > 0)
            while (text < stop && is_space(*text))
                text++;
        len = (size_t)(stop - text);
        if (comma != NULL)
            while (len > 0 && is_space(text[len - 1]))
                len--;
        list.items[list.count] = strndup(text, len);
        if (list.items[list.count] == NULL) {
            list_done(&list);
            return false;
        }
        list.count++;
        text = stop + 1;
    }
    *ret = list;
    return true;
}

static bool
integer_parse(enum cv_config_type type, const char *text, size_t len, int64_t *ret)
{
    int64_t v;

    if (!cv_parse_i64(text, len, &v))
        return false;
    if (type == CV_CONFIG_INT && (v < INT32_MIN || v > INT32_MAX))
        return false;
    if (type == CV_CONFIG_SHORT && (v < INT16_MIN || v > INT16_MAX))
        return false;
    *ret = v;
    return true;
}

/* Double.parseDouble: a type suffix is part of the number. */
static bool
double_parse(const char *text, size_t len, double *ret)
{
    if (len > 1 && strchr("fFdD", text[len - 1]) != NULL)
        len--;
    return cv_parse_double(text, len, ret);
}

static int
enum_find(const struct cv_config_def *def, const char *text, size_t len)
{
    for (int i = 0; def->names[i] != NULL; i++) {
        const char *name = def->names[i];

        if (strlen(name) != len)
            continue;
        if (def->enum_exact ? memcmp(name, text, len) == 0 : strncasecmp(name, text, len) == 0)
            return i;
    }
    return -1;
}

/* "a, b, c"; upper case where case does not count, as CaseInsensitiveValidString prints them. */
static void
append_names(struct cv_buf *out, const char *const *names, bool upper)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (i > 0)
            cv_buf_str(out, ", ");
        for (const char *p = names[i]; *p != '\0'; p++)
            cv_buf_char(out, upper && *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
    }
}

static enum cv_rc
fail_not_one_of(const char *const *names, bool exact, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(PROBLEM_MAX);
    enum cv_rc rc;

    append_names(&text, names, !exact);
    rc = cv_fail(err, CV_INVALID, "String must be one of%s: %s", exact ? "" : " (case insensitive)",
                 cv_buf_cstr(&text));
    cv_buf_free(&text);
    return rc;
}

/* ---- ready checks ---- */

enum cv_rc
cv_valid_range(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    const struct cv_range *range = def->arg;
    size_t len = strlen(value);
    bool low = false;
    bool high = false;
    int64_t v;
    double real;

    trim(&value, &len);
    if (def->type != CV_CONFIG_DOUBLE && cv_parse_i64(value, len, &v)) {
        low = v < range->min;
        high = v > range->max;
    } else if (def->type == CV_CONFIG_DOUBLE && double_parse(value, len, &real)) {
        low = range->min != INT64_MIN && real < (double)range->min;
        high = range->max != INT64_MAX && real > (double)range->max;
    } else {
        return cv_fail(err, CV_INVALID, "Not a number of type %s", type_name(def->type));
    }
    if (low)
        return cv_fail(err, CV_INVALID, "Value must be at least %lld", (long long)range->min);
    if (high)
        return cv_fail(err, CV_INVALID, "Value must be no more than %lld", (long long)range->max);
    return CV_OK;
}

enum cv_rc
cv_valid_non_empty(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    (void)def;
    if (value[0] == '\0')
        return cv_fail(err, CV_INVALID, "String must be non-empty");
    return CV_OK;
}

enum cv_rc
cv_valid_in(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    const char *const *names = def->arg;

    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], value) == 0)
            return CV_OK;
    return fail_not_one_of(names, true, err);
}

/* ---- errors ---- */

static void
errors_vadd(struct cv_config_errors *errors, const char *key, const char *fmt, va_list args)
{
    struct cv_config_error *items;
    struct cv_config_error item;

    item.key = strdup(key);
    if (item.key == NULL)
        return;
    if (vasprintf(&item.text, fmt, args) < 0) {
        free(item.key);
        return;
    }
    items = realloc(errors->items, (errors->count + 1) * sizeof(*items));
    if (items == NULL) {
        free(item.key);
        free(item.text);
        return;
    }
    items[errors->count++] = item;
    errors->items = items;
}

void
cv_config_errors_add(struct cv_config_errors *errors, const char *key, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    errors_vadd(errors, key, fmt, args);
    va_end(args);
}

void
cv_config_errors_done(struct cv_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        free(errors->items[i].key);
        free(errors->items[i].text);
    }
    free(errors->items);
    *errors = (struct cv_config_errors){ .items = NULL };
}

/* ---- parsing ---- */

/* What one run of cv_config_parse carries along. */
struct run {
    struct cv_config_errors *errors;
    struct cv_err *err;
    enum cv_rc rc; /* CV_OK, CV_INVALID once an error was added, CV_NO_MEMORY */
};

/* Add an error; the first one becomes the text of the whole failure. */
static void CV_PRINTF(3, 4)
    add_error(struct run *run, const struct cv_config_def *def, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    errors_vadd(run->errors, def->name, fmt, args);
    va_end(args);
    if (run->rc == CV_OK) {
        char *text = NULL;

        va_start(args, fmt);
        if (vasprintf(&text, fmt, args) < 0)
            text = NULL;
        va_end(args);
        run->rc =
            text == NULL ? cv_fail_memory(run->err) : cv_fail(run->err, CV_INVALID, "%s", text);
        free(text);
    }
}

static void
add_invalid(struct run *run, const struct cv_config_def *def, const char *value,
            const char *problem)
{
    if (def->type == CV_CONFIG_PASSWORD && value != NULL)
        value = "[hidden]";
    add_error(run, def, "Invalid value %s for configuration %s: %s", value == NULL ? "null" : value,
              def->name, problem);
}

/* Parse trimmed text. CV_INVALID leaves the problem in err. */
static enum cv_rc
value_parse(const struct cv_config_def *def, const char *text, size_t len, struct parsed *ret,
            struct cv_err *err)
{
    int found;

    switch (def->type) {
    case CV_CONFIG_BOOLEAN:
        ret->boolean = len == 4 && strncasecmp(text, "true", 4) == 0;
        if (!ret->boolean && !(len == 5 && strncasecmp(text, "false", 5) == 0))
            return cv_fail(err, CV_INVALID, "Expected value to be either true or false");
        return CV_OK;
    case CV_CONFIG_INT:
    case CV_CONFIG_SHORT:
    case CV_CONFIG_LONG:
        if (!integer_parse(def->type, text, len, &ret->integer))
            return cv_fail(err, CV_INVALID, "Not a number of type %s", type_name(def->type));
        return CV_OK;
    case CV_CONFIG_DOUBLE:
        if (!double_parse(text, len, &ret->real))
            return cv_fail(err, CV_INVALID, "Not a number of type DOUBLE");
        return CV_OK;
    case CV_CONFIG_LIST:
        return list_parse(text, len, &ret->list) ? CV_OK : cv_fail_memory(err);
    case CV_CONFIG_ENUM:
        found = enum_find(def, text, len);
        if (found < 0)
            return fail_not_one_of(def->names, def->enum_exact, err);
        ret->integer = found;
        return CV_OK;
    default:
        ret->text = strndup(text, len);
        return ret->text == NULL ? cv_fail_memory(err) : CV_OK;
    }
}

static void
value_done(const struct cv_config_def *def, struct parsed *val)
{
    switch (def->type) {
    case CV_CONFIG_LIST:
        list_done(&val->list);
        break;
    case CV_CONFIG_PASSWORD:
        if (val->text != NULL)
            cv_secret_wipe(val->text, strlen(val->text));
        free(val->text);
        break;
    case CV_CONFIG_STRING:
    case CV_CONFIG_CLASS:
        free(val->text);
        break;
    default:
        break;
    }
}

/* The parsed value as Java prints it in a message, and as checks see it but for lists. */
static void
value_print(const struct cv_config_def *def, const struct parsed *val, struct cv_buf *out)
{
    char number[CV_DOUBLE_MAX];

    switch (def->type) {
    case CV_CONFIG_BOOLEAN:
        cv_buf_str(out, val->boolean ? "true" : "false");
        break;
    case CV_CONFIG_INT:
    case CV_CONFIG_SHORT:
    case CV_CONFIG_LONG:
        cv_buf_i64(out, val->integer);
        break;
    case CV_CONFIG_DOUBLE:
        cv_buf_add(out, number, cv_format_double(val->real, number));
        break;
    case CV_CONFIG_LIST:
        cv_buf_char(out, '[');
        for (size_t i = 0; i < val->list.count; i++) {
            cv_buf_str(out, i == 0 ? "" : ", ");
            cv_buf_str(out, val->list.items[i]);
        }
        cv_buf_char(out, ']');
        break;
    case CV_CONFIG_ENUM:
        cv_buf_str(out, def->names[val->integer]);
        break;
    default:
        cv_buf_str(out, val->text);
        break;
    }
}

/* Run the check of the row over a parsed value. text: trimmed, as given. */
static bool
value_check(struct run *run, const struct cv_config_def *def, const struct parsed *val,
            const char *text)
{
    struct cv_err problem = CV_ERR_INIT;
    struct cv_buf printed = CV_BUF_INIT(PROBLEM_MAX + strlen(text) * 4);
    bool good = true;

    if (def->check == NULL || def->check_says_all)
        return true;
    if (def->type == CV_CONFIG_LIST && def->check == cv_valid_in) {
        for (size_t i = 0; good && i < val->list.count; i++) {
            good = cv_valid_in(def, val->list.items[i], &problem) == CV_OK;
            if (!good)
                add_invalid(run, def, val->list.items[i], problem.text);
        }
        return good;
    }
    value_print(def, val, &printed);
    good = def->check(def, def->type == CV_CONFIG_LIST ? text : cv_buf_cstr(&printed), &problem) ==
           CV_OK;
    if (!good)
        add_invalid(run, def, cv_buf_cstr(&printed), problem.text);
    if (def->type == CV_CONFIG_PASSWORD)
        cv_buf_wipe(&printed);
    else
        cv_buf_free(&printed);
    return good;
}

/*
 * ConfigDef runs its validators over null too: for a value that is missing, null, or did not parse.
 * Only these of the ready checks object to null, others where the row says so; an option whose
 * default is null has a validator that passes it.
 */
static void
null_check(struct run *run, const struct cv_config_def *def)
{
    struct cv_err problem = CV_ERR_INIT;

    if (def->def == NULL && !def->required)
        return;
    if (def->type == CV_CONFIG_ENUM)
        (void)fail_not_one_of(def->names, def->enum_exact, &problem);
    else if (def->check == cv_valid_in && def->type != CV_CONFIG_LIST)
        (void)fail_not_one_of(def->arg, true, &problem);
    else if (def->check == cv_valid_range)
        (void)cv_fail(&problem, CV_INVALID, "Value must be non-null");
    else if (def->null_problem != NULL)
        (void)cv_fail(&problem, CV_INVALID, "%s", def->null_problem);
    if (problem.rc != CV_OK && def->check_says_all)
        add_error(run, def, "%s", problem.text);
    else if (problem.rc != CV_OK)
        add_invalid(run, def, NULL, problem.text);
}

/* The check of a row that says all itself, over the trimmed text as given. */
static bool
text_check(struct run *run, const struct cv_config_def *def, const char *text)
{
    struct cv_err problem = CV_ERR_INIT;
    const char *at = problem.text;

    if (!def->check_says_all || def->check(def, text, &problem) == CV_OK)
        return true;
    for (;;) {
        size_t n = strcspn(at, CV_CONFIG_NEXT_ERROR);

        add_error(run, def, "%.*s", (int)n, at);
        if (at[n] == '\0')
            return false;
        at += n + 1;
    }
}

/* Parse and check one given text. True: *ret is a value that the caller owns. */
static bool
option_take(struct run *run, const struct cv_config_def *def, const char *given, struct parsed *ret)
{
    struct cv_err problem = CV_ERR_INIT;
    struct parsed val = { .list = { .items = NULL } };
    const char *text = given;
    size_t len = strlen(given);
    char *copy;
    bool good;

    trim(&text, &len);
    copy = strndup(text, len);
    if (copy == NULL) {
        run->rc = cv_fail_memory(run->err);
        return false;
    }
    switch (text_check(run, def, copy) ? value_parse(def, text, len, &val, &problem) : CV_CONFLICT) {
    case CV_CONFLICT: /* the check said why */
        good = false;
        break;
    case CV_OK:
        good = value_check(run, def, &val, copy);
        if (!good)
            value_done(def, &val);
        break;
    case CV_INVALID:
        good = false;
        /* an ENUM is a string that its validator refuses: validators see trimmed text */
        add_invalid(run, def, def->type == CV_CONFIG_ENUM ? copy : given, problem.text);
        if (def->type != CV_CONFIG_ENUM)
            null_check(run, def);
        break;
    default:
        good = false;
        run->rc = cv_fail_memory(run->err);
        break;
    }
    if (def->type == CV_CONFIG_PASSWORD)
        cv_secret_wipe(copy, len);
    free(copy);
    if (good)
        *ret = val;
    return good;
}

/* The default, or for lack of one the zero value; a default of a row always parses. */
static struct parsed
option_default(struct run *run, const struct cv_config_def *def)
{
    struct parsed val = { .list = { .items = NULL } };
    struct cv_err problem = CV_ERR_INIT;
    const char *text = def->def;
    size_t len = text == NULL ? 0 : strlen(text);
    enum cv_rc rc;

    if (text == NULL)
        return val;
    trim(&text, &len);
    rc = value_parse(def, text, len, &val, &problem);
    assert(rc != CV_INVALID);
    if (rc == CV_NO_MEMORY)
        run->rc = cv_fail_memory(run->err);
    return val;
}

static void
field_store(const struct cv_config_def *def, const struct parsed *val, void *out)
{
    char *field = (char *)out + def->offset;

    switch (def->type) {
    case CV_CONFIG_BOOLEAN:
        *(bool *)(void *)field = val->boolean;
        break;
    case CV_CONFIG_INT:
    case CV_CONFIG_SHORT:
        *(int32_t *)(void *)field = (int32_t)val->integer;
        break;
    case CV_CONFIG_LONG:
        *(int64_t *)(void *)field = val->integer;
        break;
    case CV_CONFIG_ENUM:
        *(int *)(void *)field = (int)val->integer;
        break;
    case CV_CONFIG_DOUBLE:
        *(double *)(void *)field = val->real;
        break;
    case CV_CONFIG_LIST:
        *(struct cv_list *)(void *)field = val->list;
        break;
    default:
        *(char **)(void *)field = val->text;
        break;
    }
}

static void
option_parse(struct run *run, const struct cv_config_def *def, const struct cv_config *cfg,
             void *out)
{
    struct parsed val;
    bool given = cv_config_has(cfg, def->name);
    const char *text = cv_config_get(cfg, def->name);
    bool good = false;

    if (text != NULL) {
        good = option_take(run, def, text, &val);
    } else if (def->required && (!given || out != NULL)) {
        add_error(run, def, "Missing required configuration \"%s\" which has no default value.",
                  def->name);
        null_check(run, def);
    } else if (given) {
        null_check(run, def);
    } else if (def->def != NULL) {
        good = option_take(run, def, def->def, &val);
    }
    if (!good)
        val = option_default(run, def);
    if (out != NULL && def->offset != CV_NO_FIELD)
        field_store(def, &val, out);
    else
        value_done(def, &val);
}

enum cv_rc
cv_config_parse(const struct cv_config_def *defs, const struct cv_config *cfg, void *out,
                struct cv_config_errors *errors, struct cv_err *err)
{
    struct run run = { .errors = errors, .err = err, .rc = CV_OK };

    for (const struct cv_config_def *def = defs; def->name != NULL; def++)
        option_parse(&run, def, cfg, out);
    return run.rc;
}

void
cv_config_done(const struct cv_config_def *defs, void *out)
{
    for (const struct cv_config_def *def = defs; def->name != NULL; def++) {
        struct parsed val = { .list = { .items = NULL } };
        char *field;

        if (def->offset == CV_NO_FIELD)
            continue;
        field = (char *)out + def->offset;
        switch (def->type) {
        case CV_CONFIG_LIST:
            val.list = *(struct cv_list *)(void *)field;
            *(struct cv_list *)(void *)field = (struct cv_list){ .items = NULL };
            break;
        case CV_CONFIG_STRING:
        case CV_CONFIG_CLASS:
        case CV_CONFIG_PASSWORD:
            val.text = *(char **)(void *)field;
            *(char **)(void *)field = NULL;
            break;
        default:
            continue;
        }
        value_done(def, &val);
    }
}
