/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: a fixed offset (+05:30), or a region (Europe/Berlin) by the rules of the system's tzdata. The compiled
 * files (RFC 8536) are read here: the C library knows one zone a process and keeps it in global state, ICU would be
 * 30 MB for this, and a table of our own would be out of date with the next law. Constant once made; any thread.
 */
#ifndef DATA_TIME_ZONE_H
#define DATA_TIME_ZONE_H

#include <culvert/err.h>

struct time_zone;

/* By name. CV_INVALID: neither an offset up to 18 hours nor a region; CV_NOT_FOUND: no such file below
   TIME_ZONE_DIRECTORY (the environment's TZDIR instead, if set). */
#define TIME_ZONE_DIRECTORY "/usr/share/zoneinfo"
CV_MUST_CHECK enum cv_rc time_zone_new(const char *name, struct time_zone **ret, struct cv_err *err);

/* A compiled file's bytes; name is for messages. */
CV_MUST_CHECK enum cv_rc time_zone_read(const void *data, size_t len, const char *name, struct time_zone **ret,
                                        struct cv_err *err);
void time_zone_free(struct time_zone *zone);

/* Seconds east of UTC at that time, in seconds since 1970. */
int32_t time_zone_offset(const struct time_zone *zone, int64_t utc);
/* The same of a time as a clock of the zone shows it, in seconds since 1970-01-01T00:00 there. Of a time that is shown
   twice or never, the offset before the change counts, as in java.time. */
int32_t time_zone_offset_of_local(const struct time_zone *zone, int64_t local);

#endif
