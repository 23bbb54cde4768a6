/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value and everything below it in one block of memory: how a value is copied into an arena, and how a
 * schema keeps its default. The block has two parts, the nodes (aligned) and behind them the text bytes.
 */
#ifndef DATA_PACK_H
#define DATA_PACK_H

#include <culvert/value.h>

struct value_pack {
    size_t nodes; /* bytes of values and map entries */
    size_t bytes; /* bytes of strings and binary */
};

/* Measure what value_pack() needs: nodes + bytes. */
struct value_pack value_pack_measure(const struct cv_value *val);
/* Copy val into the block, which has that size and the alignment of any object; returns the block's start,
   which is the copy. Schemas are borrowed as they are. */
struct cv_value *value_pack(const struct cv_value *val, const struct value_pack *size, void *block);

#endif
