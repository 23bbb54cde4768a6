/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sentence and its fields, on one line.
 *
 * A logger carries its level, and setting a namespace writes it into every logger below: asking whether a
 * level is enabled is one atomic load, and there is nothing to invalidate. A new logger starts with the level
 * of its nearest known ancestor. Lines are built outside the lock and go out with one write(2) under it.
 * Loggers are never freed. Any thread.
 */
#include <config.h>

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/thread.h"

#define LINE_MAX_BYTES  (256 * 1024)
#define VALUE_MAX_BYTES 4096 /* what is longer is cut and ends in "..." */
#define NAME_MAX_BYTES  255

struct cv_log {
    struct cv_log *base; /* the global logger: itself, or that of a child */
    const char *name;
    _Atomic int level; /* of a global one */
    int64_t last_modified_ms;
    char *fields; /* of a child: " connector=pg task=0" */
    size_t fields_len;
};

/* The root logger needs no memory, so that there is always one to fall back to. */
static struct cv_log root = { .base = &root, .name = "root", .level = CV_LOG_LEVEL_INFO };

static struct {
    struct cv_lock lock;
    struct cv_log **loggers; /* all but root, sorted by name */
    size_t count;
    size_t cap;
    int fd;
    char *path;       /* NULL: standard error */
    bool fd_known;    /* may_sigpipe is known */
    bool may_sigpipe; /* fd is a pipe or a socket */
    bool line_broken; /* the last line was written in part */
} logs = { .lock = { .mutex = PTHREAD_MUTEX_INITIALIZER, .rank = CV_RANK_LOG }, .fd = STDERR_FILENO };

static _Atomic uint64_t dropped;

/* --- loggers and levels ------------------------------------------------------------------------------- */

static const char *const level_names[] = { "ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF" };

bool
cv_log_level_parse(const char *name, enum cv_log_level *ret)
{
    for (size_t i = 0; i < CV_COUNT(level_names); i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            *ret = (enum cv_log_level)i;
            return true;
        }
    }
    return false;
}

const char *
cv_log_level_name(enum cv_log_level level)
{
    return (size_t)level < CV_COUNT(level_names) ? level_names[level] : "UNKNOWN";
}

