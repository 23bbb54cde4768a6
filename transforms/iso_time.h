/* SPDX-License-Identifier: Apache-2.0 */
/* Times with offset as java.time writes and reads them: 2024-07-01T12:00:00.5+02:00, 12:00:00Z. */
#ifndef TRANSFORMS_ISO_TIME_H
#define TRANSFORMS_ISO_TIME_H

#include <culvert/value.h>

struct iso_time {
    int64_t local; /* what the clock shows: seconds since 1970-01-01T00:00 there; without date since midnight */
    int32_t nanos;
    int32_t offset; /* seconds east of UTC */
};

#define ISO_TIME_MAX 64

/* Whether it is the text for no time at all: infinity, -infinity. */
bool iso_time_is_infinite(const struct cv_bytes *text);
/* ISO_OFFSET_DATE_TIME, or ISO_OFFSET_TIME without a date; years up to 285 million. */
bool iso_time_read(const struct cv_bytes *text, bool has_date, struct iso_time *ret);
/* The same instant at another offset; without date the clock goes round. */
void iso_time_move(struct iso_time *t, int32_t offset);
/* Returns the length. */
size_t iso_time_format(const struct iso_time *t, bool has_date, char out[ISO_TIME_MAX]);

#endif
