/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of one task: transforms with their predicates, converters for key, value and headers. Made by the
 * task's thread and used by it alone.
 */
#ifndef WORKER_PIPELINE_H
#define WORKER_PIPELINE_H

#include <culvert/plugin.h>

struct plugins;
struct pipeline;
struct worker_config;

struct pipeline_spec {
    const struct plugins *plugins;
    const struct worker_config *worker;
    const struct cv_config *worker_raw; /* for key.converter.* of the worker */
    const struct cv_config *connector;  /* references resolved */
    /* An attempt of a transform or converter, the first is 1, came to CV_RETRY: whether to make another. NULL: no. */
    bool (*again)(void *arg, unsigned attempt);
    void *again_arg;
};

CV_MUST_CHECK enum cv_rc pipeline_new(const struct pipeline_spec *spec, struct pipeline **ret,
                                      struct cv_err *err);
void pipeline_free(struct pipeline *pipe);

/* Whether a source may append finished messages, and how they must look. */
bool pipeline_direct(const struct pipeline *pipe, struct cv_direct *ret);
/* The topic after the transforms of a direct chain, in arena; NULL: its records are dropped. */
CV_MUST_CHECK enum cv_rc pipeline_route(struct pipeline *pipe, const char *topic, struct cv_arena *arena,
                                        const char **ret, struct cv_err *err);

/* What went wrong in, for errors.tolerance, logs and dead letters. */
enum pipeline_stage {
    STAGE_TRANSFORMATION,
    STAGE_KEY_CONVERTER,
    STAGE_VALUE_CONVERTER,
    STAGE_HEADER_CONVERTER,
    STAGE_TASK_PUT,
    STAGE_KAFKA_PRODUCE,
};
const char *pipeline_stage_name(enum pipeline_stage stage);
/* The class that was last at work in a stage of the chain. */
const char *pipeline_class(const struct pipeline *pipe, enum pipeline_stage stage);

/* Run the transforms. *ret_keep false: dropped. */
CV_MUST_CHECK enum cv_rc pipeline_transform(struct pipeline *pipe, struct cv_arena *arena,
                                            struct cv_record *rec, bool *ret_keep, struct cv_err *err);
/* Record to bytes, all in arena; topic and partition of the message are the caller's. */
CV_MUST_CHECK enum cv_rc pipeline_to_message(struct pipeline *pipe, struct cv_arena *arena,
                                             const struct cv_record *rec, struct cv_message *ret,
                                             enum pipeline_stage *ret_stage, struct cv_err *err);
/* Bytes to key and value of a record whose other fields are the caller's. */
CV_MUST_CHECK enum cv_rc pipeline_to_record(struct pipeline *pipe, struct cv_arena *arena,
                                            const struct cv_bytes *key, const struct cv_bytes *value,
                                            struct cv_record *inout, enum pipeline_stage *ret_stage,
                                            struct cv_err *err);
/* One header's bytes to a value. */
CV_MUST_CHECK enum cv_rc pipeline_to_header(struct pipeline *pipe, struct cv_arena *arena, const char *topic,
                                            const struct cv_bytes *in, struct cv_value *ret,
                                            struct cv_err *err);
/* Whether headers are converted also when nobody looks at them behind the chain: a transform or predicate may, or the
   converter may refuse one. */
bool pipeline_wants_headers(const struct pipeline *pipe);

#endif
