/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says to a configuration: whether it lets the connector in, and whatever else would keep it from
 * starting. Each error goes to the option that mends it. A probe blocks for as long as the server lets it.
 */
#ifndef POSTGRES_PROBE_H
#define POSTGRES_PROBE_H

#include "connectors/postgres/config.h"

/* Why there is no connection, by libpq's first line ("": it took too long). */
void probe_connection_error(const struct pg_config *config, const char *message, const struct cv_err *err,
                            struct cv_config_errors *errors);
/* Resolve the name and open a TCP connection: an error only if that takes too long, which libpq does not tell apart. */
void probe_address(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors);
/* Log in, then look at wal_level, rights, slot, publication and tables. */
void probe_database(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors);
/* Open a replication connection, for which the server has rules of its own. */
void probe_replication(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors);

#endif
