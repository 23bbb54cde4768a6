/* SPDX-License-Identifier: Apache-2.0 */
/* Every reader of pgoutput on any bytes. */
#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "connectors/postgres/pgoutput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pgoutput_value old_values[PGOUTPUT_MAX_COLUMNS], new_values[PGOUTPUT_MAX_COLUMNS];
    static struct pgoutput_relation relation;
    struct pgoutput_change change = { .old.values = old_values, .new.values = new_values };
    struct pgoutput_truncate truncate;
    struct pgoutput_message message;
    struct pgoutput_begin begin;
    struct pgoutput_commit commit;
    struct pgoutput_frame frame;
    struct cv_err err;
    unsigned sum = 0;

    if (pgoutput_read_frame(data, size, &frame, &err) == CV_OK)
        sum += (unsigned)frame.len;
    if (pgoutput_read_begin(data, size, &begin, &err) == CV_OK)
        sum += begin.xid;
    if (pgoutput_read_commit(data, size, &commit, &err) == CV_OK)
        sum += (unsigned)commit.end_lsn;
    if (pgoutput_read_relation(data, size, &relation, &err) == CV_OK)
        for (uint16_t i = 0; i < relation.n_columns; i++)
            sum += (unsigned char)relation.columns[i].name[0];
    if (pgoutput_read_change(data, size, &change, &err) == CV_OK && change.has_new)
        for (uint16_t i = 0; i < change.new.n_columns; i++)
            for (uint32_t b = 0; b < change.new.values[i].len; b++)
                sum += (unsigned char)change.new.values[i].data[b];
    if (pgoutput_read_truncate(data, size, &truncate, &err) == CV_OK)
        for (uint32_t i = 0; i < truncate.n_relations; i++)
            sum += pgoutput_truncate_oid(&truncate, i);
    if (pgoutput_read_message(data, size, &message, &err) == CV_OK)
        sum += message.len;
    __asm__ volatile("" : : "r"(sum)); /* so that the reads are not left out */
    return 0;
}
