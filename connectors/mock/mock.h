/* SPDX-License-Identifier: Apache-2.0 */
/* Connectors that do nothing, or fail when they are told to: for tests of what watches a Connect cluster. */
#ifndef CONNECTORS_MOCK_MOCK_H
#define CONNECTORS_MOCK_MOCK_H

#include <culvert/plugin.h>

/* org.apache.kafka.connect.tools.MockSourceConnector and MockSinkConnector. */
extern const struct cv_plugin mock_source_plugin;
extern const struct cv_plugin mock_sink_plugin;

#endif
