/* SPDX-License-Identifier: Apache-2.0 */
/* The options of WITH ( ... ): known keys and their values. */
#include "streams/sql/plan_options.h"

#include <string.h>

#include "common/buf.h"
#include "common/number.h"

#define ROLL_MS        ((int64_t)3600 * 1000)
#define ROLL_ROWS_MAX  100000
#define ROLL_BYTES_MAX ((int64_t)16 << 20)

enum option_type { OPTION_TEXT, OPTION_INT, OPTION_ENUM, OPTION_INTERVAL };

struct option_def {
    const char *key;
    enum option_type type;
    int64_t min; /* INT */
    int64_t max;
    const char *const *values; /* ENUM; the index is the value */
};

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct option_values {
    const struct sql_option *opt; /* NULL: not given */
    int64_t number;               /* INT, or index into values */
};

static int
find_name(const char *const *names, const char *value)
{
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], value) == 0)
            return i;
    }
    return -1;
}

static const char *
joined(struct cv_buf *out, const char *const *names)
{
    cv_buf_reset(out);
    for (size_t i = 0; names[i] != NULL; i++)
        cv_buf_printf(out, "%s'%s'", i > 0 ? ", " : "", names[i]);
    return cv_buf_cstr(out);
}

static void
check_value(const struct option_def *def, const struct sql_option *opt, struct option_values *ret,
            struct sql_diags *diags)
{
    struct cv_buf text = CV_BUF_INIT(4096);
    int64_t number;
    int i;

    switch (def->type) {
    case OPTION_TEXT:
        if (opt->value[0] == '\0')
            sql_error(diags, &opt->pos, "option \"%s\" is empty", opt->key);
        else
            ret->opt = opt;
        break;
    case OPTION_INT:
        if (cv_parse_i64(opt->value, strlen(opt->value), &number) && number >= def->min &&
            number <= def->max) {
            ret->opt = opt;
            ret->number = number;
        } else {
            sql_error(diags, &opt->pos,
                      "option \"%s\" is '%s'; it must be a whole number from %lld to %lld",
                      opt->key, opt->value, (long long)def->min, (long long)def->max);
        }
        break;
    case OPTION_INTERVAL:
        if (sql_interval(opt->value, &number) && number > 0) {
            ret->opt = opt;
            ret->number = number;
        } else {
            sql_error(diags, &opt->pos,
                      "option \"%s\" is '%s'; it must be a time like '10 minutes' or '1 hour'",
                      opt->key, opt->value);
        }
        break;
    case OPTION_ENUM:
        i = find_name(def->values, opt->value);
        if (i >= 0) {
            ret->opt = opt;
            ret->number = i;
        } else {
            sql_error(diags, &opt->pos, "option \"%s\" is '%s'; it must be one of %s", opt->key,
                      opt->value, joined(&text, def->values));
        }
        break;
    }
    cv_buf_free(&text);
}

/* Check every given option against the rows. */
static void
check_options(const struct sql_statement *st, const char *what, const struct option_def *defs,
              size_t count, struct option_values *ret, struct sql_diags *diags)
{
    for (size_t i = 0; i < st->options.count; i++) {
        const struct sql_option *opt = &st->options.items[i];
        struct cv_buf known = CV_BUF_INIT(4096);
        size_t d = 0;

        while (d < count && strcmp(defs[d].key, opt->key) != 0)
            d++;
        if (d < count) {
            check_value(&defs[d], opt, &ret[d], diags);
        } else {
            for (d = 0; d < count; d++)
                cv_buf_printf(&known, "%s%s", d > 0 ? ", " : "", defs[d].key);
            sql_error(diags, &opt->pos, "%s has no option \"%s\"; it has: %s", what, opt->key,
                      cv_buf_cstr(&known));
        }
        cv_buf_free(&known);
    }
}

