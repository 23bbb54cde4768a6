/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for requests that wait, started when there is work and nobody idle. Private to
 * common/http. */
#ifndef COMMON_HTTP_POOL_H
#define COMMON_HTTP_POOL_H

#include <culvert/err.h>

struct http_pool;

/* run is called on a thread of the pool for each item. NULL when memory is out. */
struct http_pool *http_pool_new(unsigned threads, unsigned queue,
                                void (*run)(void *arg, void *item), void *arg);
/* false: the queue is full, or the pool is stopping, or not one thread could be started. */
bool http_pool_submit(struct http_pool *pool, void *item);
/* Take no more, hand items that no thread has begun to drop, and wait for the others until
   deadline_ms (monotonic). true: all threads have ended and the pool is freed. */
bool http_pool_stop(struct http_pool *pool, void (*drop)(void *arg, void *item),
                    int64_t deadline_ms);

#endif
