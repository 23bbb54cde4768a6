/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's entities to JSON, in the order of fields that Connect writes. Private to rest/. */
#ifndef REST_JSON_H
#define REST_JSON_H

#include "common/json_write.h"
#include "worker/herder_request.h"

void rest_json_config(struct cv_json_writer *w, const struct cv_config *config);
void rest_json_connector_info(struct cv_json_writer *w, const struct connector_info *info);
void rest_json_connector_state(struct cv_json_writer *w, const struct connector_state_info *info);
void rest_json_task_state(struct cv_json_writer *w, int id, const struct status *status);
void rest_json_task_info(struct cv_json_writer *w, const char *connector, int task,
                         const struct cv_config *config);
void rest_json_names(struct cv_json_writer *w, const struct name_list *names);
/* ConfigInfos, and its definitions only. */
void rest_json_config_infos(struct cv_json_writer *w, const struct config_infos *infos);
void rest_json_config_keys(struct cv_json_writer *w, const struct config_infos *infos);
/* "source", "sink", "unknown" */
const char *rest_connector_type(int kind);

#endif
