/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar is that of javax.security.auth.login.Configuration: a class name, a control flag,
 * options, a semicolon. Values are quoted with ' or " and backslash escapes, or plain up to a blank
 * or semicolon.
 */
#include "common/kafka/jaas.h"

#include "common/buf.h"

#include <ctype.h>
#include <stdio.h>

#define JAAS_MAX ((size_t)64 << 10)

static const char *
skip_blanks(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

/* A word up to a blank, '=', ';' or the end. */
static const char *
take_word(const char *p, struct cv_buf *out)
{
    cv_buf_reset(out);
    for (; *p != '\0' && *p != '=' && *p != ';' && !isspace((unsigned char)*p); p++)
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

static enum cv_rc
take_options(const char *p, struct cv_config *options, struct cv_buf *name, struct cv_buf *value,
             struct cv_err *err)
{
    for (;;) {
        p = skip_blanks(p);
        if (*p == ';')
            return CV_OK;
        if (*p == '\0')
            return cv_fail(err, CV_INVALID, "the login module does not end with a semicolon");
        p = skip_blanks(take_word(p, name));
        if (name->len == 0 || *p != '=')
            return cv_fail(err, CV_INVALID,
                           "an option of the login module is not of the form name=value");
        p = take_value(skip_blanks(p + 1), value);
        if (p == NULL)
            return cv_fail(err, CV_INVALID, "a quote in the login module is not closed");
        if (cv_buf_check(name, err) != CV_OK || cv_buf_check(value, err) != CV_OK ||
            cv_config_set(options, cv_buf_cstr(name), cv_buf_cstr(value), err) != CV_OK)
            return err->rc;
    }
}

enum cv_rc
kafka_jaas_parse(const char *text, char *module, size_t module_size, struct cv_config *options,
                 struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(JAAS_MAX), value = CV_BUF_INIT(JAAS_MAX);
    const char *p = take_word(skip_blanks(text), &name);
    enum cv_rc rc;

    if (name.len == 0 || name.len >= module_size) {
        rc = cv_fail(err, CV_INVALID, "does not begin with the name of a login module");
        goto out;
    }
    snprintf(module, module_size, "%s", cv_buf_cstr(&name));
    p = take_word(skip_blanks(p), &name);
    if (name.len == 0 || *p == '=') {
        rc = cv_fail(err, CV_INVALID, "has no control flag (required) behind the login module");
        goto out;
    }
    rc = take_options(p, options, &name, &value, err);
out:
    cv_buf_wipe(&name);
    cv_buf_wipe(&value);
    return rc;
}
