/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of validation share: one run over one configuration, judging one row, and the parts in the order
 * in which validate.c asks for them. Errors of the configuration go into rows; what a function returns is CV_OK, or
 * that it could not do its work.
 */
#ifndef WORKER_VALIDATE_PRIVATE_H
#define WORKER_VALIDATE_PRIVATE_H

#include "worker/config_infos.h"
#include "worker/validate.h"

#define VALIDATION_TEXT_MAX ((size_t)1 << 20)
#define VALIDATION_ROWS_MAX 256

struct validation {
    const struct validate_spec *spec;
    const struct cv_plugin *plugin;
    const struct cv_config *raw; /* references unresolved */
    struct cv_config *config;    /* references resolved */
    struct config_infos *infos;
    struct cv_err *err;
};

/* ---- validate_row.c ---- */

/* Fill value and errors of a row. key: in cfg and in type errors; short_name: in the validator's. */
CV_MUST_CHECK enum cv_rc validation_judge(struct config_info *info, const struct cv_config_def *def, const char *key,
                                          const char *short_name, const struct cv_config *cfg, struct cv_err *err);
CV_MUST_CHECK enum cv_rc validation_errorf(struct validation *run, struct config_info *info, const char *fmt, ...)
    CV_PRINTF(3, 4);
CV_MUST_CHECK enum cv_rc validation_recommend(const struct plugins *plugins, struct config_info *info, unsigned kinds,
                                              struct cv_err *err);
/* The class that a row names, found among kinds: *ret NULL when it is none, with the error in the row. The row
   shows the class's full name. */
CV_MUST_CHECK enum cv_rc validation_class(struct validation *run, struct config_info *info, unsigned kinds,
                                          const char *interface, const struct cv_plugin **ret);
/* A version row: the version there is; another one that is asked for is an error there and at the class, and
   *inout_plugin is NULL then: it has no rows. class_info NULL: the connector's own. */
CV_MUST_CHECK enum cv_rc validation_version(struct validation *run, struct config_info *info,
                                            struct config_info *class_info, const struct cv_plugin **inout_plugin);
/* Append pointers to the rows of def (NULL: none) behind the first count; the new count. */
size_t validation_collect(const struct cv_config_def *def, const struct cv_config_def **rows, size_t count);
bool validation_plugin_defines(const struct cv_plugin *plugin, const char *key);
/* A row by name; one without definition in front where there is none. NULL: memory is out. */
struct config_info *validation_row_for_error(struct validation *run, const char *name);
CV_MUST_CHECK enum cv_rc validation_error_at(struct validation *run, const char *key, const char *text);

/* ---- validate_chain.c: rows of transforms ("transforms") and predicates ("predicates") ---- */
CV_MUST_CHECK enum cv_rc validation_alias_rows(struct validation *run, const char *key, enum cv_plugin_kind kind);

/* ---- validate_rules.c: what several rows must satisfy together ---- */
CV_MUST_CHECK enum cv_rc validation_check_sink(struct validation *run);
CV_MUST_CHECK enum cv_rc validation_check_source(struct validation *run);
/* No key may be null, but those that the connector defines itself. */
CV_MUST_CHECK enum cv_rc validation_check_nulls(struct validation *run);

/* ---- validate_override.c: overrides of the connector's Kafka clients ---- */
CV_MUST_CHECK enum cv_rc validation_override_rows(struct validation *run);

/* ---- validate_converter.c ---- */

/* The framework's rows of converters and their versions. */
CV_MUST_CHECK enum cv_rc validation_framework_converters(struct validation *run);
/* Rows of the converter that the connector names at a position. */
CV_MUST_CHECK enum cv_rc validation_converter_rows(struct validation *run, enum cv_position position);

#endif