/* Where name is among the loggers, or would be. */
static size_t
position(const char *name)
{
    size_t low = 0;
    size_t high = logs.count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(logs.loggers[mid]->name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct cv_log *
find(const char *name)
{
    size_t at = position(name);

    if (strcasecmp(name, root.name) == 0)
        return &root;
    return at < logs.count && strcmp(logs.loggers[at]->name, name) == 0 ? logs.loggers[at] : NULL;
}

/* The nearest known logger above name: "a.b", "a", then root. */
static struct cv_log *
ancestor(const char *name)
{
    char prefix[NAME_MAX_BYTES + 1];
    char *dot;

    snprintf(prefix, sizeof(prefix), "%s", name);
    while ((dot = strrchr(prefix, '.')) != NULL) {
        struct cv_log *log;

        *dot = '\0';
        log = find(prefix);
        if (log != NULL)
            return log;
    }
    return &root;
}

/* NULL when memory is out. */
static struct cv_log *
create(const char *name)
{
    size_t at = position(name);
    size_t size = strlen(name) + 1;
    struct cv_log *log;
    char *copy;

    if (logs.count == logs.cap) {
        size_t cap = logs.cap == 0 ? 32 : logs.cap * 2;
        struct cv_log **loggers = realloc(logs.loggers, cap * sizeof(struct cv_log *));

        if (loggers == NULL)
            return NULL;
        logs.loggers = loggers;
        logs.cap = cap;
    }
    log = malloc(sizeof(*log) + size);
    if (log == NULL)
        return NULL;
    copy = (char *)(log + 1);
    memcpy(copy, name, size);
    *log = (struct cv_log){ .base = log, .name = copy };
    atomic_init(&log->level, atomic_load_explicit(&ancestor(name)->level, memory_order_relaxed));
    memmove(logs.loggers + at + 1, logs.loggers + at, (logs.count - at) * sizeof(struct cv_log *));
    logs.loggers[at] = log;
    logs.count++;
    return log;
}

struct cv_log *
cv_log_get(const char *name)
{
    struct cv_log *log;

    cv_lock(&logs.lock);
    log = find(name);
    if (log == NULL && strlen(name) <= NAME_MAX_BYTES)
        log = create(name);
    cv_unlock(&logs.lock);
    return log == NULL ? &root : log;
}

static void
level_move(struct cv_log *log, enum cv_log_level level, int64_t now_ms)
{
    if (atomic_exchange_explicit(&log->level, (int)level, memory_order_relaxed) != (int)level)
        log->last_modified_ms = now_ms;
}

enum cv_rc
cv_log_level_set(const char *name, enum cv_log_level level, struct cv_err *err)
{
    size_t len = strlen(name);
    bool all = strcasecmp(name, root.name) == 0;
    int64_t now_ms = cv_now_ms();
    bool known;

    if (len == 0 || len > NAME_MAX_BYTES)
        return cv_fail(err, CV_INVALID, "a logger name has 1 to %d bytes, not %zu", NAME_MAX_BYTES, len);
    cv_lock(&logs.lock);
    known = find(name) != NULL || create(name) != NULL;
    if (known) {
        if (all)
            level_move(&root, level, now_ms);
        for (size_t i = 0; i < logs.count; i++) {
            if (all || strncmp(logs.loggers[i]->name, name, len) == 0)
                level_move(logs.loggers[i], level, now_ms);
        }
    }
    cv_unlock(&logs.lock);
    return known ? CV_OK : cv_fail_memory(err);
}

size_t
cv_log_list(struct cv_log_info *out, size_t max)
{
    bool root_listed = false;
    size_t count;

    cv_lock(&logs.lock);
    count = logs.count + 1;
    for (size_t i = 0, next = 0; i < count && i < max; i++) {
        const struct cv_log *log = &root;

        if (next < logs.count && (root_listed || strcmp(logs.loggers[next]->name, root.name) < 0))
            log = logs.loggers[next++];
        else
            root_listed = true;
        out[i] = (struct cv_log_info){
            .name = log->name,
            .level = (enum cv_log_level)atomic_load_explicit(&log->level, memory_order_relaxed),
            .last_modified_ms = log->last_modified_ms,
        };
    }
    cv_unlock(&logs.lock);
    return count;
}

const char *
cv_log_name(const struct cv_log *log)
{
    return log->name;
}

bool
cv_log_enabled(const struct cv_log *log, enum cv_log_level level)
{
    return (int)level >= atomic_load_explicit(&log->base->level, memory_order_relaxed);
}

/* --- lines -------------------------------------------------------------------------------------------- */

static void
add_value(struct cv_buf *line, const char *key, const char *value)
{
    size_t len;

    cv_buf_char(line, ' ');
    cv_buf_str(line, key);
    cv_buf_char(line, '=');
    if (value == NULL) {
        cv_buf_str(line, "null");
        return;
    }
    len = strnlen(value, VALUE_MAX_BYTES + 1);
    cv_buf_log(line, value, len > VALUE_MAX_BYTES ? VALUE_MAX_BYTES : len);
    if (len > VALUE_MAX_BYTES)
        cv_buf_str(line, "...");
}

static void
add_fields(struct cv_buf *line, const struct cv_log_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cv_log_field *field = &fields[i];

        switch (field->kind) {
        case CV_LOG_STR:
            add_value(line, field->key, field->str);
            break;
        case CV_LOG_INT:
            cv_buf_printf(line, " %s=%lld", field->key, (long long)field->integer);
            break;
        case CV_LOG_LSN:
            cv_buf_printf(line, " %s=%X/%X", field->key, (unsigned)(field->lsn >> 32),
                          (unsigned)field->lsn);
            break;
        case CV_LOG_ERR:
            if (field->err->sqlstate[0] != '\0')
                add_value(line, "sqlstate", field->err->sqlstate);
            add_value(line, field->key, field->err->text);
            break;
        }
    }
}

struct cv_log *
cv_log_child(struct cv_log *parent, const struct cv_log_field *fields, size_t count)
{
    struct cv_buf text = CV_BUF_INIT(LINE_MAX_BYTES);
    struct cv_log *log = calloc(1, sizeof(*log));

    if (parent->fields != NULL)
        cv_buf_add(&text, parent->fields, parent->fields_len);
    add_fields(&text, fields, count);
    if (log != NULL && text.failed == CV_OK) {
        *log = (struct cv_log){ .base = parent->base, .name = parent->name, .fields_len = text.len };
        log->fields = cv_buf_take(&text);
    }
    if (log == NULL || log->fields == NULL) {
        /* Without memory the lines go on, only less telling. */
        free(log);
        log = parent->base;
    }
    cv_buf_free(&text);
    return log;
}

void
cv_log_child_free(struct cv_log *child)
{
    if (child == NULL || child == child->base)
        return;
    free(child->fields);
    free(child);
}

/* --- output ------------------------------------------------------------------------------------------- */

/* All of data, or false: the reader is gone, the disk is full, a pipe that does not wait is full. */
static bool
write_line(const char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(logs.fd, data + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    logs.line_broken = done == len ? false : logs.line_broken || done > 0;
    return done == len;
}

/* As write_line, but SIGPIPE stays out of the process: blocked meanwhile, and taken off if it came of this. */
static bool
write_line_quietly(const char *data, size_t len)
{
    const struct timespec no_time = { 0 };
    sigset_t sigpipe;
    sigset_t before;
    sigset_t pending;
    bool was_pending;
    bool written;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    written = write_line(data, len);
    if (!written && errno == EPIPE && !was_pending)
        while (sigtimedwait(&sigpipe, NULL, &no_time) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return written;
}

static void
emit(const char *data, size_t len)
{
    struct stat st;
    bool written;

    cv_lock(&logs.lock);
    if (!logs.fd_known) {
        logs.may_sigpipe = fstat(logs.fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
        logs.fd_known = true;
    }
    /* data begins with a newline that only a broken line before it needs. */
    if (!logs.line_broken) {
        data++;
        len--;
    }
    written = logs.may_sigpipe ? write_line_quietly(data, len) : write_line(data, len);
    cv_unlock(&logs.lock);
    if (!written)
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void
cv_log_write(struct cv_log *log, enum cv_log_level level, const char *sentence,
             const struct cv_log_field *fields, size_t count)
{
    struct cv_buf line = CV_BUF_INIT(LINE_MAX_BYTES);
    int before = errno;
    char now[CV_ISO_MAX];

    cv_format_iso_ms(cv_now_ms(), now);
    cv_buf_printf(&line, "\n%s %-5s %s  %s", now, cv_log_level_name(level), log->name, sentence);
    if (log->fields != NULL)
        cv_buf_add(&line, log->fields, log->fields_len);
    add_fields(&line, fields, count);
    cv_buf_char(&line, '\n');
    if (line.failed == CV_OK)
        emit(line.data, line.len);
    else
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    cv_buf_free(&line);
    errno = before;
}

static int
open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* Lines go to fd from now on; path is taken. */
static void
switch_to(int fd, char *path)
{
    if (logs.fd != STDERR_FILENO)
        close(logs.fd);
    if (logs.path != path)
        free(logs.path);
    logs.fd = fd;
    logs.path = path;
    logs.fd_known = false;
    logs.line_broken = false;
}

enum cv_rc
cv_log_open(const char *path, struct cv_err *err)
{
    int fd = STDERR_FILENO;
    char *copy = NULL;

    if (path != NULL) {
        copy = strdup(path);
        if (copy == NULL)
            return cv_fail_memory(err);
        fd = open_file(path);
        if (fd < 0) {
            free(copy);
            return cv_fail_errno(err, CV_INVALID, errno, "could not open log file \"%s\"", path);
        }
    }
    cv_lock(&logs.lock);
    switch_to(fd, copy);
    cv_unlock(&logs.lock);
    return CV_OK;
}

void
cv_log_reopen(void)
{
    struct cv_err err = CV_ERR_INIT;
    int fd = -1;

    cv_lock(&logs.lock);
    if (logs.path != NULL) {
        fd = open_file(logs.path);
        if (fd >= 0)
            switch_to(fd, logs.path);
        else
            cv_fail_errno(&err, CV_RETRY, errno, "could not reopen log file \"%s\"", logs.path);
    }
    cv_unlock(&logs.lock);
    if (err.rc != CV_OK)
        CV_LOG_WARN(cv_log_get("culvert.log"), "log file not reopened, the old one stays in use",
                    CV_ERR(&err));
}

uint64_t
cv_log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

bool
cv_log_limit(struct cv_log_limit *limit, int64_t interval_ms, uint64_t *ret_suppressed)
{
    int64_t now_ms = cv_mono_ms();

    if (limit->last_ms != 0 && now_ms - limit->last_ms < interval_ms) {
        limit->suppressed++;
        return false;
    }
    *ret_suppressed = limit->suppressed;
    limit->suppressed = 0;
    limit->last_ms = now_ms == 0 ? 1 : now_ms;
    return true;
}
