/* SPDX-License-Identifier: Apache-2.0 */
/* Java's .properties text to keys and values (java.util.Properties.load on UTF-8: comments, '=' ':' and
   blank separators, continuation lines, \uXXXX). Later keys replace earlier ones. */
#ifndef COMMON_PROPERTIES_H
#define COMMON_PROPERTIES_H

#include <culvert/config.h>

#define CV_PROPERTIES_MAX ((size_t)16 << 20)

/* CV_INVALID names the line. */
CV_MUST_CHECK enum cv_rc cv_properties_parse(const char *text, size_t len, struct cv_config *out,
                                             struct cv_err *err);
/* CV_NOT_FOUND, CV_INVALID with file and line. */
CV_MUST_CHECK enum cv_rc cv_properties_load(const char *path, struct cv_config *out, struct cv_err *err);
/* Put every environment variable PREFIX_KEY_WITH_UNDERSCORES of the keys in cfg and of defs over them:
   "CONNECT_" and GROUP_ID set group.id. defs may be NULL. */
CV_MUST_CHECK enum cv_rc cv_properties_from_env(const char *prefix, const struct cv_config_def *defs,
                                                struct cv_config *cfg, struct cv_err *err);

#endif
