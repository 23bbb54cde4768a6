/* SPDX-License-Identifier: Apache-2.0 */
/* Making the answer of a validation, struct config_infos of herder_request.h, row by row. */
#ifndef WORKER_CONFIG_INFOS_H
#define WORKER_CONFIG_INFOS_H

#include "worker/herder_request.h"

/* Append a row; def may be NULL. The pointer is good until the next append. NULL: memory is out. */
struct config_info *config_infos_add(struct config_infos *infos, const char *name,
                                     const struct cv_config_def *def);
struct config_info *config_infos_find(const struct config_infos *infos, const char *name);
/* Remember a group unless it is there. NULL is no group. */
CV_MUST_CHECK enum cv_rc config_infos_group(struct config_infos *infos, const char *group,
                                            struct cv_err *err);

CV_MUST_CHECK enum cv_rc config_info_error(struct config_info *info, const char *text, struct cv_err *err);
/* Show value (NULL: null); wiped later. */
CV_MUST_CHECK enum cv_rc config_info_value(struct config_info *info, const char *value, struct cv_err *err);
CV_MUST_CHECK enum cv_rc config_info_recommend(struct config_info *info, const char *value,
                                               struct cv_err *err);
/* A definition for this row alone: that of the row with default or display name replaced where not NULL. */
CV_MUST_CHECK enum cv_rc config_info_redefine(struct config_info *info, const char *def, const char *display,
                                              struct cv_err *err);
/* Free what the row holds; the row itself stays, empty. */
void config_info_done(struct config_info *info);

#endif
