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
enum plan_dedupe { PLAN_DEDUPE_LSN, PLAN_DEDUPE_NONE };
enum plan_decimal { PLAN_DECIMAL_TEXT, PLAN_DECIMAL_BASE64 };
enum plan_truncate { PLAN_TRUNCATE_REFUSE, PLAN_TRUNCATE_APPLY };
enum plan_key_format { PLAN_KEY_CANONICAL, PLAN_KEY_DEBEZIUM };
enum plan_snapshot { PLAN_SNAPSHOT_EMIT, PLAN_SNAPSHOT_APPLY, PLAN_SNAPSHOT_SKIP };

struct plan_source {
    const char *name;
    const char *topic;
    const struct table *table;
    const char *ddl; /* CREATE TABLE, for the database that holds it */
    bool global;
    int event_time; /* column; -1: the commit time */
    enum plan_dedupe dedupe;
    enum plan_decimal decimal;
    enum plan_truncate truncate;
    int64_t time_divisor;  /* of numeric times without a schema: to ms; negative: multiply by its
                              amount */
    const char *unchanged; /* placeholder of an unchanged TOAST value */
    size_t group;          /* PLAN_NONE for GLOBAL */
    const struct sql_statement *st;
};

struct plan_state {
    const char *name;
    const struct table *table;
    const char *ddl;
    size_t group; /* PLAN_NONE: no query uses it */
    const struct sql_statement *st;
};

struct plan_sink {
    const char *name;
    enum sql_sink_kind kind;
    const char *topic; /* NULL: console */
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

struct plan_rule {
    const char *name;
    size_t source;
    const char *when; /* SELECT that yields the condition; NULL: always */
    struct plan_body *bodies;
    size_t n_bodies;
    size_t *sinks;
    size_t n_sinks;
    enum plan_snapshot snapshot;
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
    const char *sql; /* for the database that holds it */
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

struct plan {
    struct cv_arena *arena;
    const char *name;
    const char *application_id;
    int commit_interval_ms;
    int state_commit_ms;
    enum plan_on_error on_error;
    const char *dlq_topic; /* NULL unless on_error is PLAN_DLQ */

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

/* Plan what was parsed. CV_INVALID when diags has errors (also those of the parser), CV_OK
   otherwise: warnings may be left in diags. The unit's arena must outlive the plan and is given by
   diags. */
CV_MUST_CHECK
enum cv_rc plan_make(const struct sql_unit *unit, struct sql_diags *diags, struct plan **ret,
                     struct cv_err *err);

#endif
