/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's patterns on PCRE2 (8 bit, UTF). What the two spell differently is translated (\uXXXX,
 * \p{Alpha}); what they would silently read in different ways is refused (classes within classes,
 * intersections, PCRE2's verbs). Matching is bounded by a number of steps, so no pattern and text
 * can hold a thread.
 *
 * Two programs a pattern: one anchored at both ends and compiled to machine code where that is
 * available, for matches(), and one for replaceFirst(), which in Java searches anew and may find
 * less than the whole.
 */
#include <config.h>

#include "common/regex.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/utf8.h"

#define PATTERN_MAX ((size_t)256 << 10)
#define MATCH_STEPS 1000000
#define HEAP_KIB    16384
#define MESSAGE_MAX 256

struct cv_regex {
    pcre2_code *whole;
    pcre2_code *find;
    pcre2_match_context *limits;
    pcre2_match_data *match;
};

struct cv_regex_list {
    struct cv_regex **items;
    size_t count;
};

/* ---- Java's spelling to PCRE2's ---- */

/* Where the translation stands. */
struct translation {
    const char *pos;
    bool in_class;
    bool quoted; /* between \Q and \E */
    struct cv_buf *out;
};

/* ASCII classes that Java writes as properties. */
static const char *const posix_classes[] = {
    "Lower", "Upper", "ASCII", "Alpha", "Digit",  "Alnum", "Punct",
    "Graph", "Print", "Blank", "Cntrl", "XDigit", "Space",
};

/* \uXXXX; two of them that are a surrogate pair are one character. NULL or what is wrong. */
static const char *
translate_unicode(struct translation *t)
{
    int code = strnlen(t->pos + 2, 4) < 4 ? -1 : cv_utf8_hex4(t->pos + 2);
    int low;

    if (code < 0)
        return "\\u must be followed by four hexadecimal digits";
    t->pos += 6;
    if (code >= 0xd800 && code <= 0xdfff) {
        low = strncmp(t->pos, "\\u", 2) != 0 || strnlen(t->pos + 2, 4) < 4
                  ? -1
                  : cv_utf8_hex4(t->pos + 2);
        if (code >= 0xdc00 || low < 0xdc00 || low > 0xdfff)
            return "half of a surrogate pair";
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
        t->pos += 6;
    }
    cv_buf_printf(t->out, "\\x{%x}", (unsigned)code);
    return NULL;
}

/* \p{Alpha} and its like become [:alpha:]; false if it is some other property. */
static bool
translate_property(struct translation *t)
{
    bool negated = t->pos[1] == 'P';

    if (t->pos[2] != '{')
        return false;
    for (size_t i = 0; i < CV_COUNT(posix_classes); i++) {
        size_t n = strlen(posix_classes[i]);

        if (strncmp(t->pos + 3, posix_classes[i], n) != 0 || t->pos[3 + n] != '}')
            continue;
        cv_buf_str(t->out, t->in_class ? "[:" : "[[:");
        if (negated)
            cv_buf_char(t->out, '^');
        for (size_t j = 0; j < n; j++) /* ASCII letters to lower case */
            cv_buf_char(t->out, (char)(posix_classes[i][j] | 0x20));
        cv_buf_str(t->out, t->in_class ? ":]" : ":]]");
        t->pos += 3 + n + 1;
        return true;
    }
    return false;
}

static const char *
translate_escape(struct translation *t)
{
    char c = t->pos[1];

    if (c == 'u')
        return translate_unicode(t);
    if ((c == 'p' || c == 'P') && translate_property(t))
        return NULL;
    t->quoted = c == 'Q';
    cv_buf_add(t->out, t->pos, c == '\0' ? 1 : 2);
    t->pos += c == '\0' ? 1 : 2;
    return NULL;
}

/* The bracket that opens a class, with what is literal right behind it. */
static void
translate_open_class(struct translation *t)
{
    size_t n = 1;

    if (t->pos[n] == '^')
        n++;
    if (t->pos[n] == ']')
        n++;
    cv_buf_add(t->out, t->pos, n);
    t->pos += n;
    t->in_class = true;
}

static const char *
translate_step(struct translation *t)
{
    if (t->quoted) {
        t->quoted = strncmp(t->pos, "\\E", 2) != 0;
        cv_buf_add(t->out, t->pos, t->quoted ? 1 : 2);
        t->pos += t->quoted ? 1 : 2;
        return NULL;
    }
    if (t->pos[0] == '\\')
        return translate_escape(t);
    if (t->pos[0] == '[') {
        if (t->in_class)
            return "'[' in a character class must be written \\[ (classes do not nest here)";
        translate_open_class(t);
        return NULL;
    }
    if (t->in_class && t->pos[0] == '&' && t->pos[1] == '&')
        return "'&&' in a character class is not supported";
    if (!t->in_class && t->pos[0] == '(' && t->pos[1] == '*')
        return "dangling meta character '*'";
    if (t->pos[0] == ']')
        t->in_class = false;
    cv_buf_char(t->out, *t->pos++);
    return NULL;
}

static enum cv_rc
translate(const char *pattern, struct cv_buf *out, struct cv_err *err)
{
    struct translation t = { .pos = pattern, .out = out };

    while (*t.pos != '\0') {
        const char *problem = translate_step(&t);

        if (problem != NULL)
            return cv_fail(err, CV_INVALID, "invalid regular expression \"%s\" at position %zu: %s",
                           pattern, (size_t)(t.pos - pattern), problem);
    }
    return cv_buf_check(out, err);
}

/* ---- patterns ---- */

static enum cv_rc
compile(const char *pattern, const struct cv_buf *translated, uint32_t options, pcre2_code **ret,
        struct cv_err *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR message[MESSAGE_MAX];
    PCRE2_SIZE pos = 0;
    int code = 0;

    if (context == NULL)
        return cv_fail_memory(err);
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    *ret = pcre2_compile((PCRE2_SPTR)cv_buf_cstr(translated), translated->len,
                         options | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &pos, context);
    pcre2_compile_context_free(context);
    if (*ret != NULL)
        return CV_OK;
    (void)pcre2_get_error_message(code, message, sizeof(message));
    return cv_fail(err, CV_INVALID, "invalid regular expression \"%s\" at position %zu: %s",
                   pattern, (size_t)pos, (const char *)message);
}

static enum cv_rc
regex_make(struct cv_regex *re, const char *pattern, const struct cv_buf *translated,
           uint32_t options, struct cv_err *err)
{
    enum cv_rc rc;

    rc =
        compile(pattern, translated, options | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &re->whole, err);
    if (rc == CV_OK)
        rc = compile(pattern, translated, options, &re->find, err);
    if (rc != CV_OK)
        return rc;
    (void)pcre2_jit_compile(re->whole,
                            PCRE2_JIT_COMPLETE); /* without it matching is slower, not wrong */
    re->limits = pcre2_match_context_create(NULL);
    re->match = pcre2_match_data_create_from_pattern(re->whole, NULL);
    if (re->limits == NULL || re->match == NULL)
        return cv_fail_memory(err);
    (void)pcre2_set_match_limit(re->limits, MATCH_STEPS);
    (void)pcre2_set_heap_limit(re->limits, HEAP_KIB);
    return CV_OK;
}

enum cv_rc
cv_regex_new(const char *pattern, bool ignore_case, struct cv_regex **ret, struct cv_err *err)
{
    struct cv_buf translated = CV_BUF_INIT(PATTERN_MAX);
    struct cv_regex *re = calloc(1, sizeof(*re));
    enum cv_rc rc;

    if (re == NULL)
        return cv_fail_memory(err);
    rc = translate(pattern, &translated, err);
    if (rc == CV_OK)
        rc = regex_make(re, pattern, &translated, ignore_case ? PCRE2_CASELESS : 0, err);
    cv_buf_free(&translated);
    if (rc == CV_OK)
        *ret = re;
    else
        cv_regex_free(re);
    return rc;
}

void
cv_regex_free(struct cv_regex *re)
{
    if (re == NULL)
        return;
    pcre2_code_free(re->whole);
    pcre2_code_free(re->find);
    pcre2_match_context_free(re->limits);
    pcre2_match_data_free(re->match);
    free(re);
}

static bool
run(const struct cv_regex *re, const pcre2_code *code, const char *text, size_t len)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text == NULL ? "" : text);
    int n = pcre2_match(code, subject, len, 0, 0, re->match, re->limits);

    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(code, subject, len, 0, PCRE2_NO_JIT, re->match, re->limits);
    return n > 0;
}

