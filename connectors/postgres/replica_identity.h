/* SPDX-License-Identifier: Apache-2.0 */
/* Replica identities that the configuration asks for (replica.identity.autoset.values), set at every start. */
#ifndef POSTGRES_REPLICA_IDENTITY_H
#define POSTGRES_REPLICA_IDENTITY_H

#include "connectors/postgres/catalog.h"

struct cv_log;

/*
 * Alter the tables whose identity is another one. A table that the role may not alter is left as it is, with a
 * warning, as Debezium does; two patterns that fit one table are CV_INVALID.
 */
CV_MUST_CHECK enum cv_rc replica_identity_set(PGconn *conn, const struct pg_config *config,
                                              const struct pg_tables *tables, struct cv_log *log, struct cv_err *err);

/* Whether no two patterns match one table. CV_INVALID names them. */
CV_MUST_CHECK enum cv_rc replica_identity_check(const struct pg_config *config, const struct pg_tables *tables,
                                                struct cv_err *err);

#endif
