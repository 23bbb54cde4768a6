/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: what a user asks a running connector to do. Decoding only; who acts is named in task.c. */
#ifndef POSTGRES_SIGNAL_H
#define POSTGRES_SIGNAL_H

#include <culvert/value.h>

enum signal_kind {
    SIGNAL_EXECUTE,
    SIGNAL_STOP,
    SIGNAL_PAUSE,
    SIGNAL_RESUME,
    SIGNAL_LOG,
    SIGNAL_WINDOW_OPEN,
    SIGNAL_WINDOW_CLOSE,
    SIGNAL_OTHER, /* of Debezium's extensions; ignored */
};

struct signal_condition {
    const char *collection;
    const char *filter;
};

/* All of it lives in the arena that signal_read() was given. */
struct signal {
    const char *id;
    const char *type;
    enum signal_kind kind;
    bool blocking; /* EXECUTE, STOP: of a blocking snapshot */
    const char **collections;
    size_t n_collections;
    struct signal_condition *conditions;
    size_t n_conditions;
    const char *surrogate_key; /* NULL: none */
    const char *message;       /* LOG; NULL: none */
};

/* The three columns of the signal table, or the members of a signal from elsewhere. data may be NULL. CV_INVALID: the
   data is not what the type asks for. */
CV_MUST_CHECK enum cv_rc signal_read(struct cv_bytes id, struct cv_bytes type, struct cv_bytes data,
                                     struct cv_arena *arena, struct signal *ret, struct cv_err *err);

#endif
