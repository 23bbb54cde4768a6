/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled time zones: no input crashes, and offsets stay within bounds at any time. */
#include <assert.h>
#include <stdint.h>

#include "data/time_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = { INT64_MIN, -(INT64_C(1) << 59), -62167219200, -1, 0, 1700000000, 4102444800,
                                     INT64_C(1) << 60, INT64_MAX };
    struct time_zone *zone = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (time_zone_read(data, size, "fuzz", &zone, &err) != CV_OK)
        return 0;
    for (size_t i = 0; i < CV_COUNT(times); i++) {
        int32_t utc = time_zone_offset(zone, times[i]), local = time_zone_offset_of_local(zone, times[i]);

        assert(utc >= -26 * 3600 && utc <= 26 * 3600 && local >= -26 * 3600 && local <= 26 * 3600);
    }
    time_zone_free(zone);
    return 0;
}
