/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's .properties text (java.util.Properties, "load"). Natural lines are first joined to logical
 * ones (comments and blank lines dropped, continuations without their leading white space), then
 * each logical line is cut at the first separator and its escapes are decoded. What C strings or
 * UTF-8 cannot hold (NUL, lone surrogates, broken sequences) is refused. All memory that held
 * values is wiped: a properties file is where passwords are kept.
 */
#include <config.h>

#include "common/properties.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/secret.h"
#include "common/utf8.h"

struct text {
    const char *pos;
    const char *end;
    size_t line; /* number of the natural line at pos, from 1 */
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static void
skip_blanks(struct text *in)
{
    while (in->pos < in->end && is_blank(*in->pos))
        in->pos++;
}

/* The rest of the natural line, without its end; moves behind the end, be it \n, \r or both. */
static size_t
take_line(struct text *in, const char **ret)
{
    const char *start = in->pos;
    size_t len;

    while (in->pos < in->end && *in->pos != '\n' && *in->pos != '\r')
        in->pos++;
    len = (size_t)(in->pos - start);
    if (in->pos < in->end) {
        if (*in->pos == '\r' && in->pos + 1 < in->end && in->pos[1] == '\n')
            in->pos++;
        in->pos++;
        in->line++;
    }
    *ret = start;
    return len;
}

/* Whether an odd number of backslashes ends the line. */
static bool
is_continued(const char *line, size_t len)
{
    size_t n = 0;

    while (n < len && line[len - 1 - n] == '\\')
        n++;
    return n % 2 == 1;
}

/* Join the next logical line into out, which is empty after blank lines and comments. */
static void
join_line(struct text *in, struct cv_buf *out)
{
    const char *line;
    size_t len;
    bool more;

    cv_buf_reset(out);
    skip_blanks(in);
    if (in->pos < in->end && (*in->pos == '#' || *in->pos == '!')) {
        (void)take_line(in, &line);
        return;
    }
    do {
        len = take_line(in, &line);
        more = is_continued(line, len);
        cv_buf_add(out, line, more ? len - 1 : len);
        if (more)
            skip_blanks(in);
    } while (more && out->len > 0 && in->pos < in->end); /* a bare backslash continues nothing */
}

/* Where the key ends: the first separator without a backslash in front. */
static size_t
key_length(const char *line, size_t len)
{
    size_t i = 0;

    while (i < len && line[i] != '=' && line[i] != ':' && !is_blank(line[i]))
        i += line[i] == '\\' && i + 1 < len ? 2 : 1;
    return i;
}

/* Where the value begins: blanks, one '=' or ':' and blanks are the separator. */
static size_t
value_start(const char *line, size_t len, size_t key_len)
{
    size_t i = key_len;

    while (i < len && is_blank(line[i]))
        i++;
    if (i < len && (line[i] == '=' || line[i] == ':')) {
        i++;
        while (i < len && is_blank(line[i]))
            i++;
    }
    return i;
}

/* Decode \uXXXX, or two of them for one character; *inout_i stands behind "\u". NULL or what is
 * wrong. */
static const char *
unescape_unicode(const char *text, size_t len, size_t *inout_i, struct cv_buf *out)
{
    size_t i = *inout_i;
    char utf8[4];
    int code = len - i < 4 ? -1 : cv_utf8_hex4(text + i);
    int low;

    if (code < 0)
        return "malformed \\uxxxx encoding";
    i += 4;
    if (code >= 0xdc00 && code <= 0xdfff)
        return "half of a surrogate pair";
    if (code >= 0xd800 && code <= 0xdbff) {
        low =
            len - i < 6 || text[i] != '\\' || text[i + 1] != 'u' ? -1 : cv_utf8_hex4(text + i + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return "half of a surrogate pair";
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
        i += 6;
    }
    if (code == 0)
        return "\\u0000 is not supported";
    cv_buf_add(out, utf8, cv_utf8_encode((uint32_t)code, utf8));
    *inout_i = i;
    return NULL;
}

/* NULL, or what is wrong with the text. */
static const char *
unescape(const char *text, size_t len, struct cv_buf *out)
{
    size_t i = 0;

    while (i < len) {
        char c = text[i++];
        const char *problem;

        if (c != '\\' || i == len) {
            cv_buf_char(out, c);
            continue;
        }
        c = text[i++];
        switch (c) {
        case 'u':
            problem = unescape_unicode(text, len, &i, out);
            if (problem != NULL)
                return problem;
            break;
        case 't':
            cv_buf_char(out, '\t');
            break;
        case 'n':
            cv_buf_char(out, '\n');
            break;
        case 'r':
            cv_buf_char(out, '\r');
            break;
        case 'f':
            cv_buf_char(out, '\f');
            break;
        default:
            cv_buf_char(out, c);
            break;
        }
    }
    return NULL;
}

static const char *
check_bytes(const char *line, size_t len)
{
    if (memchr(line, '\0', len) != NULL)
        return "NUL byte";
    if (cv_utf8_check(line, len) != len)
        return "invalid UTF-8";
    return NULL;
}

static enum cv_rc
put_line(const char *line, size_t len, size_t number, struct cv_config *out, struct cv_err *err)
{
    size_t key_len = key_length(line, len);
    size_t start = value_start(line, len, key_len);
    struct cv_buf key = CV_BUF_INIT(CV_PROPERTIES_MAX);
    struct cv_buf value = CV_BUF_INIT(CV_PROPERTIES_MAX);
    const char *problem = check_bytes(line, len);
    enum cv_rc rc;

    if (problem == NULL)
        problem = unescape(line, key_len, &key);
    if (problem == NULL)
        problem = unescape(line + start, len - start, &value);
    if (problem != NULL) {
        rc = cv_fail(err, CV_INVALID, "line %zu: %s", number, problem);
        goto out;
    }
    rc = cv_buf_check(&key, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&value, err);
    if (rc == CV_OK)
        rc = cv_config_set(out, cv_buf_cstr(&key), cv_buf_cstr(&value), err);
out:
    cv_buf_free(&key);
    cv_buf_wipe(&value);
    return rc;
}

enum cv_rc
cv_properties_parse(const char *text, size_t len, struct cv_config *out, struct cv_err *err)
{
    struct text in = { .pos = text, .end = text + len, .line = 1 };
    struct cv_buf line = CV_BUF_INIT(CV_PROPERTIES_MAX);
    enum cv_rc rc = CV_OK;

    if (len > CV_PROPERTIES_MAX)
        return cv_fail(err, CV_INVALID, "%zu bytes of properties: more than %zu are not read", len,
                       CV_PROPERTIES_MAX);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* byte order mark */
        in.pos += 3;
    while (rc == CV_OK && in.pos < in.end) {
        size_t number = in.line;

        join_line(&in, &line);
        rc = cv_buf_check(&line, err);
        if (rc == CV_OK && line.len > 0)
            rc = put_line(cv_buf_cstr(&line), line.len, number, out, err);
    }
    cv_buf_wipe(&line);
    return rc;
}

/* The whole file; out bounds it. */
static enum cv_rc
read_all(int fd, const char *path, struct cv_buf *out, struct cv_err *err)
{
    for (;;) {
        char *room = cv_buf_reserve(out, 64 << 10);
        ssize_t n;

        if (out->len > CV_PROPERTIES_MAX)
            return cv_fail(err, CV_INVALID, "cannot read \"%s\": it is larger than %zu bytes", path,
                           CV_PROPERTIES_MAX);
        if (room == NULL)
            return cv_buf_check(out, err);
        n = read(fd, room, 64 << 10);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cv_fail_errno(err, CV_INVALID, errno, "cannot read \"%s\"", path);
        if (n == 0)
            return CV_OK;
        cv_buf_used(out, (size_t)n);
    }
}

enum cv_rc
cv_properties_load(const char *path, struct cv_config *out, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(CV_PROPERTIES_MAX + (64 << 10));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum cv_rc rc;

    if (fd < 0)
        return cv_fail_errno(err, errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND : CV_INVALID,
                             errno, "cannot open \"%s\"", path);
    rc = read_all(fd, path, &text, err);
    if (rc == CV_OK) {
        rc = cv_properties_parse(cv_buf_cstr(&text), text.len, out, err);
        if (rc != CV_OK)
            (void)cv_err_context(err, "%s", path);
    }
    (void)close(fd);
    cv_buf_wipe(&text);
    return rc;
}

/* Set key from its environment variable, if there is one. */
static enum cv_rc
set_from_env(const char *prefix, const char *key, struct cv_config *cfg, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(CV_PROPERTIES_MAX);
    const char *value = NULL;
    enum cv_rc rc;

    cv_buf_str(&name, prefix);
    for (const char *p = key; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z')
            cv_buf_char(&name, (char)(*p - 'a' + 'A'));
        else if ((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))
            cv_buf_char(&name, *p);
        else
            cv_buf_char(&name, '_');
    }
    rc = cv_buf_check(&name, err);
    if (rc == CV_OK)
        value = getenv(cv_buf_cstr(&name));
    if (value != NULL)
        rc = cv_config_set(cfg, key, value, err);
    cv_buf_free(&name);
    return rc;
}

enum cv_rc
cv_properties_from_env(const char *prefix, const struct cv_config_def *defs, struct cv_config *cfg,
                       struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < cv_config_count(cfg); i++)
        rc = set_from_env(prefix, cv_config_key(cfg, i), cfg, err);
    if (defs == NULL)
        return rc;
    for (const struct cv_config_def *def = defs; rc == CV_OK && def->name != NULL; def++)
        rc = set_from_env(prefix, def->name, cfg, err);
    return rc;
}
