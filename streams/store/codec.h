/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as the bytes of a changelog record; the format stands in changelog.h. */
#ifndef STREAMS_STORE_CODEC_H
#define STREAMS_STORE_CODEC_H

#include "common/buf.h"
#include "common/reader.h"
#include "streams/store/table.h"

#define CODEC_VERSION 1

/* Append one cell so that memcmp of the bytes orders as the values do (NULL, numbers, text, blob).
 */
void codec_key_cell(struct cv_buf *out, const struct cell *cell);
/* Append one cell of a value. */
void codec_cell(struct cv_buf *out, const struct cell *cell);

/* Text and blob of a key cell are unescaped into scratch, which must be kept as long as the cell.
 */
struct cell codec_read_key_cell(struct cv_reader *in, struct cv_buf *scratch);
/* Text and blob are borrowed from the reader's bytes. */
struct cell codec_read_cell(struct cv_reader *in);

#endif
