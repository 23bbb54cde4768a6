/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin interface: source, sink, converter, header converter, transform, predicate. A plugin is one
 * const struct. The framework owns threads, retry, backoff, batching, offsets, dead letters and metrics; a
 * plugin answers with a class (enum cv_rc) and the framework acts on it:
 *   CV_RETRY    poll, put: called again after a pause; convert, transform: errors.retry.timeout
 *   others      the task FAILS with the text as first line of its trace (errors.tolerance may skip records)
 *
 * A plugin embeds the base struct of its kind (struct cv_source_task, ...) and gets back to its own with
 * cv_container_of. The smallest connector, connectors/file, is the example to copy.
 */
#ifndef CULVERT_PLUGIN_H
#define CULVERT_PLUGIN_H

#include <culvert/config.h>
#include <culvert/record.h>

#define CV_PLUGIN_API 1

struct cv_buf;
struct cv_reader;
struct cv_log;
struct cv_metric;
struct cv_plugin;

enum cv_plugin_kind {
    CV_SOURCE,
    CV_SINK,
    CV_CONVERTER,
    CV_HEADER_CONVERTER,
    CV_TRANSFORM,
    CV_PREDICATE,
};

/* ---- connectors: the half that runs on the herder's side ---- */

/* The task configs of a connector; the worker adds task.class. Filled by task_configs(). */
struct cv_task_configs {
    struct cv_config **items; /* owned */
    size_t count;
    size_t cap;
};

/* Takes the config in any case; take_cfg NULL (a copy that failed) is CV_NO_MEMORY. */
CV_API CV_MUST_CHECK enum cv_rc cv_task_configs_add(struct cv_task_configs *configs,
                                                    struct cv_config *take_cfg, struct cv_err *err);
CV_API void cv_task_configs_done(struct cv_task_configs *configs);

/*
 * Both kinds of connector have these two. validate checks what single options cannot: several options
 * together, or with a connection (it may block up to the worker's validation limit, and runs on a thread of
 * its own). It is called only after the rows of .config found no error. NULL: nothing to check.
 * task_configs runs on a connector thread whenever the connector starts.
 */
typedef enum cv_rc cv_connector_validate(const struct cv_config *cfg, struct cv_config_errors *errors,
                                         struct cv_err *err);
typedef enum cv_rc cv_connector_task_configs(const struct cv_config *cfg, int max_tasks,
                                             struct cv_task_configs *ret, struct cv_err *err);
/*
 * Whether a connector that was started (or resumed) up_ms ago is still well; a failure makes the connector
 * FAILED, its tasks go on. It must not wait. *ret_next_ms: when to ask again, in ms since that start; -1:
 * never, as for a connector with check NULL.
 */
typedef enum cv_rc cv_connector_check(const struct cv_config *cfg, int64_t up_ms, int64_t *ret_next_ms,
                                      struct cv_err *err);

/* ---- source tasks ---- */

/*
 * The direct path: when the chain is JsonConverter for key and value and no transform looks at fields, the
 * worker says so here and the source may append finished messages. The bytes must be those that the
 * JsonConverter would have written for the record.
 */
struct cv_direct {
    bool key_schemas;   /* key.converter.schemas.enable */
    bool value_schemas; /* value.converter.schemas.enable */
    bool replace_null_with_default;
    bool decimal_numeric; /* decimal.format=NUMERIC */
    bool headers;         /* header converter is SimpleHeaderConverter or StringConverter; else none are sent */
};

