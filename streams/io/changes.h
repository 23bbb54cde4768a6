/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a repartition topic: a change of a row with both images, or a watermark, which says
 * that its upstream task will send nothing older.
 *
 * Value: u8 version, u8 kind. A change: u32 layout of the table, u8 op, u8 flags, event time, commit
 * time, LSN, transaction as cells, then the cells of the new image (of a delete: the old one) and,
 * if flagged, of the old one. A watermark: u32 upstream task, u64 ms, u8 idle.
 */
#ifndef STREAMS_IO_CHANGES_H
#define STREAMS_IO_CHANGES_H

#include "common/buf.h"
#include "streams/io/source.h"
#include "streams/store/relation.h"

void changes_write(const struct table *table, const struct change *change, struct cv_buf *out);
void changes_write_watermark(uint32_t upstream, int64_t watermark_ms, bool idle,
                             struct cv_buf *out);

/* Cells go to row and old, which have room for all columns; text is borrowed from value. */
CV_MUST_CHECK
enum cv_rc changes_read(const struct table *table, struct cv_bytes value, struct cell *row,
                        struct cell *old, struct event *ret, struct cv_err *err);

#endif
