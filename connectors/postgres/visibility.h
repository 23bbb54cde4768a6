/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether whoever reads now sees everything that the stream has had.
 *
 * A transaction is in the WAL, and in the stream, a moment before other sessions see what it did (with synchronous
 * replication a long one). What is read in that moment would bring back what the stream has already seen go.
 *
 * Transactions that the stream brings are remembered while that matters, from one look to the next. What was streamed
 * before that, by a task before this one, or beyond what there is room for, is not known by name; but it was running,
 * to other sessions, if it is not visible yet. So then all transactions have to end that run at the next look.
 *
 * Belongs to the task's thread; outlives connections.
 */
#ifndef POSTGRES_VISIBILITY_H
#define POSTGRES_VISIBILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Transactions that are remembered at most. */
#define VISIBILITY_MAX 1000000

struct visibility {
    bool known;       /* all of them are in streamed, but for those that the barrier is for */
    uint64_t barrier; /* transactions below it have to end; 0: not looked yet */
    uint32_t *streamed;
    size_t n_streamed;
    size_t cap_streamed;
};

void visibility_done(struct visibility *vis);

/* A transaction of that id begins in the stream. */
void visibility_streamed(struct visibility *vis, uint32_t xid);
/* All transactions that run at the next look have to end, whatever they did. */
void visibility_forget(struct visibility *vis);
/* snapshot: txid_current_snapshot(), "xmin:xmax:xid,xid". Whether it shows everything. */
bool visibility_look(struct visibility *vis, const char *snapshot);

#endif
