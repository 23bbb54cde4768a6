/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of converters, transforms and predicates.
 *
 * A converter that the connector names is configured by the connector's keys only, one that it does not name by
 * the worker's only: key.converter.schemas.enable in a connector without key.converter has no effect, as in
 * Connect.
 */
#include <config.h>

#include "worker/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

#define RECORD_MAX     ((size_t)256 << 20)
#define MAX_TRANSFORMS 64

static const char json_converter[] = "org.apache.kafka.connect.json.JsonConverter";
static const char simple_header_converter[] = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
static const char string_converter[] = "org.apache.kafka.connect.storage.StringConverter";

/* One transform and when it applies. */
struct step {
    char *alias;
    struct cv_transform *transform;
    struct cv_predicate *predicate; /* NULL: always */
    bool negate;
};

struct pipeline {
    struct cv_converter *converters[3]; /* by enum cv_position */
    struct step *steps;
    size_t n_steps;
    bool is_direct;
    struct cv_direct direct;
    struct cv_buf scratch; /* converter output on its way to the arena */
    const struct step *at; /* the last that was applied */
    bool (*again)(void *arg, unsigned attempt);
    void *again_arg;
};

const char *
pipeline_stage_name(enum pipeline_stage stage)
{
    static const char *const names[] = { "TRANSFORMATION", "KEY_CONVERTER", "VALUE_CONVERTER",
                                         "HEADER_CONVERTER", "TASK_PUT", "KAFKA_PRODUCE" };

    return names[stage];
}

const char *
pipeline_class(const struct pipeline *pipe, enum pipeline_stage stage)
{
    switch (stage) {
    case STAGE_TRANSFORMATION:
        return pipe->at != NULL ? pipe->at->transform->plugin->name : "";
    case STAGE_KEY_CONVERTER:
        return pipe->converters[CV_KEY]->plugin->name;
    case STAGE_VALUE_CONVERTER:
        return pipe->converters[CV_VALUE]->plugin->name;
    case STAGE_HEADER_CONVERTER:
        return pipe->converters[CV_HEADER]->plugin->name;
    case STAGE_KAFKA_PRODUCE:
        return "org.apache.kafka.connect.runtime.WorkerSourceTask";
    case STAGE_TASK_PUT:
        break;
    }
    return "org.apache.kafka.connect.sink.SinkTask";
}

/* ---- making ---- */

static const char *const position_keys[] = { "key.converter", "value.converter", "header.converter" };

static const char *
worker_class(const struct worker_config *worker, enum cv_position position)
{
    return position == CV_KEY     ? worker->key_converter
           : position == CV_VALUE ? worker->value_converter
                                  : worker->header_converter;
}

static enum cv_rc
make_converter(const struct pipeline_spec *spec, struct pipeline *pipe, enum cv_position position,
               struct cv_config **ret_cfg, struct cv_err *err)
{
    const char *key = position_keys[position], *name = cv_config_get(spec->connector, key);
    const struct cv_config *from = name != NULL ? spec->connector : spec->worker_raw;
    unsigned kinds = position == CV_HEADER ? 1u << CV_HEADER_CONVERTER : 1u << CV_CONVERTER;
    const struct cv_plugin *plugin;
    char prefix[32];

    if (name == NULL)
        name = worker_class(spec->worker, position);
    snprintf(prefix, sizeof(prefix), "%s.", key);
    if (plugins_find(spec->plugins, name, kinds, &plugin, err) != CV_OK)
        return cv_err_context(err, "%s", key);
    *ret_cfg = cv_config_with_prefix(from, prefix);
    if (*ret_cfg == NULL)
        return cv_fail_memory(err);
    if (plugin->converter->configure(plugin, *ret_cfg, position, &pipe->converters[position], err) != CV_OK)
        return cv_err_context(err, "%s", key);
    return CV_OK;
}

static enum cv_rc
make_predicate(const struct pipeline_spec *spec, const char *alias, struct step *step, struct cv_err *err)
{
    struct cv_config *cfg = NULL;
    const struct cv_plugin *plugin;
    const char *type;
    char prefix[300];
    enum cv_rc rc = CV_OK;

    snprintf(prefix, sizeof(prefix), "predicates.%s.", alias);
    cfg = cv_config_with_prefix(spec->connector, prefix);
    if (cfg == NULL)
        return cv_fail_memory(err);
    type = cv_config_get(cfg, "type");
    if (type == NULL)
        rc = cv_fail(err, CV_INVALID, "predicate \"%s\" has no type; set predicates.%s.type", alias, alias);
    if (rc == CV_OK)
        rc = plugins_find(spec->plugins, type, 1u << CV_PREDICATE, &plugin, err);
    if (rc == CV_OK)
        rc = plugin->predicate->configure(plugin, cfg, &step->predicate, err);
    cv_config_free(cfg);
    return rc == CV_OK ? CV_OK : cv_err_context(err, "predicate %s", alias);
}