bool
cv_regex_matches(const struct cv_regex *re, const char *text, size_t len)
{
    return run(re, re->whole, text, len);
}

/* ---- replacements: Matcher.appendReplacement ---- */

static uint32_t
group_count(const struct cv_regex *re)
{
    uint32_t count = 0;

    (void)pcre2_pattern_info(re->find, PCRE2_INFO_CAPTURECOUNT, &count);
    return count;
}

/* The group of "$12" at pos: as many digits as still name a group. -1 if there is none. */
static int
numbered_group(const struct cv_regex *re, const char **inout_pos)
{
    const char *p = *inout_pos;
    uint32_t groups = group_count(re);
    uint32_t group;

    if (*p < '0' || *p > '9')
        return -1;
    group = (uint32_t)(*p++ - '0');
    if (group > groups)
        return -1;
    while (*p >= '0' && *p <= '9' && group * 10 + (uint32_t)(*p - '0') <= groups)
        group = group * 10 + (uint32_t)(*p++ - '0');
    *inout_pos = p;
    return (int)group;
}

/* The group of "${name}", pos standing behind the brace. -1 if there is none of that name. */
static int
named_group(const struct cv_regex *re, const char **inout_pos)
{
    const char *end = strchr(*inout_pos, '}');
    char name[128];
    size_t len;
    int group;

    if (end == NULL)
        return -1;
    len = (size_t)(end - *inout_pos);
    if (len == 0 || len >= sizeof(name))
        return -1;
    memcpy(name, *inout_pos, len);
    name[len] = '\0';
    group = pcre2_substring_number_from_name(re->find, (PCRE2_SPTR)name);
    if (group < 0)
        return -1;
    *inout_pos = end + 1;
    return group;
}

