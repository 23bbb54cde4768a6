/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop(ts, size, advance) as a table: the overlapping windows that ts lies in, [window_start,
 * window_end) of size ms, one beginning each advance ms.
 */
#ifndef STREAMS_STORE_HOP_H
#define STREAMS_STORE_HOP_H

#include "streams/store/database.h"

CV_MUST_CHECK
enum cv_rc hop_register(struct database *db, struct cv_err *err);

#endif
