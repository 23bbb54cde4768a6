/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One constant sentence and its fields, on one line to standard error (or the file set):
 *   2026-11-23T20:15:00.123Z INFO  culvert.worker.herder  connector started connector=pg task=0
 * Keys are fixed: connector task worker generation topic partition offset slot publication lsn relation
 * sqlstate error, and what the call adds. Loggers are dotted; the level of a logger is that of its longest
 * configured prefix. Row data and secrets are never logged. Any thread; a lost output drops and counts lines.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <culvert/err.h>

enum cv_log_level {
    CV_LOG_LEVEL_ALL, /* of loggers only: as TRACE, shown as it was set */
    CV_LOG_LEVEL_TRACE,
    CV_LOG_LEVEL_DEBUG,
    CV_LOG_LEVEL_INFO,
    CV_LOG_LEVEL_WARN,
    CV_LOG_LEVEL_ERROR,
    CV_LOG_LEVEL_FATAL,
    CV_LOG_LEVEL_OFF,
};

enum cv_log_kind { CV_LOG_STR, CV_LOG_INT, CV_LOG_LSN, CV_LOG_ERR };

struct cv_log_field {
    const char *key;
    enum cv_log_kind kind;
    union {
        const char *str; /* NULL prints as null */
        int64_t integer;
        uint64_t lsn; /* prints as 0/1A2B3C */
        const struct cv_err *err;
    };
};

#define CV_STR(k, v) ((struct cv_log_field){ .key = (k), .kind = CV_LOG_STR, .str = (v) })
#define CV_INT(k, v) ((struct cv_log_field){ .key = (k), .kind = CV_LOG_INT, .integer = (int64_t)(v) })
#define CV_LSN(k, v) ((struct cv_log_field){ .key = (k), .kind = CV_LOG_LSN, .lsn = (v) })
#define CV_ERR(e)    ((struct cv_log_field){ .key = "error", .kind = CV_LOG_ERR, .err = (e) })

/* A logger. Global ones are got by name and live for ever; a child adds fields (connector, task) to every
   line and is freed by its owner. Neither get nor child answers NULL: without memory the lines go to the
   nearest logger that there is. */
struct cv_log;

struct cv_log *cv_log_get(const char *name);
struct cv_log *cv_log_child(struct cv_log *parent, const struct cv_log_field *fields, size_t count);
void cv_log_child_free(struct cv_log *child);
const char *cv_log_name(const struct cv_log *log);
bool cv_log_enabled(const struct cv_log *log, enum cv_log_level level);

void cv_log_write(struct cv_log *log, enum cv_log_level level, const char *sentence,
                  const struct cv_log_field *fields, size_t count);

#define CV_LOG_AT(log, level, sentence, ...)                                                               \
    do {                                                                                                   \
        if (cv_log_enabled((log), (level))) {                                                              \
            const struct cv_log_field cv_log_fields_[] = { { .key = NULL }, ##__VA_ARGS__ };               \
            cv_log_write((log), (level), (sentence), cv_log_fields_ + 1, CV_COUNT(cv_log_fields_) - 1);    \
        }                                                                                                  \
    } while (0)

#define CV_LOG_TRACE(log, ...) CV_LOG_AT(log, CV_LOG_LEVEL_TRACE, __VA_ARGS__)
#define CV_LOG_DEBUG(log, ...) CV_LOG_AT(log, CV_LOG_LEVEL_DEBUG, __VA_ARGS__)
#define CV_LOG_INFO(log, ...)  CV_LOG_AT(log, CV_LOG_LEVEL_INFO, __VA_ARGS__)
#define CV_LOG_WARN(log, ...)  CV_LOG_AT(log, CV_LOG_LEVEL_WARN, __VA_ARGS__)
#define CV_LOG_ERROR(log, ...) CV_LOG_AT(log, CV_LOG_LEVEL_ERROR, __VA_ARGS__)

/* Levels. name "root" is the root logger. Setting a namespace sets every logger below it, as
   PUT /admin/loggers does: every logger whose name starts with it; a name not yet known is made. */
bool cv_log_level_parse(const char *name, enum cv_log_level *ret); /* any case; ALL is TRACE */
const char *cv_log_level_name(enum cv_log_level level);
CV_MUST_CHECK enum cv_rc cv_log_level_set(const char *name, enum cv_log_level level, struct cv_err *err);
/* Every known logger with its level and when that last changed (0: never), sorted by name. */
struct cv_log_info {
    const char *name;
    enum cv_log_level level;
    int64_t last_modified_ms;
};
size_t cv_log_list(struct cv_log_info *out, size_t max); /* returns how many there are */

/* Where lines go: a file name, NULL for standard error. Reopened by cv_log_reopen (SIGHUP). */
CV_MUST_CHECK enum cv_rc cv_log_open(const char *path, struct cv_err *err);
void cv_log_reopen(void);
uint64_t cv_log_dropped(void);

/* Repeats: true at most once in interval_ms for each state; then *ret_suppressed says how many were not.
   A zeroed state is a fresh one; it belongs to one thread. */
struct cv_log_limit {
    int64_t last_ms;
    uint64_t suppressed;
};
bool cv_log_limit(struct cv_log_limit *limit, int64_t interval_ms, uint64_t *ret_suppressed);

#endif
