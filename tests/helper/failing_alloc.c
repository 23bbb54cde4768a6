/* SPDX-License-Identifier: Apache-2.0 */
/* The linker's --wrap sends the allocations of all objects of the program through here, not those of libc. */
#include "tests/helper/failing_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static _Thread_local long countdown; /* 0: off */
static _Thread_local bool failed;

static bool
fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    failed = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}

void
failing_alloc_at(long n)
{
    countdown = n;
    failed = false;
}

bool
failing_alloc_stop(void)
{
    countdown = 0;
    return failed;
}
