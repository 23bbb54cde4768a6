/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar: a class name, a control flag, options, a semicolon; in a file, sections of such
 * modules in braces, each closed by a semicolon. Values are quoted with ' or " and backslash
 * escapes, or plain up to a blank or semicolon.
 */
#include "common/jaas.h"

#include "common/buf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JAAS_MAX    ((size_t)64 << 10)
#define MODULES_MAX 16

const char *
cv_jaas_simple_name(const struct cv_jaas_module *module)
{
    const char *dot = strrchr(module->name, '.');

    return dot != NULL ? dot + 1 : module->name;
}

/* Blanks and comments. */
static const char *
skip_blanks(const char *p)
{
    for (;;) {
        const char *end;

        while (isspace((unsigned char)*p))
            p++;
        if (p[0] == '/' && p[1] == '/') {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            end = strstr(p + 2, "*/");
            p = end == NULL ? p + strlen(p) : end + 2;
        } else {
            return p;
        }
    }
}

/* A word up to a blank, a sign of the grammar, or the end. */
static const char *
take_word(const char *p, struct cv_buf *out)
{
    cv_buf_reset(out);
    for (; *p != '\0' && strchr("=;{}", *p) == NULL && !isspace((unsigned char)*p); p++)
        cv_buf_char(out, *p);
    return p;
}

/* NULL: the quote is not closed. */
static const char *
take_value(const char *p, struct cv_buf *out)
{
    char quote = *p;

    cv_buf_reset(out);
    if (quote != '"' && quote != '\'') {
        for (; *p != '\0' && *p != ';' && !isspace((unsigned char)*p); p++)
            cv_buf_char(out, *p);
        return p;
    }
    for (p++; *p != quote; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        if (*p == '\0')
            return NULL;
        cv_buf_char(out, *p);
    }
    return p + 1;
}

/* *p moves behind the semicolon. */
static enum cv_rc
take_options(const char **p, struct cv_config *options, struct cv_buf *name, struct cv_buf *value,
             struct cv_err *err)
{
    for (;;) {
        const char *next;

        *p = skip_blanks(*p);
        if (**p == ';') {
            (*p)++;
            return CV_OK;
        }
        if (**p == '\0' || **p == '}')
            return cv_fail(err, CV_INVALID, "the login module does not end with a semicolon");
        *p = skip_blanks(take_word(*p, name));
        if (name->len == 0 || **p != '=')
            return cv_fail(err, CV_INVALID,
                           "an option of the login module is not of the form name=value");
        next = take_value(skip_blanks(*p + 1), value);
        if (next == NULL)
            return cv_fail(err, CV_INVALID, "a quote in the login module is not closed");
        *p = next;
        if (cv_buf_check(name, err) != CV_OK || cv_buf_check(value, err) != CV_OK ||
            cv_config_set(options, cv_buf_cstr(name), cv_buf_cstr(value), err) != CV_OK)
            return err->rc;
    }
}

static bool
parse_flag(const char *word, enum cv_jaas_flag *ret)
{
    static const char *const flags[] = { "required", "requisite", "sufficient", "optional" };

    for (size_t i = 0; i < CV_COUNT(flags); i++) {
        if (strcasecmp(word, flags[i]) != 0)
            continue;
        *ret = (enum cv_jaas_flag)i;
        return true;
    }
    return false;
}

