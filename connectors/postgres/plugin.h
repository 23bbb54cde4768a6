/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTGRES_PLUGIN_H
#define POSTGRES_PLUGIN_H

#include <culvert/plugin.h>

/* io.debezium.connector.postgresql.PostgresConnector. */
extern const struct cv_plugin postgres_source_plugin;

#endif
