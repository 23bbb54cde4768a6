/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCRE2's view of a bad pattern in Java's words. Positions are turned from bytes into UTF-16 units; for some faults
 * Java points elsewhere than PCRE2 does.
 *
 * Source: java.util.regex.Pattern, PatternSyntaxException.getMessage().
 */
#include <config.h>

#include "data/java_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/regex.h"
#include "data/java_syntax.h"

#define TEXT_MAX 1000

struct fault {
    const char *pcre2; /* how PCRE2's message begins */
    const char *java;  /* %c is the character there */
    int shift;         /* from PCRE2's position to Java's */
};

static const struct fault faults[] = {
    { "missing closing parenthesis", "Unclosed group", 0 },
    { "missing terminating ]", "Unclosed character class", -1 },
    { "quantifier does not follow", "Dangling meta character '%c'", 0 },
    { "unmatched closing parenthesis", "Unmatched closing ')'", -1 },
    { "range out of order", "Illegal character range", 0 },
    { "unrecognized character follows \\", "Illegal/unsupported escape sequence", 0 },
    { "unrecognized character after (?", "Unknown inline modifier", 0 },
    { "numbers out of order", "Illegal repetition range", 0 },
};

/* UTF-16 units in the first len bytes. */
static size_t
units(const char *utf8, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)utf8[i];

        n += (c & 0xc0) != 0x80;
        n += c >= 0xf0;
    }
    return n;
}

/* Behind the text: where, the pattern, and a mark below it. */
static void
print_place(struct cv_buf *out, const char *pattern, size_t pos)
{
    size_t index = units(pattern, pos);

    cv_buf_printf(out, " near index %zu\n%s", index, pattern);
    if (pattern[pos] != '\0')
        cv_buf_printf(out, "\n%*s^", (int)index, "");
}

static void
print(struct cv_buf *out, const struct fault *fault, const char *pattern, size_t pos)
{
    size_t len = strlen(pattern);

    if (pos > len)
        pos = len;
    if (fault->shift < 0 && pos > 0)
        pos--;
    cv_buf_str(out, "Invalid regex: ");
    cv_buf_printf(out, fault->java, pattern[pos]);
    print_place(out, pattern, pos);
}

/* The position that cv_regex_new names behind the pattern, and what follows. */
static const char *
pcre2_message(const char *text, size_t *ret_pos)
{
    const char *at = strstr(text, "\" at position ");
    const char *next;
    char *end;

    if (at == NULL)
        return NULL;
    while ((next = strstr(at + 1, "\" at position ")) != NULL)
        at = next; /* the pattern itself may hold these words */
    *ret_pos = strtoul(at + strlen("\" at position "), &end, 10);
    return strncmp(end, ": ", 2) == 0 ? end + 2 : NULL;
}

enum cv_rc
java_pattern_check(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    struct cv_regex *regex = NULL;
    struct cv_err why = CV_ERR_INIT;
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);
    const char *message = NULL;
    size_t pos = 0;

    (void)def;
    if (java_syntax_check(value, &why, &pos)) {
        if (cv_regex_new(value, false, &regex, &why) == CV_OK) {
            cv_regex_free(regex);
            return CV_OK;
        }
        message = pcre2_message(why.text, &pos);
    } else {
        cv_buf_printf(&text, "Invalid regex: %s", why.text);
        print_place(&text, value, pos);
    }
    cv_fail(err, CV_INVALID, "Invalid regex: %s", why.text);
    for (size_t i = 0; message != NULL && i < CV_COUNT(faults); i++)
        if (strncmp(message, faults[i].pcre2, strlen(faults[i].pcre2)) == 0)
            print(&text, &faults[i], value, pos);
    /* cv_fail would turn the line breaks into blanks */
    if (text.len > 0 && text.failed == CV_OK)
        memcpy(err->text, text.data, text.len + 1);
    cv_buf_free(&text);
    return CV_INVALID;
}