/* Topic names (Kafka's rule): letters, digits, '.', '_' and '-', at most 249. */
static bool
check_topic(const char *topic, const struct sql_pos *pos, struct sql_diags *diags)
{
    size_t len = strlen(topic);

    if (len > 0 && len <= 249 && strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0 &&
        strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len)
        return true;
    sql_error(diags, pos, "'%s' is no topic name: 1 to 249 letters, digits, \".\", \"_\" and \"-\"",
              topic);
    return false;
}

/* "a, b" to names. */
static void
split_names(const char *text, struct cv_arena *arena, const char ***ret, size_t *ret_count,
            struct sql_diags *diags)
{
    size_t cap = 1;
    const char **names;

    for (const char *c = text; *c != '\0'; c++)
        cap += *c == ',';
    names = cv_arena_zalloc(arena, cap * sizeof(*names));
    if (names == NULL) {
        diags->no_memory = true;
        return;
    }
    for (size_t n = 0; n < cap; n++) {
        size_t len;
        size_t skip = strspn(text, " \t");

        text += skip;
        len = strcspn(text, ",");
        skip = len;
        while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
            len--;
        names[n] = cv_arena_dup(arena, text, len);
        if (names[n] == NULL)
            diags->no_memory = true;
        text += skip + (text[skip] == ',');
    }
    *ret = names;
    *ret_count = cap;
}

void
plan_pipeline_options(const struct sql_statement *st, struct plan *plan, struct sql_diags *diags)
{
    enum {
        APPLICATION_ID,
        GUARANTEE,
        COMMIT_INTERVAL,
        STATE_COMMIT,
        ON_ERROR,
        DLQ_TOPIC,
        EXTENSION,
        MAX_STATE,
        MAX_IDLE,
        COUNT
    };
    const struct option_def defs[COUNT] = {
        [APPLICATION_ID] = { "application_id", OPTION_TEXT },
        [GUARANTEE] = { "processing_guarantee", OPTION_ENUM, .values = NAMES("exactly_once", "at_least_once") },
        [COMMIT_INTERVAL] = { "commit_interval_ms", OPTION_INT, 10, 60000 },
        [STATE_COMMIT] = { "state_commit_ms", OPTION_INT, 10, 600000 },
        [ON_ERROR] = { "on_error", OPTION_ENUM, .values = NAMES("fail", "skip", "dlq") },
        [DLQ_TOPIC] = { "dlq_topic", OPTION_TEXT },
        [EXTENSION] = { "extension", OPTION_TEXT },
        [MAX_STATE] = { "max_state_bytes", OPTION_INT, 1000000, INT64_MAX },
        [MAX_IDLE] = { "max_task_idle_ms", OPTION_INT, -1, 86400000 },
    };
    struct option_values v[COUNT] = { 0 };

    check_options(st, "a pipeline", defs, COUNT, v, diags);
    plan->at_least_once = v[GUARANTEE].number == 1;
    plan->commit_interval_ms =
        v[COMMIT_INTERVAL].opt != NULL ? (int)v[COMMIT_INTERVAL].number : 500;
    plan->state_commit_ms = v[STATE_COMMIT].opt != NULL ? (int)v[STATE_COMMIT].number : 2000;
    plan->max_task_idle_ms = v[MAX_IDLE].number;
    plan->max_state_bytes = v[MAX_STATE].opt != NULL ? v[MAX_STATE].number : 0;
    plan->on_error = v[ON_ERROR].opt != NULL ? (enum plan_on_error)v[ON_ERROR].number : PLAN_FAIL;
    if (v[APPLICATION_ID].opt != NULL &&
        check_topic(v[APPLICATION_ID].opt->value, &v[APPLICATION_ID].opt->pos, diags))
        plan->application_id = v[APPLICATION_ID].opt->value;
    if (v[EXTENSION].opt != NULL) {
        plan->extension = v[EXTENSION].opt->value;
        split_names(v[EXTENSION].opt->value, plan->arena, &plan->extensions, &plan->n_extensions,
                    diags);
    }
    if (v[DLQ_TOPIC].opt != NULL && plan->on_error != PLAN_DLQ)
        sql_error(diags, &v[DLQ_TOPIC].opt->pos, "\"dlq_topic\" needs on_error = 'dlq'");
    if (plan->on_error == PLAN_DLQ) {
        struct cv_buf topic = CV_BUF_INIT(512);

        cv_buf_printf(&topic, "%s.dlq", plan->application_id);
        if (v[DLQ_TOPIC].opt == NULL)
            plan->dlq_topic = cv_arena_strdup(plan->arena, cv_buf_cstr(&topic));
        else if (check_topic(v[DLQ_TOPIC].opt->value, &v[DLQ_TOPIC].opt->pos, diags))
            plan->dlq_topic = v[DLQ_TOPIC].opt->value;
        cv_buf_free(&topic);
    }
}

