/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's SQL functions:
 * - iso(ms): ISO 8601 text in UTC of a time in ms
 * - dec(n, scale): text of an exact decimal, dec(1234, 2) is '12.34'; a REAL is rounded to nearest
 * - todec(text, scale): the scaled integer of a decimal; an error if digits would be lost
 * - tumble(ts, size): begin of the window of size ms that ts lies in
 * - hop(ts, size, advance): a table, see hop.h
 * - murmur2(x): partitioner hash of the bytes of a text or blob
 * - watermark(): nothing older is expected to come; NULL before the first event
 * - header(name): of the record under way, the last of that name; NULL: it has none
 * - event_time(): the time that 'now' means, that of the event under way
 */
#ifndef STREAMS_STORE_FUNCTION_H
#define STREAMS_STORE_FUNCTION_H

#include "streams/store/database.h"

CV_MUST_CHECK
enum cv_rc functions_register(struct database *db, struct cv_err *err);

/* Exact decimal text to its scaled integer. false: no decimal, digits lost, or beyond 18 digits. */
bool decimal_scaled(const char *text, size_t len, int scale, int64_t *ret);
#define DECIMAL_TEXT_MAX 48
/* Returns the length; out is NUL-terminated. */
size_t decimal_text(int64_t scaled, int scale, char out[DECIMAL_TEXT_MAX]);

#endif