static enum cv_rc
make_step(const struct pipeline_spec *spec, struct step *step, struct cv_err *err)
{
    struct cv_config *cfg;
    const struct cv_plugin *plugin;
    const char *type, *predicate, *negate;
    char prefix[300];
    enum cv_rc rc = CV_OK;

    snprintf(prefix, sizeof(prefix), "transforms.%s.", step->alias);
    cfg = cv_config_with_prefix(spec->connector, prefix);
    if (cfg == NULL)
        return cv_fail_memory(err);
    type = cv_config_get(cfg, "type");
    predicate = cv_config_get(cfg, "predicate");
    negate = cv_config_get(cfg, "negate");
    step->negate = negate != NULL && strcasecmp(negate, "true") == 0;
    if (type == NULL)
        rc = cv_fail(err, CV_INVALID, "transforms.%s.type is missing", step->alias);
    if (rc == CV_OK)
        rc = plugins_find(spec->plugins, type, 1u << CV_TRANSFORM, &plugin, err);
    if (rc == CV_OK)
        rc = plugin->transform->configure(plugin, cfg, &step->transform, err);
    if (rc == CV_OK && predicate != NULL)
        rc = make_predicate(spec, predicate, step, err);
    cv_config_free(cfg);
    return rc == CV_OK ? CV_OK : cv_err_context(err, "transform %s", step->alias);
}

static enum cv_rc
make_steps(const struct pipeline_spec *spec, struct pipeline *pipe, struct cv_err *err)
{
    const char *list = cv_config_get(spec->connector, "transforms");
    char *copy, *save = NULL;
    enum cv_rc rc = CV_OK;

    if (list == NULL || list[0] == '\0')
        return CV_OK;
    copy = strdup(list);
    pipe->steps = calloc(MAX_TRANSFORMS, sizeof(*pipe->steps));
    if (copy == NULL || pipe->steps == NULL) {
        free(copy);
        return cv_fail_memory(err);
    }
    for (char *alias = strtok_r(copy, ", ", &save); alias != NULL && rc == CV_OK;
         alias = strtok_r(NULL, ", ", &save)) {
        if (pipe->n_steps == MAX_TRANSFORMS) {
            rc = cv_fail(err, CV_INVALID, "transforms: more than %d are named", MAX_TRANSFORMS);
            break;
        }
        struct step *step = &pipe->steps[pipe->n_steps++];

        step->alias = strdup(alias);
        rc = step->alias == NULL ? cv_fail_memory(err) : make_step(spec, step, err);
    }
    free(copy);
    return rc;
}

static bool
is_true(const struct cv_config *cfg, const char *key, bool def)
{
    const char *value = cv_config_get(cfg, key);

    return value == NULL ? def : strcasecmp(value, "true") == 0;
}

static bool
same_setting(const struct cv_config *key, const struct cv_config *value, const char *name, bool def)
{
    return is_true(key, name, def) == is_true(value, name, def);
}

/* Direct: JSON on both sides, and no step that looks at more than the topic. */
static void
decide_direct(struct pipeline *pipe, const struct cv_config *key, const struct cv_config *value)
{
    const char *format = cv_config_get(value, "decimal.format");
    const char *header_class = pipe->converters[CV_HEADER]->plugin->name;

    if (strcmp(pipe->converters[CV_KEY]->plugin->name, json_converter) != 0 ||
        strcmp(pipe->converters[CV_VALUE]->plugin->name, json_converter) != 0 ||
        cv_config_get(key, "decimal.format") != NULL ||
        !same_setting(key, value, "replace.null.with.default", true))
        return;
    for (size_t i = 0; i < pipe->n_steps; i++) {
        const struct step *step = &pipe->steps[i];

        if (!step->transform->plugin->transform->topic_only ||
            (step->predicate != NULL && !step->predicate->plugin->predicate->topic_only))
            return;
    }
    pipe->is_direct = true;
    pipe->direct = (struct cv_direct){
        .key_schemas = is_true(key, "schemas.enable", true),
        .value_schemas = is_true(value, "schemas.enable", true),
        .replace_null_with_default = is_true(value, "replace.null.with.default", true),
        .decimal_numeric = format != NULL && strcasecmp(format, "NUMERIC") == 0,
        .headers = strcmp(header_class, simple_header_converter) == 0 ||
                   strcmp(header_class, string_converter) == 0,
    };
}

