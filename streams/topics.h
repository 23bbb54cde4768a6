/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of an application: those it reads must be there and fit together, those it writes are
 * made. */
#ifndef STREAMS_TOPICS_H
#define STREAMS_TOPICS_H

#include "common/kafka/admin.h"
#include "streams/sql/plan.h"

/*
 * Count the partitions of every source's topic into ret_partitions (by the source's number in the
 * plan). CV_NOT_FOUND: one does not exist (yet). CV_INVALID: sources that meet in a query have
 * different counts.
 */
CV_MUST_CHECK
enum cv_rc topics_sources(struct cv_admin *admin, const struct plan *plan, int32_t *ret_partitions,
                          struct cv_err *err);
/*
 * Create changelog, output and dead letter topics that are missing. CV_INVALID: a changelog has
 * another number of partitions than its input, with the remedy.
 */
CV_MUST_CHECK
enum cv_rc topics_create(struct cv_admin *admin, const struct plan *plan, const int32_t *partitions,
                         int32_t replication, struct cv_err *err);
/* Say once which GLOBAL topics forget rows, so that their tables could not be rebuilt. */
void topics_warn(struct cv_admin *admin, const struct plan *plan);

#endif