void
plan_source_options(const struct sql_statement *st, struct plan_source *source,
                    struct sql_diags *diags)
{
    enum {
        FORMAT,
        DEDUPE,
        TIME_UNIT,
        DECIMAL,
        TRUNCATE,
        UNCHANGED,
        IDLE_ADVANCE,
        OUT_OF_RANGE,
        MAX_ROWS,
        OP,
        COUNT
    };
    static const int64_t divisors[] = { 1, 1000, 1000000, -1000 };
    const struct option_def defs[COUNT] = {
        [FORMAT] = { "format", OPTION_ENUM, .values = NAMES("debezium-json", "json") },
        [DEDUPE] = { "dedupe", OPTION_ENUM, .values = NAMES("lsn", "none", "row") },
        [TIME_UNIT] = { "time_unit", OPTION_ENUM, .values = NAMES("ms", "us", "ns", "s") },
        [DECIMAL] = { "decimal", OPTION_ENUM, .values = NAMES("text", "base64") },
        [TRUNCATE] = { "truncate", OPTION_ENUM, .values = NAMES("refuse", "apply") },
        [UNCHANGED] = { "unchanged", OPTION_TEXT },
        [IDLE_ADVANCE] = { "idle_advance", OPTION_ENUM, .values = NAMES("on", "off") },
        [OUT_OF_RANGE] = { "on_out_of_range", OPTION_ENUM,
                           .values = NAMES("fail", "earliest", "latest") },
        [MAX_ROWS] = { "max_rows", OPTION_INT, 1, INT64_MAX },
        [OP] = { "op", OPTION_ENUM, .values = NAMES("m") },
    };
    struct option_values v[COUNT] = { 0 };

    check_options(st, "a source", defs, COUNT, v, diags);
    check_topic(st->topic, &st->name.pos, diags);
    source->format = (enum plan_format)v[FORMAT].number;
    source->dedupe =
        source->format == PLAN_JSON ? PLAN_DEDUPE_NONE : (enum plan_dedupe)v[DEDUPE].number;
    source->idle_advance = v[IDLE_ADVANCE].number == 0;
    if (source->format == PLAN_JSON && !st->clock_given)
        source->clock_is_event = true;
    source->time_divisor = divisors[v[TIME_UNIT].number];
    source->decimal = (enum plan_decimal)v[DECIMAL].number;
    source->truncate = (enum plan_truncate)v[TRUNCATE].number;
    source->on_out_of_range = (enum plan_out_of_range)v[OUT_OF_RANGE].number;
    source->max_rows = v[MAX_ROWS].number;
    if (v[MAX_ROWS].opt != NULL && !source->global)
        sql_error(diags, &v[MAX_ROWS].opt->pos, "\"max_rows\" is for GLOBAL sources");
    source->messages = v[OP].opt != NULL;
    if (source->messages && (!source->stream || source->format != PLAN_DEBEZIUM_JSON))
        sql_error(diags, &v[OP].opt->pos,
                  "op = 'm' is for CREATE SOURCE STREAM: logical messages are no rows of a table");
    if (source->dedupe == PLAN_DEDUPE_ROW && (source->stream || source->global))
        sql_error(diags, &v[DEDUPE].opt->pos,
                  "dedupe = 'row' is for tables of tasks: \"%s\" keeps no rows that could tell",
                  source->name);
    source->unchanged =
        v[UNCHANGED].opt != NULL ? v[UNCHANGED].opt->value : "__debezium_unavailable_value";
}

