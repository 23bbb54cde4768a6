/* SPDX-License-Identifier: Apache-2.0 */
/* The publication: checked, and created or altered as publication.autocreate.mode says. */
#ifndef POSTGRES_PUBLICATION_H
#define POSTGRES_PUBLICATION_H

#include "connectors/postgres/catalog.h"

struct cv_log;

/* Make sure that the publication is there; tables are the captured ones (for mode filtered). */
CV_MUST_CHECK enum cv_rc publication_ensure(PGconn *conn, const struct pg_config *config,
                                            const struct pg_tables *tables, struct cv_err *err);
/* Whether it exists. */
CV_MUST_CHECK enum cv_rc publication_exists(PGconn *conn, const char *name, bool *ret, bool *ret_all,
                                            struct cv_err *err);
/* How many may be in a publication: unlogged tables are copied, but never streamed. */
size_t publication_tables(const struct pg_tables *tables);
/* Captured tables that the publication lacks, or that no publication can have, are copied, but their changes never
   come; others, which have no identity, their owner cannot change any more: warn of them. */
CV_MUST_CHECK enum cv_rc publication_warn_missing(PGconn *conn, const struct pg_config *config,
                                                  const struct pg_tables *tables, struct cv_log *log,
                                                  struct cv_err *err);

#endif
