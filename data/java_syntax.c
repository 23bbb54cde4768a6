/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a pattern, without building anything: escapes, group heads and counted repetitions. It stops, content,
 * where the syntax changes its rules (comments mode, nested classes); PCRE2 judges the rest.
 *
 * Source: what Java 17 answers to faulty patterns.
 */
#include <config.h>

#include "data/java_syntax.h"

#include <string.h>

#define NAMES_MAX 32

struct name {
    const char *text;
    size_t len;
};

struct scan {
    const char *pattern;
    const char *at;
    bool stop; /* nothing more to say */
    struct name names[NAMES_MAX];
    size_t n_names;
    struct cv_err *err;
    size_t *ret_pos;
};

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The fault at a place; false, for the caller to return. */
static bool
fault(struct scan *s, const char *at, const char *text)
{
    (void)cv_fail(s->err, CV_INVALID, "%s", text);
    *s->ret_pos = (size_t)(at - s->pattern);
    return false;
}

static bool
fault_name(struct scan *s, const char *at, const char *fmt_head, const struct name *name, const char *fmt_tail)
{
    (void)cv_fail(s->err, CV_INVALID, "%s<%.*s>%s", fmt_head, (int)name->len, name->text, fmt_tail);
    *s->ret_pos = (size_t)(at - s->pattern);
    return false;
}

static bool
is_known(const struct scan *s, const struct name *name)
{
    for (size_t i = 0; i < s->n_names; i++)
        if (s->names[i].len == name->len && memcmp(s->names[i].text, name->text, name->len) == 0)
            return true;
    return false;
}

/* A name from s->at to its '>', which is passed. */
static bool
read_name(struct scan *s, struct name *ret)
{
    if (!is_letter(*s->at))
        return fault(s, s->at, "capturing group name does not start with a Latin letter");
    ret->text = s->at;
    while (is_letter(*s->at) || is_digit(*s->at))
        s->at++;
    ret->len = (size_t)(s->at - ret->text);
    if (*s->at != '>')
        return fault(s, s->at, "named capturing group is missing trailing '>'");
    s->at++;
    return true;
}

/* ---- escapes; s->at stands behind the character that follows the backslash ---- */

static bool
scan_hex(struct scan *s)
{
    const char *start = s->at;
    unsigned long code = 0;

    if (*s->at != '{') {
        if (!is_hex(s->at[0]) || !is_hex(s->at[1]))
            return fault(s, start, "Illegal hexadecimal escape sequence");
        s->at += 2;
        return true;
    }
    for (s->at++; is_hex(*s->at); s->at++) {
        code = code * 16 + (unsigned)(is_digit(*s->at) ? *s->at - '0' : (*s->at | 0x20) - 'a' + 10);
        if (code > 0x10ffff)
            return fault(s, s->at, "Hexadecimal codepoint is too big");
    }
    if (s->at == start + 1 || *s->at != '}')
        return fault(s, start, "Illegal hexadecimal escape sequence");
    s->at++;
    return true;
}

static bool
scan_unicode(struct scan *s)
{
    for (int i = 0; i < 4; i++, s->at++)
        if (!is_hex(*s->at))
            return fault(s, s->at, "Illegal Unicode escape sequence");
    return true;
}

static bool
scan_reference(struct scan *s)
{
    struct name name;

    if (*s->at != '<')
        return fault(s, s->at, "\\k is not followed by '<' for named capturing group");
    s->at++;
    if (!read_name(s, &name))
        return false;
    return is_known(s, &name) || fault_name(s, s->at - 1, "named capturing group ", &name, " does not exist");
}

