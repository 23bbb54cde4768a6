/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered units and members of one round; internal to the assignors. */
#ifndef WORKER_GROUP_CALC_H
#define WORKER_GROUP_CALC_H

#include "worker/group/assignor.h"

#define NO_UNIT SIZE_MAX

/* Connectors and tasks are dealt and balanced apart. */
enum kind { KIND_CONNECTOR, KIND_TASK, KINDS };

struct worker {
    const char *id;
    size_t share; /* its place among the members given */
    bool *owned;  /* what it says that it holds */
    bool *next;
    bool *revoked;
    size_t load[KINDS]; /* of next */
};

struct calc {
    struct group_unit *units; /* sorted; names borrowed */
    size_t n_units;
    struct worker *workers; /* sorted by id */
    size_t n_workers;
    struct worker **by_load; /* scratch of deal */
    bool *configured;
    bool *previous;
    bool *active;  /* owned by anyone */
    bool *deleted; /* of previous, no longer configured */
    bool *lost;
    bool *released; /* by an owner that is gone: lost to nobody */
    bool *deal;
    bool *flags; /* one allocation behind all of these */
};

/* false when memory is out; state may be NULL. Names are borrowed from the round and the state. */
CV_MUST_CHECK
bool calc_init(struct calc *calc, const struct assignor_round *round,
               const struct assignor_state *state);
void calc_done(struct calc *calc);

/* NO_UNIT, NULL: not there. */
size_t calc_find_unit(const struct calc *calc, const struct group_unit *unit);
struct worker *calc_find_worker(struct calc *calc, const char *id);
enum kind calc_kind(const struct calc *calc, size_t unit);
/* Set the flags of the units of work, all of which are numbered. */
void calc_mark(const struct calc *calc, const struct group_work *work, bool *flags);
bool calc_any(const struct calc *calc, const bool *flags);
/* The first unit of a kind that is flagged, at from or later; NO_UNIT: none. */
size_t calc_next(const struct calc *calc, const bool *flags, enum kind kind, size_t from);

/* Into and out of what a worker holds next; revoking is also remembered. */
void calc_assign(const struct calc *calc, struct worker *worker, size_t unit);
void calc_revoke(const struct calc *calc, struct worker *worker, size_t unit);
bool calc_is_empty(const struct worker *worker);
/* Deal the flagged units of one kind in calc->deal to the least loaded. */
void calc_deal(struct calc *calc, enum kind kind);

CV_MUST_CHECK
enum cv_rc calc_result(const struct calc *calc, bool incremental, struct assignor_result *ret,
                       struct cv_err *err);

#endif
