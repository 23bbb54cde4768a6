/* SPDX-License-Identifier: Apache-2.0 */
/* Times with offset: no text crashes, and what was read is read again from how it is written. */
#include <assert.h>
#include <stdint.h>

#include "transforms/iso_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_bytes text = { .data = (const char *)data, .len = size }, again;
    char out[ISO_TIME_MAX];
    struct iso_time t, same;

    for (int has_date = 0; has_date < 2; has_date++) {
        if (!iso_time_read(&text, has_date != 0, &t))
            continue;
        again = (struct cv_bytes){ .data = out, .len = iso_time_format(&t, has_date != 0, out) };
        assert(again.len < ISO_TIME_MAX);
        assert(iso_time_read(&again, has_date != 0, &same));
        assert(same.local == t.local && same.nanos == t.nanos && same.offset == t.offset);
        iso_time_move(&t, -18 * 3600);
        assert(iso_time_format(&t, has_date != 0, out) < ISO_TIME_MAX);
    }
    return 0;
}