/* One module; *p moves behind its semicolon. */
static enum cv_rc
take_module(const char **p, struct cv_jaas_module *ret, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(JAAS_MAX), value = CV_BUF_INIT(JAAS_MAX);
    struct cv_jaas_module module = { .options = cv_config_new() };
    enum cv_rc rc;

    if (module.options == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    *p = take_word(skip_blanks(*p), &name);
    if (name.len == 0 || name.len >= sizeof(module.name)) {
        rc = cv_fail(err, CV_INVALID, "does not begin with the name of a login module");
        goto out;
    }
    snprintf(module.name, sizeof(module.name), "%s", cv_buf_cstr(&name));
    *p = take_word(skip_blanks(*p), &name);
    if (name.len == 0 || **p == '=' || !parse_flag(cv_buf_cstr(&name), &module.flag)) {
        rc = cv_fail(err, CV_INVALID, "has no control flag (required) behind the login module");
        goto out;
    }
    rc = take_options(p, module.options, &name, &value, err);
    if (rc == CV_OK) {
        *ret = module;
        module.options = NULL;
    }
out:
    cv_config_free(module.options);
    cv_buf_wipe(&name);
    cv_buf_wipe(&value);
    return rc;
}

enum cv_rc
cv_jaas_parse(const char *text, struct cv_jaas_module *ret, struct cv_err *err)
{
    return take_module(&text, ret, err);
}

void
cv_jaas_module_done(struct cv_jaas_module *module)
{
    cv_config_free(module->options);
    module->options = NULL;
}

void
cv_jaas_section_done(struct cv_jaas_section *section)
{
    for (size_t i = 0; i < section->count; i++)
        cv_jaas_module_done(&section->modules[i]);
    free(section->modules);
    *section = (struct cv_jaas_section){ 0 };
}

/* What stands between the braces; *p is behind the opening one and moves behind the semicolon. */
static enum cv_rc
take_section(const char **p, struct cv_jaas_section *ret, struct cv_err *err)
{
    struct cv_jaas_section section = { .modules = calloc(MODULES_MAX, sizeof(*section.modules)) };
    enum cv_rc rc = CV_OK;

    if (section.modules == NULL)
        return cv_fail_memory(err);
    for (*p = skip_blanks(*p); rc == CV_OK && **p != '}'; *p = skip_blanks(*p)) {
        if (**p == '\0')
            rc = cv_fail(err, CV_INVALID, "a section is not closed by a brace");
        else if (section.count == MODULES_MAX)
            rc = cv_fail(err, CV_INVALID, "a section has more than %d login modules", MODULES_MAX);
        else
            rc = take_module(p, &section.modules[section.count], err);
        if (rc == CV_OK)
            section.count++;
    }
    if (rc == CV_OK) {
        *p = skip_blanks(*p + 1);
        if (**p == ';')
            (*p)++;
        else
            rc = cv_fail(err, CV_INVALID, "a section does not end with a semicolon");
    }
    if (rc == CV_OK)
        *ret = section;
    else
        cv_jaas_section_done(&section);
    return rc;
}

static enum cv_rc
find_section(const char **p, const char *name, struct cv_buf *word, struct cv_jaas_section *ret,
             struct cv_err *err)
{
    for (;;) {
        struct cv_jaas_section section;
        enum cv_rc rc;

        *p = skip_blanks(*p);
        if (**p == '\0')
            return cv_fail(err, CV_NOT_FOUND, "there is no section \"%s\"", name);
        *p = skip_blanks(take_word(*p, word));
        if (word->len == 0 || **p != '{')
            return cv_fail(err, CV_INVALID, "a section is not of the form Name { ... };");
        (*p)++;
        rc = take_section(p, &section, err);
        if (rc != CV_OK)
            return rc;
        if (strcmp(cv_buf_cstr(word), name) == 0) {
            *ret = section;
            return CV_OK;
        }
        cv_jaas_section_done(&section);
    }
}

enum cv_rc
cv_jaas_find(const char *text, const char *name, struct cv_jaas_section *ret, struct cv_err *err)
{
    struct cv_buf word = CV_BUF_INIT(JAAS_MAX);
    const char *p = text;
    enum cv_rc rc = find_section(&p, name, &word, ret, err);
    int line = 1;

    cv_buf_free(&word);
    if (rc != CV_INVALID)
        return rc;
    for (const char *q = text; q < p; q++)
        line += *q == '\n';
    return cv_err_context(err, "line %d", line);
}
