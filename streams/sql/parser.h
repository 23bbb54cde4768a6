/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads of our statements; bodies go to SQLite as they are. Everything lives in the arena
 * given.
 */
#ifndef STREAMS_SQL_PARSER_H
#define STREAMS_SQL_PARSER_H

#include "streams/sql/lexer.h"

struct sql_option {
    const char *key; /* lower case */
    const char *value;
    bool number; /* the literal had no quotes and is a number */
    struct sql_pos pos;
};

struct sql_options {
    struct sql_option *items;
    size_t count;
};

struct sql_name {
    const char *name;
    struct sql_pos pos;
};

struct sql_names {
    struct sql_name *items;
    size_t count;
};

enum sql_kind {
    SQL_PIPELINE,
    SQL_SOURCE,
    SQL_REPARTITION,
    SQL_STATE,
    SQL_SINK,
    SQL_QUERY,
    SQL_INDEX,
    SQL_VIEW
};

enum sql_sink_kind { SQL_SINK_TOPIC, SQL_SINK_CONSOLE, SQL_SINK_FILE };

/* What a query runs on. */
enum sql_trigger {
    SQL_ON,        /* every change of a source */
    SQL_ON_CLOSE,  /* rows of a windowed state table that have become final */
    SQL_ON_CHANGE, /* rows of a state table that changed, once a commit */
    SQL_EVERY,     /* a timer */
};

enum sql_clock { SQL_CLOCK_COMMIT, SQL_CLOCK_EVENT };

#define SQL_NO_INTERVAL (-1)

struct sql_statement {
    enum sql_kind kind;
    struct sql_name name;
    struct sql_options options;
    struct sql_statement *next;

    /* SOURCE, STATE: the text between the brackets */
    struct sql_text columns;
    /* SOURCE */
    bool global;
    bool stream;                /* also of a REPARTITION: no table is kept */
    const char *topic;          /* also of a SINK; the pattern of a file's name */
    struct sql_name event_time; /* name NULL: none */
    enum sql_clock clock;
    bool clock_given;
    int64_t watermark_delay_ms; /* or SQL_NO_INTERVAL */
    int64_t idle_timeout_ms;
    /* REPARTITION: on is its relation; its SELECT, if any, is the body */
    struct sql_name by;
    struct sql_name like; /* name NULL: none */
    int64_t partitions;   /* 0: not given */
    /* STATE */
    bool without_rowid;
    struct sql_name window_start; /* name NULL: no WINDOW */
    struct sql_name window_end;
    int64_t gap_ms; /* 0: not given */
    int64_t grace_ms;
    int64_t retain_ms;
    struct sql_name expire; /* name NULL: none */
    int64_t expire_after_ms;
    /* SINK */
    enum sql_sink_kind sink;
    struct sql_names key;
    /* QUERY */
    enum sql_trigger trigger;
    struct sql_name on;   /* source or state table; none for EVERY */
    int64_t every_ms;     /* EVERY, and ON CHANGE OF ... EVERY; 0: not given */
    struct sql_text when; /* text NULL: always */
    struct sql_names into;
    struct sql_name late; /* LATE INTO; name NULL: none */
    struct sql_text *body;
    size_t n_body;
    /* INDEX: its table. INDEX, VIEW: the statement as it stands, without the ';' */
    struct sql_name table;
    struct sql_text text;
};

struct sql_unit {
    struct sql_statement *first;
    struct sql_statement **tail;
};

void sql_unit_init(struct sql_unit *unit);

/* Add the statements of one file; every error goes to diags. The text may be freed afterwards, file
   must stay. CV_NO_MEMORY, otherwise CV_OK: look at diags->errors. */
CV_MUST_CHECK
enum cv_rc sql_parse(struct sql_unit *unit, const char *file, const char *text, size_t len,
                     struct cv_arena *arena, struct sql_diags *diags, struct cv_err *err);

/* All *.sql files of a directory in name order; sub-directories are not read. CV_INVALID when there
   are none or one cannot be read. */
CV_MUST_CHECK
enum cv_rc sql_parse_dir(struct sql_unit *unit, const char *dir, struct cv_arena *arena,
                         struct sql_diags *diags, struct cv_err *err);

/* "10 minutes" to ms. */
bool sql_interval(const char *text, int64_t *ret_ms);

const struct sql_option *sql_option_find(const struct sql_options *options, const char *key);

#endif
