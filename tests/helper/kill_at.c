// SPDX-License-Identifier: Apache-2.0
//
// kill_at: loaded in front of a program (LD_PRELOAD), it kills the program with -9 at a named step of its commits:
//
//   CULVERT_KILL_AT=STEP:WHEN:N[:US]    at the N-th time; WHEN is before, during (US microseconds after it began) or after
//
// A commit counts if its transaction has records: what took only duplicates in has its offsets and nothing else, and
// leaves nothing in a topic that could be looked at.
//
// The steps are calls into librdkafka, SQLite and the C library, so the program is the one that is released, not one
// built for tests. Any thread; a transaction is one thread's.
#include <config.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <sqlite3.h>

enum step { BEGIN, WRITE, FLUSH, OFFSETS, COMMIT, SQLITE, FILES, STEPS };
enum when { BEFORE, DURING, AFTER };

static const char *const step_names[] = { "begin", "write", "flush", "offsets", "commit", "sqlite", "file" };
static const char *const when_names[] = { "before", "during", "after" };

static enum step at_step = STEPS;
static enum when at_when;
static long at_pass;
static long moment_us;
static atomic_long passes;
static _Thread_local bool has_records; /* the thread's transaction */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
wrong(const char *text)
{
    fprintf(stderr, "CULVERT_KILL_AT=%s: it must be STEP:before|during|after:N\n", text);
    _exit(2);
}

static void
read_plan(void)
{
    const char *text = getenv("CULVERT_KILL_AT");
    char step[16] = "", when[16] = "";
    size_t i;

    if (text == NULL)
        return;
    if (sscanf(text, "%15[a-z]:%15[a-z]:%ld:%ld", step, when, &at_pass, &moment_us) < 3)
        wrong(text);
    for (i = 0; i < STEPS && strcmp(step, step_names[i]) != 0; i++)
        continue;
    if (i == STEPS)
        wrong(text);
    at_step = (enum step)i;
    for (i = 0; i <= AFTER && strcmp(when, when_names[i]) != 0; i++)
        continue;
    if (i > AFTER)
        wrong(text);
    at_when = (enum when)i;
}

static void
kill_now(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

static void *
kill_soon(void *arg)
{
    struct timespec moment = { .tv_nsec = moment_us * 1000 };

    (void)arg;
    nanosleep(&moment, NULL);
    kill_now();
    return NULL;
}

/* The step begins: true if the program must die when it is done. */
static bool
enter(enum step step)
{
    pthread_t thread;

    pthread_once(&once, read_plan);
    if (step != at_step || atomic_fetch_add(&passes, 1) + 1 != at_pass)
        return false;
    if (at_when == BEFORE)
        kill_now();
    if (at_when == DURING && pthread_create(&thread, NULL, kill_soon, NULL) != 0)
        kill_now();
    return at_when == AFTER;
}

static void
leave(bool last)
{
    if (last)
        kill_now();
}

/* behind: the function of that name that ours stands in front of. ISO C has no cast from data to a function. */
#define BEHIND(name)                                                                                                   \
    static __typeof__(name) *behind;                                                                                   \
    if (behind == NULL) {                                                                                              \
        void *found = dlsym(RTLD_NEXT, #name);                                                                         \
        memcpy(&behind, &found, sizeof(behind));                                                                       \
    }

/* ---- the steps */

__attribute__((visibility("default"))) rd_kafka_error_t *
rd_kafka_begin_transaction(rd_kafka_t *rk)
{
    BEHIND(rd_kafka_begin_transaction)
    bool last = enter(BEGIN);
    rd_kafka_error_t *error = behind(rk);

    has_records = false;
    leave(last);
    return error;
}

__attribute__((visibility("default"))) int
rd_kafka_produce(rd_kafka_topic_t *rkt, int32_t partition, int msgflags, void *payload, size_t len, const void *key,
                 size_t keylen, void *msg_opaque)
{
    BEHIND(rd_kafka_produce)
    bool last = enter(WRITE);
    int rc = behind(rkt, partition, msgflags, payload, len, key, keylen, msg_opaque);

    has_records = true;
    leave(last);
    return rc;
}

__attribute__((visibility("default"))) rd_kafka_resp_err_t
rd_kafka_flush(rd_kafka_t *rk, int timeout_ms)
{
    BEHIND(rd_kafka_flush)
    bool last = enter(FLUSH);
    rd_kafka_resp_err_t code = behind(rk, timeout_ms);

    leave(last);
    return code;
}

__attribute__((visibility("default"))) rd_kafka_error_t *
rd_kafka_send_offsets_to_transaction(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets,
                                     const rd_kafka_consumer_group_metadata_t *group, int timeout_ms)
{
    BEHIND(rd_kafka_send_offsets_to_transaction)
    bool last = enter(OFFSETS);
    rd_kafka_error_t *error = behind(rk, offsets, group, timeout_ms);

    leave(last);
    return error;
}

__attribute__((visibility("default"))) rd_kafka_error_t *
rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
    BEHIND(rd_kafka_commit_transaction)
    bool last = has_records && enter(COMMIT);
    rd_kafka_error_t *error = behind(rk, timeout_ms);

    leave(last);
    return error;
}

__attribute__((visibility("default"))) int
sqlite3_exec(sqlite3 *db, const char *sql, int (*callback)(void *, int, char **, char **), void *arg, char **message)
{
    BEHIND(sqlite3_exec)
    bool last = strcmp(sql, "COMMIT") == 0 && enter(SQLITE);
    int rc = behind(db, sql, callback, arg, message);

    leave(last);
    return rc;
}

__attribute__((visibility("default"))) int
rename(const char *from, const char *to)
{
    BEHIND(rename)
    const char *dot = strrchr(to, '.');
    bool last = dot != NULL && strcmp(dot, ".jsonl") == 0 && enter(FILES);
    int rc = behind(from, to);

    leave(last);
    return rc;
}
