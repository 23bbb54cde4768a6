// SPDX-License-Identifier: Apache-2.0
//
// kill_at: loaded in front of a program (LD_PRELOAD), it kills the program with -9 at a named step of its commits:
//
//   CULVERT_KILL_AT=STEP:WHEN:N[:US]    at the N-th time; WHEN is before, during (US microseconds after it began) or after
// A commit counts if its transaction has records: what took only duplicates in has its offsets and nothing else, and
// leaves nothing in a topic that could be looked at.
//
// The steps are requests to Kafka as they pass through send() and recv(), and calls into SQLite and the C library, so
// the program is the one that is released, not one built for tests. After a request means: when its answer begins to
// be read. Any thread; a transaction is one thread's.
#include <config.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

enum step { BEGIN, WRITE, OFFSETS, GROUP, COMMIT, SQLITE, FILES, STEPS };
enum when { BEFORE, DURING, AFTER };

static const char *const step_names[] = { "begin", "write", "offsets", "group", "commit", "sqlite", "file" };
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

/* Kafka's number of the request. */
static enum step
step_of(int api)
{
    switch (api) {
    case 0: /* Produce */
        return WRITE;
    case 24: /* AddPartitionsToTxn */
        return BEGIN;
    case 25: /* AddOffsetsToTxn */
        return OFFSETS;
    case 26: /* EndTxn */
        return COMMIT;
    case 28: /* TxnOffsetCommit */
        return GROUP;
    default:
        return STEPS;
    }
}

#define SOCKETS 1024
static size_t unsent[SOCKETS];       /* of the frame that is being sent */
static atomic_bool is_last[SOCKETS]; /* the answer ends the program */

/* A frame begins: its size and its number. */
static void
enter_frame(int fd, const unsigned char *frame)
{
    enum step step = step_of(frame[4] << 8 | frame[5]);

    if (step == WRITE)
        has_records = true;
    if (step != STEPS && (step != COMMIT || has_records) && enter(step))
        is_last[fd] = true;
    if (step == COMMIT)
        has_records = false;
}

__attribute__((visibility("default"))) ssize_t
send(int fd, const void *data, size_t len, int flags)
{
    BEHIND(send)
    const unsigned char *bytes = data;
    ssize_t sent;
    size_t at;

    if (fd < 0 || fd >= SOCKETS)
        return behind(fd, data, len, flags);
    for (at = unsent[fd]; at + 6 <= len;) {
        enter_frame(fd, bytes + at);
        at += 4 + ((size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    }
    sent = behind(fd, data, len, flags);
    unsent[fd] = at - (sent > 0 ? (size_t)sent : 0);
    return sent;
}

__attribute__((visibility("default"))) ssize_t
recv(int fd, void *data, size_t len, int flags)
{
    BEHIND(recv)
    ssize_t got = behind(fd, data, len, flags);

    if (got > 0 && fd < SOCKETS)
        leave(is_last[fd]);
    return got;
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