/* What the worker offers to a source task; made before start, valid until free. Own thread only. */
struct cv_source_ctx {
    const char *connector;
    int task;
    struct cv_log *log;             /* fields connector and task are set */
    const struct cv_direct *direct; /* NULL: append records */
    /* The topic that records named so go to, after routing; it is made when the first message goes there. NULL and
       *err on failure, or NULL and CV_OK when the chain drops that topic's records. Borrowed, constant for the task's
       life. */
    struct cv_topic *(*topic)(struct cv_source_ctx *ctx, const char *name, struct cv_err *err);
    /* The stored offset of a source partition, copied into arena; *ret NULL: none. Reads to the end. */
    enum cv_rc (*offset_read)(struct cv_source_ctx *ctx, const struct cv_value *partition,
                              struct cv_arena *arena, struct cv_value **ret, struct cv_err *err);
    /* Metrics: set a named value of this task; names come from the plugin's .metrics rows. */
    void (*metric_set)(struct cv_source_ctx *ctx, int row, double value);
    /* The same of a part of the task, for rows that name a label for that (.part). */
    void (*metric_set_part)(struct cv_source_ctx *ctx, int row, const char *part, double value);
    /* One line that status and logs show while a long phase runs ("snapshot: orders 43 %, ETA 12 s"). */
    void (*progress)(struct cv_source_ctx *ctx, const char *text);
    /* The task writes in transactions: batches should end where they may be cut (see cv_batch.split). */
    bool exactly_once;
    /* transaction.boundary=connector, else NULL: end the transaction behind the batch that is being filled. An
       abort drops its records, and stores their offsets. */
    void (*transaction_commit)(struct cv_source_ctx *ctx);
    void (*transaction_abort)(struct cv_source_ctx *ctx);
};

struct cv_source_task {
    struct cv_source_ctx *ctx;
};

struct cv_source_ops {
    cv_connector_validate *validate;
    cv_connector_task_configs *task_configs;

    /* Task half, on the task's own thread: start comes first, free last. */
    enum cv_rc (*start)(struct cv_source_ctx *ctx, const struct cv_config *cfg,
                        struct cv_source_task **ret, struct cv_err *err);
    /*
     * Append to the batch what there is and return; wait for at most timeout_ms when there is nothing (it is
     * long while nothing is on its way: wait on events, and no longer than the task's own timers allow). An
     * empty batch is fine. Called also while no more may be produced (batch NULL): then only keep
     * connections alive and wait for at most timeout_ms.
     */
    enum cv_rc (*poll)(struct cv_source_task *task, struct cv_batch *batch, int timeout_ms,
                       struct cv_err *err);
    /* Everything up to this offset is in Kafka, and so is the offset itself. NULL: not interested. */
    enum cv_rc (*offset_commit)(struct cv_source_task *task, const struct cv_offset *durable,
                                struct cv_err *err);
    /* Any thread, any time between start's return and free: make poll return soon. */
    void (*wake)(struct cv_source_task *task);
    void (*free)(struct cv_source_task *task);

    /* REST offsets: check an offset that a user wants to store; offset->offset NULL: its partition is reset,
       offset NULL: all are. CV_CONFLICT: this connector's offsets cannot be changed from outside. NULL: the
       connector has no say. */
    enum cv_rc (*offset_alter)(const struct cv_config *cfg, const struct cv_offset *offset,
                               struct cv_err *err);
    /* Whether it can be exactly once with this configuration (ExactlyOnceSupport): false is UNSUPPORTED. NULL:
       the connector makes no statement, which "exactly.once.support=required" refuses. */
    bool (*exactly_once)(const struct cv_config *cfg);
    cv_connector_check *check;
    /* Whether it says itself where transactions end (transaction.boundary=connector). NULL: it does not. */
    bool (*transaction_boundaries)(const struct cv_config *cfg);
    /* Own thread, when the task has failed: what is stored and what was read, for its trace; "" or NULL: nothing. */
    void (*position)(struct cv_source_task *task, char *text, size_t size);

    /*
     * What a user may ask of a task while it runs (REST); on the task's thread, between polls and while nothing may be
     * produced. It must not wait for long. *ret is a map in the arena, and shown as JSON. NULL: there is nothing to
     * ask. progress: how far the task is. signal: look at what it is to do, a map, and do that in the polls that
     * follow; CV_INVALID: it makes no sense; CV_CONFLICT: not now.
     */
    enum cv_rc (*progress)(struct cv_source_task *task, struct cv_arena *arena, struct cv_value *ret,
                           struct cv_err *err);
    enum cv_rc (*signal)(struct cv_source_task *task, const struct cv_value *signal, struct cv_arena *arena,
                         struct cv_value *ret, struct cv_err *err);
};

