/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of a pipeline, checked and put together: names resolved, tables and queries tried
 * on an in-memory database, relations that meet in a query gathered into task groups. Constant once
 * made; shared by all threads. Everything lives in the plan's arena.
 */
#ifndef STREAMS_SQL_PLAN_H
#define STREAMS_SQL_PLAN_H

#include "streams/sql/parser.h"
#include "streams/store/table.h"

#define PLAN_NONE SIZE_MAX

/* The schema name under which a task sees the GLOBAL tables. */
#define PLAN_GLOBAL_SCHEMA "global"

enum plan_on_error { PLAN_FAIL, PLAN_SKIP, PLAN_DLQ };
enum plan_format { PLAN_DEBEZIUM_JSON, PLAN_JSON, PLAN_CHANGES };
enum plan_dedupe { PLAN_DEDUPE_LSN, PLAN_DEDUPE_NONE, PLAN_DEDUPE_ROW };
enum plan_decimal { PLAN_DECIMAL_TEXT, PLAN_DECIMAL_BASE64 };
enum plan_out_of_range { PLAN_RANGE_FAIL, PLAN_RANGE_EARLIEST, PLAN_RANGE_LATEST };
enum plan_truncate { PLAN_TRUNCATE_REFUSE, PLAN_TRUNCATE_APPLY };
enum plan_key_format { PLAN_KEY_CANONICAL, PLAN_KEY_DEBEZIUM };
enum plan_snapshot { PLAN_SNAPSHOT_EMIT, PLAN_SNAPSHOT_APPLY, PLAN_SNAPSHOT_SKIP };

/*
 * What queries run on: a topic of others, or a repartition topic of ours, whose records bring the
 * changes of another source together by another key.
 */
struct plan_source {
    const char *name;
    const char *topic;
    const struct table *table; /* of a stream: columns and, of a topic's, the key; no table is kept */
    const char *ddl;           /* CREATE TABLE, for the database that holds it; NULL: a stream */
    bool global;
    bool stream;
    int event_time; /* column; -1: the commit time */
    enum plan_format format;
    enum plan_dedupe dedupe;
    enum plan_decimal decimal;
    enum plan_truncate truncate;
    enum plan_out_of_range on_out_of_range; /* the next record was removed before it was read */
    int64_t max_rows;      /* GLOBAL: more are a failure; 0: any number */
    bool messages;         /* of logical messages (op m), not of changes */
    int64_t time_divisor;  /* of numeric times without a schema: to ms; negative: multiply by its
                              amount */
    const char *unchanged; /* placeholder of an unchanged TOAST value */
    bool clock_is_event;   /* the watermark follows the event time, not the commit time */
    bool idle_advance;     /* once all inputs are idle, the wall clock moves the watermark */
    int64_t delay_ms;      /* the watermark stays so far behind the clock */
    int64_t idle_ms;       /* without a change for so long, an input is not waited for */
    size_t group;          /* PLAN_NONE for GLOBAL */

    size_t from;        /* repartition: the source whose changes it carries; PLAN_NONE: none */
    size_t by;          /* column of table that the records' key is made of */
    size_t like;        /* source whose keys they are written like; PLAN_NONE: canonical */
    int32_t partitions; /* of its topic; -1: as many as that of like or from */
    bool batched;       /* fed by a SELECT over the changes of a batch */
    const struct sql_statement *st;
};

struct plan_state {
    const char *name;
    const struct table *table;
    const char *ddl;
    int window_start; /* column; -1: no window */
    int window_end;
    int64_t close_after_ms; /* GAP + GRACE: behind the window's end */
    int64_t retain_ms;
    int expire; /* column; -1: none */
    int64_t expire_after_ms;
    const char *closed_view;  /* windowed: CREATE TEMP VIEW of what is being closed */
    const char *late_trigger; /* and what keeps late rows out */
    bool bounded;             /* its author says that it does not grow for ever */
    bool memory;              /* kept in memory; its ddl says so */
    bool followed;            /* a query runs ON CHANGE OF it */
    size_t group;             /* PLAN_NONE: no query uses it */
    const struct sql_statement *st;
};

struct plan_sink {
    const char *name;
    enum sql_sink_kind kind;
    const char *topic; /* NULL: console and file */
    const char *pattern; /* file: its path, with strftime's conversions */
    bool csv;
    bool envelope; /* change events, before and after */
    int64_t roll_ms; /* file: closed so long after its first row, or when it has so many */
    int64_t roll_rows;
    int64_t roll_bytes;
    const char **key;
    size_t n_key;
    const char **json_columns;
    size_t n_json_columns;
    enum plan_key_format key_format;
    int32_t partitions;       /* -1: as many as the anchor of the group that writes it */
    int32_t replication;      /* -1: the broker's default */
    const char *retention_ms; /* topic settings for its creation; NULL: the broker's */
    const char *cleanup_policy;
    const char *compression;
    const struct sql_statement *st;
};