void
plan_state_options(const struct sql_statement *st, struct plan_state *state,
                   struct sql_diags *diags)
{
    enum { BOUNDED, STORAGE, COUNT };
    const struct option_def defs[COUNT] = {
        [BOUNDED] = { "bounded", OPTION_INT, 0, 1 },
        [STORAGE] = { "storage", OPTION_ENUM, .values = NAMES("file", "memory") },
    };
    struct option_values v[COUNT] = { 0 };

    check_options(st, "a state table", defs, COUNT, v, diags);
    state->bounded = v[BOUNDED].number != 0;
    state->memory = v[STORAGE].number == 1;
}

/* A path whose last part may have strftime's conversions; letters are the only ones that it takes. */
static void
check_pattern(const struct sql_statement *st, struct sql_diags *diags)
{
    const char *name = strrchr(st->topic, '/');

    name = name == NULL ? st->topic : name + 1;
    if (name[0] == '\0' || strlen(st->topic) > 3000)
        sql_error(diags, &st->name.pos, "'%s' is no path of a file", st->topic);
    for (const char *c = strchr(st->topic, '%'); c != NULL; c = strchr(c + 1, '%')) {
        if (c < name)
            sql_error(diags, &st->name.pos,
                      "'%s': only the file's name may have %% in it, not its directory", st->topic);
        if (strchr("YmdHMSjFT", c[1]) == NULL || c[1] == '\0')
            sql_error(diags, &st->name.pos,
                      "'%s': %%%c is not known here; there are %%Y %%m %%d %%H %%M %%S %%j and %%F",
                      st->topic, c[1]);
    }
}