enum cv_rc
pipeline_new(const struct pipeline_spec *spec, struct pipeline **ret, struct cv_err *err)
{
    struct pipeline *pipe = calloc(1, sizeof(*pipe));
    struct cv_config *cfgs[3] = { NULL, NULL, NULL };
    enum cv_rc rc = CV_OK;

    if (pipe == NULL)
        return cv_fail_memory(err);
    cv_buf_init(&pipe->scratch, RECORD_MAX);
    pipe->again = spec->again;
    pipe->again_arg = spec->again_arg;
    for (int p = CV_KEY; p <= CV_HEADER && rc == CV_OK; p++)
        rc = make_converter(spec, pipe, (enum cv_position)p, &cfgs[p], err);
    if (rc == CV_OK)
        rc = make_steps(spec, pipe, err);
    if (rc == CV_OK)
        decide_direct(pipe, cfgs[CV_KEY], cfgs[CV_VALUE]);
    for (int p = CV_KEY; p <= CV_HEADER; p++)
        cv_config_free(cfgs[p]);
    if (rc != CV_OK) {
        pipeline_free(pipe);
        return rc;
    }
    *ret = pipe;
    return CV_OK;
}

void
pipeline_free(struct pipeline *pipe)
{
    if (pipe == NULL)
        return;
    for (int p = CV_KEY; p <= CV_HEADER; p++)
        if (pipe->converters[p] != NULL)
            pipe->converters[p]->plugin->converter->free(pipe->converters[p]);
    for (size_t i = 0; i < pipe->n_steps; i++) {
        struct step *step = &pipe->steps[i];

        if (step->transform != NULL)
            step->transform->plugin->transform->free(step->transform);
        if (step->predicate != NULL)
            step->predicate->plugin->predicate->free(step->predicate);
        free(step->alias);
    }
    free(pipe->steps);
    cv_buf_free(&pipe->scratch);
    free(pipe);
}

bool
pipeline_direct(const struct pipeline *pipe, struct cv_direct *ret)
{
    if (pipe->is_direct)
        *ret = pipe->direct;
    return pipe->is_direct;
}

/* ---- running ---- */

static bool
tries_again(const struct pipeline *pipe, enum cv_rc rc, unsigned *inout_attempt)
{
    return rc == CV_RETRY && pipe->again != NULL && pipe->again(pipe->again_arg, ++*inout_attempt);
}

static enum cv_rc
apply(struct pipeline *pipe, const struct step *step, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
      struct cv_err *err)
{
    unsigned attempt = 0;
    enum cv_rc rc;

    pipe->at = step;
    do
        rc = step->transform->plugin->transform->apply(step->transform, arena, rec, ret_keep, err);
    while (tries_again(pipe, rc, &attempt));
    return rc;
}

enum cv_rc
pipeline_transform(struct pipeline *pipe, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                   struct cv_err *err)
{
    *ret_keep = true;
    for (size_t i = 0; i < pipe->n_steps && *ret_keep; i++) {
        struct step *step = &pipe->steps[i];

        if (step->predicate != NULL &&
            step->predicate->plugin->predicate->test(step->predicate, rec) == step->negate)
            continue;
        if (apply(pipe, step, arena, rec, ret_keep, err) != CV_OK)
            return cv_err_context(err, "transform %s", step->alias);
    }
    return CV_OK;
}

enum cv_rc
pipeline_route(struct pipeline *pipe, const char *topic, struct cv_arena *arena, const char **ret,
               struct cv_err *err)
{
    struct cv_record rec = { .topic = topic, .partition = CV_NO_PARTITION, .timestamp_ms = CV_NO_TIMESTAMP };
    bool keep;

    if (pipeline_transform(pipe, arena, &rec, &keep, err) != CV_OK)
        return err->rc;
    *ret = keep ? cv_arena_strdup(arena, rec.topic) : NULL;
    return keep && *ret == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
convert(struct pipeline *pipe, enum cv_position position, const char *topic, const struct cv_value *val,
        struct cv_arena *arena, struct cv_bytes *ret, struct cv_err *err)
{
    struct cv_converter *conv = pipe->converters[position];
    unsigned attempt = 0;
    bool is_null = false;
    enum cv_rc rc;

