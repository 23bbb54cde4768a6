/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make one allocation of the code under test fail. Link with failing_alloc.c and $(unit_failing_alloc_ldflags).
 *
 *   for (long n = 1;; n++) {
 *       failing_alloc_at(n);
 *       ... the call under test; check what a failure leaves behind ...
 *       if (!failing_alloc_stop())
 *           break;     (the call made fewer than n allocations: every one has failed once)
 *   }
 */
#ifndef TESTS_FAILING_ALLOC_H
#define TESTS_FAILING_ALLOC_H

#include <stdbool.h>

/* The n-th allocation from now on fails, counted from 1, on this thread. */
void failing_alloc_at(long n);
/* Nothing fails any more; whether something did. */
bool failing_alloc_stop(void);

#endif