void
plan_sink_options(const struct sql_statement *st, struct plan_sink *sink, struct sql_diags *diags)
{
    enum {
        FORMAT,
        JSON_COLUMNS,
        KEY_FORMAT,
        PARTITIONS,
        REPLICATION,
        RETENTION,
        CLEANUP,
        COMPRESSION,
        ROLL,
        ROLL_ROWS,
        ROLL_BYTES,
        COUNT
    };
    const struct option_def defs[COUNT] = {
        [FORMAT] = { "format", OPTION_ENUM, .values = NAMES("json", "csv", "debezium-json") },
        [JSON_COLUMNS] = { "json_columns", OPTION_TEXT },
        [KEY_FORMAT] = { "key_format", OPTION_ENUM, .values = NAMES("canonical", "debezium") },
        [PARTITIONS] = { "partitions", OPTION_INT, 1, 100000 },
        [REPLICATION] = { "replication", OPTION_INT, 1, 1000 },
        [RETENTION] = { "retention_ms", OPTION_INT, -1, INT64_MAX },
        [CLEANUP] = { "cleanup_policy", OPTION_ENUM,
                      .values = NAMES("delete", "compact", "compact,delete") },
        [COMPRESSION] = { "compression", OPTION_ENUM,
                          .values = NAMES("producer", "none", "gzip", "snappy", "lz4", "zstd") },
        [ROLL] = { "roll", OPTION_INTERVAL },
        [ROLL_ROWS] = { "roll_rows", OPTION_INT, 1, 100000000 },
        [ROLL_BYTES] = { "roll_bytes", OPTION_INT, 1000, INT64_MAX },
    };
    struct option_values v[COUNT] = { 0 };

    sink->partitions = sink->replication = -1;
    check_options(st, "a sink", defs, COUNT, v, diags);
    if (v[JSON_COLUMNS].opt != NULL)
        split_names(v[JSON_COLUMNS].opt->value, diags->arena, &sink->json_columns,
                    &sink->n_json_columns, diags);
    sink->key_format = (enum plan_key_format)v[KEY_FORMAT].number;
    sink->csv = v[FORMAT].number == 1;
    sink->envelope = v[FORMAT].number == 2;
    sink->roll_ms = v[ROLL].opt != NULL ? v[ROLL].number : ROLL_MS;
    sink->roll_rows = v[ROLL_ROWS].opt != NULL ? v[ROLL_ROWS].number : ROLL_ROWS_MAX;
    sink->roll_bytes = v[ROLL_BYTES].opt != NULL ? v[ROLL_BYTES].number : ROLL_BYTES_MAX;
    for (size_t i = KEY_FORMAT; i < ROLL && st->sink != SQL_SINK_TOPIC; i++) {
        if (v[i].opt != NULL)
            sql_error(diags, &v[i].opt->pos, "option \"%s\" is for sinks TO TOPIC", v[i].opt->key);
    }
    for (size_t i = ROLL; i < COUNT && st->sink != SQL_SINK_FILE; i++) {
        if (v[i].opt != NULL)
            sql_error(diags, &v[i].opt->pos, "option \"%s\" is for sinks TO FILE", v[i].opt->key);
    }
    if (sink->csv && st->sink != SQL_SINK_FILE)
        sql_error(diags, &v[FORMAT].opt->pos, "format = 'csv' is for sinks TO FILE");
    if (st->sink == SQL_SINK_FILE)
        check_pattern(st, diags);
    if (st->sink != SQL_SINK_TOPIC)
        return;
    check_topic(st->topic, &st->name.pos, diags);
    if (v[PARTITIONS].opt != NULL)
        sink->partitions = (int32_t)v[PARTITIONS].number;
    if (v[REPLICATION].opt != NULL)
        sink->replication = (int32_t)v[REPLICATION].number;
    sink->retention_ms = v[RETENTION].opt != NULL ? v[RETENTION].opt->value : NULL;
    sink->cleanup_policy = v[CLEANUP].opt != NULL ? v[CLEANUP].opt->value : NULL;
    sink->compression = v[COMPRESSION].opt != NULL ? v[COMPRESSION].opt->value : NULL;
}

void
plan_query_options(const struct sql_statement *st, struct plan_rule *rule, bool *ret_allow_scan,
                   struct sql_diags *diags)
{
    enum { SNAPSHOT, ALLOW_SCAN, BATCH, COUNT };
    const struct option_def defs[COUNT] = {
        [SNAPSHOT] = { "snapshot", OPTION_ENUM, .values = NAMES("emit", "apply", "skip") },
        [ALLOW_SCAN] = { "allow_scan", OPTION_INT, 0, 1 },
        [BATCH] = { "batch", OPTION_INT, 0, 1 },
    };
    struct option_values v[COUNT] = { 0 };

    check_options(st, "a query", defs, COUNT, v, diags);
    rule->snapshot = (enum plan_snapshot)v[SNAPSHOT].number;
    *ret_allow_scan = v[ALLOW_SCAN].number != 0;
    rule->batched = v[BATCH].number != 0;
    if (!rule->batched)
        return;
    if (st->trigger != SQL_ON)
        sql_error(diags, &v[BATCH].opt->pos,
                  "\"batch\" is for queries ON a source; the others run once a commit anyhow");
    if (st->when.text != NULL)
        sql_error(diags, &st->when.pos,
                  "WHEN looks at one change; with batch = 1 say it in a WHERE");
    if (rule->snapshot != PLAN_SNAPSHOT_EMIT)
        sql_error(diags, &v[SNAPSHOT].opt->pos,
                  "a batch holds rows of a snapshot and others; say it in a WHERE on _snapshot");
}