    *ret = (struct cv_bytes){ 0 };
    do {
        cv_buf_reset(&pipe->scratch);
        rc = conv->plugin->converter->from_connect(conv, topic, val, &pipe->scratch, &is_null, err);
    } while (tries_again(pipe, rc, &attempt));
    if (rc != CV_OK)
        return rc;
    if (cv_buf_check(&pipe->scratch, err) != CV_OK)
        return err->rc;
    if (is_null)
        return CV_OK;
    ret->data = cv_arena_dup(arena, cv_buf_cstr(&pipe->scratch), pipe->scratch.len);
    ret->len = pipe->scratch.len;
    return ret->data == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
convert_headers(struct pipeline *pipe, struct cv_arena *arena, const struct cv_record *rec,
                struct cv_message *ret, struct cv_err *err)
{
    size_t count = rec->headers.count;
    struct cv_raw_headers *headers;
    struct cv_raw_header *items;

    ret->headers = NULL;
    if (count == 0)
        return CV_OK;
    headers = cv_arena_alloc(arena, sizeof(*headers));
    items = cv_arena_alloc(arena, count * sizeof(*items));
    if (headers == NULL || items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        items[i].name = rec->headers.items[i].name;
        if (convert(pipe, CV_HEADER, rec->topic, &rec->headers.items[i].value, arena, &items[i].value, err) !=
            CV_OK)
            return cv_err_context(err, "header %s", items[i].name);
    }
    *headers = (struct cv_raw_headers){ items, count, .constant = false };
    ret->headers = headers;
    return CV_OK;
}

enum cv_rc
pipeline_to_message(struct pipeline *pipe, struct cv_arena *arena, const struct cv_record *rec,
                    struct cv_message *ret, enum pipeline_stage *ret_stage, struct cv_err *err)
{
    *ret_stage = STAGE_HEADER_CONVERTER;
    if (convert_headers(pipe, arena, rec, ret, err) != CV_OK)
        return err->rc;
    *ret_stage = STAGE_KEY_CONVERTER;
    if (convert(pipe, CV_KEY, rec->topic, &rec->key, arena, &ret->key, err) != CV_OK)
        return cv_err_context(err, "key");
    *ret_stage = STAGE_VALUE_CONVERTER;
    if (convert(pipe, CV_VALUE, rec->topic, &rec->value, arena, &ret->value, err) != CV_OK)
        return cv_err_context(err, "value");
    ret->partition = rec->partition;
    ret->timestamp_ms = rec->timestamp_ms;
    return CV_OK;
}

static enum cv_rc
to_connect(struct pipeline *pipe, enum cv_position position, const char *topic, const struct cv_bytes *in,
           struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct cv_converter *conv = pipe->converters[position];
    unsigned attempt = 0;
    enum cv_rc rc;

    do
        rc = conv->plugin->converter->to_connect(conv, topic, in->data != NULL ? in : NULL, arena, ret, err);
    while (tries_again(pipe, rc, &attempt));
    return rc;
}

enum cv_rc
pipeline_to_record(struct pipeline *pipe, struct cv_arena *arena, const struct cv_bytes *key,
                   const struct cv_bytes *value, struct cv_record *inout, enum pipeline_stage *ret_stage,
                   struct cv_err *err)
{
    *ret_stage = STAGE_KEY_CONVERTER;
    if (to_connect(pipe, CV_KEY, inout->topic, key, arena, &inout->key, err) != CV_OK)
        return cv_err_context(err, "key");
    *ret_stage = STAGE_VALUE_CONVERTER;
    if (to_connect(pipe, CV_VALUE, inout->topic, value, arena, &inout->value, err) != CV_OK)
        return cv_err_context(err, "value");
    return CV_OK;
}

enum cv_rc
pipeline_to_header(struct pipeline *pipe, struct cv_arena *arena, const char *topic, const struct cv_bytes *in,
                   struct cv_value *ret, struct cv_err *err)
{
    return to_connect(pipe, CV_HEADER, topic, in, arena, ret, err);
}

bool
pipeline_wants_headers(const struct pipeline *pipe)
{
    /* SimpleHeaderConverter takes any bytes: what it cannot parse is a string */
    return pipe->n_steps > 0 || strcmp(pipe->converters[CV_HEADER]->plugin->name, simple_header_converter) != 0;
}