static bool
scan_escape(struct scan *s)
{
    char c = *s->at;

    if (c == '\0')
        return fault(s, s->at, "Unexpected internal error");
    s->at++;
    if (c == 'Q') {
        const char *end = strstr(s->at, "\\E");

        s->at = end == NULL ? s->at + strlen(s->at) : end + 2;
        return true;
    }
    if (c == 'k')
        return scan_reference(s);
    if (c == 'x')
        return scan_hex(s);
    if (c == 'u')
        return scan_unicode(s);
    if (c == 'c' && *s->at == '\0')
        return fault(s, s->at - 1, "Illegal control escape sequence");
    if (c == '0' && (*s->at < '0' || *s->at > '7'))
        return fault(s, s->at, "Illegal octal escape sequence");
    if (c == 'N' && *s->at != '{')
        return fault(s, s->at, "Illegal character name escape sequence");
    if (strchr("CEFIJKLMOTUYgijlmoqy", c) != NULL)
        return fault(s, s->at - 1, "Illegal/unsupported escape sequence");
    if (c == 'c')
        s->at++;
    else if ((c == 'p' || c == 'P' || c == 'N') && *s->at == '{')
        s->at += strcspn(s->at, "}");
    return true;
}

/* ---- groups, classes, repetitions; s->at stands behind their first character ---- */

static bool
scan_group(struct scan *s)
{
    struct name name;

    if (*s->at != '?')
        return true;
    s->at++;
    if (strchr(":=!>", *s->at) != NULL && *s->at != '\0')
        return true;
    if (s->at[0] == '<' && (s->at[1] == '=' || s->at[1] == '!'))
        return true;
    if (*s->at == '<') {
        s->at++;
        if (!read_name(s, &name))
            return false;
        if (is_known(s, &name))
            return fault_name(s, s->at - 1, "Named capturing group ", &name, " is already defined");
        if (s->n_names == NAMES_MAX)
            s->stop = true;
        else
            s->names[s->n_names++] = name;
        return true;
    }
    for (; *s->at != ')' && *s->at != ':'; s->at++) {
        if (*s->at == '\0' || strchr("idmsuxU-", *s->at) == NULL)
            return fault(s, s->at, "Unknown inline modifier");
        s->stop = s->stop || *s->at == 'x';
    }
    return true;
}

/* To the end of a class; one with a class inside is not for us. */
static void
scan_class(struct scan *s)
{
    s->at += *s->at == '^';
    s->at += *s->at == ']';
    for (; *s->at != '\0' && *s->at != ']'; s->at++) {
        if (*s->at == '[' || (s->at[0] == '\\' && (s->at[1] == 'Q' || s->at[1] == '\0'))) {
            s->stop = true;
            return;
        }
        s->at += *s->at == '\\';
    }
    s->stop = *s->at == '\0';
    s->at += *s->at == ']';
}

/* Digits to a number that fits an int. */
static bool
scan_count(struct scan *s)
{
    long count = 0;

    for (; is_digit(*s->at); s->at++) {
        count = count * 10 + (*s->at - '0');
        if (count > INT32_MAX)
            return fault(s, s->at, "Illegal repetition range");
    }
    return true;
}

static bool
scan_repetition(struct scan *s)
{
    if (!is_digit(*s->at))
        return fault(s, s->at, "Illegal repetition");
    if (!scan_count(s))
        return false;
    if (*s->at == ',') {
        s->at++;
        if (!scan_count(s))
            return false;
    }
    if (*s->at != '}')
        return fault(s, s->at, "Unclosed counted closure");
    s->at++;
    return true;
}

bool
java_syntax_check(const char *pattern, struct cv_err *ret_text, size_t *ret_pos)
{
    struct scan s = { .pattern = pattern, .at = pattern, .err = ret_text, .ret_pos = ret_pos };
    bool good = true;

    while (good && !s.stop && *s.at != '\0') {
        switch (*s.at++) {
        case '\\':
            good = scan_escape(&s);
            break;
        case '(':
            good = scan_group(&s);
            break;
        case '[':
            scan_class(&s);
            break;
        case '{':
            good = scan_repetition(&s);
            break;
        default:
            break;
        }
    }
    return good;
}