/* ---- sink tasks ---- */

struct cv_partition {
    const char *topic;
    int32_t partition;
    int64_t offset; /* next offset to read; meaning depends on the call */
};

struct cv_partitions {
    struct cv_partition *items;
    size_t count;
};

struct cv_sink_ctx {
    const char *connector;
    int task;
    struct cv_log *log;
    void (*pause)(struct cv_sink_ctx *ctx, const char *topic, int32_t partition);
    void (*resume)(struct cv_sink_ctx *ctx, const char *topic, int32_t partition);
    void (*seek)(struct cv_sink_ctx *ctx, const char *topic, int32_t partition, int64_t offset);
    void (*request_commit)(struct cv_sink_ctx *ctx);
    void (*retry_after)(struct cv_sink_ctx *ctx, int timeout_ms); /* before the next call of put */
    /* Give up a record of the batch that put has: to the dead letter queue and the log. CV_OK: go on without it;
       a failure (errors.tolerance=none) is put's to return. NULL when neither queue nor log is configured. */
    enum cv_rc (*report)(struct cv_sink_ctx *ctx, const struct cv_record *rec, const struct cv_err *why,
                         struct cv_err *err);
};

struct cv_sink_task {
    struct cv_sink_ctx *ctx;
};

struct cv_sink_ops {
    cv_connector_validate *validate;
    cv_connector_task_configs *task_configs;

    enum cv_rc (*start)(struct cv_sink_ctx *ctx, const struct cv_config *cfg, struct cv_sink_task **ret,
                        struct cv_err *err);
    /* Partitions were assigned or are being taken away; NULL: not interested. */
    enum cv_rc (*open)(struct cv_sink_task *task, const struct cv_partitions *parts, struct cv_err *err);
    enum cv_rc (*close)(struct cv_sink_task *task, const struct cv_partitions *parts, struct cv_err *err);
    /* Records of the batch, possibly none. CV_RETRY: the same batch comes again. */
    enum cv_rc (*put)(struct cv_sink_task *task, const struct cv_batch *batch, struct cv_err *err);
    /* Flush; lower any offset that is not yet durable. NULL: all that was put is durable. */
    enum cv_rc (*pre_commit)(struct cv_sink_task *task, struct cv_partitions *inout_safe,
                             struct cv_err *err);
    void (*wake)(struct cv_sink_task *task);
    void (*free)(struct cv_sink_task *task);
    cv_connector_check *check;

    /* REST offsets: check what a user wants to store for the group, offset -1: none. Any thread; the tasks are
       stopped. NULL: not checked, and the user is told that what the connector keeps elsewhere stays as it is. */
    enum cv_rc (*offsets_alter)(const struct cv_config *cfg, const struct cv_partitions *offsets,
                                struct cv_err *err);
    bool headers_unused; /* put does not look at headers: records may come without */
};

/* ---- converters: one instance a task and position, constant once configured ---- */

enum cv_position { CV_KEY, CV_VALUE, CV_HEADER };

struct cv_converter {
    const struct cv_plugin *plugin;
};

/* One ops struct serves converters and header converters; name is the topic, or topic and header. */
struct cv_converter_ops {
    /* plugin: the one that is configured (several may share the ops); set it in the base struct. The keys of
       cfg are without prefix; converter.type is set from position where it is missing. */
    enum cv_rc (*configure)(const struct cv_plugin *plugin, const struct cv_config *cfg,
                            enum cv_position position, struct cv_converter **ret, struct cv_err *err);
    /* Append the bytes of val to out. *ret_null true: Kafka null, nothing was appended. */
    enum cv_rc (*from_connect)(const struct cv_converter *conv, const char *topic,
                               const struct cv_value *val, struct cv_buf *out, bool *ret_null,
                               struct cv_err *err);
    /* in NULL: Kafka null. The value and its schema live at least as long as arena. */
    enum cv_rc (*to_connect)(struct cv_converter *conv, const char *topic, const struct cv_bytes *in,
                             struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);
    void (*free)(struct cv_converter *conv);
};

