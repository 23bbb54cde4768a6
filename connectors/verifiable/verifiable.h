/* SPDX-License-Identifier: Apache-2.0 */
/* Connectors for tests of a Connect cluster: numbered records, and a line of JSON for each on standard output. */
#ifndef CONNECTORS_VERIFIABLE_VERIFIABLE_H
#define CONNECTORS_VERIFIABLE_VERIFIABLE_H

#include <culvert/plugin.h>

/* org.apache.kafka.connect.tools.VerifiableSourceConnector, VerifiableSinkConnector, SchemaSourceConnector. */
extern const struct cv_plugin verifiable_source_plugin;
extern const struct cv_plugin verifiable_sink_plugin;
extern const struct cv_plugin schema_source_plugin;

#endif
