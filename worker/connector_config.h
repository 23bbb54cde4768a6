/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that every connector has: Kafka Connect 4.1's ConnectorConfig, SourceConnectorConfig and
 * SinkConnectorConfig, one row each, in the order in which REST lists them. Constant; any thread.
 */
#ifndef WORKER_CONNECTOR_CONFIG_H
#define WORKER_CONNECTOR_CONFIG_H

#include <culvert/plugin.h>

/* The rows of a connector of that kind (CV_SOURCE or CV_SINK). */
const struct cv_config_def *connector_config_def(enum cv_plugin_kind kind);

/* What each alias of "transforms" adds around the rows of the transform itself. Names are without prefix. */
extern const struct cv_config_def transform_head_def[]; /* type, plugin.version */
extern const struct cv_config_def transform_tail_def[]; /* negate, predicate */
extern const struct cv_config_def predicate_head_def[]; /* type, plugin.version */

#endif