/* ---- transforms and predicates: one instance a task, its thread only ---- */

struct cv_transform {
    const struct cv_plugin *plugin;
};

struct cv_transform_ops {
    enum cv_rc (*configure)(const struct cv_plugin *plugin, const struct cv_config *cfg,
                            struct cv_transform **ret, struct cv_err *err);
    /* *ret_keep false drops the record. What the record then points to lives in arena or in the
       transform itself. */
    enum cv_rc (*apply)(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec,
                        bool *ret_keep, struct cv_err *err);
    void (*free)(struct cv_transform *xf);
    bool topic_only; /* reads and writes nothing but rec->topic: the direct path stays open */
};

struct cv_predicate {
    const struct cv_plugin *plugin;
};

struct cv_predicate_ops {
    enum cv_rc (*configure)(const struct cv_plugin *plugin, const struct cv_config *cfg,
                            struct cv_predicate **ret, struct cv_err *err);
    bool (*test)(const struct cv_predicate *pred, const struct cv_record *rec);
    void (*free)(struct cv_predicate *pred);
    bool topic_only; /* looks at nothing but rec->topic */
};

/* ---- the plugin itself ---- */

struct cv_plugin {
    int api; /* CV_PLUGIN_API */
    enum cv_plugin_kind kind;
    const char *name;             /* class name, also in /connector-plugins */
    const char *const *aliases;   /* further class names, NULL at the end; simple names follow by rule */
    const char *task_class;       /* connectors: task.class in task configs */
    const char *version;
    bool on_request; /* built in, but only there where the worker's culvert.connectors names it */
    bool unadvertised; /* found and listed, but not recommended for other connectors' rows by their validation */
    const struct cv_config_def *config; /* NULL: no options of its own */
    /* common/metrics.h; shown with labels connector and task. Rows with a context are shown as the exporters of
       Debezium's show them: labels plugin, name (the value of the option metrics_name), context and task, and what the
       option metrics_tags lists as "k=v". */
    const struct cv_metric *metrics;
    size_t n_metrics;
    const char *metrics_plugin;
    const char *metrics_name;
    const char *metrics_tags;
    union {
        const struct cv_source_ops *source;
        const struct cv_sink_ops *sink;
        const struct cv_converter_ops *converter;
        const struct cv_transform_ops *transform;
        const struct cv_predicate_ops *predicate;
    };
};

/* ---- plugins in a shared library (docs/plugins.md) ---- */

/* What a library says of itself; sizes tell headers apart that forgot to change CV_PLUGIN_API. */
struct cv_plugin_library {
    int api;
    size_t plugin_size;
    size_t def_size;
    size_t value_size;
    size_t record_size;
    const struct cv_plugin *const *plugins; /* NULL at the end */
};

/* Once a library, at file scope: CV_PLUGIN_LIBRARY(&my_source, &my_transform); */
#define CV_PLUGIN_LIBRARY(...)                                                                             \
    extern CV_API const struct cv_plugin_library culvert_plugin_library;                                   \
    const struct cv_plugin_library culvert_plugin_library = {                                              \
        .api = CV_PLUGIN_API,                                                                              \
        .plugin_size = sizeof(struct cv_plugin),                                                           \
        .def_size = sizeof(struct cv_config_def),                                                          \
        .value_size = sizeof(struct cv_value),                                                             \
        .record_size = sizeof(struct cv_record),                                                           \
        .plugins = (const struct cv_plugin *const[]){ __VA_ARGS__, NULL }                                  \
    }

#endif