struct plan_body {
    const char *sql;
    const char **columns; /* of its result; none: it only writes */
    size_t n_columns;
    struct sql_pos pos;
};

/* What starts a rule. Those below PLAN_ON_CLOSE follow a source, in file order. */
enum plan_trigger {
    PLAN_ON,      /* each change, at once */
    PLAN_FORWARD, /* each change goes on to the repartition topic as it is */
    PLAN_BATCH,   /* the changes since the last commit together: REPARTITION ... AS SELECT */
    PLAN_ON_CLOSE,
    PLAN_ON_CHANGE,
    PLAN_EVERY,
};

struct plan_rule {
    const char *name;
    enum plan_trigger trigger;
    size_t source;    /* PLAN_NONE unless it follows one */
    size_t state;     /* of ON_CLOSE and ON_CHANGE */
    size_t feeds;     /* FORWARD, BATCH: the repartition source */
    int64_t every_ms; /* EVERY, ON_CHANGE; 0: not given */
    const char *when; /* SELECT that yields the condition; NULL: always */
    struct plan_body *bodies;
    size_t n_bodies;
    size_t *sinks;
    size_t n_sinks;
    size_t late_sink;  /* PLAN_NONE: late rows are counted */
    size_t late_state; /* whose rows they are */
    enum plan_snapshot snapshot;
    bool batched; /* ON: once a commit, with all changes since the last one */
    size_t group;
    const char **reads; /* tables and relations, for explain */
    size_t n_reads;
    const char **writes;
    size_t n_writes;
    const struct sql_statement *st;
};

/* An index or a view. Views are temporary: they may read GLOBAL tables and change relations. */
struct plan_object {
    const char *name;
    const char *sql;   /* for the database that holds it */
    const char *table; /* of an index */
    bool memory;       /* of an index: its table is there */
    size_t group;    /* index: that of its table; PLAN_NONE: of a GLOBAL table. Views are in every
                        group */
    const struct sql_statement *st;
};

/* What runs as one task a partition. */
struct plan_group {
    const char *name; /* that of its anchor */
    size_t anchor;    /* source whose topic is subscribed to */
    size_t *sources;  /* the anchor first */
    size_t n_sources;
    size_t *states;
    size_t n_states;
    size_t *rules; /* in file order */
    size_t n_rules;
};

/* The engine's own tables beside those of a task; in its changelog, too. */
enum plan_engine_table {
    PLAN_MARKS,   /* numbers that belong to the state: watermarks, how far windows are closed */
    PLAN_OUTBOX,  /* rows on their way to a file */
    PLAN_PENDING, /* rows that changed and wait for ON CHANGE OF ... EVERY */
    PLAN_ROW_LSN, /* the last event of each row, of sources with dedupe = 'row' */
    PLAN_ENGINE_TABLES
};

struct plan {
    struct cv_arena *arena;
    const struct table *engine[PLAN_ENGINE_TABLES];
    const char *name;
    const char *application_id;
    bool at_least_once; /* else exactly once */
    int commit_interval_ms;
    int state_commit_ms;
    int64_t max_task_idle_ms; /* an input that has no more is waited for so long; -1: none is, even if it has more */
    int64_t max_state_bytes; /* of a task's state file; 0: any size */
    enum plan_on_error on_error;
    const char *dlq_topic; /* NULL unless on_error is PLAN_DLQ */
    const char *extension; /* the option as it stands; NULL: none */
    const char **extensions; /* libraries of SQL functions */
    size_t n_extensions;

    struct plan_source *sources;
    size_t n_sources;
    struct plan_state *states;
    size_t n_states;
    struct plan_sink *sinks;
    size_t n_sinks;
    struct plan_rule *rules;
    size_t n_rules;
    struct plan_object *indexes;
    size_t n_indexes;
    struct plan_object *views;
    size_t n_views;
    struct plan_group *groups;
    size_t n_groups;
    size_t n_globals; /* sources that are GLOBAL */
};

/* CREATE TABLE statements of the engine's tables, ";" between them. */
extern const char plan_engine_ddl[];

/* Plan what was parsed. CV_INVALID when diags has errors (also those of the parser), CV_OK
   otherwise: warnings may be left in diags. The unit's arena must outlive the plan and is given by
   diags. */
CV_MUST_CHECK
enum cv_rc plan_make(const struct sql_unit *unit, struct sql_diags *diags, struct plan **ret,
                     struct cv_err *err);

#endif