/* One piece of a replacement: a literal character, or a group. False if it is malformed. */
static bool
next_piece(const struct cv_regex *re, const char **inout_pos, char *ret_literal, int *ret_group)
{
    const char *p = *inout_pos;

    *ret_group = -1;
    if (*p == '$') {
        p++;
        if (*p == '{') {
            p++;
            *ret_group = named_group(re, &p);
        } else {
            *ret_group = numbered_group(re, &p);
        }
        *inout_pos = p;
        return *ret_group >= 0;
    }
    if (*p == '\\')
        p++;
    if (*p == '\0')
        return false;
    *ret_literal = *p++;
    *inout_pos = p;
    return true;
}

enum cv_rc
cv_regex_check_replacement(const struct cv_regex *re, const char *replacement, struct cv_err *err)
{
    const char *pos = replacement;
    char literal;
    int group;

    while (*pos != '\0') {
        const char *piece = pos;

        if (!next_piece(re, &pos, &literal, &group))
            return cv_fail(err, CV_INVALID, "invalid replacement \"%s\" at position %zu: %s",
                           replacement, (size_t)(piece - replacement),
                           *piece == '$'
                               ? "the pattern has no such group (write \\$ for a dollar sign)"
                               : "a character must follow the backslash");
    }
    return CV_OK;
}

bool
cv_regex_replace(const struct cv_regex *re, const char *text, size_t len, const char *replacement,
                 struct cv_buf *out)
{
    struct cv_err err = CV_ERR_INIT;
    const PCRE2_SIZE *spans;
    char literal = '\0';
    int group;

    if (cv_regex_check_replacement(re, replacement, &err) != CV_OK)
        return false;
    if (!run(re, re->whole, text, len) || !run(re, re->find, text, len))
        return false;
    spans = pcre2_get_ovector_pointer(re->match);
    cv_buf_add(out, text, spans[0]);
    while (*replacement != '\0' && next_piece(re, &replacement, &literal, &group)) {
        if (group < 0)
            cv_buf_char(out, literal);
        else if (spans[2 * group] != PCRE2_UNSET)
            cv_buf_add(out, text + spans[2 * group], spans[2 * group + 1] - spans[2 * group]);
    }
    cv_buf_add(out, text + spans[1], len - spans[1]);
    return true;
}

/* ---- lists ---- */

/* Cut the next entry off: up to a comma without backslash; of "\," only the comma stays. */
static void
take_entry(const char **inout_pos, struct cv_buf *out)
{
    const char *p = *inout_pos;

    while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        p++;
    while (*p != '\0' && *p != ',') {
        if (p[0] == '\\' && p[1] == ',') {
            p++;
        } else if (p[0] == '\\' && p[1] != '\0') {
            cv_buf_char(out, *p++);
        }
        cv_buf_char(out, *p++);
    }
    while (out->len > 0 && (out->data[out->len - 1] == ' ' ||
                            (out->data[out->len - 1] >= '\t' && out->data[out->len - 1] <= '\r')))
        cv_buf_truncate(out, out->len - 1);
    *inout_pos = *p == ',' ? p + 1 : p;
}

static enum cv_rc
list_add(struct cv_regex_list *list, const char *pattern, bool ignore_case, struct cv_err *err)
{
    struct cv_regex **items = realloc(list->items, (list->count + 1) * sizeof(struct cv_regex *));
    enum cv_rc rc;

    if (items == NULL)
        return cv_fail_memory(err);
    list->items = items;
    rc = cv_regex_new(pattern, ignore_case, &list->items[list->count], err);
    if (rc == CV_OK)
        list->count++;
    return rc;
}

enum cv_rc
cv_regex_list_new(const char *list_text, bool ignore_case, struct cv_regex_list **ret,
                  struct cv_err *err)
{
    struct cv_regex_list *list = calloc(1, sizeof(*list));
    struct cv_buf entry = CV_BUF_INIT(PATTERN_MAX);
    const char *pos = list_text;
    enum cv_rc rc = CV_OK;

    if (list == NULL)
        return cv_fail_memory(err);
    while (rc == CV_OK && *pos != '\0') {
        cv_buf_reset(&entry);
        take_entry(&pos, &entry);
        rc = cv_buf_check(&entry, err);
        if (rc == CV_OK && entry.len > 0)
            rc = list_add(list, cv_buf_cstr(&entry), ignore_case, err);
    }
    cv_buf_free(&entry);
    if (rc == CV_OK)
        *ret = list;
    else
        cv_regex_list_free(list);
    return rc;
}

void
cv_regex_list_free(struct cv_regex_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        cv_regex_free(list->items[i]);
    free(list->items);
    free(list);
}

int
cv_regex_list_find(const struct cv_regex_list *list, const char *text, size_t len)
{
    for (size_t i = 0; i < list->count; i++)
        if (cv_regex_matches(list->items[i], text, len))
            return (int)i;
    return -1;
}

bool
cv_regex_list_matches(const struct cv_regex_list *list, const char *text, size_t len)
{
    return cv_regex_list_find(list, text, len) >= 0;
}

size_t
cv_regex_list_count(const struct cv_regex_list *list)
{
    return list->count;
}
